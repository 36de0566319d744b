import Glibc
import LabCore

extension LeaseBook {
    /// What the folder says, as far as it touches the keys; everything where they are `nil`.
    struct Reading {
        var snapshot = LeaseRules.Snapshot()
        /// Keys whose file is no record, and that no living process claims.
        var damaged: [LeaseKey] = []
    }

    /// Only under the guard.
    func read(_ keys: [LeaseKey]?, at now: LeaseMoment) throws(StreamFailure) -> Reading {
        var reading = Reading()
        let names = try folder.names()
        // A key and its parts have names that begin alike; the others need not be looked at.
        let wanted = keys?.map(\.fileName)
        for name in names {
            if name.hasPrefix(LeaseKey.filePrefix) {
                guard wanted?.contains(where: { name.hasPrefix($0) || $0.hasPrefix(name) }) ?? true else { continue }
                try readKey(name, keys, names, now, &reading)
            } else if let (number, _) = WaitingTicket.parts(name) {
                readWaiter(name, number, &reading)
            }
        }
        return reading
    }

    private func readKey(
        _ name: String, _ keys: [LeaseKey]?, _ names: [String], _ now: LeaseMoment, _ reading: inout Reading
    ) throws(StreamFailure) {
        let wanted = keys?.first { $0.fileName == name }
        guard let key = wanted ?? LeaseKey(fileName: name), keys?.contains(where: { $0.conflicts(with: key) }) ?? true else { return }
        let bytes: [UInt8]
        do throws(StreamFailure) {
            guard let file = try folder.open(name) else { return }
            bytes = try file.read(atMost: LeaseFolder.pageBytes)
        } catch {
            // Who looks at everything goes on without one that is not for them.
            if keys == nil { return }
            throw error
        }
        if bytes.isEmpty { return }
        if let record = LeaseRecord(bytes, of: key) {
            reading.snapshot.entries.append(LeaseRules.Entry(record: record, life: life(of: record)))
        } else if let claim = claim(of: key, names, at: now) {
            reading.snapshot.entries.append(claim)
        } else {
            reading.damaged.append(key)
        }
    }

    private func life(of record: LeaseRecord) -> LeaseRules.Life {
        guard record.kind == .run else { return .dead }
        do throws(StreamFailure) {
            guard let file = try folder.open(LeaseFolder.lifePrefix + record.token) else { return .dead }
            return file.isLocked ? .alive : .dead
        } catch {
            // The proof cannot be looked at. The start tells its process from a later one with the same number.
            return ProcessTable.start(of: record.holder.process) == record.holder.processStart ? .alive : .dead
        }
    }

    /// For a damaged file: the living process that has the key in its proof of life. It writes the file anew at its next beat.
    private func claim(of key: LeaseKey, _ names: [String], at now: LeaseMoment) -> LeaseRules.Entry? {
        for name in names where name.hasPrefix(LeaseFolder.lifePrefix) {
            guard let file = try? folder.open(name), file.isLocked, let bytes = try? file.read(), let ticket = LeaseTicket(bytes),
                ticket.keys.contains(key)
            else { continue }
            let record = LeaseRecord(
                key: key, kind: .run, holder: ticket.holder, token: String(name.dropFirst(LeaseFolder.lifePrefix.count)), at: now,
                timeToLive: LeaseBook.look.nanoseconds)
            return LeaseRules.Entry(record: record, life: .alive)
        }
        return nil
    }

    private func readWaiter(_ name: String, _ number: Int64, _ reading: inout Reading) {
        // One that cannot be read, or is damaged, holds nobody up.
        guard let file = try? folder.open(name) else { return }
        guard file.isLocked else { return folder.remove(name) }
        guard let bytes = try? file.read(), let ticket = LeaseTicket(bytes) else { return }
        reading.snapshot.waiters.append(LeaseRules.Waiter(number: number, ticket: ticket, life: .alive))
    }

    /// Removes what the dead left; only their own user and root can. Only under the guard.
    func sweep() throws(StreamFailure) {
        for name in try folder.names() where name.hasPrefix(LeaseFolder.lifePrefix) {
            guard let file = try? folder.open(name), !file.isLocked else { continue }
            folder.remove(name)
        }
    }

    // MARK: The guard

    /// Does something while no other process reads or changes the book.
    ///
    /// - Throws: `.timedOut` where somebody keeps the guard, as a process that was stopped in the middle.
    func guarded<Value>(_ action: () throws(StreamFailure) -> Value) throws(StreamFailure) -> Value {
        let pause = Duration.milliseconds(2)
        for _ in 0...max(1, Int(machine.patience / pause)) {
            guard let file = try folder.open(LeaseFolder.guardName, making: true) else { break }
            if file.lock() {
                // Between opening and locking somebody may have removed it, and others may meet at a new one.
                guard file.isInPlace else { continue }
                defer { file.unlock() }
                return try action()
            }
            machine.pause(pause)
        }
        throw StreamFailure(
            .timedOut, folder.path(of: LeaseFolder.guardName), "somebody keeps the book of leases locked",
            remedy: "`fuser -v \(folder.path(of: LeaseFolder.guardName))` shows who: a process that is stopped (kill -CONT) or hangs")
    }
}

/// The proof that a holder lives: a file that its process keeps locked until it ends.
final class Life: Sendable {
    private let file: LeaseFile
    private let name: String
    private let folder: LeaseFolder

    /// Only under the guard.
    init(_ token: String, _ ticket: LeaseTicket, in folder: LeaseFolder) throws(StreamFailure) {
        name = LeaseFolder.lifePrefix + token
        self.folder = folder
        file = try folder.locked(name, ticket)
    }

    /// Whether others can still see it.
    var isInPlace: Bool { file.isInPlace }

    func end() {
        if isInPlace { folder.remove(name) }
        file.unlock()
    }
}

/// A place in the queue: a file with a number, locked while its process waits.
final class WaitingTicket {
    let number: Int64
    private let file: LeaseFile
    private let name: String
    private let folder: LeaseFolder
    private var ticket: LeaseTicket

    /// How often a look is written down; far below what makes others pass it over.
    private static let interval: Int64 = 1_000_000_000

    /// Only under the guard.
    init(_ keys: [LeaseKey], _ holder: LeaseHolder, in folder: LeaseFolder, at now: LeaseMoment) throws(StreamFailure) {
        let last = try folder.names().compactMap { Self.parts($0)?.number }.max() ?? 0
        number = last + 1
        name = "\(LeaseFolder.waitPrefix)\(number).\(LeaseToken.fresh())"
        self.folder = folder
        ticket = LeaseTicket(keys: keys, holder: holder, at: now)
        file = try folder.locked(name, ticket)
    }

    /// Says that it still waits. Only under the guard.
    func look(at now: LeaseMoment) throws(StreamFailure) {
        guard now.elapsed - ticket.beat >= Self.interval else { return }
        ticket.beat = now.elapsed
        try file.write(ticket.bytes)
    }

    func remove() {
        if file.isInPlace { folder.remove(name) }
        file.unlock()
    }

    static func parts(_ name: String) -> (number: Int64, token: Substring)? {
        guard name.hasPrefix(LeaseFolder.waitPrefix) else { return nil }
        let parts = name.dropFirst(LeaseFolder.waitPrefix.count).split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let number = Int64(parts[0]), (1..<Int64.max / 2).contains(number), LeaseToken.isSound(String(parts[1])) else { return nil }
        return (number, parts[1])
    }
}

extension LeaseFolder {
    /// Makes a file, locks it and writes a ticket into it.
    fileprivate func locked(_ name: String, _ ticket: LeaseTicket) throws(StreamFailure) -> LeaseFile {
        guard let file = try open(name, making: true), file.lock() else { throw failure(EAGAIN, path(of: name)) }
        do throws(StreamFailure) {
            try file.write(ticket.bytes)
        } catch {
            remove(name)
            throw error
        }
        return file
    }
}

extension LeaseKey {
    /// The key of a file; `nil` for names that were cut, whose key stands in the file alone, and for other names.
    init?(fileName: String) {
        guard fileName.hasPrefix(Self.filePrefix) else { return nil }
        var bytes: [UInt8] = []
        var rest = fileName.utf8.dropFirst(Self.filePrefix.utf8.count)
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ Hexadecimal.value($0) }), let low = rest.popFirst().flatMap({ Hexadecimal.value($0) }) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.init(String(decoding: bytes, as: UTF8.self))
        guard self.fileName == fileName else { return nil }
    }
}
