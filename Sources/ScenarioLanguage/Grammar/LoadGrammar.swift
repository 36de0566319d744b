/// Loads, what is measured beside the steps, and objectives (sla.md §2).
extension Grammar {
    // MARK: loads and probes

    private static let good = RecordShape.Key.optional("good", .fields, "Conditions on the answer; without it all answers that are no refusal")

    static let load = verb(
        .load, .reference(.action), "Offers items when the plan says, whatever becomes of those before them", with,
        .optional("each", .list(.fields, atLeast: 1), "Several kinds of items in turn: what each has in place of, or beside, `with`"),
        .required("rate", .scalarOr(.rate, .list(.rate, atLeast: 1)), "Arrivals per time: constant, or points of a line over `for`"),
        .required("for", .duration(), "How long"),
        .optional("arrival", .choice(["even", "poisson"]), "Distances between arrivals; even where this is missing"),
        .optional("count", .integer(1...1_000_000_000, orTemplate: true), "Exactly so many items, spread along the rate line"),
        .optional("seed", .integer(0...Int.max, orTemplate: true), "Of Poisson arrivals; that of the run where this is missing"),
        .optional("timeout", .duration(), "Without an answer for so long an item is unanswered; 10s where this is missing"),
        .optional("warmup", .duration(), "Items of this time from the start are drawn, and not counted"), good, id)

    // MARK: metrics

    private static let every = RecordShape.Key.optional("every", .duration(), "Time between two; 1s where this is missing")

    static let metric = VariantShape(
        noun: "metric",
        variants: [
            .init(key: "latency", record: RecordShape(
                "a 'latency' metric",
                [
                    .required("latency", .record(RecordShape("'latency'", [
                        .required("from", .reference(.event), "The event that starts the clock"),
                        .required("to", .reference(.event), "The event that stops it"),
                    ])), "Time between two events"),
                    .optional("same", .list(.field), "Fields that pair the events"),
                    .optional("split-by", .field, "A label for `for each`"),
                ],
                elsewhere: [
                    "hops": "every load has its hops in the report", "load": "a load step is measured under its id, without a metric",
                    "every": "it belongs to gauges and probes", "with": "it belongs to gauges and probes",
                ])),
            .init(key: "gauge", record: RecordShape("a gauge", [
                .required("gauge", .gauge, "The field of a query that is asked for beside the steps"), with, every,
            ])),
            .init(key: "probe", record: RecordShape("a probe", [
                .required("probe", .reference(.action), "The action that is done beside the steps"), with, every,
                .optional("timeout", .duration(), "Without an answer for so long it is bad; 1s where this is missing"), good,
            ])),
        ],
        keysAreNoun: false)

    // MARK: limits

    private static let harness = RecordShape("'harness'", [
        .optional("send-lag-p99", .shareOrTime, "How late the lab may send: a share of the threshold, or a time; 5% where this is missing"),
        .optional("plan-shortfall", .share, "Planned items that may stay unsent; 0.1% where this is missing"),
        .optional("loader-cpu", .share, "Of one core, for the generator; 80% where this is missing"),
        .optional("foreign-cpu", .share, "Of the machine, for what does not belong to the test; 10% where this is missing"),
    ])

    private static let baseline = RecordShape(
        "'baseline'",
        [
            .optional("against", .choice(["interleaved", "history", "pinned"]), "What it is compared with; interleaved where this is missing"),
            .optional("build", .choice(["last-accepted"]), "The build that `lab run --against` starts where it is given none"),
            .optional("pairs", .integer(6...10_000), "Pairs of slices; 20 where this is missing"),
            .optional("pairs-max", .integer(6...10_000), "Pairs are added up to this number while it cannot tell; 60 where this is missing"),
            .optional("slice", .duration(orTemplate: false), "Length of a slice; 3s where this is missing"),
            .optional("order", .choice(["ABBA"]), "How slices follow one another"),
            .optional("metric", .scalarOr(.text, .list(.text, atLeast: 1)), "What is compared: p50, p99, cpu-per-request; p50 where this is missing"),
            .optional("worse-by", .share, "The smallest change that matters; 5% where this is missing"),
            .optional("at-least", .duration(orTemplate: false), "Smaller differences are no news"),
            .optional("alpha", .share, "False alarms of the family; 1% where this is missing"),
            .optional("family", .choice(["holm"]), "How several metrics share alpha"),
            .optional("cannot-tell", .choice(["warn", "fail"]), "What becomes of it; warn where this is missing"),
            .optional("runs", .integer(4...10_000), "Accepted runs of the history; 60 where this is missing"),
        ],
        elsewhere: ["detector": "`lab trend` looks for changes", "load": "it compares the loads that 'require' names"])

    private static let budget = RecordShape("'budget'", [
        .required("period", .duration(orTemplate: false), "The time that the budget is for, such as 30d"),
        .required("allow", .duration(orTemplate: false), "Outage that is allowed in the period"),
        .required("charge", .map(key: .word, .occurrences), "Ids of faults and actions, with how often each comes, such as 8/30d"),
        .optional("share", .share, "The largest share of the allowance that they may take; as require-budget"),
    ])

    static let limit = Shape.scalarOr(.text, .record(RecordShape(
        "a limit",
        [
            .optional("id", .word, "A name for reports"),
            .required("require", .text, "What must hold, such as p99(registered.latency) < 2s"),
            .optional("text", .text, "The promise in words"),
            .optional("note", .text, "For readers"),
            .optional("marginal", .text, "Holding `require` but not this is marginal"),
            .optional("min-samples", .sampleCount, "A number, auto or strict"),
            .optional("confidence", .share, "Of intervals, two-sided; 95% where this is missing"),
            .optional("target", .share, "The share of good items that `burn` counts against"),
            .optional("harness", .record(harness), "What of the lab's own lateness makes it void"),
            .optional("baseline", .record(baseline), "What it is compared with beside its own limit"),
            .optional("budget", .record(budget), "What planned outages may cost in a period"),
            .optional("require-budget", .text, "sum(charge) <= 60%"),
        ],
        elsewhere: [
            "load": "write a 'load' step and name its id in 'require'", "metric": "write it under 'metrics' and name it in 'require'",
            "faults": "write 'fault' steps beside the load", "history": "'baseline: {against: history, runs: 60}' compares with past runs",
        ])))
}
