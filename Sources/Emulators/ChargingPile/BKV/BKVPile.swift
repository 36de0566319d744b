package import LabCore
import WireProtocols

/// The BKV personality: a gateway with its radio sockets of two ports each (charging-protocols.md 2.1, 2.18).
///
/// The core's ports are the sockets' in their order: ports 0 and 1 are A and B of socket 1, 2 and 3 of socket 2. The device makes the
/// business numbers; nothing on this wire knows the platform's orders.
package struct BKVPile: PilePersonality {
    package let settings: BKVPileSettings
    /// The first socket's number; the others follow.
    let firstSocket: UInt8
    var decoder = BKVStreamDecoder()
    var firmware: String

    // One connection.
    var isHeartbeatOpen = false
    var isOnline = false
    var pending: [BKVPending] = []
    var lastPending: UInt8 = 0

    // Since power came.
    var sending: BKVSending?
    var answered: [(sequence: UInt32, answer: PileFrame)] = []
    /// Sockets whose state has changed since the last report.
    var changed: Set<UInt8> = []
    /// Numbers of cards that wait for the platform's word, by port.
    var cards: [(port: Int, order: BKVOrder, card: UInt64)] = []

    package init(_ settings: BKVPileSettings, firstSocket: UInt8 = 1) {
        self.settings = settings
        self.firstSocket = firstSocket
        firmware = settings.firmware
    }

    package var word: String { "bkv" }
    package var reconnectPause: Duration { settings.reconnectPause }
    package func text(_ order: PileOrder) -> String { String(BKVOrder(order).business) }

    // MARK: Power and connection

    package mutating func booted(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        if let kept = core.memory.setting(Self.firmwareSetting) { firmware = String(decoding: kept, as: UTF8.self) }
        applyParameters(&core)
        if settings.status != nil, core.isCharging { core.agenda.set(.bkvStatus, at: now.advanced(by: settings.startStatus)) }
    }

    package mutating func powerLost() { self = BKVPile(settings, firstSocket: firstSocket) }

    package mutating func connected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder = BKVStreamDecoder()
        isHeartbeatOpen = false
        isOnline = false
        sending = nil
        core.agenda.set(.bkvHeartbeat, at: now.advanced(by: settings.firstHeartbeat))
        var afterHello = now.advanced(by: settings.firstHeartbeat)
        if let connectedReport = settings.connectedReport {
            afterHello = afterHello.advanced(by: connectedReport)
            core.agenda.set(.bkvConnected, at: afterHello)
        }
        if !core.memory.bills.pending.isEmpty { core.agenda.set(.bkvEnd, at: afterHello.advanced(by: settings.storedEnd)) }
        if core.isCharging { core.agenda.set(.bkvStatus, at: afterHello.advanced(by: settings.startStatus)) }
    }

    package mutating func disconnected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        isOnline = false
        isHeartbeatOpen = false
        sending = nil
        cards = []
        for item in [PileAgenda.Item.bkvHeartbeat, .bkvConnected, .bkvEnd, .bkvClose, .bkvQuery] { core.agenda.cancel(item) }
        // What is to be carried out is carried out; its answer goes nowhere.
        pending.removeAll { !$0.isToCarryOut }
    }

    // MARK: Frames

    func frame(_ message: BKVMessage, sequence: UInt32 = 0) -> PileFrame {
        // A gateway's own messages always fit into a frame.
        let frame = try? BKVFrame(message, isFromDevice: true, gateway: settings.gateway, sequence: sequence)
        guard let frame, let bytes = try? frame.encoded() else { return PileFrame([], command: message.number) }
        return PileFrame(bytes, command: message.number, fields(of: message, sequence: sequence))
    }

    func send(_ message: BKVMessage, sequence: UInt32 = 0, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        line.send(frame(message, sequence: sequence), &core, at: now)
    }

    package mutating func received(_ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        decoder.append(bytes)
        while let item = decoder.next() {
            switch item {
            case .frame(let frame, let bytes, _): received(frame, bytes, &core, &line, at: now)
            case .native(_, let bytes, _), .malformed(_, let bytes, _): line.refused("native", bytes)
            case .refused(let fault, let bytes, _): line.refused(fault.word, bytes)
            case .skipped(let bytes, _): line.refused("garbage", bytes)
            }
            if core.hasFlashLostPower || line.restart != nil { return }
        }
    }

    private mutating func received(_ frame: BKVFrame, _ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        guard !frame.isFromDevice else { return line.refused("direction", bytes) }
        guard frame.gateway == settings.gateway else { return line.refused("gateway", bytes) }
        guard let content = try? frame.content() else { return line.refused("malformed", bytes) }
        guard line.accept(command: content.message.number, bytes, fields(of: content.message, sequence: frame.sequence), &core, at: now) else { return }
        handle(content.message, frame.sequence, &core, &line, at: now)
    }

    // MARK: Agenda

    package mutating func due(_ item: PileAgenda.Item, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch item.code {
        case PileAgenda.Item.bkvHeartbeat.code: heartbeat(&core, &line, at: now)
        case PileAgenda.Item.bkvConnected.code:
            let time = BKVTime(unixSeconds: core.clock.seconds(at: now))
            let record = BKVRecord(connected: time, word: 0x3111, gateway: settings.gateway, socket: firstSocket)
            send(.record(record), &core, &line, at: now)
        case PileAgenda.Item.bkvStatus.code: statusDue(&core, &line, at: now)
        case PileAgenda.Item.bkvEnd.code: endDue(&core, &line, at: now)
        case PileAgenda.Item.bkvClose.code: line.wantsClose = true
        case PileAgenda.Item.bkvCarryOut.code: carryOut(item.index, &core, &line, at: now)
        case PileAgenda.Item.bkvReply.code: reply(item.index, &core, &line, at: now)
        case PileAgenda.Item.bkvQuery.code: send(cluster(&core, at: now), &core, &line, at: now)
        case PileAgenda.Item.bkvUpgrade.code: upgraded(&core, &line)
        default: break
        }
    }

    package mutating func happened(_ happening: PileHappening, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant) {
        switch happening {
        case .ended(let bill): ended(bill, &core, at: now)
        case .resumed: core.agenda.set(.bkvStatus, at: now.advanced(by: settings.startStatus))
        case .swiped(let port, let card): swiped(port, card, &core, &line, at: now)
        case .alarm(_, let port, let isRaised): if isRaised { exception(port, &core, &line, at: now) }
        case .plugged, .unplugged, .started, .changed, .truth, .metered, .acknowledged, .temperatureChanged: break
        }
    }

    // MARK: Sockets and ports

    func socket(of port: Int) -> UInt8 { firstSocket &+ UInt8(clamping: port / 2) }
    func wirePort(of port: Int) -> UInt8 { UInt8(port % 2) }

    /// The core's port; `nil` for a socket or port that is not there.
    func port(_ socket: UInt8, _ port: UInt8, _ core: PileCore) -> Int? {
        guard socket >= firstSocket, port < 2 else { return nil }
        let index = Int(socket - firstSocket) * 2 + Int(port)
        return index < core.ports.count ? index : nil
    }

    func sockets(_ core: PileCore) -> Int { (core.ports.count + 1) / 2 }

    // MARK: What is kept

    static let businessSetting: UInt8 = 1
    static let listSetting: UInt8 = 2
    static let parameterSetting: UInt8 = 3
    static let firmwareSetting: UInt8 = 62

    /// The next business number, and how many charges there have been; both survive in flash.
    func nextOrder(_ kind: BKVOrder.Kind, _ core: inout PileCore) -> BKVOrder {
        let kept = core.memory.setting(Self.businessSetting) ?? []
        let count = kept.count == 4 ? kept.reduce(0 as UInt32) { $0 << 8 | UInt32($1) } : 0
        let next = count &+ 1
        try? core.memory.keepSetting(Self.businessSetting, (0..<4).reversed().map { UInt8(truncatingIfNeeded: next >> (8 * UInt32($0))) })
        // 16 bits that never are 0, which stands for no charge.
        return BKVOrder(kind: kind, count: next, business: UInt16((next - 1) % 65_535) + 1)
    }
}

extension PileAgenda.Item {
    static let bkvHeartbeat = PileAgenda.Item(32)
    static let bkvConnected = PileAgenda.Item(33)
    static let bkvStatus = PileAgenda.Item(34)
    static let bkvEnd = PileAgenda.Item(35)
    static let bkvClose = PileAgenda.Item(36)
    static let bkvCarryOut = PileAgenda.Item(37)
    static let bkvReply = PileAgenda.Item(38)
    static let bkvQuery = PileAgenda.Item(39)
    static let bkvUpgrade = PileAgenda.Item(40)

    static func bkvCarryOut(_ number: UInt8) -> PileAgenda.Item { PileAgenda.Item(37, Int(number)) }
    static func bkvReply(_ number: UInt8) -> PileAgenda.Item { PileAgenda.Item(38, Int(number)) }
}

extension BKVMessage {
    /// One number for events: the KV command, or outer command and sub-command (0x1502 for 0015/02).
    var number: Int {
        if case .record(let record) = self { return Int(record.command) }
        guard let sub else { return Int(command) }
        return Int(command & 0xff) << 8 | Int(sub)
    }
}

extension BKVFrameError {
    /// A word for events.
    var word: String {
        switch self {
        case .checksum: "checksum"
        case .tail: "tail"
        case .length, .tooLong: "length"
        default: "malformed"
        }
    }
}
