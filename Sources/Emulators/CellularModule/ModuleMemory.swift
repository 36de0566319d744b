import LabCore
import WireProtocols

/// Why the module boots.
enum ModuleResetCause: String, Sendable, CaseIterable {
    case powerOn = "power_on"
    /// `AT+CFUN=1,1`.
    case command
    /// The reset line, pulled by the action `reset`.
    case line
    /// `AT+QFOTADL`: into the recovery system and out of it.
    case update
}

/// What the running firmware has in RAM.
struct ModuleMemory: Sendable {
    /// A part of the start that comes after the ports.
    enum StartStep: Sendable, Equatable { case card, cardURC, messages, phoneBook }

    struct Start: Sendable {
        var steps: [StartStep] = []
        /// Bits of `AT+QINISTAT`: 1 SIM, 2 SMS, 4 phone book.
        var done = 0
    }

    struct PacketContext: Sendable, Equatable {
        var isActive = false
        /// The APN with which it was activated.
        var accessPoint = ""
        var address: String?
    }

    var store = RecordStore()
    var settings = ModuleSettings()
    var atPorts = [ATPort(.at), ATPort(.modem)]
    /// Ports that are on USB now.
    var openPorts: [LinkName] = []
    /// The ports have appeared once since power or reset.
    var hasBooted = false
    var start = Start()
    /// `AT+CFUN`: 0, 1 or 4.
    var functionality = 1
    var isCardReady = false
    /// The PIN has been given since power.
    var isUnlocked = false
    var isResetting = false
    var isHung = false
    var registration = Registration()
    /// By context number, 1 to 42; only those that were activated.
    var contexts: [Int: PacketContext] = [:]
    var bytesSent: Int64 = 0
    var bytesReceived: Int64 = 0
    var positioning = Positioning()
    var messages = MessageState()
    var files = FileState()
    var update = UpdateWork()
    /// The recovery system runs, or nothing at all: AT is not answered.
    var isRecovering = false
    /// Seconds by which the clock set with `AT+CCLK` differs from the network's.
    var clockOffset: Int64?
    var stormCount = 0
    /// The last that `+QIND: "csq"` said.
    var reportedQuality: Int?
}

/// Faults that are in force; they belong to the world, not to the module's memory.
struct ModuleFaults: Sendable {
    struct Fade: Sendable {
        /// dB.
        var from: Double
        var to: Double
        var begin: RunInstant
        var time: Duration

        func depth(at now: RunInstant) -> Double {
            let passed = begin.duration(to: now).nanoseconds
            guard passed < time.nanoseconds else { return to }
            return from + (to - from) * Double(max(0, passed)) / Double(time.nanoseconds)
        }
    }

    var isCardAbsent = false
    var isDenied = false
    var isCoverageLost = false
    var isHalving = false
    var fade: Fade?
    /// URCs a second.
    var stormRate: Double?
    /// Bursts a second.
    var garbageRate: Double?
    var between: String?
    /// Ports that are away.
    var vanished: [LinkName] = []
    var update = UpdateFaults()
}
