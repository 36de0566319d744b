package import LabCore

/// What the agent of a module can do, tell and answer. The world unites it with what the module itself publishes.
extension ModuleAgent {
    package static let kind = NodeKind(
        name: "rg500q",
        about: "A Quectel RG500Q with the program at its side, which drives it by AT commands and speaks to the cloud for it.",
        abilities: ["agent"],
        facts: [
            FieldKind("serial_no", .text, "serial number and device id, such as QT_001"),
            FieldKind("apn", .text, "access point name set at the start"),
        ],
        actions: programActions + moduleActions + updateActions,
        events: portEvents + moduleEvents + networkEvents + cloudEvents + updateEvents + trafficEvents,
        queries: agentQueries + updateQueries)

    private static let programActions = [
        ActionKind(
            "start", "Starts the program: it opens the AT port, sets the module up and speaks to the cloud once it is attached.",
            takes: [FieldKind("factory_new", .bool, "forget credentials and configuration first")],
            gives: [FieldKind("device", .text, "the id that it registers under"), FieldKind("serial_no", .text)]),
        ActionKind("stop", "Stops the program in order: tells the cloud, closes the port."),
        ActionKind(
            "report", "Measures now, and sends a heartbeat if it is online.", gives: signalFields + [FieldKind("sent", .bool)]),
    ]

    private static let moduleActions = [
        ActionKind(
            "at", "Sends one AT command; a final result other than OK is a failure, at_error.",
            takes: [
                FieldKind("command", .text, required: true, "with its AT: AT+CSQ"),
                FieldKind("timeout", .duration, "what the manual gives for the command where absent"),
            ],
            gives: [
                FieldKind("lines", .list(.text), "information lines"), FieldKind("final", .text),
                FieldKind("code", .integer, "of +CME or +CMS ERROR"),
            ]),
        ActionKind(
            "sms.send", "Sends a message in text mode.",
            takes: [
                FieldKind("to", .text, required: true, "digits with an optional +"),
                FieldKind("text", .text, required: true, "at most 160 characters of printable ASCII"),
            ],
            gives: [FieldKind("reference", .integer, "of the message, 0 to 255"), FieldKind("code", .integer, "of +CMS ERROR")]),
        ActionKind(
            "locate", "Switches positioning on where it is off, and waits for a fix.",
            takes: [FieldKind("timeout", .duration, "60s where absent")],
            gives: [
                FieldKind("latitude", .number, unit: "°"), FieldKind("longitude", .number, unit: "°"),
                FieldKind("altitude", .number, unit: "m"),
                FieldKind("satellites", .integer), FieldKind("hdop", .number), FieldKind("utc", .text, "ISO 8601"),
                FieldKind("code", .integer),
            ]),
    ]

    static let signalFields = [
        FieldKind("cellular_signal", .number, unit: "dBm"), FieldKind("rsrp", .number, unit: "dBm"), FieldKind("rsrq", .number, unit: "dB"),
        FieldKind("sinr", .number, unit: "dB"), FieldKind("rat", .choice(RadioAccess.allCases.map(\.rawValue))),
        FieldKind("operator", .text, "MCC and MNC"), FieldKind("band", .text), FieldKind("temperature", .number, unit: "°C"),
    ]

    private static let portEvents = [
        EventKind(
            "agent.started", "The program runs.",
            fields: [FieldKind("device", .text), FieldKind("credentials", .bool, "it is registered already")]),
        EventKind("agent.stopped", "The program has ended."),
        EventKind("port.opened", "The AT port is open.", fields: [FieldKind("attempts", .integer, "tries to open it")]),
        EventKind("port.lost", "The AT port is gone.", fields: [FieldKind("command", .text, "what waited for its answer")]),
        EventKind(
            "at.timeout", "A command got no final result in time.",
            fields: [FieldKind("command", .text), FieldKind("limit", .duration), FieldKind("in_a_row", .integer)]),
        EventKind(
            "at.refused", "The module refused a command of the set-up.", fields: [FieldKind("command", .text), FieldKind("error", .text)]),
        EventKind(
            "at.damaged", "Something came that is no line of text, or an answer that cannot be read.", fields: [FieldKind("reason", .text)]),
        EventKind(
            "reset.sent", "The agent restarts the module (AT+CFUN=1,1).",
            fields: [FieldKind("reason", .choice(["hang", "command", "update"]))]),
        EventKind(
            "power_cycle.needed", "The module does not answer any more; only its power helps.",
            fields: [FieldKind("reason", .choice(["no_answer", "no_port"]))]),
        EventKind(
            "recovered", "The module is set up again.",
            fields: [FieldKind("from", .choice(ModuleTrouble.allCases.map(\.rawValue))), FieldKind("downtime", .duration)]),
    ]

    private static let moduleEvents = [
        EventKind(
            "identified", "The module said what it is; numbers of people and modules show their last 4 digits.",
            fields: [FieldKind("manufacturer", .text), FieldKind("model", .text), FieldKind("firmware", .text), FieldKind("imei", .text)]),
        EventKind(
            "module.ready", "The agent has set the module up after a start of it.",
            fields: [FieldKind("boot_count", .integer, "starts that the agent saw")]),
        EventKind("sim.ready", "The SIM can be used.", fields: [FieldKind("imsi", .text), FieldKind("iccid", .text)]),
        EventKind("sim.missing", "There is no SIM.", fields: [FieldKind("code", .integer, "of +CME ERROR")]),
        EventKind("sim.locked", "The SIM wants a code that the agent does not have.", fields: [FieldKind("needs", .text)]),
        EventKind("sim.failed", "The SIM does not work.", fields: [FieldKind("code", .integer, "of +CME ERROR")]),
        EventKind(
            "sms.read", "The agent has read a message that came.",
            fields: [FieldKind("from", .text), FieldKind("text", .text), FieldKind("index", .integer)]),
        EventKind("sms.submitted", "A message went out with success.", fields: [FieldKind("to", .text), FieldKind("reference", .integer)]),
    ]

    private static let networkEvents = [
        EventKind(
            "network.changed", "The registration changed.",
            fields: [
                FieldKind("state", .choice(NetworkState.allCases.map(\.rawValue))),
                FieldKind("was", .choice(NetworkState.allCases.map(\.rawValue))),
            ]),
        EventKind(
            "attached", "The module has a data connection.",
            fields: [
                FieldKind("rat", .choice(RadioAccess.allCases.map(\.rawValue))), FieldKind("operator", .text), FieldKind("band", .text),
                FieldKind("roaming", .bool), FieldKind("address", .text),
            ]),
        EventKind(
            "detached", "The data connection is lost.",
            fields: [
                FieldKind(
                    "reason",
                    .choice([
                        "searching", "denied", "off", "unknown", "no_address", "no_sim", "port_lost", "no_answer", "reset", "configuration",
                        "stopped",
                    ]))
            ]),
    ]

    private static let cloudEvents = [
        EventKind(
            "registered", "The cloud gave credentials.",
            fields: [FieldKind("device", .text), FieldKind("key_epoch", .integer), FieldKind("again", .bool, "the cloud knew it already")]),
        EventKind(
            "registration.failed", "A registration with the cloud was refused or got no answer.",
            fields: [
                FieldKind("status", .integer, "HTTP status, 0 without an answer"), FieldKind("error", .text),
                FieldKind("attempt", .integer),
                FieldKind("retry", .choice(["soon", "late", "never"])),
            ]),
        EventKind(
            "online", "Connected to the broker and subscribed.", fields: [FieldKind("device", .text), FieldKind("session_present", .bool)]),
        EventKind("offline", "The connection to the broker ended.", fields: [FieldKind("reason", .text)]),
        EventKind("connection.refused", "The broker refused the connection.", fields: [FieldKind("code", .integer, "of the CONNACK")]),
        EventKind("clock.corrected", "The clock was set by the cloud's signed time.", fields: [FieldKind("by", .integer, unit: "s")]),
        EventKind(
            "config.tried", "The module has the configuration, as reading it back showed, and attaches with it.",
            fields: [FieldKind("apn", .text), FieldKind("config_version", .integer)]),
        EventKind(
            "config.applied", "A configuration is in force: the agent is online with it.",
            fields: [FieldKind("apn", .text), FieldKind("interval", .integer, unit: "s"), FieldKind("config_version", .integer)]),
        EventKind(
            "config.rejected", "A configuration was not taken.",
            fields: [
                FieldKind("config_version", .integer),
                FieldKind("reason", .choice(["malformed", "unknown_key", "invalid_value", "module_error", "module_silent"])),
                FieldKind("message", .text),
            ]),
        EventKind(
            "config.ignored", "A configuration was not newer than the present one.",
            fields: [FieldKind("config_version", .integer), FieldKind("current", .integer)]),
        EventKind(
            "command.executed", "A command of the cloud is done or has failed.",
            fields: [
                FieldKind("command", .text), FieldKind("command_id", .text), FieldKind("status", .choice(["done", "failed"])),
                FieldKind("reason", .text),
            ]),
        EventKind("command.duplicate", "A command came again.", fields: [FieldKind("command_id", .text)]),
        EventKind("command.rejected", "A message was no command.", fields: [FieldKind("reason", .text)]),
    ]

    private static let trafficEvents = [
        EventKind(
            "at.sent", "A command went to the module; codes and passwords are left out.", fields: [FieldKind("command", .text)],
            volume: .traffic),
        EventKind("at.line", "A line of an answer.", fields: [FieldKind("line", .text)], volume: .traffic),
        EventKind("at.urc", "A line that nobody asked for.", fields: [FieldKind("line", .text)], volume: .traffic),
        EventKind("signal", "A measurement of the cell.", fields: signalFields.filter { $0.name != "temperature" }, volume: .traffic),
        EventKind(
            "temperature", "The hottest sensor.", fields: [FieldKind("celsius", .number, unit: "°C"), FieldKind("sensor", .text)],
            volume: .traffic),
        EventKind("heartbeat.sent", "A heartbeat went out.", fields: signalFields, volume: .traffic),
        EventKind("status.sent", "A status went out.", fields: [FieldKind("status", .text)], volume: .traffic),
        EventKind("log.sent", "A log line went out.", fields: [FieldKind("level", .text), FieldKind("message", .text)], volume: .traffic),
        EventKind("message.received", "A message came from the broker.", fields: [FieldKind("topic", .text)], volume: .traffic),
    ]

    private static let agentQueries = [
        ActionKind(
            "module", "What the agent knows about the module and itself.",
            gives: [
                FieldKind("running", .bool), FieldKind("port", .choice(["closed", "opening", "open"])), FieldKind("phase", .text),
                FieldKind("model", .text), FieldKind("firmware", .text), FieldKind("imei", .text),
                FieldKind("sim", .choice(SIMState.allCases.map(\.rawValue))),
                FieldKind("imsi", .text), FieldKind("iccid", .text), FieldKind("boot_count", .integer), FieldKind("device", .text),
                FieldKind("serial_no", .text),
                FieldKind("registered", .bool), FieldKind("online", .bool),
            ]),
        ActionKind("signal", "The last measurement; fields that the module did not tell are absent.", gives: signalFields),
        ActionKind(
            "network", "The registration.",
            gives: [
                FieldKind("state", .choice(NetworkState.allCases.map(\.rawValue))), FieldKind("attached", .bool), FieldKind("rat", .text),
                FieldKind("operator", .text), FieldKind("band", .text), FieldKind("address", .text),
                FieldKind("eps", .integer, "stat of +CEREG"),
                FieldKind("fiveg", .integer, "stat of +C5GREG"), FieldKind("circuit", .integer, "stat of +CREG"),
            ]),
        ActionKind(
            "config", "The settings in force.",
            gives: [
                FieldKind("apn", .text), FieldKind("username", .text), FieldKind("interval", .integer, unit: "s"),
                FieldKind("config_version", .integer),
            ]),
    ]
}
