import LabCore

/// Why a port of a device may be gone for a while: the lab did something that takes it away. A port that goes without such an excuse was
/// unplugged, or its device has crashed where nobody asked it to; either way the case cannot come to a verdict.
///
/// What takes a device away does so once. A device that goes once more while it is excused is waited for as well, and may pass; but a failure
/// after that is nobody's.
struct Absence {
    private var until = RunInstant.start
    /// What the latest excuse is: a command, or what the bench did.
    private(set) var cause = ""
    /// An update goes through the recovery system: the module comes back more than once.
    private var isUpdate = false
    /// Whether what was done to it has yet to take it away.
    private var isToLeave = false
    private var isAway = true
    /// The end of what the module told last, while it updates itself.
    private var heard: [UInt8] = []
    /// When the last thing was done to it; the start of the run where nothing was.
    private var doneAt = RunInstant.start
    /// The last thing that took it away was to switch it off.
    private var staysAway = false

    /// A module must be back on USB so long after a reset (specs/rg500q.md §5.4).
    private static let reset = Duration.seconds(180)
    /// It is back within 30 s as a rule (the same); twice that is nobody's plan, and as likely a cable as a slow start.
    private static let usual = Duration.seconds(60)
    /// After an update (the same), with its download before.
    private static let update = Duration.seconds(3_600)
    /// A port that has come back may not open, or go once more, for so long: rights are set, other programs look at it (the same).
    let settling: Duration
    /// The part of it that is the machine's, and takes no less where a run is faster than life.
    private static let settlingOfMachine = Duration.seconds(5)
    /// Without a port for so long a module is not about to come back, whatever it was doing (the same).
    static let longestReturn = Duration.seconds(300)

    private static let switchingOff = Array("+QPOWD".utf8)
    /// Commands that make a module leave the bus.
    private static let commands: [(text: [UInt8], isUpdate: Bool)] = [
        (Array("+CFUN=1,1".utf8), false), (switchingOff, false), (Array("+QCFG=\"USB".utf8), false), (Array("+QFOTADL".utf8), true),
    ]

    /// After these an update goes on in the recovery system, or ends, and the module leaves the bus for it (specs/rg500q.md §4.2).
    private static let turningPoints = [#""FOTA","HTTPEND",0"#, #""FOTA","FTPEND",0"#, #""FOTA","END","#].map { Array($0.utf8) }
    /// An update from a server has its download first; one from a file begins at once.
    private static let addresses = [#"="HTTP"#, #"="FTP"#].map { Array($0.utf8) }

    /// Beginnings of the names of what can take a device off the bus.
    private static let doings = ["power", "reset", "reboot", "boot", "port.", "hang", "prepare", "flash"]
    /// Those of them that bring it there, or leave it there, and do not take it away.
    private static let comings = ["power_on", "hang"]

    /// - Parameter speed: run seconds for each real second.
    init(speed: Double = 1) { settling = max(.seconds(15), Self.settlingOfMachine * speed) }

    /// The driver sends these bytes.
    mutating func sent(_ bytes: [UInt8], at now: RunInstant) {
        guard bytes.count < 512 else { return }
        let text = bytes.map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
        for command in Self.commands where text.contains(command.text) {
            isUpdate = isUpdate || command.isUpdate
            staysAway = command.text == Self.switchingOff
            isToLeave = !command.isUpdate || !Self.addresses.contains { text.contains($0) }
            excuse(for: command.isUpdate ? Self.update : Self.reset, at: now)
            cause = "AT" + String(decoding: command.text, as: UTF8.self)
        }
    }

    /// The device says these bytes.
    mutating func received(_ bytes: [UInt8]) {
        guard isUpdate else { return }
        heard += bytes
        guard Self.turningPoints.contains(where: { heard.contains($0) }) else {
            heard = heard.suffix(Self.turningPoints.map(\.count).max() ?? 0)
            return
        }
        heard = []
        isToLeave = true
    }

    /// The bench does something to the device.
    mutating func does(_ name: String, at now: RunInstant) {
        guard Self.doings.contains(where: { name.hasPrefix($0) }) else { return }
        staysAway = false
        if !Self.comings.contains(name) { isToLeave = true }
        excuse(for: Self.reset, at: now)
        cause = "'\(name)'"
    }

    private mutating func excuse(for time: Duration, at now: RunInstant) {
        doneAt = now
        until = max(until, now.advanced(by: time))
    }

    /// Its port is open, or on the bus.
    mutating func isThere() { isAway = false }

    /// Its port is gone, or did not open.
    ///
    /// - Returns: whether that is explained: by what was done to it, or by its being away already.
    mutating func left(at now: RunInstant) -> Bool {
        guard !isAway else { return true }
        isAway = true
        defer { isToLeave = false }
        return isToLeave && until > now
    }

    /// The bus has it again.
    ///
    /// - Returns: how long it took, where that is much more than usual.
    mutating func cameBack(at now: RunInstant) -> Duration? {
        let time = doneAt.duration(to: now)
        defer { settle(at: now) }
        return isAway && !isUpdate && time > Self.usual ? time : nil
    }

    private mutating func settle(at now: RunInstant) {
        isThere()
        isToLeave = false
        if !isUpdate { until = min(until, now.advanced(by: settling)) }
    }

    /// How long the port may stay away from now on; `nil` where it must not.
    func patience(at now: RunInstant) -> Duration? { until > now ? now.duration(to: until) : nil }

    /// How long a device that is away now is to be waited for before anything is said of it; `nil` where it was switched off, or has no excuse.
    func waitForReturn(at now: RunInstant) -> Duration? { staysAway ? nil : patience(at: now).map { min($0, Self.longestReturn) } }
}
