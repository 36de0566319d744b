/// The payments and refunds of one service, with the rules that make each of them happen once.
struct PaymentBook: Sendable {
    enum Channel: String, Sendable, Hashable, CaseIterable { case wechat, alipay }

    struct Payment: Sendable, Equatable {
        enum State: String, Sendable { case waiting, paid, closed, finished }

        var channel: Channel
        /// `out_trade_no`.
        var attempt: String
        /// The service's own number; empty until the user pays.
        var transaction = ""
        var fen: Int64
        var title: String
        var noticeAddress: String
        /// `NATIVE`, `JSAPI`, `QR`.
        var way: String
        var payer: String
        /// Unix seconds.
        var createdAt: Int64
        var expiresAt: Int64
        var state = State.waiting
        var paidAt: Int64 = 0
        /// What arrived; the amount that was asked for, unless a scenario says otherwise.
        var paidFen: Int64 = 0
        var closedAt: Int64 = 0
        var refunds: [Refund] = []
        /// Notices sent, and whether the last state was acknowledged.
        var notices = 0
        var isNoticed = false

        /// Money on its way back or back; what failed counts no more.
        var refunding: Int64 { refunds.reduce(0) { $0 + ($1.state == .closed || $1.state == .abnormal ? 0 : $1.fen) } }
        var refunded: Int64 { refunds.reduce(0) { $0 + ($1.state == .success ? $1.fen : 0) } }
        var hasArrived: Bool { state == .paid || state == .finished }
    }

    struct Refund: Sendable, Equatable {
        enum State: String, Sendable { case processing, success, closed, abnormal }

        /// `out_refund_no`, `out_request_no`.
        var number: String
        /// The service's own number.
        var id: String
        var fen: Int64
        var reason: String
        var noticeAddress: String
        var createdAt: Int64
        var doneAt: Int64 = 0
        var state = State.processing
        /// How it will end, decided when it begins.
        var end = State.success
        var isBusy = true
    }

    /// Why something is refused, in words of no service.
    enum Refusal: Error, Sendable, Equatable {
        case unknownPayment, unknownRefund, numberUsed, alreadyPaid, closed, expired, notPaid, otherTotal, tooMuch, tooMany, tooLate,
            badAmount
    }

    static let maximumRefunds = 50
    /// 365 days after the payment.
    static let refundYear: Int64 = 365 * 86_400

    private(set) var payments: [Payment] = []
    private var byAttempt: [String: Int] = [:]
    private var byTransaction: [String: Int] = [:]
    /// Where a refund is: payment, and place in it.
    private var byRefund: [String: (payment: Int, refund: Int)] = [:]

    subscript(index: Int) -> Payment {
        get { payments[index] }
        set { payments[index] = newValue }
    }

    func index(attempt: String) -> Int? { byAttempt[attempt] }
    func index(transaction: String) -> Int? { byTransaction[transaction] }
    func place(refund number: String, of channel: Channel) -> (payment: Int, refund: Int)? { byRefund["\(channel.rawValue) \(number)"] }

    // MARK: Payments

    /// - Returns: the payment's place; the same again for the same request.
    mutating func open(_ payment: Payment) throws(Refusal) -> Int {
        guard (1...100_000_000).contains(payment.fen) else { throw .badAmount }
        guard let index = byAttempt[payment.attempt] else {
            payments.append(payment)
            byAttempt[payment.attempt] = payments.count - 1
            return payments.count - 1
        }
        let known = payments[index]
        guard known.channel == payment.channel, known.fen == payment.fen, known.way == payment.way else { throw .numberUsed }
        switch known.state {
        case .paid, .finished: throw .alreadyPaid
        case .closed: throw .closed
        case .waiting: return index
        }
    }

    /// The user pays.
    ///
    /// - Parameter isForced: the money was under way already when the payment was closed.
    mutating func pay(_ index: Int, fen: Int64, transaction: String, at now: Int64, isForced: Bool) throws(Refusal) {
        let payment = payments[index]
        if payment.hasArrived { throw .alreadyPaid }
        if !isForced {
            if payment.state == .closed { throw .closed }
            if now >= payment.expiresAt { throw .expired }
        }
        payments[index].state = .paid
        payments[index].paidAt = now
        payments[index].paidFen = fen
        payments[index].transaction = transaction
        byTransaction[transaction] = index
    }

    mutating func close(_ index: Int, at now: Int64) throws(Refusal) {
        if payments[index].hasArrived { throw .alreadyPaid }
        if payments[index].state == .waiting {
            payments[index].state = .closed
            payments[index].closedAt = now
        }
    }

    // MARK: Refunds

    /// - Returns: the refund's place in its payment, and whether it is new.
    mutating func refund(_ index: Int, _ refund: Refund, total: Int64?, at now: Int64) throws(Refusal) -> (place: Int, isNew: Bool) {
        let payment = payments[index]
        if let known = byRefund["\(payment.channel.rawValue) \(refund.number)"] {
            guard known.payment == index, payment.refunds[known.refund].fen == refund.fen else { throw .numberUsed }
            return (known.refund, false)
        }
        guard payment.hasArrived else { throw .notPaid }
        if payment.state == .finished || now - payment.paidAt > Self.refundYear { throw .tooLate }
        if let total, total != payment.paidFen { throw .otherTotal }
        guard refund.fen > 0 else { throw .badAmount }
        if payment.refunds.count >= Self.maximumRefunds { throw .tooMany }
        if refund.fen > payment.paidFen - payment.refunding { throw .tooMuch }
        payments[index].refunds.append(refund)
        let place = payments[index].refunds.count - 1
        byRefund["\(payment.channel.rawValue) \(refund.number)"] = (index, place)
        return (place, true)
    }

    /// What failed is tried anew under its number; money that is under way or back stays so.
    mutating func retry(_ index: Int, _ place: Int, end: Refund.State) -> Bool {
        let refund = payments[index].refunds[place]
        guard refund.state == .abnormal || refund.state == .closed, end == .success,
            refund.fen <= payments[index].paidFen - payments[index].refunding
        else { return false }
        payments[index].refunds[place].state = .processing
        payments[index].refunds[place].end = end
        payments[index].refunds[place].isBusy = true
        return true
    }

    /// - Returns: false where it had ended before.
    mutating func finishRefund(_ index: Int, _ place: Int, at now: Int64) -> Bool {
        guard payments[index].refunds[place].isBusy else { return false }
        payments[index].refunds[place].isBusy = false
        payments[index].refunds[place].state = payments[index].refunds[place].end
        payments[index].refunds[place].doneAt = now
        return true
    }

    // MARK: Sums

    /// Money that the merchant has with the service.
    func balance(_ channel: Channel?) -> (paid: Int64, refunded: Int64) {
        var (paid, refunded): (Int64, Int64) = (0, 0)
        for payment in payments where channel == nil || payment.channel == channel {
            paid += payment.paidFen
            refunded += payment.refunded
        }
        return (paid, refunded)
    }
}
