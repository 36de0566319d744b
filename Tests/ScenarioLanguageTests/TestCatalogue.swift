import LabCore
import ScenarioLanguage

/// The names that the examples of scenario-language.md use, with the fields that they give them.
enum TestCatalogue {
    static let catalogue = Catalogue([badge, cloud, pile, modem])

    private static let signature = FieldType.choice(["valid", "invalid", "missing"])

    static let badge = NodeKind(
        name: "badge", about: "A badge", abilities: ["reboot", "power"],
        facts: [FieldKind("firmware", .text), FieldKind("temperature", .number, unit: "°C")],
        actions: [
            ActionKind("boot", "Boots", takes: [FieldKind("factory_new", .bool)]),
            ActionKind("reboot", "Boots again"),
            ActionKind("flash", "Writes an image", takes: [FieldKind("image", .text, required: true)]),
            ActionKind("heartbeat", "Sends a heartbeat", gives: [FieldKind("rssi", .integer, unit: "dBm"), FieldKind("took", .duration)]),
            ActionKind("publish", "Sends a payload", takes: [FieldKind("payload", .any), FieldKind("raw", .bytes), FieldKind("every", .duration)]),
        ],
        events: [
            EventKind("boot.started", "", fields: [FieldKind("firmware", .text), FieldKind("signature", signature)]),
            EventKind(
                "boot.done", "",
                fields: [
                    FieldKind("firmware", .text), FieldKind("slot", .choice(["A", "B"])), FieldKind("reason", .text),
                    FieldKind("signature", signature), FieldKind("attempts", .integer),
                ]),
            EventKind("power.restored", ""),
            EventKind("ota.block_written", "", fields: [FieldKind("firmware", .text), FieldKind("block", .integer)]),
        ],
        queries: [
            ActionKind("state", "", gives: [
                FieldKind("mode", .choice(["idle", "active"])), FieldKind("temperature", .number, unit: "°C"), FieldKind("uptime", .duration),
                FieldKind("loss", .ratio), FieldKind("serial", .bytes), FieldKind("tags", .list(.text)), FieldKind("config", .any),
                FieldKind("power", .record([FieldKind("source", .text), FieldKind("percent", .integer)])), FieldKind("online", .bool),
            ]),
        ],
        faults: [
            ActionKind("link.loss", "Loses frames", takes: [FieldKind("rate", .ratio, required: true)]),
            ActionKind("flash.corrupt", ""), ActionKind("power.cut", ""), ActionKind("app.hang", ""),
        ], media: [.mqtt])

    static let cloud = NodeKind(
        name: "cloud", about: "The cloud",
        actions: [
            ActionKind("factory.provision", "", takes: [FieldKind("serial_no", .text, required: true)]),
            ActionKind("wallet.top_up", "", takes: [FieldKind("user", .text), FieldKind("cents", .integer, unit: "cents")]),
            ActionKind(
                "order.create", "",
                takes: [
                    FieldKind("user", .text), FieldKind("pile", .text), FieldKind("port", .integer), FieldKind("minutes", .integer),
                    FieldKind("cents_per_minute", .integer), FieldKind("users", .integer),
                ],
                gives: [FieldKind("order", .text)]),
            ActionKind("ota.start", "", takes: [FieldKind("device", .text, required: true), FieldKind("image", .text)]),
        ],
        events: [
            EventKind("device.registered", "", fields: ["serial_no", "firmware", "device"].map { FieldKind($0, .text) }),
            EventKind("mqtt.accepted", "", fields: [FieldKind("registered", .bool), FieldKind("device", .text)]),
            EventKind("mqtt.online", "", fields: [FieldKind("device", .text)]),
            EventKind("pile.online", "", fields: [FieldKind("pile", .text)]),
            EventKind("pile.offline", "", fields: [FieldKind("pile", .text)]),
            EventKind("order.started", "", fields: [FieldKind("order", .text)]),
            EventKind("order.settled", "", fields: [FieldKind("order", .text), FieldKind("cents", .integer)]),
            EventKind("wallet.debited", "", fields: [FieldKind("cents", .integer)]),
            EventKind("revenue.credited", "", fields: [FieldKind("cents", .integer)]),
            EventKind("frame.acknowledged", "", fields: [FieldKind("order", .text), FieldKind("duplicate", .bool)]),
            EventKind("frame.refused", "", fields: [FieldKind("order", .text), FieldKind("reason", .choice(["already_settled", "unknown_order"]))]),
            EventKind(
                "ota.finished", "",
                fields: [FieldKind("device", .text), FieldKind("result", .choice(["installed", "rolled_back"])), FieldKind("reason", .text)]),
            EventKind("ota.offered", "", fields: [FieldKind("device", .text), FieldKind("version", .text)]),
        ],
        queries: [
            ActionKind(
                "device", "", takes: [FieldKind("device", .text, required: true)],
                gives: [FieldKind("state", .choice(["active", "blocked"])), FieldKind("credentials", .record([FieldKind("issued", .text)]))]),
            ActionKind(
                "rollout", "", takes: [FieldKind("version", .text)],
                gives: [FieldKind("state", .choice(["running", "paused"])), FieldKind("failed", .integer)]),
            ActionKind("wallet", "", takes: [FieldKind("user", .text)], gives: [FieldKind("cents", .integer)]),
        ],
        faults: [ActionKind("database.slow", "", takes: [FieldKind("add", .duration, required: true)])])

    static let pile = NodeKind(
        name: "pile", about: "A charging pile", abilities: ["power", "plug"],
        facts: [FieldKind("ports", .integer), FieldKind("firmware", .text)],
        actions: [
            ActionKind("power_on", ""),
            ActionKind("plug", "", takes: [FieldKind("port", .integer, required: true), FieldKind("watts", .integer, unit: "W")]),
            ActionKind("unplug", "", takes: [FieldKind("port", .integer, required: true)]),
            ActionKind(
                "frame.send", "",
                takes: [
                    FieldKind("bytes", .bytes), FieldKind("command", .integer), FieldKind("order", .text), FieldKind("message_id", .integer),
                    FieldKind("minutes", .integer),
                ]),
        ],
        events: [
            EventKind("charge.started", "", fields: [FieldKind("port", .integer), FieldKind("order", .text)]),
            EventKind(
                "frame.sent", "",
                fields: [FieldKind("command", .integer), FieldKind("order", .text), FieldKind("minutes", .integer), FieldKind("bytes", .bytes)]),
        ],
        faults: [ActionKind("power.cut", "")], media: [.serial])

    static let modem = NodeKind(
        name: "rg500q", about: "A cellular modem", actions: [ActionKind("sim.insert", ""), ActionKind("sim.remove", "")],
        faults: [ActionKind("antenna.detached", "")], media: [.serial])
}
