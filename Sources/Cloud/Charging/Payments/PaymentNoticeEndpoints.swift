import LabCore
import Synchronization

/// Where the services send their notices. Everybody can call these; a signature is what lets somebody in.
extension Payments {
    package var endpoints: [Endpoint] {
        [
            noticeEndpoint(
                "wechat", bytesType: "application/json", "Takes a notice of WeChat Pay, signed by it and encrypted for this merchant."),
            noticeEndpoint(
                "alipay", bytesType: "application/x-www-form-urlencoded",
                "Takes a notice of Alipay, signed by it; the answer's body is the word it waits for."),
        ]
    }

    private func noticeEndpoint(_ channel: String, bytesType: String, _ summary: String) -> Endpoint {
        var endpoint = Endpoint(
            "POST", "/api/v1/payments/notices/\(channel)", summary, access: .open, rateClass: .notices, bodyLimit: 65_536, takesBytes: true,
            statuses: [channel == "wechat" ? 204 : 200, 400, 404]
        ) { [weak self] request in
            guard let self else { throw CloudCrashed() }
            try self.noticed(channel, request)
            return channel == "wechat"
                ? APIAnswer(status: 204) : APIAnswer(plain: APIAnswer.Plain(contentType: "text/plain", bytes: Array("success".utf8)))
        }
        endpoint.bytesType = bytesType
        return endpoint
    }

    /// Believes a notice or not, and commits what it says; a return is a commit.
    ///
    /// - Throws: PAYMENT_NOTICE_REFUSED, the same whatever was wrong; the storage's errors, for which the service comes again.
    func noticed(_ channel: String, _ request: CloudRequest) throws {
        guard let client = client(channel) else { throw APIError(.paymentChannelUnknown) }
        let notice: ChannelNotice
        do throws(NoticeRefusal) { notice = try client.notice(request.headers, request.rawBody, at: environment.unixSeconds) } catch {
            if error == .unknownKey, let wechat {
                environment.start("payment: certificates") { [weak self] in await self?.fetchCertificates(wechat) }
            }
            throw refused(channel, error)
        }
        switch notice {
        case .paid(let notice):
            if case .refused(let reason) = try book(notice, by: "notice") {
                throw refused(channel, NoticeRefusal(rawValue: reason) ?? .notBooked, attempt: notice.attempt, isTold: true)
            }
        case .refund(let number, let attempt, let fen, let state):
            guard let known = try storage.read({ db in try PaymentStore.refund(number, in: db) }), known.attempt == attempt,
                known.channel == channel
            else {
                throw refused(channel, .unknownRefund, attempt: attempt)
            }
            if let fen, fen != known.fen { throw refused(channel, .amount, attempt: attempt) }
            guard known.state != .done else { return }
            if let state { return try take(state, of: known, by: "notice") }
            let now = milliseconds
            try storage.write { db in try PaymentStore.wake(refund: number, at: now, in: db) }
            pump()
        case .other(let event): environment.note("payment.notice_ignored", ["channel": .text(channel), "event": .text(event)])
        }
    }

    private func refused(_ channel: String, _ reason: NoticeRefusal, attempt: String? = nil, isTold: Bool = false) -> APIError {
        var fields: Fields = ["channel": .text(channel), "reason": .text(reason.rawValue)]
        if let attempt { fields["attempt"] = .text(attempt) }
        environment.note("payment.notice_refused", fields)
        if reason.isAlarm, !isTold, isFirstOfItsMinute(channel) {
            alarm("payment_tampered", "a notice in the name of \(channel) was refused: \(reason.rawValue)", attempt)
        }
        return APIError(.paymentNoticeRefused)
    }

    private func isFirstOfItsMinute(_ channel: String) -> Bool {
        let now = environment.unixSeconds
        return state.withLock { state in
            if let last = state.warnedAt[channel], now - last < 60 { return false }
            state.warnedAt[channel] = now
            return true
        }
    }
}
