import CloudClient
import LabCore
import WireProtocols

/// How far an update of the module has come, as far as the agent knows; on the host's disk, so that the program may end at any moment.
enum ModuleUpdatePhase: String, Sendable, Comparable, CaseIterable {
    /// The cloud wants it; the module has not been told.
    case offered
    /// `AT+QFOTADL` has gone out. From here on it is not sent again before the module is known to have dropped it.
    case commanded
    /// `HTTPSTART` has come.
    case downloading
    /// `HTTPEND,0` has come: the module starts into its recovery system.
    case downloaded
    /// `START` or `UPDATING` has come.
    case updating
    /// `END` has come: the module starts into its firmware.
    case ended
    /// It answers `AT` again; its version is looked at after a moment.
    case settling

    static func < (left: Self, right: Self) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

/// What the cloud offers (badge protocol, "Check").
struct ModuleUpdateOffer: Sendable, Equatable {
    var execution: String
    /// The module's own word.
    var version: String
    /// Path at the cloud's host, or an address as it stands.
    var address: String
    var isRollback: Bool

    /// `nil` unless it has what an update needs.
    init?(_ fields: Fields) {
        guard let execution = fields["execution_id"]?.text, Self.isWord(execution), let version = fields["version"]?.text,
            Self.isWord(version), let address = fields["download_url"]?.text, !address.isEmpty
        else { return nil }
        self.execution = execution
        self.version = version
        self.address = address
        isRollback = fields["action"]?.text == "rollback"
    }

    private static func isWord(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+")].contains(byte)
                }
            }
    }
}

/// An update under way.
struct ModuleUpdateAttempt: Sendable {
    var offer: ModuleUpdateOffer
    var phase = ModuleUpdatePhase.offered
    /// The furthest before it settled.
    var reached = ModuleUpdatePhase.offered
    /// When the phase began.
    var since: RunInstant
    /// Not before then is the command given again.
    var earliest = RunInstant.start
    /// How often the command was given.
    var tries = 0
    /// The port went away since then.
    var hasVanished = false
    /// `UPDATING` has come: something was written.
    var hasWritten = false
    var percent = 0
    /// Of `END`.
    var code: Int?
    /// Of the last report.
    var sequence: Int64 = 0

    /// The module may be at work: the port is left alone, and the command is not sent again.
    var isInModule: Bool { phase > .offered && phase < .settling }
}

/// How an update ended; kept until the cloud knows, and then as long as the cloud might ask again.
struct ModuleUpdateResult: Sendable, Equatable {
    var execution: String
    var version: String
    /// `succeeded`, `failed`, `rolled_back`, `rejected`, `cancelled`.
    var state: String
    var reason: String?
    /// What ran then.
    var running: String
    var sequence: Int64
    var isAcknowledged = false
    /// The cloud asked for it although it had acknowledged it.
    var isRepeated = false

    /// Results that are remembered. Source: chosen.
    static let kept = 8
}

/// What the running program knows of its talk with the version centre.
struct VersionCentreMemory: Sendable {
    /// What is asked of the cloud, each with a token.
    enum Errand: Sendable, Equatable {
        case check
        /// A state on the way, with a reason where it needs one.
        case report(String, reason: String?)
        case result(execution: String)
    }

    enum Purpose: Sendable, Equatable { case renewal, errand(Errand) }

    var token: String?
    /// Unix seconds.
    var tokenExpiry: Int64 = 0
    var exchange: (token: Token, purpose: Purpose)?
    var errands: [Errand] = []
    var checks = Backoff()
    var reports = Backoff()
    /// Actions `check_update` that wait.
    var actions: [Token] = []
    /// Set after a limit was passed without a word of the module, so that it is told once.
    var isStalled = false
}
