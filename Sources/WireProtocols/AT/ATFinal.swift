/// The line that ends an answer (3GPP TS 27.007 §9, TS 27.005 §3.2.5, ITU-T V.250 §5.7; rg500q.md §2.1).
package enum ATFinal: Sendable, Hashable {
    case ok
    /// Without a number: unknown commands, and everything under `AT+CMEE=0`.
    case error
    case failure(ATError)
    /// Bytes follow, or are awaited; with what the module says behind the word.
    case connect(String)
    case noCarrier
    case noDialtone
    case busy
    case noAnswer
    case sendOK
    case sendFailed

    /// Reads a whole line; `nil` if it is no final result.
    package init?(_ line: some StringProtocol) {
        switch line {
        case "OK": self = .ok
        case "ERROR": self = .error
        case "NO CARRIER": self = .noCarrier
        case "NO DIALTONE": self = .noDialtone
        case "BUSY": self = .busy
        case "NO ANSWER": self = .noAnswer
        case "SEND OK": self = .sendOK
        case "SEND FAIL": self = .sendFailed
        case "CONNECT": self = .connect("")
        default:
            if line.hasPrefix("CONNECT ") {
                self = .connect(String(line.dropFirst(8)))
            } else if let failure = ATError(line) {
                self = .failure(failure)
            } else {
                return nil
            }
        }
    }

    /// The command did what it should, or goes on with bytes.
    package var isSuccess: Bool {
        switch self {
        case .ok, .sendOK, .connect: true
        default: false
        }
    }

    /// Only commands that dial, or that were given bytes, end so; for all others these lines are unsolicited.
    var needsCall: Bool {
        switch self {
        case .noCarrier, .noDialtone, .busy, .noAnswer: true
        default: false
        }
    }

    /// As the module writes it.
    package var text: String {
        switch self {
        case .ok: "OK"
        case .error: "ERROR"
        case .failure(let error): error.description
        case .connect(let rest): rest.isEmpty ? "CONNECT" : "CONNECT \(rest)"
        case .noCarrier: "NO CARRIER"
        case .noDialtone: "NO DIALTONE"
        case .busy: "BUSY"
        case .noAnswer: "NO ANSWER"
        case .sendOK: "SEND OK"
        case .sendFailed: "SEND FAIL"
        }
    }
}
