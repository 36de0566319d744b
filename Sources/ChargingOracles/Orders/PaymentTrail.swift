import LabCore

/// What the payment services and the cloud say of the same money.
struct PaymentTrail: Sendable {
    private struct Made: Sendable {
        var channel: String
        var attempt: String
        var cents: Int64
        var at: RunInstant
        var sequence: Int
    }

    private struct Known: Sendable {
        var word: String
        var cents: Int64
        var sequence: Int
        var node: String
    }

    private struct Refund: Sendable {
        var attempt: String
        var cents: Int64
        var state: String?
        var sequence: Int
        var node: String
    }

    private struct Asked: Sendable {
        /// All of it; a part may go to the wallet instead.
        var cents: Int64
        /// The whole amount must go back the way that it came.
        var isReturn: Bool
        var done: Int64?
        var isFailed = false
        var sequence: Int
        var node: String
    }

    /// By the service's number.
    private var made: [String: Made] = [:]
    private var known: [String: [Known]] = [:]
    /// By our number.
    private var refunds: [String: Refund] = [:]
    private var asked: [String: Asked] = [:]
    private var order: (made: [String], known: [String], refunds: [String], asked: [String]) = ([], [], [], [])
    private var active: [String] = []
    private var quietSince: RunInstant = .start

    /// Time in which a payment that nobody told the cloud of is found by asking (F47: 10 minutes), twice over.
    private static let patience = Duration.seconds(1_200)

    var count: Int { made.count + refunds.count }

    mutating func disturbed(at moment: RunInstant, by fault: String, isOver: Bool) {
        quietSince = moment
        if !isOver { active.append(fault) } else if let index = active.firstIndex(of: fault) { active.remove(at: index) }
    }

    mutating func observeService(_ event: RunEvent) {
        let cents = event.fields["cents"]?.integer ?? 0
        switch event.name {
        case "payment.made":
            guard let number = event.fields["transaction"]?.text else { return }
            made[number] = Made(
                channel: event.fields["channel"]?.text ?? "", attempt: event.fields["attempt"]?.text ?? "", cents: cents, at: event.at,
                sequence: event.sequence)
            order.made.append(number)
        case "refund.accepted":
            guard let number = event.fields["refund"]?.text, refunds[number] == nil else { return }
            refunds[number] = Refund(attempt: event.fields["attempt"]?.text ?? "", cents: cents, sequence: event.sequence, node: event.node)
            order.refunds.append(number)
        case "refund.finished":
            guard let number = event.fields["refund"]?.text else { return }
            // Alipay refuses at once what it does not do, so there may have been no acceptance.
            refunds[number]?.state = event.fields["state"]?.text
        default: break
        }
    }

    mutating func observeCloud(_ event: RunEvent) {
        let cents = event.fields["cents"]?.integer ?? 0
        switch event.name {
        case "payment.booked", "payment.returned", "payment.refused":
            guard let number = event.fields["transaction"]?.text, !number.isEmpty else { return }
            if known[number] == nil { order.known.append(number) }
            known[number, default: []].append(
                Known(word: String(event.name.dropFirst("payment.".count)), cents: cents, sequence: event.sequence, node: event.node))
            if event.name == "payment.returned", let refund = event.fields["refund"]?.text { ask(refund, cents, isReturn: true, event) }
        case "payment.confirmed":
            guard let number = event.fields["transaction"]?.text, event.fields["outcome"]?.text == "refused", known[number] == nil else { return }
            order.known.append(number)
            known[number] = [Known(word: "refused", cents: cents, sequence: event.sequence, node: event.node)]
        case "refund.accepted":
            if let refund = event.fields["refund"]?.text { ask(refund, cents, isReturn: false, event) }
        case "refund.done":
            guard let refund = event.fields["refund"]?.text else { return }
            let before = asked[refund]?.done ?? 0
            asked[refund]?.done = before + cents
        case "refund.failed":
            if let refund = event.fields["refund"]?.text { asked[refund]?.isFailed = true }
        default: break
        }
    }

    private mutating func ask(_ number: String, _ cents: Int64, isReturn: Bool, _ event: RunEvent) {
        guard asked[number] == nil else { return }
        asked[number] = Asked(cents: cents, isReturn: isReturn, sequence: event.sequence, node: event.node)
        order.asked.append(number)
    }

    /// - Parameter end: when the log ends.
    func judge(end: RunInstant, hasService: Bool) -> (violations: [OracleReport.Violation], gaps: [String]) {
        guard hasService else { return ([], Array(repeating: "payment without a payment service in the run", count: order.known.count)) }
        var violations: [OracleReport.Violation] = []
        var gaps: [String] = []
        for number in order.known {
            guard let all = known[number] else { continue }
            let counted = all.filter { $0.word != "refused" }
            if let second = counted.dropFirst().first {
                violations.append(.init("The payment \(number) is \(second.word) although it is \(counted[0].word) already (I5, I9).", sequence: second.sequence, node: second.node))
            }
            for entry in counted {
                guard let made = made[number] else {
                    violations.append(.init("The payment \(number) of \(entry.cents) fen is \(entry.word); nobody made it.", sequence: entry.sequence, node: entry.node))
                    continue
                }
                if made.cents != entry.cents {
                    violations.append(
                        .init("The payment \(number) is \(entry.word) with \(entry.cents) fen; \(made.cents) were paid.", sequence: entry.sequence, node: entry.node))
                }
            }
        }
        let isQuiet = active.isEmpty
        for number in order.made {
            guard let payment = made[number], known[number] == nil else { continue }
            if isQuiet, max(payment.at, quietSince).duration(to: end) > Self.patience {
                violations.append(
                    .init("\(payment.cents) fen were paid (\(number), attempt \(payment.attempt)), and the cloud never heard of it (I5).", sequence: payment.sequence))
            } else {
                gaps.append("payment that the cloud has not heard of yet")
            }
        }
        judgeRefunds(&violations, &gaps)
        return (violations, gaps)
    }

    private func judgeRefunds(_ violations: inout [OracleReport.Violation], _ gaps: inout [String]) {
        var backByAttempt: [String: Int64] = [:]
        for number in order.refunds {
            guard let refund = refunds[number] else { continue }
            if refund.state == "success" { backByAttempt[refund.attempt, default: 0] += refund.cents }
            guard let wish = asked[number] else {
                violations.append(.init("The payment service was asked for the refund \(number), which the cloud has not booked.", sequence: refund.sequence, node: refund.node))
                continue
            }
            if wish.isReturn ? refund.cents != wish.cents : refund.cents > wish.cents {
                violations.append(
                    .init("The refund \(number) is booked with \(wish.cents) fen; the payment service was asked for \(refund.cents).", sequence: refund.sequence, node: refund.node))
            }
        }
        for number in order.made {
            guard let payment = made[number], let back = backByAttempt[payment.attempt], back > payment.cents else { continue }
            violations.append(.init("\(back) fen went back of the payment \(number), which was \(payment.cents) (I6).", sequence: payment.sequence))
        }
        for number in order.asked {
            guard let wish = asked[number] else { continue }
            if let done = wish.done {
                let refund = refunds[number]
                if refund?.state != "success" || refund?.cents != done {
                    let said = refund.map { "\($0.cents) fen, \($0.state ?? "under way")" } ?? "nothing"
                    violations.append(.init("The refund \(number) counts as done with \(done) fen; the payment service says \(said).", sequence: wish.sequence, node: wish.node))
                }
            } else if wish.isReturn || refunds[number] != nil {
                gaps.append(wish.isFailed ? "refund that failed and waits for a person" : "refund that is under way")
            }
        }
    }
}
