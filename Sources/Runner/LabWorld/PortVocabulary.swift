import LabCore

/// What the world adds to kinds with byte ports.
enum PortVocabulary {
    static let closed = "port.closed"

    static let events: [EventKind] = [
        EventKind(
            closed, "A port did not open, was closed by the other side, or vanished.",
            fields: [
                FieldKind("port", .text, "its name: a path in emu and hw"),
                FieldKind("reason", .choice(StreamFailure.Reason.allCases.map(\.rawValue))), FieldKind("detail", .text),
            ])
    ]
}
