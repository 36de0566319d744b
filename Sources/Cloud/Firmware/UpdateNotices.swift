import GRDB
import LabCore
import Synchronization

/// Telling devices over MQTT that there is something for them, at the pace of their rollout.
extension FirmwareService {
    /// Executions that are told in one commit.
    private static let batch = 500

    /// Lists those of some rollouts who wait and can be reached. Who is away is told when it comes back.
    func enqueue(_ rollouts: [Int64]) {
        var seen: Set<Int64> = []
        for rollout in rollouts where seen.insert(rollout).inserted {
            devices.attempt("firmware.notify") {
                let waiting = try storage.read { db in try RolloutStore.queued(rollout, in: db) }
                    .filter { devices.isReachable($0.device) }.map { (row: $0.row, device: $0.device) }
                state.withLock { state in
                    state.queues.removeAll { $0.rollout == rollout }
                    if !waiting.isEmpty { state.queues.append(Queue(rollout: rollout, waiting: waiting)) }
                }
            }
        }
    }

    /// A device can be reached again: it is told what it has not asked about yet.
    func deviceIsReachable(_ device: String) {
        devices.attempt("firmware.notify") {
            let open = try storage.read { db in
                try RolloutStore.open(of: device, in: db).compactMap { execution -> (ExecutionRecord, RolloutRecord)? in
                    try RolloutStore.find(execution.rollout, in: db).map { (execution, $0) }
                }
            }
            for (execution, rollout) in open {
                if execution.isCancelling {
                    sendCancellation(execution)
                } else if !execution.hasBegun, mayTell(rollout) {
                    if execution.state == .notified { send(execution) }
                    if execution.state == .queued {
                        state.withLock { state in
                            let index = state.queues.firstIndex { $0.rollout == rollout.row } ?? state.queues.endIndex
                            if index == state.queues.endIndex { state.queues.append(Queue(rollout: rollout.row)) }
                            state.queues[index].waiting.append((row: execution.row, device: device))
                        }
                    }
                }
            }
        }
        pump()
    }

    private func mayTell(_ rollout: RolloutRecord) -> Bool {
        rollout.state == .running || (bugs.contains(.pausedStillOffers) && rollout.state == .paused)
    }

    /// Tells those whose turn it is, and schedules the next turn.
    func pump() {
        let isFree = state.withLock { state in
            if state.isPumping || state.isStopped { return false }
            state.isPumping = true
            return true
        }
        guard isFree else { return }
        defer {
            state.withLock { $0.isPumping = false }
            watch()
        }
        if environment.now() < state.withLock({ $0.pauseEnd }) { return }
        var index = 0
        while let queue = state.withLock({ index < $0.queues.count ? $0.queues[index] : nil }) {
            var isDone = false
            devices.attempt("firmware.notify") {
                let (next, isHeld) = try tell(queue)
                isDone = true
                state.withLock { state in
                    guard let place = state.queues.firstIndex(where: { $0.rollout == queue.rollout }) else { return }
                    state.queues[place].next = next
                    if next >= state.queues[place].waiting.count { state.queues.remove(at: place) }
                }
                if isHeld { index += 1 }
            }
            if !isDone {
                let end = environment.now().advanced(by: .seconds(1))
                return state.withLock { state in
                    state.pauseEnd = end
                    state.slotAt = min(state.slotAt ?? end, end)
                }
            }
        }
    }

    /// - Returns: how far it came in the queue, and whether the rate holds the rest back.
    private func tell(_ queue: Queue) throws -> (next: Int, isHeld: Bool) {
        guard let rollout = try storage.read({ db in try RolloutStore.find(queue.rollout, in: db) }), mayTell(rollout) else {
            return (queue.waiting.count, false)
        }
        var (next, rows): (Int, [Int64]) = (queue.next, [])
        var isHeld = false
        while next < queue.waiting.count, rows.count < Self.batch {
            let entry = queue.waiting[next]
            if devices.isReachable(entry.device) {
                if let wait = takeSlot(rollout) {
                    let time = environment.now().advanced(byNanoseconds: wait)
                    state.withLock { $0.slotAt = min($0.slotAt ?? time, time) }
                    isHeld = true
                    break
                }
                rows.append(entry.row)
            }
            next += 1
        }
        if !rows.isEmpty {
            let told = try changeNow("ota.notify", ["rollout": .text(rollout.id), "count": .integer(Int64(rows.count))]) { engine in
                try engine.markNotified(rows, timeout: rollout.timeout)
            }
            for execution in told { send(execution) }
        }
        return (next, isHeld)
    }

    /// Takes a place in the rollout's rate.
    ///
    /// - Returns: nanoseconds until there is one, `nil` where one was taken.
    func takeSlot(_ rollout: RolloutRecord) -> Int64? {
        guard let rate = rollout.rate else { return nil }
        let decision = slots.take(key: String(rollout.row), limit: RateLimit(rate, per: .seconds(60)), at: environment.now())
        return decision.isAllowed ? nil : decision.wait
    }

    // MARK: Messages

    /// luna-badge-cloud.md, "OTA更新", with what tells one execution from another.
    private func send(_ execution: ExecutionRecord) {
        devices.attempt("firmware.notify") {
            let found = try storage.read { db in (try VersionStore.find(execution.version, in: db), try RolloutStore.find(execution.rollout, in: db)) }
            guard let version = found.0, let rollout = found.1 else { return }
            var fields: Fields = ["version": .text(version.number)]
            if let checksum = version.checksum, version.state == .released {
                fields["download_url"] = .text(publicAddress + address(of: version, part: .image, device: execution.device).path)
                fields["checksum"] = .text("sha256:" + checksum)
            }
            fields["force_update"] = .bool(version.isForced || rollout.isForced)
            fields["execution_id"] = .text(execution.id)
            fields["action"] = .text(execution.action.rawValue)
            fields["timestamp"] = .text(devices.timestamp)
            publish(fields, to: execution.device)
            environment.note(
                "ota.notified",
                [
                    "device": .text(execution.device), "version": .text(version.number), "execution": .text(execution.id),
                    "action": .text(execution.action.rawValue),
                ])
        }
    }

    func sendCancellation(_ execution: ExecutionRecord) {
        devices.attempt("firmware.notify") {
            let number = try storage.read { db in try VersionStore.find(execution.version, in: db)?.number } ?? ""
            publish(
                [
                    "version": .text(number), "force_update": false, "execution_id": .text(execution.id), "action": "cancel",
                    "timestamp": .text(devices.timestamp),
                ], to: execution.device)
            environment.note(
                "ota.notified",
                ["device": .text(execution.device), "version": .text(number), "execution": .text(execution.id), "action": "cancel"])
        }
    }

    private func publish(_ fields: Fields, to device: String) {
        environment.publish(CloudMessage(topic: Topics.update(device), payload: JSONWriter.bytes(.record(fields)), quality: 1))
    }

    /// The signed address of a file for one device, good from now on.
    func address(of version: VersionRecord, part: FirmwarePart, device: String) -> (path: String, expires: Int64) {
        let expires = environment.unixSeconds + settings.addressLife.components.seconds
        let grant = DownloadAddress.Grant(
            tenant: tenant, deviceType: version.deviceType, version: version.number, part: part, device: device, expires: expires)
        return (addresses.path(grant), expires)
    }
}

extension RolloutEngine {
    /// - Returns: those who were still waiting, in their order.
    func markNotified(_ rows: [Int64], timeout: Int64) throws -> [ExecutionRecord] {
        let statement = try db.cachedStatement(
            sql: """
                UPDATE executions SET state = 'notified', notified_at = ?, deadline_at = ?, revision = revision + 1
                WHERE id = ? AND state = 'queued' AND finished_at IS NULL
                """)
        return try rows.compactMap { row in
            try statement.execute(arguments: [now, now + timeout, row])
            return db.changesCount == 1 ? try RolloutStore.execution(row, in: db) : nil
        }
    }
}
