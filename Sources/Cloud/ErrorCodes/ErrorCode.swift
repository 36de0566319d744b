/// One entry of the error-code centre: what a failure is called, how HTTP says it, and what to do about it.
///
/// Numbers and names are part of the interface: they are never given to something else.
package struct ErrorCode: Sendable, Hashable {
    /// The number in the envelope's `code`. 1xxx the request, 2xxx who asks, 3xxx devices, 4xxx configuration,
    /// 5xxx commands, 6xxx firmware, 7xxx charging (71xx stations), 9xxx the cloud itself.
    package let number: Int
    /// The word in `data.error`: `CLOCK_SKEW`.
    package let name: String
    /// The HTTP status.
    package let status: Int
    /// What it means, for `message` where there is nothing more exact to say.
    package let sentence: String
    /// What the caller can do.
    package let remedy: String

    package init(_ number: Int, _ name: String, status: Int, _ sentence: String, remedy: String) {
        self.number = number
        self.name = name
        self.status = status
        self.sentence = sentence
        self.remedy = remedy
    }

    /// Every code, by number. A code that is not here is not documented, and a test says so.
    package static let all: [ErrorCode] = (requestCodes + identityCodes + deviceCodes + firmwareCodes + chargingCodes + stationCodes + paymentCodes + serverCodes).sorted { $0.number < $1.number }

    package static func named(_ name: String) -> ErrorCode? { all.first { $0.name == name } }
    package static func numbered(_ number: Int) -> ErrorCode? { all.first { $0.number == number } }
}
