package import LabCore

/// The two links of a program that stands where a pile's modem stood.
package enum PileDriverLink {
    /// The serial port of the board, or of the bus.
    package static let serial = LinkName(rawValue: 1)
    /// The serial port of the meter beside a board.
    package static let meter = LinkName(rawValue: 2)
    /// The TCP connection to the cloud's gateway.
    package static let gateway = LinkName(rawValue: 0)
    /// From a port that is not there to the next look. Source: chosen.
    static let reopenPause = Duration.milliseconds(200)
}

/// How a program holds its connection to the cloud's gateway.
package struct PileUplinkSettings: Sendable, Equatable {
    /// 20 characters that a DNY module sends first on each connection (charging-protocols.md 4.2); `nil` sends nothing.
    package var iccid: String?
    /// Silence in both directions after which `link` is sent; `nil` never sends it.
    package var linkAfter: Duration?
    /// From the end of a connection, or a refusal, to the next attempt, while the board is silent.
    package var reconnect: Duration

    package init(iccid: String? = nil, linkAfter: Duration? = nil, reconnect: Duration = .seconds(5)) {
        self.iccid = iccid
        self.linkAfter = linkAfter
        self.reconnect = reconnect
    }

    /// As the 4G module of a DNY pile does it.
    package static func dny(iccid: String) -> PileUplinkSettings { PileUplinkSettings(iccid: iccid, linkAfter: .seconds(30)) }
    /// As the DTU of a BKV gateway does it: it adds nothing (2.14).
    package static let bkv = PileUplinkSettings(reconnect: .seconds(4))
}

/// The connection to the cloud's gateway: opened while it is wanted, again after each end, with what the module adds by itself.
struct PileUplink: Sendable {
    private enum State { case unwanted, dialling, open, resting }

    let settings: PileUplinkSettings
    private var state = State.unwanted
    private var lastDial = RunInstant.start

    /// From one attempt to the next where the board has something to say. Source: chosen.
    private static let shortestPause = Duration.seconds(1)

    init(_ settings: PileUplinkSettings) { self.settings = settings }

    var isOpen: Bool { state == .open }

    mutating func want(at now: RunInstant, _ effects: inout [DeviceEffect]) { if state == .unwanted { dial(at: now, &effects) } }

    private mutating func dial(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        (state, lastDial) = (.dialling, now)
        effects.append(.link(PileDriverLink.gateway, .open))
    }

    /// The board has something to say: between two connections the next one does not wait for its time.
    func hurry(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard state == .resting else { return }
        effects.append(.startTimer(.uplinkReconnect, after: max(.zero, Self.shortestPause - lastDial.duration(to: now))))
    }

    mutating func leave(_ effects: inout [DeviceEffect]) {
        guard state != .unwanted else { return }
        state = .unwanted
        effects += [.link(PileDriverLink.gateway, .close), .cancelTimer(.uplinkReconnect), .cancelTimer(.uplinkSilence)]
    }

    mutating func opened(_ effects: inout [DeviceEffect]) {
        state = .open
        effects.append(.note("gateway.opened", [:]))
        if let iccid = settings.iccid { send(Array(iccid.utf8), &effects) }
        traffic(&effects)
    }

    mutating func closed(_ effects: inout [DeviceEffect]) {
        if isOpen { effects.append(.note("gateway.closed", [:])) }
        effects.append(.cancelTimer(.uplinkSilence))
        guard state != .unwanted else { return }
        state = .resting
        effects.append(.startTimer(.uplinkReconnect, after: settings.reconnect))
    }

    /// - Returns: whether the timer was one of these.
    mutating func timerFired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) -> Bool {
        switch timer {
        case .uplinkReconnect: if state == .resting { dial(at: now, &effects) }
        case .uplinkSilence: if isOpen { send(Array("link".utf8), &effects) }
        default: return false
        }
        return true
    }

    /// Dropped without a connection.
    mutating func send(_ bytes: [UInt8], _ effects: inout [DeviceEffect]) {
        guard isOpen else { return }
        effects.append(.note("bytes.up", ["bytes": .bytes(bytes)]))
        effects.append(.link(PileDriverLink.gateway, .send(bytes)))
        traffic(&effects)
    }

    /// Something went or came: silence is counted anew.
    func traffic(_ effects: inout [DeviceEffect]) {
        if let time = settings.linkAfter { effects.append(.startTimer(.uplinkSilence, after: time)) }
    }
}

extension TimerName {
    static let uplinkReconnect = TimerName(rawValue: 1)
    static let uplinkSilence = TimerName(rawValue: 2)
    static let serialReopen = TimerName(rawValue: 3)
}
