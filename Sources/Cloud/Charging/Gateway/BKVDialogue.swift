import LabCore
import WireProtocols

/// What BKV gateways and their sockets say (charging-protocols.md 2).
extension GatewayCore {
    mutating func handle(_ item: BKVStreamDecoder.Item, on connection: PileConnection) {
        switch item {
        case .frame(let frame, let bytes, _):
            handle(frame, bytes, on: connection)
        case .native(_, let bytes, _):
            // Units without a gateway (2.16) are known from one platform's source only; they are counted and not served.
            refuse("native_form", on: connection, wire: .bkv, isDamage: true)
            connection.totalGarbage += bytes.count
        case .refused(let error, _, _):
            let reason = if case .checksum = error { "checksum" } else { "length" }
            refuse(reason, on: connection, wire: .bkv, isDamage: true)
        case .malformed:
            refuse("malformed", on: connection, wire: .bkv, isDamage: true)
        case .skipped(let bytes, _):
            countGarbage(bytes.count, on: connection)
        }
    }

    private mutating func handle(_ frame: BKVFrame, _ bytes: [UInt8], on connection: PileConnection) {
        guard frame.isFromDevice, let gateway = BKVNumber.gateway(frame.gateway) else {
            return refuse("malformed", on: connection, wire: .bkv, isDamage: true)
        }
        let content: BKVContent
        do { content = try frame.content() } catch {
            return refuse("malformed", on: connection, wire: .bkv, pile: frame.gateway, command: BKVNumber.outer(frame), isDamage: true)
        }
        let command = BKVNumber.command(content.message)
        let isUnknown = BKVNumber.isUnknown(content.message)
        countReceived(.bkv, command, isKnown: !isUnknown)
        guard let line = gatewayLine(gateway, frame.gateway, on: connection) else {
            return refuseStranger(frame.gateway, on: connection, wire: .bkv, command: isUnknown ? nil : command)
        }
        connection.garbage = 0
        connection.badFrames = 0
        line.lastHeard = now
        let pile = BKVNumber.socket(content.message).map { "\(frame.gateway)-\($0)" } ?? frame.gateway
        if recordsFrames { actions.append(.frame(isReceived: true, pile: pile, .bkv, command: command, bytes)) }
        if isUnknown { return refuse("unknown_command", on: connection, wire: .bkv, pile: frame.gateway) }
        let received = BKVReceived(frame: frame, bytes: bytes, command: command, line: line, connection: connection, pile: pile)
        handle(content.message, received)
    }

    /// The gateway's command line, with all its sockets logged in on this connection.
    private mutating func gatewayLine(_ number: UInt64, _ name: String, on connection: PileConnection) -> PileLine? {
        if let line = gateways[number], line.connection === connection { return line }
        let sockets = registry?.sockets(of: name) ?? []
        for socket in sockets {
            guard let socket = UInt8(exactly: socket), (1...250).contains(socket) else { continue }
            _ = session(.bkv(gateway: number, socket: socket), on: connection, wire: .bkv) { "\(name)-\(socket)" }
        }
        guard let line = gateways[number], line.connection === connection else { return nil }
        return line
    }

    /// The session of a socket that a frame names; a socket that nobody has entered is refused, its gateway stays.
    mutating func bkvSession(_ socket: UInt8, _ received: BKVReceived) -> PileSession? {
        guard (1...250).contains(socket) else { return nil }
        // One that was entered after its gateway had come logs in with its first report.
        return session(.bkv(gateway: received.line.device, socket: socket), on: received.connection, wire: .bkv) {
            "\(received.frame.gateway)-\(socket)"
        }
    }

    // MARK: Messages

    private mutating func handle(_ message: BKVMessage, _ received: BKVReceived) {
        switch message {
        case .heartbeat(let heartbeat): handle(heartbeat, received)
        case .networkResult(_, let result): handleNetworkResult(result.isDone, received)
        case .startAnswer(let answer), .powerStartAnswer(let answer): handle(answer, received)
        case .socketStatus(let status):
            // In the answer the number is repeated; pushed by older firmware it is 0, and wants an answer (2.6).
            if received.frame.sequence == 0 {
                reply(.acknowledgement(sub: 0x1c, BKVAcknowledgement(socket: status.socket)), received)
            } else if let entry = received.line.takeInFlight(received.frame.sequence) {
                answered(entry, "done", on: received.line)
            }
            handle(status, received)
        case .chargeEnd, .powerEnd, .cardEnd: handleEnd(message, received)
        case .cardSwipe(let swipe): handle(swipe, received)
        case .balanceQuery(let query): handle(query, received)
        case .cardOrderTaken(let result): handleCardOrder(result, received)
        case .soundResult: if let entry = received.line.takeInFlight(received.frame.sequence) { answered(entry, "done", on: received.line) }
        case .record(let record): handle(record, received)
        default: refuse("unknown_command", on: received.connection, wire: .bkv, pile: received.frame.gateway, command: received.command)
        }
    }

    private mutating func handle(_ record: BKVRecord, _ received: BKVReceived) {
        switch record.command {
        case BKVRecord.statusCommand:
            reply(.record(BKVRecord(acknowledging: record.command, gateway: received.frame.gateway)), received)
            guard let sockets = try? record.sockets() else { return refuseContent("malformed", received) }
            for status in sockets { handle(status, received) }
        case 0x1004: handleEnd(.record(record), received)
        case 0x1010: handleException(record, received)
        case 0x1007, 0x1011, 0x1012: handleAnswer(record, received)
        case BKVRecord.connectedCommand:
            guard let socket = record.number(.socket), let session = bkvSession(UInt8(clamping: socket), received) else { return }
            let time = record.value(.time).flatMap {
                BKVTime(digits: Hexadecimal.text($0)).unixSeconds(utcOffset: session.registered.utcOffset)
            }
            if let time { sawClock(session, time) }
        default: refuse("unknown_command", on: received.connection, wire: .bkv, pile: received.frame.gateway)
        }
    }

    mutating func refuseContent(_ reason: String, _ received: BKVReceived, pile: String? = nil, order: String? = nil) {
        refuse(reason, on: received.connection, wire: .bkv, pile: pile ?? received.pile, command: received.command, order: order)
    }

    /// Answers with the sequence that came.
    mutating func reply(_ message: BKVMessage, _ received: BKVReceived) {
        guard
            let bytes = try? BKVFrame(message, isFromDevice: false, gateway: received.frame.gateway, sequence: received.frame.sequence)
                .encoded()
        else { return }
        send(bytes, BKVNumber.command(message), .bkv, pile: received.pile, on: received.connection)
    }

    // MARK: Heartbeat and list

    private mutating func handle(_ heartbeat: BKVHeartbeat, _ received: BKVReceived) {
        let sessions = received.connection.sessions.filter { $0.line === received.line }
        let offset = sessions.first?.registered.utcOffset ?? 480
        reply(.clock(BKVClock(BKVTime(unixSeconds: unixSeconds, utcOffset: offset))), received)
        for session in sessions {
            describe(session) { facts in
                facts.firmware = heartbeat.firmware
                facts.iccid = heartbeat.iccid
            }
        }
        endUpgrade(heartbeat.firmware, received.line)
        sendList(sessions, received)
    }

    /// The gateway must be told its sockets after each connect (2.18), where their addresses are known.
    private mutating func sendList(_ sessions: [PileSession], _ received: BKVReceived) {
        guard received.line.listedOn != received.connection.number else { return }
        received.line.listedOn = received.connection.number
        let entries = sessions.filter { $0.registered.hardwareAddress.count == 6 }.map {
            BKVSocketEntry(socket: UInt8(truncatingIfNeeded: $0.key.number), address: Hexadecimal.text($0.registered.hardwareAddress))
        }
        guard !entries.isEmpty else { return }
        received.line.waitsForList = true
        let message = BKVMessage.replaceList(BKVSocketList(sockets: entries))
        var outgoing = PileLine.Outgoing(
            session: nil, purpose: .socketList, command: BKVNumber.command(message), content: .bkv(message),
            answerTimeout: settings.answerTimeout,
            sends: settings.sends)
        outgoing.isPreparation = true
        enqueue(outgoing, on: received.line)
    }

    private mutating func handleNetworkResult(_ isDone: Bool, _ received: BKVReceived) {
        guard let entry = received.line.takeInFlight(received.frame.sequence) else { return }
        answered(entry, isDone ? "done" : "failed", on: received.line)
        switch entry.outgoing.purpose {
        case .socketList: received.line.waitsForList = false
        case .service(let job): finish(job, isDone ? .done : .refused("result 0"), of: entry.outgoing.session)
        default: break
        }
        wakeLine(received.line)
    }

    // MARK: Exceptions

    /// 1010: which socket or port has an event, for reasons that have no public table; the status bytes say more (2.10, 2.11).
    private mutating func handleException(_ record: BKVRecord, _ received: BKVReceived) {
        guard let socket = record.number(.socket).flatMap({ UInt8(exactly: $0) }) else { return refuseContent("malformed", received) }
        var answer = BKVRecord(command: record.command, gateway: received.frame.gateway)
        answer.pairs = [BKVPair(.socket, number: UInt64(socket)), BKVPair(.acknowledgement, number: 1)]
        reply(.record(answer), received)
        guard let session = bkvSession(socket, received) else {
            return refuseContent("unknown_pile", received, pile: "\(received.frame.gateway)-\(socket)")
        }
        for (port, event, status) in [(nil, 0x4b, nil), (1, 0x4c, 0x57), (2, 0x4d, 0x58)] as [(Int?, UInt8, UInt8?)] {
            guard let value = record.number(BKVKey(event)) else { continue }
            let byte = status.flatMap { record.number(BKVKey($0)) }.map { BKVStatus(rawValue: UInt8(truncatingIfNeeded: $0)) }
            if value == 0 && byte?.hasFault != true { continue }
            if let port, !session.hasPort(port) { continue }
            actions.append(.event(.alarm(pile: session.id, port: port, Self.alarm(byte), isOn: true)))
        }
    }

    private static func alarm(_ status: BKVStatus?) -> AlarmKind {
        guard let status else { return .other }
        if status.hasTemperatureFault { return .overTemperature }
        if status.hasCurrentFault { return .overCurrent }
        return status.hasFault ? .portFault : .other
    }

    private mutating func handleAnswer(_ record: BKVRecord, _ received: BKVReceived) {
        guard let entry = received.line.takeInFlight(received.frame.sequence) else { return }
        let isDone = record.isAcknowledged ?? true
        answered(entry, isDone ? "done" : "failed", on: received.line)
        if case .service(let job) = entry.outgoing.purpose {
            finish(job, isDone ? .done : .refused("result 0"), of: entry.outgoing.session)
        }
    }
}

/// A frame with where it came from.
struct BKVReceived {
    var frame: BKVFrame
    var bytes: [UInt8]
    var command: UInt16
    var line: PileLine
    var connection: PileConnection
    /// The socket that it names, else the gateway.
    var pile: String
}

enum BKVNumber {
    /// The 14 digits as a number, nibble by nibble: 56 bits. `nil` where a nibble is no digit.
    static func gateway(_ digits: String) -> UInt64? {
        var number: UInt64 = 0
        for byte in digits.utf8 {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number << 4 | UInt64(byte - UInt8(ascii: "0"))
        }
        return digits.utf8.count == 14 ? number : nil
    }

    /// One number for what a frame says: the KV command, or outer command and sub-command (0x1502 for 0015/02).
    static func command(_ message: BKVMessage) -> UInt16 {
        if case .record(let record) = message { return record.command }
        guard let sub = message.sub else { return message.command }
        return (message.command & 0xff) << 8 | UInt16(sub)
    }

    /// The socket that a message is about; `nil` for what concerns the gateway, and for unions of several.
    static func socket(_ message: BKVMessage) -> UInt8? {
        switch message {
        case .startAnswer(let answer), .powerStartAnswer(let answer): answer.socket
        case .socketStatus(let status): status.socket
        case .chargeEnd(let end): end.socket
        case .powerEnd(let end): end.end.socket
        case .cardEnd(let end): end.end.socket
        case .cardSwipe(let swipe): swipe.socket
        case .balanceQuery(let query): query.socket
        case .cardOrderTaken(let result), .soundResult(let result): result.socket
        case .record(let record): record.number(.socket).map { UInt8(clamping: $0) }
        default: nil
        }
    }

    static func outer(_ frame: BKVFrame) -> UInt16 {
        guard let sub = frame.inner?.sub else { return frame.command }
        return (frame.command & 0xff) << 8 | UInt16(sub)
    }

    /// No source explains it; 1013 is known, though nobody knows what it means.
    static func isUnknown(_ message: BKVMessage) -> Bool {
        switch message {
        case .unknown: true
        case .record(let record): record.name.isEmpty
        default: false
        }
    }
}
