/// 70xx: charging orders, wallets, refunds.
extension ErrorCode {
    package static let orderNotFound = ErrorCode(
        7001, "ORDER_NOT_FOUND", status: 404, "There is no order of this number.", remedy: "List the orders of the user or the pile.")
    package static let pileNotFound = ErrorCode(
        7002, "PILE_NOT_FOUND", status: 404, "There is no pile of this id.", remedy: "Enter the pile first.")
    package static let portNotFound = ErrorCode(
        7003, "PORT_NOT_FOUND", status: 404, "The pile has no such port.", remedy: "Ports count from 1; look at data.ports.")
    package static let portBusy = ErrorCode(
        7004, "PORT_BUSY", status: 409, "Another order runs on this port.", remedy: "Take another port, or wait until it is free.")
    package static let portDisabled = ErrorCode(
        7005, "PORT_DISABLED", status: 409, "The operator has taken this port out of service.", remedy: "Take another port.")
    package static let portFaulted = ErrorCode(
        7006, "PORT_FAULTED", status: 409, "The port has a fault.", remedy: "Take another port; the operator has been told.")
    package static let pileOffline = ErrorCode(
        7007, "PILE_OFFLINE", status: 409, "The pile cannot be reached.", remedy: "Try again when it is online, or take another pile.")
    package static let userHasDue = ErrorCode(
        7008, "USER_HAS_DUE", status: 402, "An earlier order is not paid yet.", remedy: "Pay the order that data.order names.")
    package static let tooManyOrders = ErrorCode(
        7009, "TOO_MANY_ORDERS", status: 409, "The user has as many running orders as are allowed.", remedy: "Stop the order that data.order names.")
    package static let insufficientFunds = ErrorCode(
        7010, "INSUFFICIENT_FUNDS", status: 402, "The wallet does not hold enough for the deposit.", remedy: "Top up; data.hold and data.balance are in fen.")
    package static let clientKeyReused = ErrorCode(
        7011, "CLIENT_KEY_REUSED", status: 409, "The client key belongs to another request of this user.", remedy: "Use a new key for a new order.")
    package static let orderState = ErrorCode(
        7012, "ORDER_STATE", status: 409, "The order's state does not allow this.", remedy: "Look at data.state.")
    package static let refundTooLarge = ErrorCode(
        7013, "REFUND_TOO_LARGE", status: 409, "More than what was paid cannot go back.", remedy: "data.refundable is what is left, in fen.")
    package static let tooManyRefunds = ErrorCode(
        7014, "TOO_MANY_REFUNDS", status: 409, "An order has at most 50 refunds.", remedy: "Settle the rest outside of the platform.")
    package static let refundRunning = ErrorCode(
        7015, "REFUND_RUNNING", status: 409, "Another refund of this order is under way.", remedy: "Wait for its result.")
    package static let refundKeyReused = ErrorCode(
        7016, "REFUND_KEY_REUSED", status: 409, "The refund's key belongs to another amount.", remedy: "Use a new key for a new refund.")
    package static let nothingToResolve = ErrorCode(
        7017, "NOTHING_TO_RESOLVE", status: 409, "No review of this kind is open for the order.", remedy: "Look at data.review.")
    package static let cardUnknown = ErrorCode(
        7018, "CARD_UNKNOWN", status: 404, "The card belongs to nobody.", remedy: "Register the card first.")
    package static let tariffInvalid = ErrorCode(
        7019, "TARIFF_INVALID", status: 422, "The tariff cannot be used.", remedy: "Look at data.field.")
    package static let noTariff = ErrorCode(
        7020, "NO_TARIFF", status: 409, "The pile has no price.", remedy: "Give the operator or the site a tariff.")

    static let chargingCodes: [ErrorCode] = [
        orderNotFound, pileNotFound, portNotFound, portBusy, portDisabled, portFaulted, pileOffline, userHasDue, tooManyOrders,
        insufficientFunds, clientKeyReused, orderState, refundTooLarge, tooManyRefunds, refundRunning, refundKeyReused, nothingToResolve,
        cardUnknown, tariffInvalid, noTariff,
    ]
}
