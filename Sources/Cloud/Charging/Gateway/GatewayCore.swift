import LabCore
import WireProtocols

/// The pile gateway without locks, clock, database and sockets: bytes in, actions out.
///
/// Who is online, what is due, which frames may be believed. The protocols are in extensions (`DNY…`, `BKV…`).
struct GatewayCore {
    let settings: PileGatewaySettings
    /// Unix milliseconds at the start of the run's clock.
    let epoch: Int64
    let business: BusinessTable
    var registry: (any PileRegistry)?
    /// Of the input that is being handled.
    var now: RunInstant = .start
    var actions: [GatewayAction] = []
    var connections: [UInt64: PileConnection] = [:]
    var byKey: [PileKey: PileSession] = [:]
    var byName: [String: PileSession] = [:]
    /// Command lines of BKV gateways, by their digits.
    var gateways: [UInt64: PileLine] = [:]
    var peers: PeerGuard
    var counters = GatewayCounters()
    var deadlines = DeadlineQueue<Deadline>()
    /// The earliest job that the environment has been asked for.
    var wakesAt: RunInstant?
    var isStopped = false
    /// Frames are told, with their bytes.
    let recordsFrames: Bool

    enum Deadline {
        case connection(PileConnection)
        case session(PileSession)
        case line(PileLine)
    }

    init(settings: PileGatewaySettings, epochSeconds: Int64, business: BusinessTable, recordsFrames: Bool = true) {
        self.settings = settings
        self.recordsFrames = recordsFrames
        epoch = epochSeconds * 1_000
        self.business = business
        peers = PeerGuard(settings)
    }

    /// Unix milliseconds.
    var milliseconds: Int64 { epoch + now.nanoseconds / 1_000_000 }
    var unixSeconds: Int64 { milliseconds / 1_000 }

    // MARK: Connections

    mutating func connected(_ number: UInt64, peer: String) {
        let (address, refusal, isToBeTold) = peers.opened(peer, at: now)
        let connection = PileConnection(number: number, peer: peer, address: address, at: now)
        connections[number] = connection
        if connections.count > settings.maximumConnections { return close(connection, "too_many_connections", isToBeTold: isToBeTold) }
        if let refusal { return close(connection, refusal, isToBeTold: isToBeTold) }
        schedule(connection, at: now.advanced(by: settings.identificationTimeout))
    }

    mutating func closed(_ number: UInt64) {
        guard let connection = connections[number] else { return }
        forget(connection, reason: "closed")
    }

    mutating func received(_ number: UInt64, _ bytes: [UInt8]) {
        guard let connection = connections[number] else { return }
        connection.lastHeard = now
        if connection.dny != nil {
            connection.dny?.append(bytes)
        } else if connection.bkv != nil {
            connection.bkv?.append(bytes)
        } else {
            identify(connection, bytes)
        }
        // A frame that came to its end shows that what waits now began later.
        if drain(connection) { connection.incompleteSince = nil }
        watchIncomplete(connection)
    }

    /// Looks for the first mark of a protocol; what stands before it is garbage.
    private mutating func identify(_ connection: PileConnection, _ bytes: [UInt8]) {
        connection.unidentified += bytes
        guard let (mark, wire) = ProtocolMark.find(in: connection.unidentified) else {
            if connection.unidentified.count > settings.leadingGarbage { close(connection, "unidentified") }
            return
        }
        if mark > 0 { countGarbage(mark, on: connection) }
        if wire == .bkv {
            connection.bkv = BKVStreamDecoder()
            connection.bkv?.append(connection.unidentified[mark...])
        } else {
            connection.dny = DNYStreamDecoder()
            connection.dny?.append(connection.unidentified[mark...])
        }
        connection.unidentified = []
        schedule(connection, at: connection.openedAt.advanced(by: settings.loginTimeout))
    }

    /// Handles everything that is complete.
    ///
    /// - Returns: whether there was anything.
    private mutating func drain(_ connection: PileConnection) -> Bool {
        var hadSome = false
        while connection.isOpen, let item = connection.dny?.next() {
            handle(item, on: connection)
            hadSome = true
        }
        while connection.isOpen, let item = connection.bkv?.next() {
            handle(item, on: connection)
            hadSome = true
        }
        return hadSome
    }

    /// A head that only seemed to be one must not hold back the frames behind it for ever.
    private mutating func watchIncomplete(_ connection: PileConnection) {
        guard connection.isOpen else { return }
        if connection.pending == 0 {
            connection.incompleteSince = nil
        } else if connection.incompleteSince == nil {
            connection.incompleteSince = now
            schedule(connection, at: now.advanced(by: settings.incompleteFrame))
        }
    }

    private mutating func giveUpIncomplete(_ connection: PileConnection) {
        connection.incompleteSince = nil
        connection.dny?.end()
        connection.bkv?.finish()
        _ = drain(connection)
    }

    /// Ends a connection from our side.
    mutating func close(_ connection: PileConnection, _ reason: String, isToBeTold: Bool = true) {
        guard connection.isOpen else { return }
        counters.closed[reason, default: 0] += 1
        forget(connection, reason: reason)
        actions.append(.close(connection.number, reason: reason))
        guard isToBeTold else { return }
        actions.append(
            .note(
                "pile.connection_closed",
                [
                    "peer": .text(connection.peer), "reason": .text(reason), "refused": .integer(Int64(connection.refusals)),
                    "garbage": .integer(Int64(connection.totalGarbage)),
                ]))
    }

    private mutating func forget(_ connection: PileConnection, reason: String) {
        connection.isOpen = false
        connections[connection.number] = nil
        peers.closed(connection.address, wasStranger: connection.isStranger, at: now)
        for session in connection.sessions { goOffline(session, reason) }
        connection.sessions = []
        connection.dny = nil
        connection.bkv = nil
    }

    // MARK: Noise

    mutating func countGarbage(_ count: Int, on connection: PileConnection) {
        counters.garbage += count
        connection.garbage += count
        connection.totalGarbage += count
        if connection.garbage > settings.garbageBetween { close(connection, "garbage") }
    }

    /// Counts and tells a frame that is not taken; a connection that brings nothing else is closed.
    mutating func refuse(
        _ reason: String, on connection: PileConnection, wire: PileProtocol, pile: String = "", command: UInt16? = nil,
        order: String? = nil,
        isDamage: Bool = false
    ) {
        counters.refused[GatewayCounters.RefusalKey(wire: wire, frame: command, reason: reason), default: 0] += 1
        connection.refusals += 1
        if connection.refusals <= settings.notedRefusals {
            var fields: Fields = ["pile": .text(pile), "protocol": .text(wire.rawValue)]
            if let order { fields["order"] = .text(order) }
            if let command { fields["command"] = .integer(Int64(command)) }
            fields["peer"] = .text(connection.peer)
            fields["reason"] = .text(reason)
            fields["is_acknowledged"] = false
            actions.append(.note("frame.refused", fields))
        }
        guard isDamage else { return }
        connection.badFrames += 1
        if connection.badFrames > settings.badFrames { close(connection, "garbage") }
    }

    /// A pile that nobody has entered (F57). The connection stays only where known piles are on it.
    mutating func refuseStranger(_ id: String, on connection: PileConnection, wire: PileProtocol, command: UInt16?) {
        peers.refused(connection.address, at: now)
        // Many devices with a broken memory may say the same (chapter 6 row 16).
        let isDefault = wire == .dny && DNYPhysicalID(id)?.isFallback == true
        refuse(isDefault ? "default_id" : "unknown_pile", on: connection, wire: wire, pile: id, command: command)
        if connection.sessions.isEmpty { close(connection, "unknown_pile") }
    }

    // MARK: Frames

    mutating func countReceived(_ wire: PileProtocol, _ command: UInt16, isKnown: Bool) {
        counters.received[GatewayCounters.FrameKey(wire: wire, command: isKnown ? command : 0, isKnown: isKnown), default: 0] += 1
    }

    mutating func send(_ frame: [UInt8], _ command: UInt16, _ wire: PileProtocol, pile: String, on connection: PileConnection) {
        counters.sent[GatewayCounters.FrameKey(wire: wire, command: command, isKnown: true), default: 0] += 1
        if recordsFrames { actions.append(.frame(isReceived: false, pile: pile, wire, command: command, frame)) }
        actions.append(.send(connection.number, frame))
    }

    // MARK: Time

    mutating func schedule(_ connection: PileConnection, at time: RunInstant) {
        if let scheduled = connection.scheduledAt, scheduled <= time { return }
        connection.scheduledAt = time
        deadlines.add(.connection(connection), at: time)
    }

    mutating func schedule(_ session: PileSession, at time: RunInstant) {
        if let scheduled = session.scheduledAt, scheduled <= time { return }
        session.scheduledAt = time
        deadlines.add(.session(session), at: time)
    }

    mutating func wakeLine(_ line: PileLine, at time: RunInstant? = nil) {
        let time = time ?? now
        if let scheduled = line.scheduledAt, scheduled <= time { return }
        line.scheduledAt = time
        deadlines.add(.line(line), at: time)
    }

    /// Does everything that is due now.
    mutating func tick() {
        while let (time, target) = deadlines.take(until: now) {
            switch target {
            case .connection(let connection):
                // An entry that was replaced by an earlier one is not the current one.
                guard connection.scheduledAt == time else { continue }
                connection.scheduledAt = nil
                tick(connection)
            case .session(let session):
                guard session.scheduledAt == time else { continue }
                session.scheduledAt = nil
                tick(session)
            case .line(let line):
                guard line.scheduledAt == time else { continue }
                line.scheduledAt = nil
                tick(line)
            }
        }
        guard let next = deadlines.earliest, next < wakesAt ?? .distantFuture else { return }
        wakesAt = next
        actions.append(.wake(next))
    }

    private mutating func tick(_ connection: PileConnection) {
        guard connection.isOpen else { return }
        if let since = connection.incompleteSince, since.advanced(by: settings.incompleteFrame) <= now { giveUpIncomplete(connection) }
        guard connection.isOpen else { return }
        if connection.isStranger {
            if !connection.isIdentified, connection.openedAt.advanced(by: settings.identificationTimeout) <= now {
                return close(connection, "unidentified")
            }
            if connection.openedAt.advanced(by: settings.loginTimeout) <= now { return close(connection, "no_login") }
        }
        let limit = connection.saysLink ? settings.keepAliveSilence : nil
        if let limit, connection.lastHeard.advanced(by: limit) <= now { return close(connection, "silent") }
        let next = [
            connection.incompleteSince?.advanced(by: settings.incompleteFrame), limit.map { connection.lastHeard.advanced(by: $0) },
            connection.isStranger
                ? connection.openedAt.advanced(by: !connection.isIdentified ? settings.identificationTimeout : settings.loginTimeout) : nil,
        ]
        if let next = next.compactMap({ $0 }).min() { schedule(connection, at: next) }
    }
}

/// What a stream of a protocol begins with.
enum ProtocolMark {
    private static let marks: [(bytes: [UInt8], wire: PileProtocol)] = [
        (Array("DNY".utf8), .dny), (Array("8986".utf8), .dny), (Array("link".utf8), .dny), ([0xfc, 0xfe], .bkv),
    ]

    /// The first mark that is complete.
    static func find(in bytes: [UInt8]) -> (offset: Int, wire: PileProtocol)? {
        for offset in bytes.indices {
            for mark in marks where bytes[offset...].starts(with: mark.bytes) { return (offset, mark.wire) }
        }
        return nil
    }
}
