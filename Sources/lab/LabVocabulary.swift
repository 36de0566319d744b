import LabCore

/// What the lab itself writes into a log, for `lab describe lab`. Scenarios cannot expect it.
enum LabVocabulary {
    static let kind = NodeKind(
        name: "lab", about: "The lab itself: what it did and measured, in the log as the node lab. Not for scenarios.", events: events)

    private static let step = FieldKind("step", .text, "its path: steps.3, setup.1.use.2")
    private static let fault = FieldKind("fault", .text, "role and name")
    private static let handle = FieldKind("handle", .integer, "counts the faults of a run")

    private static let events = [
        EventKind(
            LabEvents.runStarted, "A case begins.",
            fields: [
                FieldKind("scenario", .text), FieldKind("file", .text), FieldKind("world", .choice(WorldKind.allCases.map(\.rawValue))),
                FieldKind("seed", .text), FieldKind("cell", .record([]), "the values of the matrix"),
            ]),
        EventKind(
            LabEvents.runEnded, "A case ends.",
            fields: [FieldKind("reason", .choice(["done", "failed", "blocked", "law_broken", "deadline", "interrupted"]))]),
        EventKind(LabEvents.phaseStarted, "A phase begins.", fields: [FieldKind("phase", .choice(["setup", "steps", "floors", "teardown"]))]),
        EventKind(
            LabEvents.stepStarted, "A step begins; with what it does, waits for or asks.",
            fields: [
                step, FieldKind("file", .text), FieldKind("line", .integer), FieldKind("column", .integer), FieldKind("verb", .text),
                FieldKind("text", .text),
            ]),
        EventKind(
            LabEvents.stepEnded, "A step ends.",
            fields: [
                step, FieldKind("outcome", .choice(["passed", "failed", "blocked", "interrupted"])),
                FieldKind("claimed", .list(.integer), "numbers of the events that it took"), FieldKind("reason", .text),
                FieldKind("answer", .record([])), FieldKind("failure", .record([])),
            ]),
        EventKind(LabEvents.saved, "A value got a name.", fields: [FieldKind("name", .text), FieldKind("value", .any)]),
        EventKind(
            LabEvents.measured, "A measurement.",
            fields: [FieldKind("name", .text), FieldKind("value", .number), FieldKind("unit", .text, "ns for times, else empty")]),
        EventKind(
            LabEvents.faultArmed, "A fault waits for its event.",
            fields: [fault, handle, FieldKind("event", .text), FieldKind("nth", .integer)]),
        EventKind(LabEvents.faultStarted, "A fault begins.", fields: [fault, handle, FieldKind("arguments", .record([]))]),
        EventKind(LabEvents.faultEnded, "A fault ends.", fields: [fault, handle]),
        EventKind(
            LabEvents.lawBroken, "A law is broken.",
            fields: [
                FieldKind("law", .text), FieldKind("file", .text), FieldKind("line", .integer), FieldKind("reason", .text),
                FieldKind("event", .integer, "the number of the event that broke it"),
            ]),
        EventKind(
            LabEvents.timing, "How late the lab's own timers were. Not in sim.",
            fields: [
                FieldKind("timers", .integer, "deadlines that were waited for"), FieldKind("median_ns", .integer, unit: "ns"),
                FieldKind("p99_ns", .integer, unit: "ns"), FieldKind("worst_ns", .integer, unit: "ns"),
                FieldKind("speed", .number, "seconds of the run for each real one"),
            ]),
        EventKind(LabEvents.eventsOmitted, "Traffic of a large fleet that is not in the log.", fields: [FieldKind("count", .integer)]),
    ]
}
