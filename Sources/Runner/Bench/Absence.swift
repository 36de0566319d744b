import LabCore

/// Why a port of a device may be gone for a while: the lab did something that takes it away. A port that goes without such an excuse was
/// unplugged, or its device has crashed where nobody asked it to; either way the case cannot come to a verdict.
struct Absence {
    private var until = RunInstant.start
    /// How often the port may still come back before the excuse is used up.
    private var returns = 0

    /// A module must be back on USB so long after a reset (specs/rg500q.md §5.4).
    private static let reset = Duration.seconds(180)
    /// After an update (the same); with its download before.
    private static let update = Duration.seconds(3_600)

    /// Commands that make a module leave the bus, and how often it comes back: an update goes through the recovery system.
    private static let commands: [(text: [UInt8], time: Duration, returns: Int)] = [
        (Array("+CFUN=1,1".utf8), reset, 1), (Array("+QPOWD".utf8), reset, 1), (Array("+QCFG=\"USB".utf8), reset, 1), (Array("+QFOTADL".utf8), update, 2),
    ]

    /// Beginnings of the names of what can take a device off the bus.
    private static let doings = ["power", "reset", "reboot", "boot", "port.", "hang", "prepare", "flash"]

    /// The driver sends these bytes.
    mutating func sent(_ bytes: [UInt8], at now: RunInstant) {
        guard bytes.count < 512 else { return }
        let text = bytes.map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
        for command in Self.commands where text.contains(command.text) { excuse(for: command.time, returns: command.returns, at: now) }
    }

    /// The bench does something to the device.
    mutating func does(_ name: String, at now: RunInstant) {
        if Self.doings.contains(where: { name.hasPrefix($0) }) { excuse(for: Self.reset, returns: 1, at: now) }
    }

    private mutating func excuse(for time: Duration, returns: Int, at now: RunInstant) {
        until = max(until, now.advanced(by: time))
        self.returns = max(self.returns, returns)
    }

    mutating func cameBack(at now: RunInstant) {
        guard returns > 0 else { return }
        returns -= 1
        if returns == 0 { until = now }
    }

    /// How long the port may stay away from now on; `nil` where it must not.
    func patience(at now: RunInstant) -> Duration? {
        until > now ? now.duration(to: until) : nil
    }
}
