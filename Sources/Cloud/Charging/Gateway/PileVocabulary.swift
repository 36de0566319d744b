package import LabCore

/// What the pile gateway notes, as part of the kind `cloud`.
package enum PileGatewayVocabulary {
    private static let pile = FieldKind("pile", .text, "the pile's number")
    private static let command = FieldKind(
        "command", .integer, "DNY: the command; BKV: the KV command, or outer command and sub-command as in 0x1502")
    private static let wire = FieldKind("protocol", .choice(PileProtocol.allCases.map(\.rawValue)))
    private static let peer = FieldKind("peer", .text, "where the connection comes from")

    package static let events: [EventKind] = [
        EventKind(
            "pile.online", "A pile has logged in: with any frame, so that it may not have said more than its number.",
            fields: [pile, wire, FieldKind("ports", .integer), FieldKind("firmware", .text, "where it was known before"), peer]),
        EventKind(
            "pile.described", "A pile has said something new of itself.",
            fields: [pile, FieldKind("ports", .integer), FieldKind("firmware", .text), FieldKind("model", .text), FieldKind("iccid", .text)]),
        EventKind(
            "pile.offline", "A pile's session has ended.",
            fields: [pile, wire, FieldKind("reason", .text, "closed, silent, taken_over, removed, noise, …")]),
        EventKind(
            "pile.taken_over", "A pile logged in on another connection: the newer one has it (F56).",
            fields: [
                pile, wire, peer, FieldKind("previous_peer", .text), FieldKind("is_alarm", .bool, "it does not look like the same device"),
            ]),
        EventKind(
            "pile.clock", "A pile's clock is not set, or has jumped (F28, F29).",
            fields: [
                pile, FieldKind("flag", .choice(["unset", "jump", "set"])), FieldKind("offset", .integer, unit: "s", "ahead of the cloud"),
            ]),
        EventKind(
            "pile.command", "A command was given up, or got an answer.",
            fields: [
                pile, FieldKind("port", .integer), FieldKind("order", .text), FieldKind("what", .text),
                FieldKind("result", .text, "in the words of the protocol, or unanswered"),
            ]),
        EventKind(
            "pile.upgrade", "A packet of firmware was acknowledged.",
            fields: [pile, FieldKind("packet", .integer), FieldKind("of", .integer)], volume: .traffic),
        EventKind(
            "frame.received", "A whole frame came.", fields: [pile, wire, command, FieldKind("bytes", .bytes)], volume: .traffic),
        EventKind("frame.sent", "A frame went out.", fields: [pile, wire, command, FieldKind("bytes", .bytes)], volume: .traffic),
        EventKind(
            "frame.acknowledged", "A bill is durable, and the pile is told so.",
            fields: [pile, FieldKind("order", .text), command, FieldKind("duplicate", .bool, "the same content as before")]),
        EventKind(
            "frame.refused", "A frame was not taken.",
            fields: [
                pile, wire, FieldKind("order", .text), command, peer,
                FieldKind(
                    "reason", .text,
                    """
                    already_settled, unknown_order, foreign_order, implausible, unknown_card (kept and acknowledged); checksum, length, malformed, \
                    unknown_command, unknown_pile, default_id, native_form, impossible_port, impossible_energy, impossible_time, message_id_reused, not_stored, too_many
                    """),
                FieldKind("is_acknowledged", .bool),
            ]),
        EventKind(
            "pile.connection_closed", "A connection of piles was closed by the gateway.",
            fields: [
                peer,
                FieldKind(
                    "reason", .text, "unidentified, no_login, garbage, unknown_pile, rate_limited, too_many_connections, silent, taken_over"
                ),
                FieldKind("refused", .integer, "frames of it that were refused"),
                FieldKind("garbage", .integer, "bytes of it that belonged to no frame"),
            ]),
    ]
}
