package import LabCore

/// A refusal or a failure that the caller is told: it becomes the envelope with the code's number and status.
package struct APIError: Error, Sendable, Equatable, CustomStringConvertible {
    package var code: ErrorCode
    /// One sentence: what failed and what to do. Never a stack trace, a path of the machine or SQL.
    package var message: String
    /// Further fields of `data`, beside `error`.
    package var details: Fields
    package var headers: [HTTPCall.Header]

    /// - Parameter message: the code's own sentence where `nil`.
    package init(_ code: ErrorCode, _ message: String? = nil, details: Fields = [:], headers: [HTTPCall.Header] = []) {
        self.code = code
        self.message = message ?? code.sentence
        self.details = details
        self.headers = headers
    }

    /// `INVALID_FIELD` with the field's name.
    package static func invalidField(_ name: String, _ message: String) -> APIError {
        APIError(.invalidField, message, details: ["field": .text(name)])
    }

    package var description: String { "\(code.name) (\(code.status)): \(message)" }
}
