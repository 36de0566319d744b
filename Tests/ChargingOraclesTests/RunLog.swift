import LabCore

/// A log made by hand: an emulated pile, the cloud and, where asked for, a payment service.
struct RunLog {
    private(set) var events: [RunEvent] = []
    private var seconds: Int64 = 0

    static let epoch: Int64 = 1_767_225_600
    /// 0.60 + 0.40 yuan for a kWh.
    static let tariff: FieldValue = ["name": "flat", "elec": ["flat": 60_000], "service": ["flat": 40_000]]

    static let plan = plan("pile", "cloud", "payments")

    static func plan(_ kinds: String..., tags: [String] = []) -> Plan {
        Plan(
            scenario: "test", file: "test.yaml", about: "", tags: tags,
            roles: kinds.map { Role(name: $0, kind: $0, location: SourceLocation(file: "test.yaml", line: 1, column: 1)) })
    }

    mutating func wait(_ seconds: Int64) { self.seconds += seconds }

    var now: Int64 { Self.epoch + seconds }

    mutating func note(_ node: String, _ name: String, _ fields: Fields) {
        events.append(
            RunEvent(sequence: events.count + 1, at: RunInstant(nanoseconds: seconds * 1_000_000_000), node: node, name: name, fields: fields))
    }

    // MARK: A charge

    /// What is told of one order from its start to its bill; each part can be another one than the truth.
    struct Story {
        var order = "A1"
        var user = "rider"
        var pile = "04620001"
        var port: Int64 = 1
        var node = "pile"
        /// What the pile calls the order.
        var wireOrder: String?
        var tariff: FieldValue = RunLog.tariff
        /// dWh, true.
        var energy: Int64 = 10_000
        var settled: Int64 = 10_000
        var duration: Int64 = 3_600
        var settledDuration: Int64?
        var lines: [(String, Int64)] = [("elec", 60), ("service", 40)]
        var cents: Int64 = 100
        /// What of it cannot be taken from the wallet.
        var owed: Int64 = 0
        var isEstimated = false
    }

    mutating func boot(_ story: Story = Story()) { note(story.node, "booted", ["pile": .text(story.pile), "waiting": 0]) }

    mutating func create(_ story: Story) {
        note(
            "cloud", "order.created",
            ["order": .text(story.order), "user": .text(story.user), "pile": .text(story.pile), "port": .integer(story.port), "hold": 500, "tariff": story.tariff])
        move(story, "held", "starting")
    }

    mutating func start(_ story: Story) {
        note(story.node, "charge.started", ["port": .integer(story.port), "order": .text(story.wireOrder ?? story.order), "register": 0])
        move(story, "starting", "charging")
        note("cloud", "order.started", ["order": .text(story.order)])
    }

    /// The end at the pile, which has taken its duration.
    mutating func stop(_ story: Story) {
        let order = FieldValue.text(story.wireOrder ?? story.order)
        note(
            story.node, "bill.queued",
            ["port": .integer(story.port), "order": order, "reason": "full", "energy": .integer(story.energy), "seconds": .integer(story.duration), "waiting": 1])
        note(
            story.node, "truth",
            [
                "port": .integer(story.port), "order": order, "energy": .integer(story.energy), "started": .integer(now - story.duration),
                "ended": .integer(now),
            ])
    }

    mutating func settle(_ story: Story, from: String = "charging") {
        note(
            "cloud", "order.settled",
            [
                "order": .text(story.order), "user": .text(story.user), "pile": .text(story.pile), "port": .integer(story.port), "cents": .integer(story.cents),
                "energy": .integer(story.settled), "seconds": .integer(story.settledDuration ?? story.duration), "reason": "full",
                "estimated": .bool(story.isEstimated),
            ])
        debit(story, story.cents - story.owed)
        if story.owed != 0 { debit(story, story.owed, owed: true) }
        for (line, fen) in story.lines { credit(story, line, fen) }
        move(story, from, story.owed > 0 ? "due" : "closed")
        if story.owed == 0 { note("cloud", "order.closed", ["order": .text(story.order), "cents": .integer(story.cents)]) }
    }

    mutating func acknowledge(_ story: Story) {
        note(story.node, "bill.acknowledged", ["port": .integer(story.port), "order": .text(story.wireOrder ?? story.order)])
    }

    /// All of it.
    mutating func tell(_ story: Story = Story()) {
        create(story)
        start(story)
        wait(story.duration)
        stop(story)
        settle(story)
        acknowledge(story)
    }

    mutating func move(_ story: Story, _ from: String, _ to: String) {
        note("cloud", "order.state", ["order": .text(story.order), "from": .text(from), "to": .text(to)])
    }

    mutating func debit(_ story: Story, _ cents: Int64, owed: Bool = false) {
        note("cloud", "wallet.debited", ["user": .text(story.user), "order": .text(story.order), "cents": .integer(cents), "owed": .bool(owed)])
    }

    mutating func credit(_ story: Story, _ line: String, _ cents: Int64) {
        note("cloud", "revenue.credited", ["operator": "lab", "order": .text(story.order), "line": .text(line), "cents": .integer(cents)])
    }
}
