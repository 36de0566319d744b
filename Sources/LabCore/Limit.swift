/// An objective: an entry of `limits:` (sla.md §2).
package struct Limit: Sendable, Equatable {
    /// The id as written, or the text of the requirement.
    package var id: String
    package var location: SourceLocation
    package var text: String?
    package var requirement: Requirement
    /// Holding `requirement` but not this is a pass that is called marginal.
    package var marginal: Requirement?
    package var minimumSamples: MinimumSamples
    /// Two-sided confidence of its intervals, above 0 and below 1.
    package var confidence: Double
    /// The share of good items that `burn` counts against.
    package var target: Double?
    /// What of the lab's own lateness makes it void.
    package var harness: Harness
    package var baseline: Baseline?
    package var budget: Budget?

    package init(
        id: String, location: SourceLocation, text: String? = nil, requirement: Requirement, marginal: Requirement? = nil,
        minimumSamples: MinimumSamples = .auto, confidence: Double = 0.95, target: Double? = nil, harness: Harness = Harness(), baseline: Baseline? = nil,
        budget: Budget? = nil
    ) {
        self.id = id
        self.location = location
        self.text = text
        self.requirement = requirement
        self.marginal = marginal
        self.minimumSamples = minimumSamples
        self.confidence = confidence
        self.target = target
        self.harness = harness
        self.baseline = baseline
        self.budget = budget
    }

    /// All that it requires, as a sentence of its own: `outages(probe) <= 1 and sum(charge) <= 60 %`.
    package var demand: String { budget.map { "\(requirement.source) and sum(charge) <= \(FigureText.share($0.share))" } ?? requirement.source }

    /// sla.md §2.4 rule 2.
    package enum MinimumSamples: Sendable, Equatable {
        /// ceil(10 / (1 − p)) for percentiles; 1 else.
        case auto
        /// ceil(ln((1 − c) / 2) / ln p): so many that an upper end of the interval exists.
        case strict
        case count(Int)
    }

    /// Where the lab's own lateness begins to make a verdict void (sla.md §1.3).
    package struct Harness: Sendable, Equatable {
        /// Of the threshold, 0 to 1; `nil` where a time is written.
        package var sendLagShare: Double?
        /// ns
        package var sendLag: Int64?
        package var planShortfall: Double
        package var loaderCPU: Double
        package var foreignCPU: Double
        package init(sendLagShare: Double? = 0.05, sendLag: Int64? = nil, planShortfall: Double = 0.001, loaderCPU: Double = 0.8, foreignCPU: Double = 0.1) {
            self.sendLagShare = sendLagShare
            self.sendLag = sendLag
            self.planShortfall = planShortfall
            self.loaderCPU = loaderCPU
            self.foreignCPU = foreignCPU
        }
    }

    /// What the objective is compared with beside its own limit (sla.md §2.2).
    package struct Baseline: Sendable, Equatable {
        package enum Against: String, Sendable, CaseIterable { case interleaved, history, pinned }
        package enum Metric: Sendable, Equatable {
            /// Percent in thousandths.
            case percentile(Int)
            case cpuPerRequest
        }

        package var location: SourceLocation
        package var against: Against
        package var metrics: [Metric]
        package var pairs: Int
        /// Pairs are added up to this number while it cannot tell.
        package var pairsMaximum: Int
        package var slice: Duration
        /// δ: the smallest ratio − 1 that matters.
        package var worseBy: Double
        /// ns: differences below it are no news.
        package var atLeast: Int64
        package var alpha: Double
        /// `cannot tell` fails instead of warning.
        package var cannotTellFails: Bool
        /// Accepted runs of the history that it is compared with.
        package var runs: Int

        package init(
            location: SourceLocation, against: Against = .interleaved, metrics: [Metric] = [.percentile(50_000)], pairs: Int = 20,
            pairsMaximum: Int = 60, slice: Duration = .seconds(3), worseBy: Double = 0.05, atLeast: Int64 = 0, alpha: Double = 0.01,
            cannotTellFails: Bool = false, runs: Int = 60
        ) {
            self.location = location
            self.against = against
            self.metrics = metrics
            self.pairs = pairs
            self.pairsMaximum = pairsMaximum
            self.slice = slice
            self.worseBy = worseBy
            self.atLeast = atLeast
            self.alpha = alpha
            self.cannotTellFails = cannotTellFails
            self.runs = runs
        }
    }

    /// How much outage the objective may cost in a period, and what each planned event of it costs (sla.md §2.3 AVAIL-9999).
    package struct Budget: Sendable, Equatable {
        package struct Charge: Sendable, Equatable {
            /// The id of the fault or action whose outage is measured.
            package var event: String
            /// How often it comes in the period.
            package var times: Double
            package init(event: String, times: Double) {
                self.event = event
                self.times = times
            }
        }

        package var period: Duration
        package var allow: Duration
        package var charges: [Charge]
        /// The largest share of the allowance that the charges may take.
        package var share: Double
        package init(period: Duration, allow: Duration, charges: [Charge], share: Double = 1) {
            self.period = period
            self.allow = allow
            self.charges = charges
            self.share = share
        }
    }
}

/// `claim and claim … [for each label] [in every 10s]`
package struct Requirement: Sendable, Equatable {
    /// As written, for reports.
    package var source: String
    package var claims: [Claim]
    package var label: String?
    package var window: Window?
    /// Further claims with a label and a window of their own, joined by `and`; they have no others themselves.
    package var others: [Requirement]

    package init(source: String, claims: [Claim], label: String? = nil, window: Window? = nil, others: [Requirement] = []) {
        self.source = source
        self.claims = claims
        self.label = label
        self.window = window
        self.others = others
    }

    /// The claims of all parts, in the order in which they are written.
    package var allClaims: [Claim] { claims + others.flatMap(\.claims) }

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
        case inFlight, online
        /// From the beginning of a fault until a gauge is back at this share of what it was.
        case recovery(share: Double)
        /// Share of the planned items that were sent; share of them that did not come to a good end, without an answer included; answers
        /// per second.
        case achieved, errors, throughput
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
