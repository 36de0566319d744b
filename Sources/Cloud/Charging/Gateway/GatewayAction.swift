import LabCore

/// What the gateway's core has decided and its shell carries out, in this order, after the lock is given back.
enum GatewayAction: Sendable {
    case send(UInt64, [UInt8])
    case close(UInt64, reason: String)
    case event(PileEvent)
    case bill(PileBill, BillTicket)
    /// The event counts only when the binding is durable.
    case bind(BusinessBinding, then: PileEvent)
    case billed(BusinessBinding, hash: [UInt8])
    /// A start goes out that will get a number.
    case intend(BusinessBinding)
    /// A start was refused.
    case forgetIntention(BusinessBinding)
    case note(String, Fields)
    /// A frame came or went: its event is made only here.
    case frame(isReceived: Bool, pile: String, PileProtocol, command: UInt16, [UInt8])
    case wake(RunInstant)
}

/// What it takes to acknowledge a bill once it is durable.
struct BillTicket: Sendable {
    var connection: UInt64
    var key: PileKey
    var pile: String
    var wire: PileProtocol
    var command: UInt16
    var order: String?
    /// The acknowledgement as it goes over the wire.
    var answer: [UInt8]
    var answerCommand: UInt16
    var hash: [UInt8]
    /// BKV: whose bill it is by the table.
    var binding: BusinessBinding?
}
