/// An objective: an entry of `limits:` (sla.md §2).
package struct Limit: Sendable, Equatable {
    /// The id as written, or the text of the requirement.
    package var id: String
    package var location: SourceLocation
    package var text: String?
    package var requirement: Requirement
    /// Holding `requirement` but not this is a pass that is called marginal.
    package var marginal: Requirement?
    package var minimumSamples: Int?

    package init(
        id: String, location: SourceLocation, text: String? = nil, requirement: Requirement, marginal: Requirement? = nil,
        minimumSamples: Int? = nil
    ) {
        self.id = id
        self.location = location
        self.text = text
        self.requirement = requirement
        self.marginal = marginal
        self.minimumSamples = minimumSamples
    }
}

/// `claim and claim … [for each label] [in every 10s]`
package struct Requirement: Sendable, Equatable {
    /// As written, for reports.
    package var source: String
    package var claims: [Claim]
    package var label: String?
    package var window: Window?

    package init(source: String, claims: [Claim], label: String? = nil, window: Window? = nil) {
        self.source = source
        self.claims = claims
        self.label = label
        self.window = window
    }

    package struct Window: Sendable, Equatable {
        package var length: Duration
        /// The share of windows in which the claims must hold; 1 for `in every`.
        package var share: Double
        package init(length: Duration, share: Double = 1) {
            self.length = length
            self.share = share
        }
    }

    /// `p99(heartbeat where route=/health) < 150ms`, or `registered.latency <= 2s`.
    package struct Claim: Sendable, Equatable {
        package var statistic: Statistic
        /// The measurement: `registered.latency`, `heartbeat`, a saved number.
        package var measurement: String
        package var labels: [Label]
        package var comparison: Comparison
        package var threshold: Quantity

        package init(
            statistic: Statistic, measurement: String, labels: [Label] = [], comparison: Comparison, threshold: Quantity
        ) {
            self.statistic = statistic
            self.measurement = measurement
            self.labels = labels
            self.comparison = comparison
            self.threshold = threshold
        }
    }

    package struct Label: Sendable, Equatable {
        package var name: String
        package var value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package enum Statistic: Sendable, Equatable {
        /// A bare measurement: the worst of its samples in the sense of the comparison.
        case worst
        /// Percent as an exact decimal in thousandths: p99.95 is 99950.
        case percentile(thousandths: Int)
        case max, mean, count, rate, minRate, ratio, lost, duplicates, outOfOrder, availability, outages, longestOutage
        case recovery, inFlight, online
        /// Share of samples below the value.
        case shareBelow(Quantity)
        case burn(long: Duration, short: Duration)
    }

    package enum Comparison: String, Sendable, Equatable {
        case less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">=", equal = "="
    }

    /// A number with its unit; times in nanoseconds, shares as a fraction, rates per second.
    package struct Quantity: Sendable, Equatable {
        package enum Dimension: Sendable, Equatable { case plain, time, share, rate }
        package var dimension: Dimension
        package var value: Double
        /// As written.
        package var source: String
        package init(dimension: Dimension, value: Double, source: String) {
            self.dimension = dimension
            self.value = value
            self.source = source
        }
    }
}
