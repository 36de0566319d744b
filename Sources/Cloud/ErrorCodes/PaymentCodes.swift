/// 73xx: payments by way of payment services.
extension ErrorCode {
    package static let paymentChannelUnknown = ErrorCode(
        7301, "PAYMENT_CHANNEL_UNKNOWN", status: 404, "This cloud has no contract with that payment service.",
        remedy: "Take a channel that the app offers.")
    package static let nothingToPay = ErrorCode(
        7302, "NOTHING_TO_PAY", status: 409, "There is nothing to pay here.",
        remedy: "Look at the order's state; only orders that are due are paid.")
    package static let paymentUnderway = ErrorCode(
        7303, "PAYMENT_UNDERWAY", status: 409, "The payment service has money for this already; it is being booked.",
        remedy: "Look at the order again in a minute.")
    package static let paymentRefused = ErrorCode(
        7304, "PAYMENT_REFUSED", status: 502, "The payment service does not take this payment.",
        remedy: "Try another channel; data.reason is the service's word.")
    package static let paymentServiceUnavailable = ErrorCode(
        7305, "PAYMENT_SERVICE_UNAVAILABLE", status: 503, "The payment service does not answer.",
        remedy: "Try again; nothing is paid twice.")
    /// The same for all that can be wrong with a notice: who tries signatures is not told how far he came.
    package static let paymentNoticeRefused = ErrorCode(
        7306, "PAYMENT_NOTICE_REFUSED", status: 400, "The notice is not accepted.",
        remedy: "Send it as the service signs it; it is also found by query.")

    static let paymentCodes: [ErrorCode] = [
        paymentChannelUnknown, nothingToPay, paymentUnderway, paymentRefused, paymentServiceUnavailable, paymentNoticeRefused,
    ]
}
