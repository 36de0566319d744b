import LabCore

/// One notice on its way to the merchant, until it is acknowledged or given up.
struct PaymentNoticeState: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case paid
        /// The refund's place in its payment.
        case refunded(Int)
        /// Alipay: the time for refunds is over.
        case finished
    }

    var number: Int
    var id: String
    var payment: Int
    var kind: Kind
    /// Unix seconds.
    var createdAt: Int64
    /// Tries so far.
    var tries = 0

    var word: String {
        switch kind {
        case .paid: "payment"
        case .refunded: "refund"
        case .finished: "finished"
        }
    }
}

/// What an answer from the cloud belongs to.
struct SentNotice: Sendable, Equatable {
    /// 0 for copies and probes, whose answers end nothing.
    var notice: Int
    var channel: PaymentBook.Channel
    var attempt: String
    var word: String
    var tries: Int
    var isProbe: Bool
    var payment: Int
}

extension PaymentService {
    /// Seconds between the tries (WeChat Pay, payment notice: "15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h").
    static let wechatPauses: [Int64] = [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600]
    /// Alipay, asynchronous notice: "4m,10m,10m,1h,2h,6h,15h".
    static let alipayPauses: [Int64] = [240, 600, 600, 3_600, 7_200, 21_600, 54_000]

    static func pauses(_ channel: PaymentBook.Channel) -> [Int64] { channel == .wechat ? wechatPauses : alipayPauses }

    mutating func queueNotice(_ kind: PaymentNoticeState.Kind, of payment: Int, at now: RunInstant) {
        if case .refunded(let refund) = kind, book[payment].refunds[refund].noticeAddress.isEmpty { return }
        if book[payment].noticeAddress.isEmpty, kind == .paid || kind == .finished { return }
        noticeCount += 1
        let id = book[payment].channel == .wechat ? "EV-" + digits(18) : nonce(34).lowercased()
        notices[noticeCount] = PaymentNoticeState(number: noticeCount, id: id, payment: payment, kind: kind, createdAt: unix(now))
        if kind == .paid { book[payment].isNoticed = false }
        var delay = settings.noticeDelay
        if let late = strike("notice.late", book[payment].channel)?["by"]?.durationNanoseconds { delay = .nanoseconds(max(0, late)) }
        agenda.add(.notice(noticeCount), at: now.advanced(by: delay))
    }

    mutating func sendNotice(_ number: Int, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard var notice = notices[number] else { return }
        let channel = book[notice.payment].channel
        let pauses = Self.pauses(channel)
        guard notice.tries <= pauses.count else { return }
        // Set before anything else, so that no answer is needed for the next try.
        if notice.tries < pauses.count {
            agenda.add(.notice(number), at: now.advanced(byNanoseconds: pauses[notice.tries] * 1_000_000_000))
        }
        notice.tries += 1
        notices[number] = notice
        let isDown = strike("down", channel) != nil
        if isDown || strike("notice.lose", channel) != nil {
            if !isDown { effects.append(.note("notice.lost", about(notice))) }
            if notice.tries > pauses.count { giveUp(notice, &effects) }
            return
        }
        if strike("notice.probe", channel) != nil { deliver(notice, try: notice.tries, isProbe: true, at: now, &effects) }
        deliver(notice, try: notice.tries, isProbe: false, at: now, &effects)
        if notice.tries == 1, let times = strike("notice.duplicate", channel)?["times"]?.integer {
            for copy in 1..<max(2, min(times, 1_000)) { agenda.add(.copy(notice), at: now.advanced(by: .seconds(copy))) }
        }
    }

    private mutating func giveUp(_ notice: PaymentNoticeState, _ effects: inout [DeviceEffect]) {
        notices[notice.number] = nil
        effects.append(.note("notice.given_up", about(notice)))
    }

    private func about(_ notice: PaymentNoticeState) -> Fields {
        [
            "channel": .text(book[notice.payment].channel.rawValue), "attempt": .text(book[notice.payment].attempt),
            "kind": .text(notice.word),
            "try": .integer(Int64(notice.tries)),
        ]
    }

    /// Sends one notice, with whatever faults are on.
    ///
    /// - Parameter tries: 0 for a copy.
    mutating func deliver(_ notice: PaymentNoticeState, try tries: Int, isProbe: Bool, at now: RunInstant, _ effects: inout [DeviceEffect])
    {
        let channel = book[notice.payment].channel
        var flaws = NoticeFlaws()
        flaws.isProbe = isProbe
        if !isProbe {
            if let fault = strike("notice.tamper", channel) { flaws.tamperedFen = fault["cents"]?.integer ?? 1 }
            flaws.hasWrongSignature = strike("notice.wrong_signature", channel) != nil
            if let fault = strike("notice.expired", channel) {
                flaws.age = (fault["by"]?.durationNanoseconds ?? 360_000_000_000) / 1_000_000_000
            }
        }
        let call = channel == .wechat ? wechatNotice(notice, flaws, at: now) : alipayNotice(notice, flaws, at: now)
        book[notice.payment].notices += isProbe ? 0 : 1
        var fields = about(notice)
        if let flaw = flaws.word { fields["flaw"] = .text(flaw) }
        effects.append(.note("notice.sent", fields))
        send(
            call,
            SentNotice(
                notice: tries == 0 || isProbe ? 0 : notice.number, channel: channel, attempt: book[notice.payment].attempt,
                word: notice.word,
                tries: notice.tries, isProbe: isProbe, payment: notice.payment), &effects)
    }

    /// A probe without a payment: what WeChat Pay sends to see whether signatures are verified.
    mutating func sendProbe(_ channel: PaymentBook.Channel, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let index = book.payments.lastIndex(where: { $0.channel == channel }) else { return }
        noticeCount += 1
        let notice = PaymentNoticeState(
            number: noticeCount, id: "EV-" + digits(18), payment: index, kind: .paid, createdAt: unix(now), tries: 1)
        deliver(notice, try: 0, isProbe: true, at: now, &effects)
    }

    private mutating func send(_ call: HTTPCall, _ what: SentNotice, _ effects: inout [DeviceEffect]) {
        tokenCount &+= 1
        let token = Token(rawValue: tokenCount)
        sent[token] = what
        effects.append(.request(token, call))
    }

    mutating func noticeAnswered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard let what = sent.removeValue(forKey: token) else { return }
        var fields: Fields = [
            "channel": .text(what.channel.rawValue), "attempt": .text(what.attempt), "kind": .text(what.word),
            "try": .integer(Int64(what.tries)),
        ]
        switch result {
        case .failure(let failure): fields["failure"] = .text(failure.rawValue)
        case .success(let answer): fields["status"] = .integer(Int64(answer.status))
        }
        if what.isProbe { return effects.append(.note("probe.answered", fields)) }
        let isTaken: Bool
        switch (result, what.channel) {
        case (.success(let answer), .wechat): isTaken = answer.status == 200 || answer.status == 204
        // Alipay reads the body: the seven characters, nothing around them.
        case (.success(let answer), .alipay): isTaken = answer.status == 200 && answer.body == Array("success".utf8)
        case (.failure, _): isTaken = false
        }
        fields["taken"] = .bool(isTaken)
        effects.append(.note("notice.answered", fields))
        guard what.notice != 0, let notice = notices[what.notice] else { return }
        if isTaken {
            notices[what.notice] = nil
            book[what.payment].isNoticed = true
        } else if what.tries > Self.pauses(what.channel).count {
            giveUp(notice, &effects)
        }
    }
}

/// What is wrong with one notice, by order of a scenario.
struct NoticeFlaws: Sendable, Equatable {
    var isProbe = false
    var hasWrongSignature = false
    /// Seconds by which its time is too old.
    var age: Int64 = 0
    /// The amount that stands in the body after it was signed.
    var tamperedFen: Int64?

    var word: String? {
        if isProbe { return "probe" }
        if tamperedFen != nil { return "tamper" }
        if hasWrongSignature { return "wrong_signature" }
        return age != 0 ? "expired" : nil
    }

    /// What is signed instead of the message where the signature is to be wrong.
    func signed(_ message: [UInt8]) -> [UInt8] { hasWrongSignature ? message + [UInt8(ascii: "x")] : message }
}
