import LabCore

extension Grammar {
    /// `broker` of lab.yaml: which one, or the settings of the lab's own.
    static let broker = Shape.scalarOr(.text, .record(RecordShape(
        "'broker'",
        [
            .optional("listeners", .list(.text, atLeast: 1), "Addresses such as mqtt://127.0.0.1:1883; mqtts, ws and wss as well"),
            .optional("tls", .record(tls), "The certificate of mqtts and wss; the lab makes one where this is missing"),
            .optional("anonymous", .scalarOr(.bool, .record(RecordShape("'anonymous'", rights))), "Whether clients without a name are let in, and their rights; they are where this is missing"),
            .optional("users", .map(key: .word, .record(RecordShape("a user", user + rights))), "Who may connect"),
            .optional("denied_filters", .list(.text), "Topic filters that nobody may subscribe to"),
            .optional("denied_reason_code", .value, "What MQTT 5.0 clients are told of them: 0x87, or another one of SUBACK"),
            .optional("server_keep_alive", .integer(0...65_535), "Seconds; what clients of MQTT 5.0 that ask for more, or for none, are told"),
            .optional("maximum_keep_alive", .integer(1...65_535), "Seconds; who asks for more, or for none, is watched as if it had asked for this"),
            .optional("receive_maximum", .integer(1...65_535), "QoS 1 and 2 messages that a client may have unacknowledged"),
            .optional("topic_alias_maximum", .integer(0...65_535), "Highest topic alias of clients"),
            .optional("maximum_packet_size", .integer(1_024...268_435_455), "Bytes"),
            .optional("maximum_queued", .integer(1...1_000_000), "Messages that wait for one client"),
            .optional("session_expiry", .duration(orTemplate: false), "How long a session outlives its connection at most"),
        ])))

    private static let tls = RecordShape(
        "'tls'",
        [
            .required("certificate", .text, "A file in PEM, with the certificates that lead to the authority"),
            .required("key", .text, "A file in PEM, without a password"),
            .optional("clients", .text, "A file with the authorities of clients, in PEM; clients without a certificate are refused"),
            .optional("optional", .bool, "Clients without a certificate are let in"),
        ])

    private static let user: [RecordShape.Key] = [
        .optional("password", .text, "As the client sends it"),
        .optional("certificate", .text, "Instead of it: the subject of a client certificate, such as CN=badge-7"),
        .optional("admin", .bool, "May read $SYS"),
    ]

    private static let rights: [RecordShape.Key] = [
        .optional("publish", .list(.text), "Topic filters, with %c for the client identifier and %u for the user; everything where both lists are missing"),
        .optional("receive", .list(.text), "Topic filters"),
    ]
}
