import CloudClient
package import FirmwareImages
package import LabCore

/// A Luna badge as a value: boots, registers, keeps its credentials in flash, and lives on MQTT (badge protocol).
///
/// What it is made of decides what it forgets. `flash` survives everything. The backup domain (reset cause, clock) runs on a coin
/// cell and survives too, as in the MCU's real-time clock. `ram` is replaced whole when power goes or the badge resets.
///
/// Power: a badge begins without power and boots at `.poweredOn` or at the action `boot`. Whenever it resets, or loses power by
/// itself (`flash.cut`, `power_off`), it says so with `.reboot(after:)`, at which the host drops links, requests and timers.
/// `powerLost` and resets finish actions that still wait, with the reason `power_lost`.
package struct Badge: Device {
    package let hardwareVersion: String
    package private(set) var settings: BadgeSettings
    let cloud: BadgeCloudAddress
    /// Unix seconds at the start of the run.
    let epoch: Int64
    /// For the factory tool of the action `boot`; `nil` if the badge cannot get another serial number.
    let factory: BadgeFactory?

    /// The flash of the firmware, with its bootloader.
    package internal(set) var firmware: FirmwareStore
    /// The flash of the settings: sector 0 is the factory's, then comes the store, then the roots of trust (`RootArea`).
    package internal(set) var flash: VirtualFlash
    var backup: BackupDomain
    /// The hardware's source of chance: nonces, jitter, the noise of the sensors.
    var generator: SeededGenerator
    /// The same for updates, so that they do not change what else happens.
    var chance: SeededGenerator
    var faults = BadgeFaults()
    /// Numbers of requests and deliveries go on over resets, so that an answer that comes late is never taken for another.
    var lastToken: UInt32 = 0

    package internal(set) var isPowered = false
    /// Switched off by hand: power from outside does not wake it.
    var isSwitchedOff = false
    /// Power was asked for with `.reboot` and is to come.
    var isPowerComing = false
    /// What the image that ran last says that it is; empty before the first boot.
    package internal(set) var runningVersion = ""
    /// What the running firmware has in memory; a blank one without power.
    var ram = Memory()

    /// A factory-new badge without power.
    ///
    /// - Parameters:
    ///   - firmware: what the factory programmed, with the bootloader that starts it.
    ///   - settings: how it updates itself.
    ///   - factory: lets `boot` write another serial number with the key that belongs to it.
    ///   - epoch: Unix seconds at the start of the run.
    ///   - clockError: seconds by which its clock is ahead (negative: behind).
    ///   - generator: its own stream of chance, as in `SeededGenerator(seed:, purpose: "badge badges#17")`.
    ///   - badSectors: flash sectors that are broken from the start; sector 0 holds the factory data.
    package init(
        identity: BadgeIdentity, firmware: FirmwareStore, settings: BadgeSettings = BadgeSettings(), hardwareVersion: String = "v1.0",
        cloud: BadgeCloudAddress, factory: BadgeFactory? = nil, epoch: Int64, clockError: Int64 = 0, generator: SeededGenerator, badSectors: [Int] = []
    ) {
        self.firmware = firmware
        self.firmware.bugs.formUnion(settings.bugs)
        self.settings = settings
        self.hardwareVersion = hardwareVersion
        self.cloud = cloud
        self.epoch = epoch
        self.factory = factory
        self.generator = generator
        var seeds = generator
        chance = SeededGenerator(seed: seeds.next(), purpose: "updates")
        flash = VirtualFlash(RootArea.geometry, badSectors: badSectors)
        backup = BackupDomain(clockError: clockError)
        // A board whose factory sector is bad leaves the factory all the same, and fails its first boot.
        try? writeFactoryData(identity)
    }

    /// What a bench has checked beforehand, for the many badges that meet the same images and manifests: they compare bytes instead.
    package mutating func remember(_ images: [KnownImage], _ signatures: CheckedSignatures) {
        settings.checked = signatures
        for image in images { firmware.remember(image) }
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        do throws(PowerFailure) {
            try take(input, at: now, &effects)
        } catch { losePowerInFlash(&effects) }
    }

    private mutating func take(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        switch input {
        case .timerFired(.heartbeat): heartbeatDue(at: now, &effects)
        case .poweredOn: try powerOn(at: now, &effects)
        case .powerLost: powerLost(at: now, &effects)
        case .action(let token, let name, let arguments): try act(name, arguments, token, at: now, &effects)
        case .fault(let name, let arguments, let isActive): fault(name, arguments, isActive, at: now, &effects)
        case .timerFired(.bootloader): try bootloaderDone(at: now, &effects)
        case .timerFired(.watchdog): watchdogFired(&effects)
        case _ where !isPowered || ram.isHung || ram.isLoading: break
        case .timerFired(let timer): try timerFired(timer, at: now, &effects)
        case .mqtt(let notice): try notified(notice, at: now, &effects)
        case .answered(let token, let result): try answered(token, result, at: now, &effects)
        case .link, .served: break
        }
    }

    private mutating func timerFired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        switch timer {
        case .selfTest: try selfTestPassed(at: now, &effects)
        case .registration: register(at: now, &effects)
        case .reconnection: reconnect(at: now, &effects)
        case .connectionGuard: connectionTimedOut(at: now, &effects)
        case .moduleRestart: modulesRestarted(at: now, &effects)
        case .reset: resetNow(&effects)
        case .application: crash(&effects)
        case .deadNetwork: try networkIsDead(at: now, &effects)
        case .updateCheck: checkDue(at: now, &effects)
        case .updateNext: try updateNextDue(at: now, &effects)
        case .updateGuard: try lowSpeedDue(at: now, &effects)
        case .updateReport: reportDue(at: now, &effects)
        case .testRound: try testRoundDue(at: now, &effects)
        case .testLimit: try testLimitReached(at: now, &effects)
        default: break
        }
    }

    mutating func answered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard let place = ram.exchanges.firstIndex(where: { $0.token == token }) else { return }
        let exchange = ram.exchanges.remove(at: place)
        if case .success = result { ram.update.test.wasAnswered = true }
        if case .update(let request) = exchange.purpose { return try updateAnswered(request, token, result, at: now, &effects) }
        let answer = CloudAnswer(result)
        switch exchange.purpose {
        case .registration: try registrationAnswered(answer, nonce: exchange.nonce, at: now, &effects)
        case .renewal: try renewalAnswered(answer, nonce: exchange.nonce, at: now, &effects)
        case .call(let action): finish(action, answer.asActionResult, &effects)
        case .update: break
        }
    }

    mutating func nextToken() -> Token {
        lastToken &+= 1
        return Token(rawValue: lastToken)
    }

    /// 16 random bytes in base64url: 22 characters.
    mutating func nonce() -> String { Base64URL.text(generator.bytes(16)) }

    /// What the badge's clock shows, in Unix seconds.
    func clock(at now: RunInstant) -> Int64 {
        let (right, overflow) = epoch.addingReportingOverflow(now.nanoseconds / 1_000_000_000)
        let (shown, carried) = right.addingReportingOverflow(backup.clockError)
        return overflow || carried ? 0 : max(0, shown)
    }

    /// Answers an action, once.
    mutating func finish(_ action: Token, _ result: Result<Fields, ActionFailure>, _ effects: inout [DeviceEffect]) {
        guard let place = ram.actions.firstIndex(of: action) else { return }
        ram.actions.remove(at: place)
        effects.append(.finish(action, result))
    }

    /// Keeps values in flash, all or none.
    ///
    /// - Returns: false if the flash has no room or no good sector; the old values stay.
    /// - Throws: if power goes meanwhile.
    mutating func save(
        _ changes: [(key: RecordStore.Key, value: [UInt8]?)], _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) -> Bool {
        do throws(FlashError) {
            try ram.store.commit(changes, in: &flash)
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            effects.append(.note("flash.failed", ["reason": .text(error.description)]))
            return false
        }
        effects.append(.note("flash.written", ["operation": .integer(Int64(flash.operationCount))]))
        return true
    }

    func load(_ key: RecordStore.Key) -> [UInt8]? { ram.store.value(key, in: flash) }
}

/// Power went away in the middle of a flash operation: nothing else may happen.
struct PowerFailure: Error {}

extension TimerName {
    static let selfTest = TimerName(rawValue: 1)
    static let registration = TimerName(rawValue: 2)
    static let reconnection = TimerName(rawValue: 3)
    static let connectionGuard = TimerName(rawValue: 4)
    static let heartbeat = TimerName(rawValue: 5)
    static let moduleRestart = TimerName(rawValue: 6)
    static let reset = TimerName(rawValue: 7)
    static let watchdog = TimerName(rawValue: 8)
    static let bootloader = TimerName(rawValue: 9)
    static let application = TimerName(rawValue: 10)
    static let deadNetwork = TimerName(rawValue: 11)
    static let updateCheck = TimerName(rawValue: 12)
    static let updateNext = TimerName(rawValue: 13)
    static let updateGuard = TimerName(rawValue: 14)
    static let updateReport = TimerName(rawValue: 15)
    static let testRound = TimerName(rawValue: 16)
    static let testLimit = TimerName(rawValue: 17)
}

extension Fields {
    func text(_ name: String) -> String? { self[name]?.text }
}
