import GRDB
package import LabCore
import Synchronization

// Batches: one job over many piles, with a result for each. The gateway paces each pile; this one bounds how many are told at once.
extension StationService {
    /// Begins a batch. What can be decided at once is in the answer's items; the rest follows as the piles answer.
    ///
    /// - Parameter piles: of one operator.
    /// - Throws: `BATCH_INVALID`, `PILE_IMAGE_NOT_FOUND`, `INVALID_FIELD`, `PILE_NOT_FOUND`.
    package func begin(_ kind: BatchKind, piles ids: [String], arguments: Fields = [:], operatorID: String, by who: String) async throws
        -> StationBatch
    {
        let ids = Set(ids).sorted()
        let entries = try ids.map { id in
            guard let entry = snapshot(of: id), entry.registered.operatorID == operatorID else {
                throw APIError(.pileNotFound, details: ["pile": .text(id)])
            }
            return entry
        }
        guard !entries.isEmpty else { throw APIError(.batchInvalid, "A batch needs one pile or more.") }
        try check(kind, arguments, operatorID: operatorID)
        let now = milliseconds
        let items = entries.map { item(for: $0, kind, arguments, at: now) }
        let batch = try await storage.commitPoint(
            "batch.begin", ["kind": .text(kind.rawValue), "piles": .integer(Int64(entries.count))],
            body: { db in
                let batch = try BatchStore.insert(kind, arguments, items: items, operatorID: operatorID, by: who, at: now, in: db)
                for entry in entries { try self.carryOutHere(kind, arguments, on: entry.registered, by: who, at: now, in: db) }
                return batch
            },
            notes: { batch in
                [
                    CloudNote(
                        "batch.begun",
                        [
                            "batch": .integer(batch.id), "kind": .text(kind.rawValue), "piles": .integer(Int64(entries.count)),
                            "by": .text(who),
                        ])
                ]
            })
        follow(kind, arguments, entries)
        run(batch, waiting: items.filter { $0.state == .waiting }.map(\.pile))
        return batch
    }

    private func check(_ kind: BatchKind, _ arguments: Fields, operatorID: String) throws {
        switch kind {
        case .restart: break
        case .upgrade:
            guard let version = arguments["version"]?.text else { throw APIError(.batchInvalid, "An upgrade needs 'version'.") }
            guard try storage.read({ db in try BatchStore.image(version: version, operatorID: operatorID, in: db) }) != nil else {
                throw APIError(.pileImageNotFound)
            }
        case .setParameters: try PileParameter.check(arguments["parameters"]?.record ?? [:])
        case .disablePorts, .enablePorts:
            if let ports = arguments["ports"] {
                guard let list = ports.list, !list.isEmpty, list.count <= 32, list.allSatisfy({ (1...32).contains($0.integer ?? 0) }) else {
                    throw APIError(.batchInvalid, "'ports' must be a list of port numbers from 1.")
                }
            }
        }
    }

    private static func ports(_ arguments: Fields, of pile: RegisteredPile) -> [Int] {
        arguments["ports"]?.list?.compactMap { $0.integer.flatMap { Int(exactly: $0) } } ?? Array(1...pile.ports)
    }

    /// How the batch begins for one pile.
    private func item(for entry: PileState, _ kind: BatchKind, _ arguments: Fields, at now: Int64) -> BatchItem {
        func result(_ state: BatchItem.State, _ reason: String? = nil) -> BatchItem {
            BatchItem(
                pile: entry.registered.id, site: entry.registered.site, state: state, reason: reason, finishedAt: state.isFinal ? now : nil)
        }
        switch kind {
        case .disablePorts, .enablePorts:
            let isKnown = Self.ports(arguments, of: entry.registered).allSatisfy { $0 <= entry.registered.ports }
            return isKnown ? result(.done) : result(.failed, "no_such_port")
        case .setParameters: return entry.isOnline ? result(.waiting) : result(.stored, "pile_offline")
        case .restart, .upgrade: return entry.isOnline ? result(.waiting) : result(.failed, "pile_offline")
        }
    }

    /// What the database alone has to do with it.
    private func carryOutHere(
        _ kind: BatchKind, _ arguments: Fields, on pile: RegisteredPile, by who: String, at now: Int64, in db: Database
    ) throws {
        switch kind {
        case .setParameters:
            let version = state.withLock { $0.piles[pile.id]?.desiredVersion ?? 0 }
            _ = try ParameterStore.want(arguments["parameters"]?.record ?? [:], pile: pile, version: version, at: now, in: db)
        case .disablePorts, .enablePorts:
            let ports = Self.ports(arguments, of: pile)
            guard ports.allSatisfy({ $0 <= pile.ports }) else { return }
            for port in ports {
                try StationStore.setDisabled(
                    kind == .disablePorts, pile: pile, port: port, reason: arguments["reason"]?.text ?? "", by: who, at: now, in: db)
            }
        case .restart, .upgrade: break
        }
    }

    private func follow(_ kind: BatchKind, _ arguments: Fields, _ entries: [PileState]) {
        switch kind {
        case .disablePorts, .enablePorts:
            for entry in entries {
                let ports = Self.ports(arguments, of: entry.registered)
                guard ports.allSatisfy({ $0 <= entry.registered.ports }) else { continue }
                for port in ports { followPort(port, of: entry.registered.id, isDisabled: kind == .disablePorts) }
            }
        case .setParameters: for entry in entries { refreshVersion(of: entry.registered.id) }
        case .restart, .upgrade: break
        }
    }

    func refreshVersion(of pile: String) {
        attempt("parameters.version") {
            let row = try storage.read { db in
                try Row.fetchOne(db, sql: "SELECT desired_version, reported_version FROM piles WHERE id = ?", arguments: [pile])
            }
            guard let row else { return }
            state.withLock { state in
                state.piles[pile]?.desiredVersion = row["desired_version"]
                state.piles[pile]?.reportedVersion = row["reported_version"]
            }
        }
    }

    // MARK: Running

    private func run(_ batch: StationBatch, waiting: [String]) {
        state.withLock { $0.batches[batch.id] = RunningBatch(batch: batch, waiting: waiting.reversed()) }
        if !waiting.isEmpty {
            let left = max(0, batch.deadline - milliseconds)
            environment.schedule(environment.now().advanced(by: .milliseconds(left))) { [weak self] in self?.expire(batch.id) }
        }
        pump(batch.id)
    }

    /// Tells the next piles, as many as the width allows.
    private func pump(_ id: Int64) {
        while let (pile, batch) = next(of: id) {
            let isSent =
                switch batch.kind {
                case .restart: piles?.send(.restart, to: pile) ?? false
                case .upgrade: upgrade(pile, batch)
                case .setParameters: sendParameters(to: pile)
                case .disablePorts, .enablePorts: true
                }
            if !isSent {
                state.withLock { if let service = batch.kind.service { $0.services[ServiceKey(pile: pile, service: service)] = nil } }
                settle(pile, of: id, batch.kind == .setParameters ? .stored : .failed, "pile_offline")
            }
        }
        finishIfDone(id)
    }

    private func next(of id: Int64) -> (pile: String, batch: StationBatch)? {
        let now = milliseconds
        return state.withLock { state in
            guard !state.isStopped, var running = state.batches[id], running.sent.count < settings.batchWidth else { return nil }
            while let pile = running.waiting.popLast() {
                if let service = running.batch.kind.service {
                    let key = ServiceKey(pile: pile, service: service)
                    if state.services[key] != nil {
                        let site = state.piles[pile]?.registered.site ?? ""
                        // A wish is kept all the same: it is sent when the answer to the one before it has come.
                        let result: BatchItem.State = service == .setParameters ? .stored : .failed
                        running.results.append(BatchItem(pile: pile, site: site, state: result, reason: "busy", finishedAt: now))
                        continue
                    }
                    state.services[key] = id
                }
                running.sent.insert(pile)
                state.batches[id] = running
                return (pile, running.batch)
            }
            state.batches[id] = running
            return nil
        }
    }

    private func upgrade(_ pile: String, _ batch: StationBatch) -> Bool {
        guard let version = batch.arguments["version"]?.text else { return false }
        var known = state.withLock { $0.batches[batch.id]?.image }
        if known == nil {
            // Once for all piles of the batch: they share the bytes.
            known = try? storage.read { db in try BatchStore.image(version: version, operatorID: batch.operatorID, in: db) }
            let image = known
            state.withLock { $0.batches[batch.id]?.image = image }
        }
        guard let image = known else { return false }
        return piles?.send(.upgrade(image: image, version: version), to: pile) ?? false
    }

    /// Sends what the pile does not have yet.
    ///
    /// - Returns: whether the pile has been told, or has been before.
    @discardableResult
    func sendParameters(to pile: String) -> Bool {
        let version = state.withLock { state -> Int64? in
            guard let entry = state.piles[pile], entry.isOnline, entry.desiredVersion > entry.reportedVersion else { return nil }
            return entry.desiredVersion
        }
        guard let version else {
            // Nothing is missing: whoever waits for it has it.
            let isThere = state.withLock { $0.piles[pile]?.isOnline ?? false }
            if isThere { finish(pile, .setParameters, .done, nil) }
            return isThere
        }
        if state.withLock({ $0.piles[pile]?.sentVersion != nil }) { return true }
        var isSent = false
        attempt("parameters.send") {
            let pending = try storage.read { db in try ParameterStore.pending(of: pile, in: db) }
            guard !pending.isEmpty else { return }
            state.withLock { $0.piles[pile]?.sentVersion = version }
            isSent = piles?.send(.setParameters(pending), to: pile) ?? false
            if !isSent { state.withLock { $0.piles[pile]?.sentVersion = nil } }
        }
        return isSent
    }

    // MARK: Answers

    func serviced(_ pile: String, _ service: PileService, _ result: PileServiceResult) {
        if service == .setParameters { settleParameters(pile, result) }
        switch result {
        case .done: finish(pile, service, .done, nil)
        case .refused(let reason): finish(pile, service, .failed, reason)
        case .unanswered: finish(pile, service, service == .setParameters ? .stored : .failed, "unanswered")
        }
        if service == .setParameters { sendParameters(to: pile) }
    }

    private func settleParameters(_ pile: String, _ result: PileServiceResult) {
        let now = milliseconds
        let sent = state.withLock { state -> Int64? in
            defer { state.piles[pile]?.sentVersion = nil }
            return state.piles[pile]?.sentVersion
        }
        guard let sent, result != .unanswered else { return }
        var refusal: String?
        if case .refused(let reason) = result { refusal = reason }
        let why = refusal
        attempt("parameters.settle") {
            try storage.commit(
                "parameters.settle", ["pile": .text(pile)], durability: .buffered,
                body: { db in try ParameterStore.settle(pile: pile, upTo: sent, refusal: why, at: now, in: db) },
                notes: { _ in
                    var fields: Fields = ["pile": .text(pile), "version": .integer(sent)]
                    if let why { fields["reason"] = .text(why) }
                    return [CloudNote(why == nil ? "parameters.applied" : "parameters.rejected", fields)]
                })
            state.withLock { $0.piles[pile]?.reportedVersion = sent }
        }
    }

    func reported(_ pile: String, _ values: Fields) {
        guard let registered = self.pile(pile) else { return }
        let now = milliseconds
        attempt("parameters.report") {
            try storage.write(.buffered) { db in try ParameterStore.report(values, pile: registered, at: now, in: db) }
        }
    }

    /// The pile has gone. A restart shows that way, and an upgrade may end that way; parameters wait for its return.
    func left(_ pile: String) { finish(pile, .setParameters, .stored, "pile_offline") }

    /// The pile is back: a restart is done; an upgrade is, where the version says so.
    func returned(_ pile: String, firmware: String) {
        finish(pile, .restart, .done, nil)
        let wanted = state.withLock { state in
            state.services[ServiceKey(pile: pile, service: .upgrade)].flatMap { state.batches[$0]?.batch.arguments["version"]?.text }
        }
        if let wanted { finish(pile, .upgrade, firmware == wanted ? .done : .failed, firmware == wanted ? nil : "connection_lost") }
    }

    private func finish(_ pile: String, _ service: PileService, _ result: BatchItem.State, _ reason: String?) {
        let id = state.withLock { $0.services.removeValue(forKey: ServiceKey(pile: pile, service: service)) }
        guard let id else { return }
        settle(pile, of: id, result, reason)
        pump(id)
    }

    private func settle(_ pile: String, of id: Int64, _ result: BatchItem.State, _ reason: String?) {
        let now = milliseconds
        state.withLock { state in
            guard state.batches[id]?.sent.remove(pile) != nil else { return }
            let site = state.piles[pile]?.registered.site ?? ""
            state.batches[id]?.results.append(BatchItem(pile: pile, site: site, state: result, reason: reason, finishedAt: now))
        }
        scheduleFlush()
    }

    private func expire(_ id: Int64) {
        let late = state.withLock { state -> [String] in
            guard let running = state.batches[id], !state.isStopped else { return [] }
            let late = running.sent.sorted() + running.waiting.reversed()
            if let service = running.batch.kind.service {
                for pile in running.sent { state.services[ServiceKey(pile: pile, service: service)] = nil }
            }
            state.batches[id]?.sent = Set(late)
            state.batches[id]?.waiting = []
            return late
        }
        for pile in late { settle(pile, of: id, .failed, "timeout") }
        finishIfDone(id)
    }

    private func finishIfDone(_ id: Int64) {
        if state.withLock({ $0.batches[id]?.isFinished ?? false }) { attempt("batch.results") { try keepResults() } }
    }

    /// Writes the results that have come, and the end of batches that have ended.
    func keepResults() throws {
        let now = milliseconds
        let ready = state.withLock { state -> [RunningBatch] in
            if state.isStopped { return [] }
            return state.batches.values.filter { !$0.results.isEmpty || $0.isFinished }.sorted { $0.batch.id < $1.batch.id }
        }
        for running in ready {
            let id = running.batch.id
            _ = try storage.commit(
                "batch.results", ["batch": .integer(id)], durability: .buffered,
                body: { db in
                    try BatchStore.keep(running.results, of: id, in: db)
                    if running.isFinished { try BatchStore.finish(id, at: now, in: db) }
                    return running.isFinished ? try BatchStore.counts(of: id, in: db) : [:]
                },
                notes: { counts in running.isFinished ? [Self.note(of: running.batch, counts)] : [] })
            state.withLock { state in
                state.batches[id]?.results.removeFirst(running.results.count)
                if running.isFinished { state.batches[id] = nil }
            }
        }
    }

    private static func note(of batch: StationBatch, _ counts: [BatchItem.State: Int]) -> CloudNote {
        CloudNote(
            "batch.finished",
            [
                "batch": .integer(batch.id), "kind": .text(batch.kind.rawValue), "done": .integer(Int64(counts[.done] ?? 0)),
                "stored": .integer(Int64(counts[.stored] ?? 0)), "failed": .integer(Int64(counts[.failed] ?? 0)),
            ])
    }

    /// After a restart of the cloud: nobody knows what became of what was sent; piles that were still to be told have not come yet.
    func resumeBatches() throws {
        let now = milliseconds
        let batches = try storage.read { db in try BatchStore.unfinished(in: db) }
        for batch in batches {
            _ = try storage.commit(
                "batch.resume", ["batch": .integer(batch.id)],
                body: { db in
                    var position = 0
                    while true {
                        let page = try BatchStore.items(of: batch.id, limit: 1_000, offset: position, in: db).items
                        if page.isEmpty { break }
                        position += page.count
                        let open = page.filter { !$0.state.isFinal }.map { item in
                            BatchItem(
                                pile: item.pile, site: item.site, state: batch.kind == .setParameters ? .stored : .failed,
                                reason: "cloud_restarted",
                                finishedAt: now)
                        }
                        try BatchStore.keep(open, of: batch.id, in: db)
                    }
                    try BatchStore.finish(batch.id, at: now, in: db)
                    return try BatchStore.counts(of: batch.id, in: db)
                }, notes: { [Self.note(of: batch, $0)] })
        }
    }

    // MARK: Images

    /// Keeps an image for upgrades; the same one again changes nothing.
    package func putImage(_ content: [UInt8], version: String, operatorID: String) async throws -> String {
        guard !content.isEmpty else { throw APIError.invalidField("body", "the image is empty") }
        let checksum = ImageFacts.checksum(content)
        let now = milliseconds
        _ = try await storage.commitPoint("pile.image", ["version": .text(version)]) { db in
            try BatchStore.putImage(content, checksum: checksum, version: version, operatorID: operatorID, at: now, in: db)
        }
        return checksum
    }
}
