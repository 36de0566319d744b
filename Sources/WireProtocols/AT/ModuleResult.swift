/// How a command ended, as a module says it (ITU-T V.250 §5.7.1, 3GPP TS 27.007 §9.2, TS 27.005 §3.2.5).
package enum ModuleResult: Sendable, Equatable {
    case ok
    case error
    /// `+CME ERROR`, said as AT+CMEE wants it.
    case equipmentError(Int)
    /// `+CMS ERROR`, always with its number or text.
    case messageError(Int)
    case connect
    case noCarrier

    /// The number that stands for it after ATV0.
    package var number: Int {
        switch self {
        case .ok: 0
        case .connect: 1
        case .noCarrier: 3
        case .error, .equipmentError, .messageError: 4
        }
    }
}

/// How a port writes answers: ATV, ATQ and AT+CMEE.
///
/// Information is `CR LF line CR LF line … CR LF` with one CR LF between lines, the final result `CR LF OK CR LF`
/// (specs/rg500q.md §5.1, from byte captures).
package struct ModuleRendering: Sendable, Equatable {
    package enum ErrorForm: Int, Sendable, CaseIterable {
        /// Plain `ERROR`.
        case plain = 0
        case number = 1
        case text = 2
    }

    /// ATV1: words and not numbers.
    package var isVerbose = true
    /// ATQ1: no final results.
    package var isQuiet = false
    /// AT+CMEE.
    package var errors = ErrorForm.number

    package init() {}

    package func information(_ lines: [String]) -> [UInt8] {
        if lines.isEmpty { return [] }
        return Array((isVerbose ? "\r\n" : "").utf8) + lines.flatMap { Array($0.utf8) + [0x0d, 0x0a] }
    }

    package func final(_ result: ModuleResult) -> [UInt8] {
        if isQuiet { return [] }
        return Array((isVerbose ? "\r\n\(words(result))\r\n" : "\(result.number)\r").utf8)
    }

    package static func unsolicited(_ text: String) -> [UInt8] { Array("\r\n\(text)\r\n".utf8) }

    /// The prompt for text: a blank and no line end.
    package static let prompt: [UInt8] = Array("\r\n> ".utf8)

    private func words(_ result: ModuleResult) -> String {
        switch result {
        case .ok: "OK"
        case .error: "ERROR"
        case .connect: "CONNECT"
        case .noCarrier: "NO CARRIER"
        case .equipmentError(let number):
            switch errors {
            case .plain: "ERROR"
            case .number: "+CME ERROR: \(number)"
            case .text: "+CME ERROR: \(ATError.meaning(of: number, .equipment) ?? String(number))"
            }
        case .messageError(let number):
            errors == .text ? "+CMS ERROR: \(ATError.meaning(of: number, .message) ?? String(number))" : "+CMS ERROR: \(number)"
        }
    }
}
