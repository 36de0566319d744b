import LabCore

/// What the world adds to kinds with byte ports.
enum PortVocabulary {
    static let closed = "port.closed"
    static let sent = "port.sent"
    static let received = "port.received"

    private static let bytes = [FieldKind("port", .text, "such as at"), FieldKind("bytes", .bytes)]

    static let events: [EventKind] = [
        EventKind(
            closed, "A port did not open, was closed by the other side, or vanished.",
            fields: [
                FieldKind("port", .text, "its name: a path in emu and hw"),
                FieldKind("reason", .choice(StreamFailure.Reason.allCases.map(\.rawValue))), FieldKind("detail", .text),
            ]),
        EventKind(sent, "The host's side sent bytes.", fields: bytes, volume: .traffic),
        EventKind(received, "The host's side received bytes, as they came.", fields: bytes, volume: .traffic),
    ]
}
