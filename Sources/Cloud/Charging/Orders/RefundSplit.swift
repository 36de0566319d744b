/// Where a refund goes: to the payment service first, as far as the money came from there, and the rest into the wallet.
package struct RefundSplit: Sendable, Equatable {
    package var channel: Int64
    package var wallet: Int64

    /// - Parameter channelLeft: what came by the payment service and has not gone back.
    package init(_ fen: Int64, channelLeft: Int64) {
        channel = min(fen, max(0, channelLeft))
        wallet = fen - channel
    }
}
