import LabCore

/// Bills: handed to those who book them, acknowledged when they are durable and not before (charging-orders.md 2.1, I8).
extension GatewayCore {
    mutating func hand(_ bill: PileBill, _ ticket: BillTicket, _ session: PileSession, on connection: PileConnection) {
        guard session.billsUnderWay < settings.billsUnderWay else {
            // Not acknowledged: the pile keeps it and comes again.
            return refuse("too_many", on: connection, wire: ticket.wire, pile: ticket.pile, command: ticket.command, order: ticket.order)
        }
        session.billsUnderWay += 1
        actions.append(.bill(bill, ticket))
    }

    /// Whether this message brings other content than it did before (F24). The same content again is a repetition.
    func contradicts(_ message: UInt32, _ hash: [UInt8], _ session: PileSession) -> Bool {
        while let first = session.recentBills.first, first.at.advanced(by: .seconds(3_600)) <= now { session.recentBills.removeFirst() }
        if let known = session.recentBills.first(where: { $0.message == message }) { return known.hash != hash }
        if session.recentBills.count >= 16 { session.recentBills.removeFirst() }
        session.recentBills.append((message, hash, now))
        return false
    }

    /// What became of a bill. Whatever is durable is acknowledged, also what was refused: the pile has done its part.
    mutating func billEnded(_ ticket: BillTicket, _ outcome: BillOutcome) {
        guard let session = byKey[ticket.key] else { return }
        session.billsUnderWay = max(0, session.billsUnderWay - 1)
        let word: String
        var order = ticket.order
        switch outcome {
        case .settled(let settled):
            word = "settled"
            order = settled
        case .repeated(let repeated):
            word = "repeated"
            order = repeated
        case .refused(let refused, let reason):
            word = reason
            order = refused ?? order
        case .failed: word = "not_stored"
        }
        counters.bills[word, default: 0] += 1
        note(ticket, outcome, order: order, word)
        if case .failed = outcome { return }
        if var binding = ticket.binding, binding.billHash == nil {
            binding.billHash = ticket.hash
            if let index = session.bindings.firstIndex(where: {
                $0.port == binding.port && $0.business == binding.business && $0.started == binding.started
            }) {
                session.bindings[index] = binding
            }
            actions.append(.billed(binding, hash: ticket.hash))
        }
        // On another connection than the bill came by it would answer nothing: the pile sends again there.
        guard let connection = connections[ticket.connection] else { return }
        send(ticket.answer, ticket.answerCommand, ticket.wire, pile: ticket.pile, on: connection)
    }

    private mutating func note(_ ticket: BillTicket, _ outcome: BillOutcome, order: String?, _ word: String) {
        var fields: Fields = ["pile": .text(ticket.pile)]
        switch outcome {
        case .settled, .repeated:
            if let order { fields["order"] = .text(order) }
            fields["command"] = .integer(Int64(ticket.command))
            fields["duplicate"] = .bool(word == "repeated")
            actions.append(.note("frame.acknowledged", fields))
        case .refused, .failed:
            fields["protocol"] = .text(ticket.wire.rawValue)
            if let order { fields["order"] = .text(order) }
            fields["command"] = .integer(Int64(ticket.command))
            fields["reason"] = .text(word)
            fields["is_acknowledged"] = .bool(outcome != .failed)
            actions.append(.note("frame.refused", fields))
        }
    }
}
