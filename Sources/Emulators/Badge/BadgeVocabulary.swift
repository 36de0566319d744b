package import LabCore

/// What a badge can do, tell, answer and suffer, for the checker and for `lab describe`.
extension Badge {
    package static let kind = NodeKind(
        name: "badge", about: "A Luna badge: registers over REST, then heartbeats, logs, configuration and commands over MQTT.",
        abilities: ["reboot", "power"],
        facts: [
            FieldKind("serial_no", .text, "serial number, such as BDG-0007"), FieldKind("firmware", .text, "firmware version"),
            FieldKind("hardware_version", .text, "hardware version"),
            FieldKind("boot", .choice(BootModel.allCases.map(\.rawValue)), "bootloader; mcuboot where absent"),
            FieldKind(
                "over_tcp", .integer,
                "how many of a fleet have sockets where time is real, all where absent; the others reach broker and cloud in the process, byte for byte alike, and take no descriptors"),
        ],
        actions: powerActions + firmwareActions + reportActions + cloudActions,
        events: bootEvents + updateEvents + selfTestEvents + cloudEvents + trafficEvents + updateTraffic, queries: badgeQueries + firmwareQueries,
        faults: badgeFaults + firmwareFaults, media: [.mqtt])

    private static let powerActions = [
        ActionKind(
            "boot", "Switches the badge on, or off and on again; can renew it as the factory does.",
            takes: [
                FieldKind("factory_new", .bool, "erase credentials, configuration and counters first"),
                FieldKind("serial_no", .text, "write this serial number, and its key, into the factory sector"),
                FieldKind("hardware_id", .text, "write this hardware id, 24 hexadecimal digits, into the factory sector"),
                FieldKind("factory_key", .bytes, "write this key, 32 bytes, in place of the one that belongs to the serial number"),
            ],
            gives: [FieldKind("serial_no", .text), FieldKind("hardware_id", .text), FieldKind("device", .text, "the id that it will register")]),
        ActionKind("power_on", "Switches the power on; does nothing if it is on."),
        ActionKind("power_off", "Switches the power off without warning; RAM is lost."),
        ActionKind("reboot", "Restarts in order: tells the cloud, closes the connection, boots."),
        ActionKind("factory_reset", "Erases credentials and configuration, not the factory sector, and boots."),
    ]

    private static let reportActions = [
        ActionKind("heartbeat", "Sends a heartbeat now, beside those that come by themselves."),
        ActionKind(
            "log", "Sends a log line; it waits in a small queue while the badge is offline.",
            takes: [
                FieldKind("level", .choice(BadgeLogLevel.allCases.map(\.rawValue)), "info where absent"),
                FieldKind("module", .text, "app where absent"), FieldKind("message", .text, required: true),
                FieldKind("details", .any, "a record"),
            ],
            gives: [FieldKind("sent", .bool, "false if log_level keeps it back")]),
        ActionKind(
            "publish", "Publishes any payload on any topic with the badge's own session.",
            takes: [
                FieldKind("topic", .text, required: true),
                FieldKind("payload", .any, "text is sent as it is, everything else as JSON"),
                FieldKind("quality", .integer, "0, 1 or 2; 0 where absent"), FieldKind("retain", .bool),
            ]),
        ActionKind(
            "subscribe", "Subscribes to any topic filter with the badge's own session.",
            takes: [FieldKind("filter", .text, required: true), FieldKind("quality", .integer, "0, 1 or 2; 0 where absent")],
            gives: [FieldKind("code", .integer, "the granted quality")]),
        ActionKind(
            "disconnect", "Closes the MQTT connection in order and comes back after a pause.",
            takes: [FieldKind("pause", .duration, "5s where absent")]),
    ]

    private static let cloudActions = [
        ActionKind(
            "request", "Sends a signed REST request with the badge's own credentials; an answer of 400 or more is a failure.",
            takes: [
                FieldKind("method", .text, "GET where absent"), FieldKind("path", .text, required: true, "with its query"),
                FieldKind("body", .any, "text is sent as it is, everything else as JSON"),
                FieldKind("token", .text, "this bearer token in place of its own"),
                FieldKind("signed", .bool, "true where absent"),
            ],
            gives: [
                FieldKind("status", .integer, "HTTP status"), FieldKind("code", .integer, "0, or the cloud's error code"),
                FieldKind("error", .text, "name of the error"), FieldKind("message", .text), FieldKind("data", .any),
            ]),
        ActionKind(
            "reveal_token", "Gives the badge's bearer token, a fresh one if it has none that is valid.",
            gives: [FieldKind("token", .text), FieldKind("expires_at", .integer, unit: "s")]),
    ]

    static let bootFields = [
        FieldKind("firmware", .text), FieldKind("reason", .choice(BadgeResetCause.allCases.map(\.rawValue))),
        FieldKind("signature", .choice(["valid", "invalid", "unchecked"]), "of the image; unchecked where the bootloader has no keys"),
        FieldKind("slot", .text), FieldKind("attempts", .integer, "boots since the last that was done"),
        FieldKind("revert", .bool, "the bootloader went back to this image"),
    ]

    private static let bootEvents = [
        EventKind("boot.started", "The firmware begins to run.", fields: bootFields + [FieldKind("boot_count", .integer)]),
        EventKind(
            "boot.done", "The firmware is up; an image that is not confirmed tests itself from here on.", fields: bootFields),
        EventKind("boot.stuck", "No image can be started: the badge stays in its bootloader.", fields: [FieldKind("reason", .text)]),
        EventKind("app.crashed", "The application crashed and resets the badge.", fields: [FieldKind("firmware", .text)]),
        EventKind(
            "settings.migrated", "Newer firmware has extended what is kept in flash.",
            fields: [FieldKind("from", .integer), FieldKind("to", .integer)]),
        EventKind("boot.failed", "The badge cannot run.", fields: [FieldKind("reason", .choice(["factory_data_damaged"]))]),
        EventKind(
            "power.lost", "Power is gone, and the RAM with it.",
            fields: [FieldKind("reason", .choice(["cut", "switched_off", "flash_cut"])), FieldKind("operation", .integer, "flash operation")]),
        EventKind("power.restored", "Power is back after a loss."),
        EventKind("factory_reset", "Credentials and configuration are erased."),
        EventKind("watchdog.reset", "The application hung; the watchdog resets the badge."),
        EventKind("flash.failed", "Something could not be kept in flash.", fields: [FieldKind("reason", .text)]),
        EventKind("clock.corrected", "The clock was set by the cloud's signed time.", fields: [FieldKind("by", .integer, unit: "s")]),
    ]

    private static let cloudEvents = [
        EventKind(
            "registered", "The cloud gave credentials, and they are in flash.",
            fields: [FieldKind("device", .text), FieldKind("key_epoch", .integer), FieldKind("again", .bool, "the cloud knew it already")]),
        EventKind(
            "registration.failed", "A registration was refused or got no answer.",
            fields: [
                FieldKind("status", .integer, "HTTP status, 0 without an answer"), FieldKind("error", .text), FieldKind("attempt", .integer),
                FieldKind("retry", .choice(["soon", "late", "never"])),
            ]),
        EventKind("token.renewed", "The cloud gave a new token.", fields: [FieldKind("expires_at", .integer, unit: "s")]),
        EventKind(
            "token.refused", "The cloud gave no new token.", fields: [FieldKind("status", .integer), FieldKind("error", .text)]),
        EventKind("online", "Connected and subscribed.", fields: [FieldKind("device", .text), FieldKind("session_present", .bool)]),
        EventKind("offline", "The connection ended.", fields: [FieldKind("reason", .text)]),
        EventKind("connection.refused", "The broker refused the connection.", fields: [FieldKind("code", .integer, "CONNACK return code")]),
        EventKind(
            "config.applied", "A setting is in force and in flash.",
            fields: [FieldKind("key", .text), FieldKind("value", .text, "as config_value is written"), FieldKind("version", .integer)]),
        EventKind(
            "config.rejected", "A configuration was not taken.",
            fields: [FieldKind("reason", .text), FieldKind("message", .text), FieldKind("version", .integer)]),
        EventKind("config.ignored", "A configuration was not newer.", fields: [FieldKind("version", .integer), FieldKind("current", .integer)]),
        EventKind(
            "command.executed", "A command was carried out, or failed.",
            fields: [
                FieldKind("command", .text), FieldKind("command_id", .text), FieldKind("status", .choice(["done", "failed"])),
                FieldKind("reason", .text),
            ]),
        EventKind("command.duplicate", "A command arrived again; only its result was sent.", fields: [FieldKind("command_id", .text)]),
        EventKind("command.rejected", "A command could not be read.", fields: [FieldKind("reason", .text)]),
    ]

    private static let trafficEvents = [
        EventKind(
            "heartbeat.sent", "A heartbeat went out.", fields: [FieldKind("temperature", .number, unit: "°C")], volume: .traffic),
        EventKind(
            "log.sent", "A log line went out.",
            fields: [FieldKind("level", .text), FieldKind("module", .text), FieldKind("message", .text)], volume: .traffic),
        EventKind("status.sent", "A status went out.", fields: [FieldKind("status", .text)], volume: .traffic),
        EventKind("flash.written", "Something was kept in flash.", fields: [FieldKind("operation", .integer, "operations so far")], volume: .traffic),
        EventKind("message.received", "A message came from the broker.", fields: [FieldKind("topic", .text)], volume: .traffic),
    ]

    private static let badgeQueries = [
        ActionKind(
            "state", "What the badge knows about itself.",
            gives: [
                FieldKind("power", .choice(["on", "off"])), FieldKind("phase", .text), FieldKind("registered", .bool), FieldKind("online", .bool),
                FieldKind("device", .text), FieldKind("serial_no", .text), FieldKind("hardware_id", .text), FieldKind("firmware", .text),
                FieldKind("boot_count", .integer), FieldKind("config_version", .integer), FieldKind("key_epoch", .integer),
            ]),
        ActionKind(
            "config", "The value of a setting.", takes: [FieldKind("key", .text, required: true)],
            gives: [FieldKind("key", .text), FieldKind("value", .text, "as config_value is written"), FieldKind("version", .integer)]),
    ]

    private static let badgeFaults = [
        ActionKind("power.cut", "Power is away while the fault lasts."),
        ActionKind("app.hang", "The application stops; the watchdog resets the badge after 8 s, and again while the fault lasts."),
        ActionKind(
            "clock.wrong", "The clock goes wrong; it is right again when the fault ends.",
            takes: [
                FieldKind("by", .duration, required: true), FieldKind("direction", .choice(["ahead", "behind"]), "ahead where absent"),
            ]),
        ActionKind(
            "flash.cut", "Power is lost in the middle of a flash operation.",
            takes: [
                FieldKind("part", .choice(["settings", "firmware"]), "which flash; settings where absent"),
                FieldKind("at_operation", .integer, "counted from now, 1 or more; 1 where absent"),
                FieldKind("tear", .choice(["nothing", "one_byte", "half", "all_but_one_byte", "everything", "scattered"]), "how much of it is done; half where absent"),
                FieldKind("away", .duration, "how long power stays away; 5s where absent"),
            ]),
        ActionKind(
            "sensor.overheat", "The temperature sensor shows heat.", takes: [FieldKind("celsius", .number, unit: "°C", required: true)]),
    ]
}
