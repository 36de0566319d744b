package import LabCore

/// What scenarios do with the service, and ask it.
extension PaymentService {
    mutating func perform(
        _ name: String, _ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(ActionFailure) -> Fields {
        switch name {
        case "pay": return try pay(arguments, at: now, &effects)
        case "refund.finish":
            let place = try refundPlace(arguments["refund"]?.text ?? "")
            endRefund(place.payment, place.refund, at: now, &effects)
            return ["state": .text(book[place.payment].refunds[place.refund].state.rawValue)]
        case "trade.finish":
            let index = try paymentIndex(arguments)
            guard book[index].channel == .alipay else {
                throw ActionFailure("not_possible_here", "Only Alipay's trades are finished; WeChat Pay has no such state.")
            }
            guard book[index].hasArrived else { throw ActionFailure("not_paid", "The attempt \(book[index].attempt) is not paid.") }
            endTrade(index, at: now, &effects)
            return ["state": .text(book[index].state.rawValue)]
        default: throw ActionFailure("unknown_action", "A payment service has no action '\(name)'.")
        }
    }

    private func paymentIndex(_ arguments: Fields) throws(ActionFailure) -> Int {
        let attempt = arguments["attempt"]?.text ?? ""
        guard let index = book.index(attempt: attempt) else {
            throw ActionFailure(
                "unknown_attempt", "The service has no payment with the number '\(attempt)'; it is made by the merchant's prepay request.")
        }
        return index
    }

    private func refundPlace(_ number: String) throws(ActionFailure) -> (payment: Int, refund: Int) {
        for channel in PaymentBook.Channel.allCases { if let place = book.place(refund: number, of: channel) { return place } }
        throw ActionFailure("unknown_refund", "The service has no refund with the number '\(number)'.")
    }

    private mutating func pay(_ arguments: Fields, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(ActionFailure) -> Fields {
        let index = try paymentIndex(arguments)
        let fen = arguments["cents"]?.integer ?? book[index].fen
        guard (1...100_000_000).contains(fen) else { throw ActionFailure("bad_argument", "'cents' must be 1 to 100000000.") }
        let transaction =
            book[index].channel == .wechat ? "4200" + digits(24) : PaymentTime.day(unix(now)).filter { $0 != "-" } + "22" + digits(18)
        do throws(PaymentBook.Refusal) {
            try book.pay(index, fen: fen, transaction: transaction, at: unix(now), isForced: arguments["force"]?.bool ?? false)
        } catch {
            let reason = error == .alreadyPaid ? "already_paid" : error == .expired ? "expired" : "closed"
            throw ActionFailure(reason, "The attempt \(book[index].attempt) cannot be paid: \(reason).")
        }
        let payment = book[index]
        effects.append(
            .note(
                "payment.made",
                [
                    "channel": .text(payment.channel.rawValue), "attempt": .text(payment.attempt), "transaction": .text(transaction),
                    "cents": .integer(fen),
                ]))
        queueNotice(.paid, of: index, at: now)
        if payment.channel == .alipay { agenda.add(.tradeEnd(index), at: now.advanced(by: settings.refundWindow)) }
        return ["transaction": .text(transaction), "cents": .integer(fen)]
    }

    mutating func endRefund(_ payment: Int, _ refund: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard book.finishRefund(payment, refund, at: unix(now)) else { return }
        let done = book[payment].refunds[refund]
        effects.append(
            .note(
                "refund.finished",
                [
                    "channel": .text(book[payment].channel.rawValue), "attempt": .text(book[payment].attempt), "refund": .text(done.number),
                    "cents": .integer(done.fen), "state": .text(done.state.rawValue),
                ]))
        queueNotice(.refunded(refund), of: payment, at: now)
    }

    mutating func endTrade(_ payment: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard book[payment].state == .paid, book[payment].refunded < book[payment].paidFen else { return }
        book[payment].state = .finished
        effects.append(.note("trade.finished", ["attempt": .text(book[payment].attempt), "transaction": .text(book[payment].transaction)]))
        queueNotice(.finished, of: payment, at: now)
    }

    // MARK: Queries

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        do throws(ActionFailure) {
            switch query {
            case "transaction": return .success(transaction(try paymentIndex(arguments)))
            case "refund":
                let place = try refundPlace(arguments["refund"]?.text ?? "")
                let refund = book[place.payment].refunds[place.refund]
                return .success([
                    "attempt": .text(book[place.payment].attempt), "cents": .integer(refund.fen), "state": .text(refund.state.rawValue),
                    "id": .text(refund.id),
                ])
            case "balance": return .success(balance(try channel(arguments)))
            case "statement": return .success(try statement(arguments))
            default: throw ActionFailure("unknown_query", "A payment service has no query '\(query)'.")
            }
        } catch { return .failure(error) }
    }

    private func channel(_ arguments: Fields) throws(ActionFailure) -> PaymentBook.Channel? {
        guard let text = arguments["channel"]?.text else { return nil }
        guard let channel = PaymentBook.Channel(rawValue: text) else {
            throw ActionFailure("bad_argument", "'channel' must be wechat or alipay.")
        }
        return channel
    }

    private func transaction(_ index: Int) -> Fields {
        let payment = book[index]
        return [
            "channel": .text(payment.channel.rawValue), "transaction": .text(payment.transaction), "state": .text(payment.state.rawValue),
            "cents": .integer(payment.paidFen), "asked": .integer(payment.fen), "refunded": .integer(payment.refunded),
            "refunds": .integer(Int64(payment.refunds.count)), "notices": .integer(Int64(payment.notices)),
            "noticed": .bool(payment.isNoticed),
        ]
    }

    private func balance(_ channel: PaymentBook.Channel?) -> Fields {
        let sums = book.balance(channel)
        return ["cents": .integer(sums.paid - sums.refunded), "paid": .integer(sums.paid), "refunded": .integer(sums.refunded)]
    }

    private func statement(_ arguments: Fields) throws(ActionFailure) -> Fields {
        let day = arguments["day"]?.text ?? ""
        guard PaymentTime.unix(day + " 00:00:00") != nil else {
            throw ActionFailure("bad_argument", "'day' must be a date such as 2026-01-02.")
        }
        let wanted = try channel(arguments)
        let rows = statementRows(day: day).filter { wanted == nil || book[$0.payment].channel == wanted }
        let paid = rows.reduce(0) { $0 + ($1.refund == nil ? book[$1.payment].paidFen : 0) }
        let refunded = rows.reduce(0) { sum, row in sum + (row.refund.map { book[row.payment].refunds[$0].fen } ?? 0) }
        return [
            "rows": .integer(Int64(rows.count)), "paid": .integer(paid), "refunded": .integer(refunded), "cents": .integer(paid - refunded),
        ]
    }
}
