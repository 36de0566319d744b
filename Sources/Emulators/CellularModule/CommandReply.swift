import LabCore
import WireProtocols

/// What a command does at once, or asks for.
enum CommandReply: Sendable {
    /// Information lines, then the final result.
    case done([String], ModuleResult)
    /// Raw bytes between `CONNECT` and the end, as files are read: the text behind `CONNECT`, the bytes, lines, result.
    case data(String, [UInt8], [String], ModuleResult)
    /// The command is called again after that time, with the stage one higher.
    case wait(Duration)
    /// `> `, then text.
    case prompt(MessageDraft)
    /// `CONNECT`, then bytes.
    case upload(FileUpload)

    static let ok = CommandReply.done([], .ok)
    static let error = CommandReply.done([], .error)
    static func ok(_ lines: String...) -> CommandReply { .done(lines, .ok) }
    static func ok(_ lines: [String]) -> CommandReply { .done(lines, .ok) }
    static func cme(_ number: Int) -> CommandReply { .done([], .equipmentError(number)) }
    static func cms(_ number: Int) -> CommandReply { .done([], .messageError(number)) }

    /// A known command in a form that it has not. Source: byte capture of `AT+CSQ?` on a BG96 (transcript 250).
    static let wrongForm = cme(3)
    /// A value out of range (transcript 119).
    static let wrongValue = cme(50)
}

/// A command as its handler sees it.
struct CommandCall: Sendable {
    var command: ModuleCommand
    var port: LinkName
    var now: RunInstant
    /// 0 at first, one higher after each wait.
    var stage: Int

    var form: ModuleCommand.Form { command.form }
    var arguments: [ModuleCommand.Argument] { command.arguments }
    subscript(position: Int) -> ModuleCommand.Argument { command[position] }

    /// The number at a place, or the default where nothing is written; `nil` for anything else, or out of range.
    func number(_ position: Int, in range: ClosedRange<Int>, default value: Int? = nil) -> Int? {
        if self[position] == .absent { return value }
        guard let number = self[position].number, range.contains(number) else { return nil }
        return number
    }
}

/// A command that a profile has: how it is named and what it does.
struct CommandEntry: Sendable {
    typealias Handler = @Sendable (inout CellularModule, CommandCall, inout [DeviceEffect]) -> CommandReply

    /// What must be there for it.
    enum Need: Sendable {
        case nothing
        /// A SIM in the slot that is ready and unlocked; else `+CME ERROR: 10`, 14 or 11, and 13 with the radio off.
        case card
        /// The same for messages: `+CMS ERROR` 310, 314, 311, 313.
        case messageCard
    }

    let name: String
    let need: Need
    let handler: Handler

    init(_ name: String, needs need: Need = .nothing, _ handler: @escaping Handler) {
        self.name = name
        self.need = need
        self.handler = handler
    }

    /// A command with fixed answers; a form without one is refused.
    init(_ name: String, test: [String]? = nil, read: [String]? = nil, execute: [String]? = nil, write: [String]? = nil) {
        self.init(name) { _, call, _ in
            let lines: [String]? =
                switch call.form {
                case .test: test
                case .read: read
                case .execute: execute
                case .write: write
                }
            return lines.map { .ok($0) } ?? .wrongForm
        }
    }

    /// A command that keeps whole numbers until the next reset and shows them: `+CLIP: 0`.
    init(_ name: String, keeps ranges: [ClosedRange<Int>], default values: [Int], test: String? = nil) {
        let shown = test ?? ranges.map { "(\($0.lowerBound)\($0.count == 1 ? "" : "-\($0.upperBound)"))" }.joined(separator: ",")
        self.init(name) { module, call, _ in
            let current = module.ram.settings.numbers[name] ?? values
            switch call.form {
            case .test: return .ok("\(name): \(shown)")
            case .read: return .ok("\(name): \(current.map(String.init).joined(separator: ","))")
            case .execute: return .ok
            case .write:
                guard call.arguments.count <= ranges.count else { return .wrongValue }
                var next = current
                for (position, range) in ranges.enumerated() where position < call.arguments.count {
                    guard let number = call.number(position, in: range, default: next[position]) else { return .wrongValue }
                    next[position] = number
                }
                module.ram.settings.numbers[name] = next
                return .ok
            }
        }
    }
}
