package import LabCore

/// The cellular module Quectel RG500Q-EA as a value: four ports on USB, a SIM, a network around it (specs/rg500q.md).
///
/// Its links are its ports: 0 diagnosis (binary, silent here), 1 NMEA, 2 AT, 3 modem, which is a second AT port. `.link(n, .open)` says
/// that a port appears, `.close` that it vanishes. It begins without power and boots at `.poweredOn`. SMS, files and settings are in its
/// flash; SIM, network and place are the world's and stay through everything; the rest is lost with power and at a reset.
package struct CellularModule: Device {
    package static let ports: [LinkName] = [.diagnosis, .nmea, .at, .modem]

    package let setup: ModuleSetup
    package var profile: ModuleProfile { setup.profile }
    /// The module's source of chance: times within their ranges, addresses, noise.
    var generator: SeededGenerator

    /// Settings and messages.
    package internal(set) var flash = VirtualFlash(.moduleSettings)
    /// The file system `UFS:`.
    package internal(set) var disk = ModuleDisk()
    /// What updates have made of the firmware, and the one that is under way; both as the flash has them.
    var installed: InstalledFirmware?
    var job: UpdateJob?

    var network: RadioNetwork
    var card: SIMCard?
    var position: GeographicPosition
    var faults = ModuleFaults()

    package internal(set) var isPowered = false
    /// Switched off by hand or by command: power from outside does not wake it.
    var isSwitchedOff = false
    /// Power was asked for with `.reboot` and is to come.
    var isPowerComing = false
    var hasLostPower = false
    var resetCause = ModuleResetCause.powerOn
    var ram = ModuleMemory()
    /// Numbers of requests go on over resets, so that an answer that comes late is never taken for another.
    var lastToken: UInt32 = 0

    /// - Parameter generator: its own stream of chance, as in `SeededGenerator(seed:, purpose: "module rg500q")`.
    package init(_ setup: ModuleSetup, generator: SeededGenerator) {
        self.setup = setup
        self.generator = generator
        network = setup.network
        card = setup.card
        position = setup.position
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: powerOn(&effects)
        case .powerLost: powerLost(&effects)
        case .action(let token, let name, let arguments):
            effects.append(.finish(token, act(name, arguments, at: now, &effects)))
        case .fault(let name, let arguments, let isActive): fault(name, arguments, isActive, at: now, &effects)
        case _ where !isPowered: break
        case .timerFired(let timer): timerFired(timer, at: now, &effects)
        case .link(let name, .bytes(let bytes)): received(bytes, on: name, at: now, &effects)
        case .answered(let token, let result): answered(token, result, at: now, &effects)
        case .link, .mqtt, .served: break
        }
    }

    private mutating func timerFired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch timer {
        case .usb: portsAppear(at: now, &effects)
        case .start: startStepDue(at: now, &effects)
        case .shutdown: shutDown(&effects)
        case .search: searchEnded(at: now, &effects)
        case .fading: fadeGoesOn(at: now, &effects)
        case .positioning: positioningTick(at: now, &effects)
        case .storm: stormTick(at: now, &effects)
        case .garbage: garbageTick(&effects)
        case .update: if ram.isRecovering { recoveryTick(&effects) } else { downloadTick(at: now, &effects) }
        default:
            if let port = timer.port(from: .answer) { answerDue(on: port, at: now, &effects) }
            if let port = timer.port(from: .inputLimit) { inputTimedOut(on: port, at: now, &effects) }
            if let port = timer.port(from: .heldBack) { releaseHeldBack(on: port, &effects) }
        }
    }

    /// What runs, as `ATI`, `AT+QGMR` behind the `_`, and `AT+CSUB` say it.
    var firmware: String { installed?.firmware ?? setup.firmware }
    var subVersion: String { installed?.subVersion ?? setup.subVersion }
    var subEdition: String { installed?.subEdition ?? setup.subEdition }

    /// Unix seconds.
    func clock(at now: RunInstant) -> Int64 { setup.epoch &+ now.nanoseconds / 1_000_000_000 }

    /// A time of that length and up to twice it.
    mutating func spread(_ time: Duration) -> Duration {
        let least = max(0, time.nanoseconds)
        return .nanoseconds(generator.nanoseconds(in: least...(least > .max / 2 ? least : 2 * least)))
    }
}

extension LinkName {
    /// Qualcomm's diagnosis: binary, never text.
    package static let diagnosis = LinkName(rawValue: 0)
    package static let nmea = LinkName(rawValue: 1)
    package static let at = LinkName(rawValue: 2)
    package static let modem = LinkName(rawValue: 3)

    /// The word in events, faults and paths.
    package var portLabel: String {
        switch self {
        case .diagnosis: "dm"
        case .nmea: "nmea"
        case .at: "at"
        case .modem: "modem"
        default: "link\(rawValue)"
        }
    }
}

extension TimerName {
    static let usb = TimerName(rawValue: 1)
    static let start = TimerName(rawValue: 2)
    static let shutdown = TimerName(rawValue: 3)
    static let search = TimerName(rawValue: 4)
    static let fading = TimerName(rawValue: 5)
    static let positioning = TimerName(rawValue: 6)
    static let storm = TimerName(rawValue: 7)
    static let garbage = TimerName(rawValue: 8)
    static let update = TimerName(rawValue: 9)
    /// One for each port, from here on.
    static let answer = TimerName(rawValue: 100)
    static let inputLimit = TimerName(rawValue: 110)
    static let heldBack = TimerName(rawValue: 120)

    func on(_ port: LinkName) -> TimerName { TimerName(rawValue: rawValue + UInt16(port.rawValue)) }

    func port(from base: TimerName) -> LinkName? {
        guard rawValue >= base.rawValue, rawValue - base.rawValue < UInt16(CellularModule.ports.count) else { return nil }
        return LinkName(rawValue: UInt8(rawValue - base.rawValue))
    }
}
