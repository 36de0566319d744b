import LabCore

/// One payment service as its merchant knows it, without I/O: makes signed requests, believes signed answers.
protocol PaymentClient: Sendable {
    /// `wechat`, `alipay`.
    var channel: String { get }
    /// Where the contract wants its notices; `nil` for the cloud's usual address.
    var noticeAddress: String? { get }
    /// The environment's name for the service that a request goes to.
    func service(for request: ChannelRequest) -> String
    func call(_ request: ChannelRequest, _ stamp: CallStamp) -> HTTPCall
    /// - Parameter unix: now, for the age of the answer.
    func read(_ answer: HTTPAnswer, to request: ChannelRequest, at unix: Int64) throws(ChannelFailure) -> ChannelAnswer
    /// Reads a notice; nothing of it is believed before its signature is right.
    func notice(_ headers: [HTTPCall.Header], _ body: [UInt8], at unix: Int64) throws(NoticeRefusal) -> ChannelNotice
    /// The rows of a statement's file.
    func rows(_ file: [UInt8]) throws(ChannelFailure) -> [StatementRow]
}

/// Time and nonce of one request.
struct CallStamp: Sendable, Equatable {
    /// Unix seconds.
    var unix: Int64
    var nonce: String
}

enum ChannelRequest: Sendable, Equatable {
    case prepay(PrepayOrder)
    case query(attempt: String)
    case close(attempt: String)
    case refund(RefundOrder)
    case refundQuery(number: String, attempt: String)
    /// `2026-01-02` in Beijing.
    case statement(day: String)
    /// The file that the answer to `statement` named, with its SHA-1 in hexadecimal digits where the service gives one.
    case statementFile(path: String, hash: String?)
    case certificates

    var word: String {
        switch self {
        case .prepay: "prepay"
        case .query: "query"
        case .close: "close"
        case .refund: "refund"
        case .refundQuery: "refund_query"
        case .statement: "statement"
        case .statementFile: "statement_file"
        case .certificates: "certificates"
        }
    }
}

struct PrepayOrder: Sendable, Equatable {
    var attempt: String
    var fen: Int64
    var title: String
    /// Unix seconds.
    var expiresAt: Int64
    /// Who pays, for payments within WeChat; a code to scan where `nil`.
    var openid: String?
    var noticeAddress: String
}

struct RefundOrder: Sendable, Equatable {
    var number: String
    var attempt: String
    var fen: Int64
    /// What was paid.
    var total: Int64
    var noticeAddress: String
}

enum ChannelAnswer: Sendable, Equatable {
    /// What the app goes on with: `code_url`, `prepay_id`, `qr_code`.
    case prepared(Fields)
    case alreadyPaid
    case alreadyClosed
    case closed
    case payment(ChannelPayment)
    case refund(ChannelRefund)
    case statement(path: String, hash: String?)
    /// Nothing happened on that day.
    case noStatement
    case file([UInt8])
    case certificates(Int)
    /// The service says no, and it is the service that says it.
    case refused(code: String)
}

enum ChannelPayment: Sendable, Equatable {
    /// - Parameter paidAt: Unix seconds.
    case paid(transaction: String, fen: Int64, paidAt: Int64)
    case waiting, closed
    /// The service knows of no such payment; nothing can have been paid.
    case unknown
}

enum ChannelRefund: Sendable, Equatable {
    /// - Parameter at: Unix seconds, where the service says them.
    case done(id: String, at: Int64?)
    case pending(id: String)
    /// It ended, and the money is not with the user.
    case failed(code: String)
    case unknown
}

/// Why nothing is known of what was asked.
enum ChannelFailure: Error, Sendable, Equatable {
    case noAnswer(HTTPFailure)
    /// 429 or 5xx, or the service's own word for it.
    case busy(String)
    /// It is not signed by the service, or it is about something else: nothing of it is believed.
    case untrusted(String)
    case malformed(String)

    var word: String {
        switch self {
        case .noAnswer(let failure): failure.rawValue
        case .busy(let code): "busy \(code)"
        case .untrusted(let reason): "untrusted: \(reason)"
        case .malformed(let reason): "malformed: \(reason)"
        }
    }
}

enum ChannelNotice: Sendable, Equatable {
    case paid(PaymentNotice)
    /// - Parameter state: `nil` where the notice does not say it, so that the service is asked.
    case refund(number: String, attempt: String, fen: Int64?, state: ChannelRefund?)
    /// An event that changes nothing here.
    case other(String)
}

/// Why a notice is not believed. The caller is told the same for all of them.
enum NoticeRefusal: String, Error, Sendable, Equatable, CaseIterable {
    case missingHeader = "missing_header"
    /// WeChat Pay's test whether signatures are looked at.
    case probe
    case expired
    /// Signed with a key that is not known here.
    case unknownKey = "unknown_key"
    case signature
    case malformed
    case decryption
    /// Of another merchant or application.
    case foreign
    /// Another amount than the attempt's, or an attempt that nobody made.
    case amount
    case unknownAttempt = "unknown_attempt"
    case unknownRefund = "unknown_refund"
    case notBooked = "not_booked"

    /// Somebody has tried something, or money is where nobody knows of it.
    var isAlarm: Bool {
        switch self {
        case .signature, .decryption, .foreign, .amount, .unknownAttempt, .unknownRefund, .notBooked: true
        case .missingHeader, .probe, .expired, .unknownKey, .malformed: false
        }
    }
}

/// One line of a service's statement: money that came, or went back.
package struct StatementRow: Sendable, Equatable {
    /// The service's own number of the payment.
    package var transaction: String
    /// `out_trade_no`.
    package var attempt: String
    /// `out_refund_no` of a refund.
    package var refund: String?
    /// Positive, also for a refund.
    package var fen: Int64
    /// Unix seconds.
    package var at: Int64

    package init(transaction: String, attempt: String, refund: String?, fen: Int64, at: Int64) {
        self.transaction = transaction
        self.attempt = attempt
        self.refund = refund
        self.fen = fen
        self.at = at
    }
}
