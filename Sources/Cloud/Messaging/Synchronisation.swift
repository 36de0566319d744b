import LabCore
import Synchronization

/// Sends devices what they miss: configuration and commands.
extension DeviceService {
    func synchronise(_ device: Int, cause: String, repeatsCommands: Bool) {
        pushConfiguration(device, cause: cause)
        sendCommands(device, repeating: repeatsCommands)
        if repeatsCommands { tellObserver(of: device) { $0.deviceIsReachable($1) } }
    }

    /// Sends the next version, unless the device is away, has not said which one it has, or has not answered the last one.
    ///
    /// - Parameter cause: `change`, `resend` or `restart`, for the log.
    func pushConfiguration(_ device: Int, cause: String) {
        let entry = state.withLock { $0.directory[device] }
        guard entry.isActive, entry.isDescribed, entry.pushedVersion == nil else { return }
        attempt("config.push") {
            guard let push = try storage.read({ db in try ConfigurationStore.next(for: entry.id, form: entry.form, in: db) }) else { return }
            state.withLock { $0.directory[device].pushedVersion = push.version }
            let payload = if entry.form == .luna, let change = push.changes.first {
                ConfigurationRules.lunaPayload(change, version: push.version, timestamp: timestamp)
            } else {
                ConfigurationRules.quectelPayload(push.changes, version: push.version, timestamp: timestamp)
            }
            environment.note(
                "config.pushed",
                [
                    "device": .text(entry.id), "version": .integer(push.version), "keys": .list(push.changes.map { .text($0.key) }),
                    "cause": .text(cause),
                ])
            environment.publish(CloudMessage(topic: Topics.configuration(entry.id), payload: payload, quality: 1))
        }
    }

    /// Sends the commands that wait.
    ///
    /// - Parameter isRepeating: also those that were sent before and are not answered; the device carries out each once.
    func sendCommands(_ device: Int, repeating isRepeating: Bool) {
        let entry = state.withLock { $0.directory[device] }
        guard entry.isActive, entry.isReady else { return }
        attempt("command.send") {
            let commands = try storage.read { db in try CommandStore.open(of: entry.id, includingSent: isRepeating, in: db) }
            let queued = commands.filter { $0.state == .queued }.map(\.id)
            if !queued.isEmpty {
                let now = milliseconds
                try storage.write { db in try CommandStore.markSent(queued, at: now, in: db) }
            }
            for command in commands {
                let note = CommandNotes.sent(command, isRepeated: command.state == .sent)
                environment.note(note.name, note.fields)
                environment.publish(
                    CloudMessage(topic: Topics.command(entry.id), payload: command.payload(timestamp: timestamp), quality: 1))
            }
        }
    }
}
