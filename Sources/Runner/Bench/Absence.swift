import LabCore

/// Why a port of a device may be gone for a while: the lab did something that takes it away. A port that goes without such an excuse was
/// unplugged, or its device has crashed where nobody asked it to; either way the case cannot come to a verdict.
struct Absence {
    private var until = RunInstant.start
    /// An update goes through the recovery system: the module comes back more than once.
    private var isUpdate = false
    /// The last thing that took it away was to switch it off.
    private var staysAway = false

    /// A module must be back on USB so long after a reset (specs/rg500q.md §5.4).
    private static let reset = Duration.seconds(180)
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

    /// Beginnings of the names of what can take a device off the bus.
    private static let doings = ["power", "reset", "reboot", "boot", "port.", "hang", "prepare", "flash"]

    /// - Parameter speed: run seconds for each real second.
    init(speed: Double = 1) { settling = max(.seconds(15), Self.settlingOfMachine * speed) }

    /// The driver sends these bytes.
    mutating func sent(_ bytes: [UInt8], at now: RunInstant) {
        guard bytes.count < 512 else { return }
        let text = bytes.map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
        for command in Self.commands where text.contains(command.text) {
            isUpdate = isUpdate || command.isUpdate
            staysAway = command.text == Self.switchingOff
            excuse(for: command.isUpdate ? Self.update : Self.reset, at: now)
        }
    }

    /// The bench does something to the device.
    mutating func does(_ name: String, at now: RunInstant) {
        guard Self.doings.contains(where: { name.hasPrefix($0) }) else { return }
        staysAway = false
        excuse(for: Self.reset, at: now)
    }

    private mutating func excuse(for time: Duration, at now: RunInstant) { until = max(until, now.advanced(by: time)) }

    mutating func cameBack(at now: RunInstant) {
        if !isUpdate { until = min(until, now.advanced(by: settling)) }
    }

    /// How long the port may stay away from now on; `nil` where it must not.
    func patience(at now: RunInstant) -> Duration? { until > now ? now.duration(to: until) : nil }

    /// How long a device that is away now is to be waited for before anything is said of it; `nil` where it was switched off, or has no excuse.
    func waitForReturn(at now: RunInstant) -> Duration? { staysAway ? nil : patience(at: now).map { min($0, Self.longestReturn) } }
}
