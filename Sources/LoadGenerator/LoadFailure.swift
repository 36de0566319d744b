/// Why a load cannot begin: what, where, and what to do about it.
package struct LoadFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: String, Sendable, Hashable {
        /// The host's name leads nowhere.
        case notFound
        /// A setting, or a request's template, that cannot be.
        case unusable
        /// The system refuses descriptors or ports.
        case exhausted
    }

    package var reason: Reason
    package var detail: String
    package var remedy: String

    package init(_ reason: Reason, _ detail: String, remedy: String = "") {
        self.reason = reason
        self.detail = detail
        self.remedy = remedy
    }

    package var description: String { remedy.isEmpty ? detail : "\(detail); \(remedy)" }
}
