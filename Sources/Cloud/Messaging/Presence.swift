import LabCore
import Synchronization

/// Who is online: what the broker tells of connections, and how long devices have been silent.
extension DeviceService {
    static let takeoverLimit = 3
    static let takeoverWindow = Duration.seconds(60)

    /// A client is connected. For each connection this is followed by one call of `clientDisconnected` or `clientTakenOver`.
    package func clientConnected(clientID: String) {
        let now = environment.now()
        let found = state.withLock { state -> (device: Int, entry: DeviceEntry)? in
            guard let device = state.directory.number(of: clientID) else { return nil }
            state.directory.heard(device, at: now)
            state.directory[device].isConnected = true
            state.directory[device].isReady = false
            state.directory[device].isDescribed = false
            state.directory[device].pushedVersion = nil
            state.directory[device].lastSeen = milliseconds
            return (device, state.directory[device])
        }
        var fields: Fields = ["client": .text(String(clientID.prefix(64))), "registered": .bool(found != nil)]
        if let found {
            fields["device"] = .text(found.entry.id)
            fields["serial_no"] = .text(found.entry.serial)
        }
        environment.note("mqtt.accepted", fields)
        if let found { setOnline(found.device) }
        watchSilence()
    }

    /// A client's connection has ended.
    ///
    /// - Parameter reason: the broker's word: `disconnect`, `closed`, `keep_alive`.
    package func clientDisconnected(clientID: String, reason: String) {
        guard let device = disconnected(clientID) else { return }
        wentOffline(device, presence: .offline, reason: reason)
    }

    /// A client's connection was ended because another one of the same name came. Three of these within a minute
    /// are not a device that reconnects, but two devices.
    package func clientTakenOver(clientID: String) {
        guard let device = disconnected(clientID) else { return }
        let now = environment.now()
        let alarm = state.withLock { state -> (entry: DeviceEntry, count: Int)? in
            let recent = state.directory[device].takeovers.filter { $0.advanced(by: Self.takeoverWindow) > now } + [now]
            // The alarm is given once; the next one needs as many takeovers again.
            let isAlarm = recent.count >= Self.takeoverLimit
            state.directory[device].takeovers = isAlarm ? [] : recent
            if isAlarm { state.counters.cloneAlarms += 1 }
            return isAlarm ? (state.directory[device], recent.count) : nil
        }
        wentOffline(device, presence: .offline, reason: "taken_over")
        guard let alarm else { return }
        attempt("device.clone_alarm") {
            try storage.write { db in try DeviceStore.countCloneAlarm(serial: alarm.entry.serial, in: db) }
        }
        environment.note(
            "device.clone_alarm",
            [
                "device": .text(alarm.entry.id), "serial_no": .text(alarm.entry.serial), "reason": "takeovers",
                "count": .integer(Int64(alarm.count)), "accepted": true,
            ])
    }

    private func disconnected(_ clientID: String) -> Int? {
        state.withLock { state in
            guard let device = state.directory.number(of: clientID) else { return nil }
            state.directory[device].isConnected = false
            state.directory[device].isReady = false
            state.directory[device].isDescribed = false
            state.directory[device].pushedVersion = nil
            return device
        }
    }

    // MARK: Signs of life

    /// A message came that says nothing about the device's state.
    func alive(_ device: Int) {
        if cameAlive(device) { synchronise(device, cause: "resend", repeatsCommands: true) }
    }

    /// After a heartbeat, whose sign of life is noted already.
    func cameOnline(_ device: Int) {
        let isFirst = state.withLock { state in
            defer { state.directory[device].isReady = true }
            return !state.directory[device].isReady
        }
        setOnline(device)
        watchSilence()
        if isFirst { synchronise(device, cause: "resend", repeatsCommands: true) }
    }

    /// - Returns: whether it is the first message since it connected.
    func cameAlive(_ device: Int) -> Bool {
        let now = environment.now()
        let time = milliseconds
        let isFirst = state.withLock { state in
            state.directory.heard(device, at: now)
            state.directory[device].lastSeen = time
            defer { state.directory[device].isReady = true }
            return !state.directory[device].isReady
        }
        setOnline(device)
        watchSilence()
        return isFirst
    }

    private func setOnline(_ device: Int) {
        let entry = state.withLock { state -> DeviceEntry? in
            guard state.directory[device].isActive, !state.directory[device].isOnline else { return nil }
            state.directory[device].presence = .online
            state.directory.markChanged(device)
            return state.directory[device]
        }
        guard let entry else { return }
        writer?.noteChange()
        environment.note("mqtt.online", ["device": .text(entry.id), "serial_no": .text(entry.serial), "client": .text(entry.id)])
    }

    /// Ends the online time, once, with the first reason that is known.
    func wentOffline(_ device: Int, presence: Presence, reason: String) {
        let (entry, wasOnline) = state.withLock { state -> (DeviceEntry, Bool) in
            let wasOnline = state.directory[device].isOnline
            // A device that said it restarts stays so until it is back or its time is over.
            if wasOnline || reason == Self.silence {
                state.directory[device].presence = presence
                state.directory.markChanged(device)
            }
            if presence == .offline { state.directory.unwatch(device) }
            return (state.directory[device], wasOnline)
        }
        guard wasOnline, entry.isActive else { return }
        writer?.noteChange()
        environment.note("mqtt.offline", ["device": .text(entry.id), "serial_no": .text(entry.serial), "reason": .text(reason)])
    }

    // MARK: Silence

    private static let silence = "silent"

    /// Schedules one sweep for the moment at which the next device counts as silent; there is never more than one.
    func watchSilence() {
        let time = state.withLock { state -> RunInstant? in
            guard state.sweepAt == nil, !state.isStopped, let next = state.directory.nextSilence(after: settings.silenceLimit) else { return nil }
            state.sweepAt = next
            return next
        }
        guard let time else { return }
        environment.schedule(time) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        let now = environment.now()
        let silent = state.withLock { state -> [Int] in
            state.sweepAt = nil
            return state.isStopped ? [] : state.directory.takeSilent(at: now, limit: settings.silenceLimit)
        }
        for device in silent { wentOffline(device, presence: .offline, reason: Self.silence) }
        watchSilence()
    }
}
