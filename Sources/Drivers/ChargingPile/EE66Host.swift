package import LabCore
import WireProtocols

/// The host of an EE/66 board: the lab stands where the pile's module stood. It asks the board on the serial line (9600 8N1), and is a DNY
/// pile towards the cloud's gateway: 20 and 21 go up, 82 becomes 02 and 0B, the board's 05 becomes 03.
///
/// The board measures no energy that it tells: the host sums it up from the power in 06, or counts amounts of 0.01 kWh down. A DL/T 645
/// meter beside the board, on a line of its own, puts right what the power in 06 gets wrong.
/// A bill is on the host's disk before the board hears that its end was taken.
package struct EE66Host: Device {
    let settings: EE66HostSettings
    /// Unix seconds at the start of the run, by the host's clock.
    let epoch: Int64
    var disk = EE66HostDisk()
    var uplink: PileUplink
    var isRunning = false
    var isSerialOpen = false

    // The board
    var boardDecoder = EE66StreamDecoder()
    var jobs: [EE66Job] = []
    var isAsking = false
    /// By port, from 0.
    var states: [EE66States.State]

    /// The meter beside the board; `nil` where there is none.
    var meter: BoardMeter?

    // The cloud
    var gatewayDecoder = DNYStreamDecoder()
    var registrationID: UInt16?
    var isRegistered = false
    var clockOffset: Int64 = 0
    /// Answers to commands that came already, so that a repetition changes nothing.
    var answered: [(messageID: UInt16, answer: DNYChargeAnswer)] = []
    /// Cards whose balance the cloud was asked for: message ID, session of the board, number.
    var cards: [(messageID: UInt16, session: String, query: EE66CardQuery)] = []
    var lastReports: [RunInstant?]

    package init(_ settings: EE66HostSettings, epoch: Int64) {
        self.settings = settings
        self.epoch = epoch
        uplink = PileUplink(settings.uplink)
        states = Array(repeating: .idle, count: settings.ports)
        meter = settings.meter.map { BoardMeter(address: $0) }
        lastReports = Array(repeating: nil, count: settings.ports)
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: if disk.wasRunning { start(&effects) }
        case .powerLost: forget()
        case .action(let token, "driver.start", _):
            start(&effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, "driver.stop", _):
            stop(&effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, let name, _): effects.append(.finish(token, .failure(ActionFailure("unknown_action", "A host has no action '\(name)'."))))
        case _ where !isRunning: break
        case .timerFired(let timer): fired(timer, at: now, &effects)
        case .link(PileDriverLink.serial, let event): serial(event, at: now, &effects)
        case .link(PileDriverLink.gateway, let event): gateway(event, at: now, &effects)
        case .link(PileDriverLink.meter, let event): meterLine(event, at: now, &effects)
        case .link, .mqtt, .answered, .served, .fault: break
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard query == "driver" else { return .failure(ActionFailure("unknown_query", "A host has no query '\(query)'.")) }
        return .success([
            "running": .bool(isRunning), "serial": .bool(isSerialOpen), "connected": .bool(uplink.isOpen),
            "orders": .integer(Int64(disk.orders.count)), "bills": .integer(Int64(disk.bills.count)),
        ])
    }

    // MARK: Start and stop

    private mutating func start(_ effects: inout [DeviceEffect]) {
        guard !isRunning else { return }
        isRunning = true
        disk.wasRunning = true
        effects.append(.link(PileDriverLink.serial, .open))
        if meter != nil { effects.append(.link(PileDriverLink.meter, .open)) }
    }

    private mutating func stop(_ effects: inout [DeviceEffect]) {
        guard isRunning else { return }
        uplink.leave(&effects)
        effects.append(.link(PileDriverLink.serial, .close))
        if meter != nil { effects.append(.link(PileDriverLink.meter, .close)) }
        for timer in Self.timers { effects.append(.cancelTimer(timer)) }
        forget()
        disk.wasRunning = false
    }

    /// What is not on the disk is gone.
    private mutating func forget() {
        let kept = disk
        self = EE66Host(settings, epoch: epoch)
        disk = kept
        for place in disk.bills.indices { disk.bills[place].count = 0 }
    }

    private static let timers: [TimerName] = [
        .serialReopen, .boardAnswer, .boardPoll, .boardSilence, .dnyRegistration, .dnyHeartbeat, .dnyBill, .meterAnswer, .meterReopen,
    ]

    private mutating func fired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch timer {
        case .serialReopen: effects.append(.link(PileDriverLink.serial, .open))
        case .boardAnswer: boardTimedOut(at: now, &effects)
        case .boardPoll: look(at: now, &effects)
        case .boardSilence: boardFellSilent(at: now, &effects)
        case .dnyRegistration: if !isRegistered { register(&effects) }
        case .dnyHeartbeat: heartbeat(&effects)
        case .dnyBill: sendBills(at: now, &effects)
        case .meterReopen: effects.append(.link(PileDriverLink.meter, .open))
        case .meterAnswer: meterTimedOut(&effects)
        default: _ = uplink.timerFired(timer, at: now, &effects)
        }
    }

    func unix(_ now: RunInstant) -> Int64 { epoch + clockOffset + now.nanoseconds / 1_000_000_000 }

    static func number(_ port: Int) -> FieldValue { .integer(Int64(port) + 1) }
}

extension TimerName {
    static let boardAnswer = TimerName(rawValue: 10)
    static let boardPoll = TimerName(rawValue: 11)
    static let boardSilence = TimerName(rawValue: 12)
    static let dnyRegistration = TimerName(rawValue: 13)
    static let dnyHeartbeat = TimerName(rawValue: 14)
    static let dnyBill = TimerName(rawValue: 15)
}
