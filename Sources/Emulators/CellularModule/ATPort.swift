import LabCore
import WireProtocols

/// One port that speaks AT: its line editor, its settings, and what it is doing.
struct ATPort: Sendable {
    enum Phase: Sendable {
        /// Waits for a command.
        case command
        /// Carries out a command, or the rest of a line of them.
        case answering
        /// Takes text or bytes for the command.
        case input(ModuleInput)
    }

    let name: LinkName
    var editor = ModuleLineEditor()
    var settings = ATPortSettings()
    var phase = Phase.command
    /// The commands of the line that are not done; the first is in work.
    var commands: [ModuleCommand] = []
    /// After these commands the line has something that is none.
    var endsMalformed = false
    /// How often the first command has asked to wait.
    var stage = 0
    /// For `A/`.
    var lastLine: [UInt8] = []
    /// What came while a command was in work.
    var typedAhead: [UInt8] = []
    /// URCs that must not cut a line.
    var heldBack: [String] = []
    /// When bytes came last.
    var lastInput = RunInstant.start

    /// Source: chosen, several full lines.
    static let typeAheadLimit = 8_192
    static let heldBackLimit = 256

    init(_ name: LinkName) { self.name = name }

    var isAnswering: Bool { if case .command = phase { false } else { true } }
}

/// What a port keeps for itself (specs/rg500q.md §5.2); `AT&W` saves it, `ATZ` and `AT&F` bring it back.
struct ATPortSettings: Sendable, Equatable {
    var hasEcho = true
    var rendering = ModuleRendering()
    /// `AT+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`: 0, 1 or 2, by the command's name.
    var registrationReports: [String: Int] = [:]
    /// Basic settings that are only kept and shown, by name: `X`, `&C`, `&D`, `S0`, ...
    var basics: [String: Int] = [:]
    /// The format of operator names, `AT+COPS=3`: 0 long, 1 short, 2 number.
    var operatorFormat = 0
}

/// Bytes that a command takes after its line.
enum ModuleInput: Sendable {
    /// `AT+CMGS` and `AT+CMGW`: up to 0x1A; 0x1B gives it up.
    case message(MessageDraft, text: [UInt8])
    /// `AT+QFUPL`.
    case upload(FileUpload)
}
