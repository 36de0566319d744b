package import LabCore

extension Cloud {
    /// An event of the cloud that those note who carry its requests to other services.
    package static let serviceFailed = "service.failed"

    /// What scenarios can do with a cloud, see of it, ask it and do to it.
    ///
    /// `restart`, `crash` and `broker.restart` are done by whoever hosts the cloud, which outlives it.
    package static let kind = NodeKind(
        name: "cloud", about: "The IoT cloud: REST and MQTT for devices and operators, piles, orders and payments.", actions: CloudActions.kinds + FirmwareVocabulary.actions + ChargingVocabulary.actions,
        events: CloudEvents.kinds + FirmwareVocabulary.events + GatewayVocabulary.events + ChargingVocabulary.events,
        queries: CloudQueries.kinds + FirmwareVocabulary.queries + ChargingVocabulary.queries,
        faults: CloudFaults.kinds + FirmwareVocabulary.faults)
}

private enum Shared {
    static let device = FieldKind("device", .text, "the device id")
    static let requiredDevice = FieldKind("device", .text, required: true, "the device id")
    static let serial = FieldKind("serial_no", .text, "the serial number")
    static let states = DeviceCommand.State.allCases.map(\.rawValue)
}

enum CloudActions {
    static let kinds: [ActionKind] = [
        ActionKind(
            "factory.provision", "Makes serial numbers known, so that their devices may register: one, or a range.",
            takes: [
                Shared.serial, FieldKind("prefix", .text, "of a range, such as BDG-"), FieldKind("from", .integer, "the first number of a range"),
                FieldKind("count", .integer, "numbers of a range, written with four digits at least, 100000 at most"),
                FieldKind("device_type", .text, "the only type that may register, where given"), FieldKind("hardware_version", .text),
            ], gives: [FieldKind("count", .integer, "serial numbers that were not known before")]),
        ActionKind(
            "device.configure", "Sets one key of a device's configuration.",
            takes: [
                Shared.requiredDevice, FieldKind("key", .text, required: true, "such as cellular.apn"),
                FieldKind("value", .any, required: true), FieldKind("type", .choice(ConfigurationType.allCases.map(\.rawValue)), "read from the value where absent"),
            ], gives: [FieldKind("version", .integer), FieldKind("state", .text)]),
        ActionKind(
            "device.command", "Gives a device a command.",
            takes: [
                Shared.requiredDevice, FieldKind("command", .text, required: true), FieldKind("module", .text),
                FieldKind("parameters", .any, "a record"),
            ], gives: [FieldKind("command_id", .text), FieldKind("state", .choice(Shared.states))]),
        ActionKind("device.delete", "Deletes a device; its secret, token and connection end.", takes: [Shared.requiredDevice]),
        ActionKind(
            "device.rotate_key", "Makes a device's secret worthless; it has to register for the next one.", takes: [Shared.requiredDevice],
            gives: [FieldKind("epoch", .integer, "of the next secret")]),
        ActionKind(
            "user.create", "Makes a user.",
            takes: [
                FieldKind("username", .text, required: true), FieldKind("password", .text, required: true), FieldKind("email", .text),
                FieldKind("role", .choice(UserRole.allCases.filter { $0 != .device }.map(\.rawValue)), "user where absent"),
            ]),
        ActionKind(
            "request", "Sends a REST request as somebody, through the whole gateway, and gives the answer, whatever its status is.",
            takes: [
                FieldKind("method", .choice(["GET", "POST", "PUT", "PATCH", "DELETE"]), required: true),
                FieldKind("path", .text, required: true, "with the query"),
                FieldKind("as", .text, ScenarioCaller.about), FieldKind("body", .any, "a record as JSON, or a text as it stands"),
                FieldKind("headers", .any, "a record of names and texts, instead of those that would be sent; null leaves one out"),
            ],
            gives: [
                FieldKind("status", .integer), FieldKind("code", .integer, "0 on success"), FieldKind("error", .text, "the error's name"),
                FieldKind("message", .text), FieldKind("data", .any), FieldKind("body", .text, "what is not an envelope"),
                FieldKind("headers", .any, "by name in lower case"),
            ]),
        ActionKind("restart", "Stops the cloud, if it runs, and starts it over the same database."),
        ActionKind("crash", "Kills the cloud: what is not committed is lost, and nobody gets an answer."),
        ActionKind(
            "broker.restart", "Stops the broker and starts it again; all connections end.",
            takes: [FieldKind("persistent", .bool, "whether sessions and retained messages survive")]),
    ]
}

enum CloudEvents {
    private static let version = FieldKind("version", .integer)
    private static let key = FieldKind("key", .text)
    private static let reason = FieldKind("reason", .text)
    private static let client = FieldKind("client", .text)
    private static let fingerprint = FieldKind("fingerprint", .text, "the first 12 digits")
    private static let registration = [
        Shared.device, Shared.serial, FieldKind("device_type", .text), FieldKind("form", .choice(DeviceForm.allCases.map(\.rawValue))), fingerprint,
        FieldKind("firmware", .text), FieldKind("hardware", .text, "the hardware version"), FieldKind("epoch", .integer, "of the secret"),
    ]
    private static let command = [Shared.device, FieldKind("command_id", .text), FieldKind("command", .text), FieldKind("module", .text)]

    static let kinds: [EventKind] = devices + connections + telemetry + configuration + process

    private static let devices = [
        EventKind("device.registered", "A device is in the database that was not there before, or was deleted.", fields: registration),
        EventKind(
            "device.reregistered", "A registered device registered again.",
            fields: registration + [FieldKind("reason", .choice(["repeated", "other_hardware"]))]),
        EventKind(
            "device.clone_alarm", "One identity is used by two devices.",
            fields: [
                Shared.device, Shared.serial, FieldKind("reason", .choice(["other_hardware", "takeovers"])), FieldKind("accepted", .bool),
                fingerprint, FieldKind("known_fingerprint", .text), FieldKind("count", .integer, "takeovers within a minute"),
            ]),
        EventKind("device.deleted", "A device was deleted.", fields: [Shared.device, Shared.serial]),
        EventKind("device.key_rotated", "A device's secret was made worthless.", fields: [Shared.device, FieldKind("epoch", .integer)]),
    ]

    private static let connections = [
        EventKind(
            "mqtt.accepted", "A client is connected to the broker.",
            fields: [client, FieldKind("registered", .bool, "it is a device of this cloud"), Shared.device, Shared.serial]),
        EventKind(
            "mqtt.refused", "A client was not let in.",
            fields: [
                client,
                FieldKind(
                    "reason",
                    .choice(["malformed", "foreign_client", "unknown_device", "bad_signature", "clock_skew", "replayed", "unavailable"])),
                FieldKind("code", .integer, "CONNACK return code"),
            ]),
        EventKind("mqtt.online", "A device is online.", fields: [Shared.device, Shared.serial, client]),
        EventKind(
            "mqtt.offline", "A device is not online any more.",
            fields: [Shared.device, Shared.serial, FieldKind("reason", .text, "silent, will, taken_over, offline, restarting, or the broker's word")]),
    ]

    private static let telemetry = [
        EventKind(
            "heartbeat.received", "A heartbeat of a device was taken.",
            fields: [
                Shared.device, FieldKind("status", .text), FieldKind("cpu_usage", .number, unit: "%"), FieldKind("memory_usage", .number, unit: "%"),
            ] + ModuleMeasurement.kinds, volume: .traffic),
        EventKind(
            "log.received", "A log entry of a device was taken.",
            fields: [
                Shared.device, FieldKind("level", .choice(LogLevel.allCases.map(\.rawValue))), FieldKind("module", .text), FieldKind("message", .text),
            ], volume: .traffic),
        EventKind(
            "status.received", "A device said how it is.",
            fields: [
                Shared.device, FieldKind("status", .choice(Presence.allCases.map(\.rawValue))), FieldKind("firmware", .text),
                FieldKind("config_version", .integer), FieldKind("boot_count", .integer), FieldKind("modules", .any), FieldKind("performance", .any),
            ] + ModuleMeasurement.kinds, volume: .traffic),
        EventKind(
            "telemetry.refused", "A message was not taken; it is acknowledged all the same, unless the buffer was full.",
            fields: [
                Shared.device, client, FieldKind("topic", .text), FieldKind("reason", .choice(TelemetryRefusal.Reason.allCases.map(\.rawValue))),
                FieldKind("field", .text),
            ]),
    ]

    private static let configuration = [
        EventKind("config.changed", "A value is wanted.", fields: [Shared.device, key, FieldKind("type", .text), version]),
        EventKind(
            "config.pushed", "A configuration was sent to a device.",
            fields: [Shared.device, version, FieldKind("keys", .list(.text)), FieldKind("cause", .choice(["change", "resend", "restart"]))]),
        EventKind("config.confirmed", "A device has a version.", fields: [Shared.device, version, key, reason]),
        EventKind("config.rejected", "A device does not take a version.", fields: [Shared.device, version, key, reason]),
        EventKind("command.queued", "A command waits for its device.", fields: command),
        EventKind("command.sent", "A command was sent.", fields: command + [FieldKind("repeated", .bool)]),
        EventKind(
            "command.finished", "A command is done, or will not be.",
            fields: command + [FieldKind("status", .choice(["done", "failed", "expired"])), FieldKind("result", .any), reason]),
    ]

    private static let process = [
        EventKind(
            Cloud.serviceFailed, "A service that is none of the lab's gave no answer.",
            fields: [FieldKind("service", .text), FieldKind("detail", .text, "its address, why, and what to do")]),
        EventKind("started", "The cloud answers."),
        EventKind("crashed", "The cloud is gone."),
        EventKind("commit.before", "A commit is about to be tried.", fields: commit, volume: .traffic),
        EventKind("commit.after", "A commit is durable; nobody knows yet.", fields: commit, volume: .traffic),
        EventKind("storage.failed", "The database did not take something; it is tried again.", fields: [FieldKind("what", .text), reason, FieldKind("rows", .integer)]),
    ]

    private static let commit = [
        FieldKind(
            "what",
            .choice([
                "device.register", "device.configure", "device.command", "device.delete", "device.rotate_key", "factory.provision", "telemetry",
            ] + FirmwareVocabulary.commits + ChargingVocabulary.commits)),
        Shared.device, Shared.serial, FieldKind("command_id", .text), FieldKind("count", .integer), FieldKind("rows", .integer),
        FieldKind("execution", .text), FieldKind("rollout", .text), FieldKind("version", .text), FieldKind("number", .integer, "of a root"),
        FieldKind("group", .text),
    ] + ChargingVocabulary.commitFields
}

enum CloudQueries {
    static let kinds: [ActionKind] = [
        ActionKind(
            "device", "One device, by its id or its serial number.", takes: [Shared.device, Shared.serial],
            gives: [
                Shared.device, Shared.serial, FieldKind("state", .choice(["provisioned", "active", "deleted"])),
                FieldKind("status", .choice(Presence.allCases.map(\.rawValue))), FieldKind("online", .bool), FieldKind("firmware", .text),
                FieldKind("device_type", .text), FieldKind("hardware", .text), FieldKind("credentials", .record([FieldKind("epoch", .integer)]), "absent without a valid secret"),
                FieldKind("config_version", .integer), FieldKind("reported_config_version", .integer), FieldKind("heartbeats", .integer),
                FieldKind("clone_alarm", .bool), FieldKind("last_seen", .text, "ISO 8601, UTC"), FieldKind("boot_count", .integer),
                FieldKind("modules", .any), FieldKind("performance", .any), FieldKind("capabilities", .list(.text), "of a module"),
                FieldKind("signal_at", .text, "when a module last measured its cell"),
            ] + ModuleMeasurement.kinds),
        ActionKind(
            "signals", "How often a module measured its cell, with the weakest and the strongest signal.", takes: [Shared.requiredDevice],
            gives: [FieldKind("count", .integer), FieldKind("weakest", .number, unit: "dBm"), FieldKind("strongest", .number, unit: "dBm")]),
        ActionKind(
            "config", "One key of a device's configuration.", takes: [Shared.requiredDevice, FieldKind("key", .text, required: true)],
            gives: [
                FieldKind("value", .text, "as it is stored"), FieldKind("type", .text), FieldKind("version", .integer),
                FieldKind("state", .choice(["pending", "applied", "rejected", "superseded"])), FieldKind("reason", .text),
            ]),
        ActionKind(
            "command", "How a command stands.", takes: [FieldKind("command", .text, required: true, "the command id")],
            gives: [
                FieldKind("command_id", .text), FieldKind("state", .choice(Shared.states)), FieldKind("command", .text), FieldKind("module", .text),
                FieldKind("result", .any), FieldKind("reason", .text),
            ]),
        ActionKind(
            "commands", "How many commands of a device are in each state.", takes: [Shared.requiredDevice],
            gives: Shared.states.map { FieldKind($0, .integer) }),
        ActionKind(
            "devices", "How many devices there are.", takes: [FieldKind("status", .choice(Presence.allCases.map(\.rawValue)))],
            gives: [FieldKind("count", .integer)]),
        ActionKind(
            "logs", "The log entries that are in the database.",
            takes: [Shared.device, FieldKind("level", .choice(LogLevel.allCases.map(\.rawValue)))],
            gives: [
                FieldKind("count", .integer), FieldKind("last", .record([FieldKind("level", .text), FieldKind("module", .text), FieldKind("message", .text)])),
            ]),
        ActionKind("heartbeats", "The heartbeats that are in the database.", takes: [Shared.device], gives: [FieldKind("count", .integer)]),
    ]
}

enum CloudFaults {
    static let kinds: [ActionKind] = [
        ActionKind("database.slow", "Commits that something waits for take longer; reads, and what is noted by the way (nonces, audit), do not.", takes: [FieldKind("add", .duration, required: true)]),
        ActionKind("database.full", "No commit succeeds, as on a full disk."),
        ActionKind("crash", "Kills the cloud in the instant in which it begins; `restart` starts it again."),
    ]
}
