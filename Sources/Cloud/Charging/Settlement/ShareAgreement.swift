package import LabCore

/// Who gets what part of an operator's month. Its versions are never changed: a month is shared by the version that counted when it began.
package struct ShareAgreement: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        package var party: String
        /// Hundredths of a percent.
        package var basisPoints: Int64
        package init(party: String, basisPoints: Int64) {
            self.party = party
            self.basisPoints = basisPoints
        }
    }

    /// In the order by which ties of the split are decided.
    package let parts: [Part]

    package static let whole: Int64 = 10_000
    package static let maximumParts = 16

    /// - Throws: `SharesError.agreement` unless 1 to 16 parties with different names have 10,000 basis points together.
    package init(_ parts: [Part]) throws(SharesError) {
        guard (1...Self.maximumParts).contains(parts.count) else { throw .agreement("write 1 to \(Self.maximumParts) parties") }
        for part in parts {
            guard (1...64).contains(part.party.utf8.count) else { throw .agreement("a party needs a name of 1 to 64 bytes") }
            guard (0...Self.whole).contains(part.basisPoints) else {
                throw .agreement("\(part.basisPoints) basis points of '\(part.party)' are not from 0 to \(Self.whole)")
            }
        }
        guard Set(parts.map(\.party)).count == parts.count else { throw .agreement("a party is there twice") }
        let sum = parts.reduce(0) { $0 + $1.basisPoints }
        guard sum == Self.whole else { throw .agreement("the parts are \(sum) basis points; write \(Self.whole) in all, which is 100 percent") }
        self.parts = parts
    }

    /// Reads `[{party, basis_points}, …]`.
    package init(list: [FieldValue]) throws(SharesError) {
        var parts: [Part] = []
        for item in list.prefix(Self.maximumParts + 1) {
            guard let record = item.record, let party = record["party"]?.text, let points = record["basis_points"]?.integer else {
                throw .agreement("write each part as {party: NAME, basis_points: 0 to \(Self.whole)}")
            }
            parts.append(Part(party: party, basisPoints: points))
        }
        try self.init(parts)
    }

    package var list: [FieldValue] { parts.map { ["party": .text($0.party), "basis_points": .integer($0.basisPoints)] } }

    /// The amount in parts that add up to it.
    package func split(_ fen: Int64) -> [Int64] { LargestRemainder.split(fen, by: parts.map(\.basisPoints)) }
}

package enum SharesError: Error, Sendable, Equatable, CustomStringConvertible {
    case agreement(String)
    /// Not of the form `2026-01`.
    case month(String)
    case monthNotOver(String)
    case noAgreement(operatorID: String, month: String)
    /// A new agreement for a month that is already shared, or that an agreement of a later month precedes.
    case monthTaken(String)

    package var description: String {
        switch self {
        case .agreement(let reason): "The agreement on shares is wrong: \(reason)."
        case .month(let month): "'\(month.prefix(20))' is no month. Write it as 2026-01."
        case .monthNotOver(let month): "The month \(month) is not over. Share it when it is."
        case .noAgreement(let operatorID, let month): "Operator \(operatorID) has no agreement on shares for \(month). Make one first."
        case .monthTaken(let month): "The month \(month) is shared already, or a later agreement is there. Let the new one begin later."
        }
    }
}
