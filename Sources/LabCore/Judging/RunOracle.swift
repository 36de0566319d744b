/// Judges a whole run by a calculation of its own: what laws and steps cannot say, such as that every order costs what its true energy costs.
///
/// It sees what a judge sees, the plan and the events, so a stored log gives the same report again.
package protocol RunOracle: Sendable {
    /// - Returns: `nil` where there is nothing in the scenario that it judges.
    func judge(plan: Plan, events: [RunEvent]) -> OracleReport?
}

/// What an oracle found in one run.
package struct OracleReport: Sendable, Equatable {
    /// Something that is not as it must be.
    package struct Violation: Sendable, Equatable {
        /// One sentence with the numbers that do not agree.
        package var sentence: String
        /// The event at which it shows.
        package var sequence: Int?
        package var node: String?

        package init(_ sentence: String, sequence: Int? = nil, node: String? = nil) {
            self.sentence = sentence
            self.sequence = sequence
            self.node = node
        }
    }

    /// Things that could not be judged, and why.
    package struct Gap: Sendable, Equatable {
        package var reason: String
        package var count: Int

        package init(reason: String, count: Int) {
            self.reason = reason
            self.count = count
        }
    }

    /// The oracle's name: `charging`.
    package var oracle: String
    /// What was compared, one of them: `order`.
    package var noun: String
    package var judged: Int
    package var violations: [Violation]
    package var gaps: [Gap]

    package init(oracle: String, noun: String, judged: Int = 0, violations: [Violation] = [], gaps: [Gap] = []) {
        self.oracle = oracle
        self.noun = noun
        self.judged = judged
        self.violations = violations
        self.gaps = gaps
    }

    /// `14 orders compared; not judged: 2 × order that is not over`
    package var text: String {
        let left = gaps.map { "\($0.count) × \($0.reason)" }.joined(separator: ", ")
        return "\(judged) \(noun)\(judged == 1 ? "" : "s") compared" + (left.isEmpty ? "" : "; not judged: \(left)")
    }
}

extension Plan {
    /// A scenario whose world lies to the cloud in ways that no cloud could see through says so, and says why in its `about`.
    package static let oracleExemption = "oracle-exempt"
}
