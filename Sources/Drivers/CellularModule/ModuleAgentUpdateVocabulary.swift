import LabCore

/// What updates add to the agent's vocabulary; the words are those of badges.
extension ModuleAgent {
    private static let version = FieldKind("version", .text, "that is wanted")
    private static let execution = FieldKind("execution", .text)
    private static let phases = ModuleUpdatePhase.allCases.map(\.rawValue)
    private static let results = ["succeeded", "failed", "rolled_back", "rejected", "cancelled"]

    static let updateActions = [
        ActionKind(
            "check_update", "Asks the cloud whether there is an update.",
            gives: [
                FieldKind("has_update", .bool), version, execution, FieldKind("action", .choice(["install", "rollback"])),
                FieldKind("status", .integer), FieldKind("error", .text),
            ])
    ]

    static let updateEvents = [
        EventKind(
            "ota.checked", "The cloud has said whether there is an update.",
            fields: [
                FieldKind("has_update", .bool), version, execution, FieldKind("action", .choice(["install", "rollback"])),
                FieldKind("error", .text),
            ]),
        EventKind(
            "ota.started", "The module was told to update itself.",
            fields: [version, execution, FieldKind("attempt", .integer), FieldKind("running", .text)]),
        EventKind("ota.downloaded", "The module has its package and starts anew.", fields: [version]),
        EventKind(
            "ota.progress", "The module has said how far it is.", fields: [version, FieldKind("percent", .integer, unit: "%")],
            volume: .traffic),
        EventKind(
            "ota.ended", "The module's updater has come to its end.",
            fields: [version, FieldKind("error", .integer, "as the module says it, 0 for none")]),
        EventKind(
            "ota.retry", "The command is given again later.",
            fields: [FieldKind("reason", .text), FieldKind("attempt", .integer, "that has failed"), FieldKind("wait", .duration)]),
        EventKind(
            "ota.stalled", "The module has said nothing for longer than it should.", fields: [FieldKind("phase", .choice(phases)), version]),
        EventKind("ota.cancel_rejected", "The cloud wants to cancel what the module does already.", fields: [version, execution]),
        EventKind(
            "ota.finished", "The update has come to an end, as the version shows that runs.",
            fields: [
                version, execution, FieldKind("result", .choice(results)), FieldKind("reason", .text, "a word: dfota_510, power"),
                FieldKind("running", .text),
            ]),
        EventKind(
            "ota.reported", "The cloud was told a state of the update.",
            fields: [
                FieldKind("state", .text), execution, FieldKind("status", .integer, "HTTP status, 0 without an answer"),
                FieldKind("recorded", .text, "what the cloud has"),
            ]),
    ]

    static let updateQueries = [
        ActionKind(
            "update", "The update under way, or the last one.",
            gives: [
                FieldKind("phase", .choice(["idle"] + phases)), version, execution, FieldKind("attempts", .integer),
                FieldKind("percent", .integer, unit: "%"), FieldKind("result", .choice(results)), FieldKind("reason", .text),
                FieldKind("reported", .bool, "the cloud has acknowledged the result"),
            ])
    ]
}
