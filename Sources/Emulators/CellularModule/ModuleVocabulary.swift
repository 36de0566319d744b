package import LabCore

/// What a module can do, tell, answer and suffer. The program that drives it adds its part to the same kind.
extension CellularModule {
    package static let kind = NodeKind(
        name: "rg500q", about: "A Quectel RG500Q cellular module: four ports on USB, AT commands, SIM, network, positioning.",
        abilities: ["power", "reset"], facts: moduleFacts + updateFacts, actions: moduleActions + updateActions,
        events: powerEvents + networkEvents + serviceEvents + updateEvents, queries: moduleQueries + updateQueries,
        faults: moduleFaults + updateFaults, media: [.serial])

    private static let modes = RadioNetwork.Mode.allCases.map(\.rawValue)
    private static let portLabels = ports.map(\.portLabel)

    private static let moduleFacts = [
        FieldKind("profile", .choice(ModuleProfile.all.map(\.name)), ModuleProfile.all.map(\.about).joined(separator: " ")),
        FieldKind("firmware", .text, "as ATI says it, such as RG500QEAAAR11A06M4G"), FieldKind("imei", .text, "15 digits"),
        FieldKind("imsi", .text, "6 to 15 digits"), FieldKind("iccid", .text, "19 or 20 digits"),
        FieldKind("number", .text, "own telephone number"), FieldKind("pin", .text, "PIN of the SIM, 4 to 8 digits; none where absent"),
        FieldKind("sim", .bool, "false for a slot without SIM"), FieldKind("mode", .choice(modes), "the network; NSA where absent"),
        FieldKind("operator", .text, "name of the network"), FieldKind("plmn", .text, "5 or 6 digits; that of the IMSI where absent"),
        FieldKind("boot_time", .duration, "from power or reset to the ports; 20s where absent"),
        FieldKind("start_time", .duration, "from the ports to the SIM and to each memory, and up to twice that; 1200ms where absent"),
        FieldKind("attach_time", .duration, "from the search to the registration, and up to twice that; 3s where absent"),
        FieldKind("answer_time", .duration, "from a command to its answer, and up to twice that; 4ms where absent"),
    ]

    private static let cellFields = [
        FieldKind("rsrp", .number, unit: "dBm", "-140 to -44"), FieldKind("rsrq", .number, unit: "dB", "-20 to -3"),
        FieldKind("sinr", .number, unit: "dB", "-20 to 40"), FieldKind("band", .integer),
        FieldKind("channel", .integer, "EARFCN or NR-ARFCN"),
        FieldKind("pci", .integer, "physical cell id"),
    ]

    private static let moduleActions = [
        ActionKind("power_on", "Switches the power on; does nothing if it is on."),
        ActionKind("power_off", "Takes the power away without warning."),
        ActionKind("power_key", "Holds the power key: the module says that it goes down, and does."),
        ActionKind("reset", "Pulls the reset line: the ports vanish and the module boots."),
        ActionKind(
            "sim.insert", "Puts a SIM into the empty slot.",
            takes: [
                FieldKind("imsi", .text), FieldKind("iccid", .text), FieldKind("number", .text), FieldKind("pin", .text),
            ], gives: [FieldKind("imsi", .text)]),
        ActionKind("sim.remove", "Takes the SIM out."),
        ActionKind(
            "network", "Changes the network around the module; what is not named stays.",
            takes: [
                FieldKind("mode", .choice(modes)), FieldKind("operator", .text), FieldKind("short_name", .text),
                FieldKind("plmn", .text, "5 or 6 digits"),
            ] + cellFields
                + cellFields.map { FieldKind("nr_" + $0.name, $0.type, unit: $0.unit, "of the NR cell, in NSA beside the LTE cell") }),
        ActionKind(
            "sms.receive", "The network delivers a text message.",
            takes: [
                FieldKind("from", .text, "telephone number; +15550001234 where absent"),
                FieldKind("text", .text, required: true, "at most 160 characters of the GSM alphabet, or 70 others"),
            ]),
        ActionKind(
            "move", "Moves the module to a place.",
            takes: [
                FieldKind("lat", .number, unit: "°", required: true), FieldKind("lon", .number, unit: "°", required: true),
                FieldKind("altitude", .number, unit: "m"),
            ]),
    ]

    private static let portField = FieldKind("port", .choice(portLabels))

    private static let powerEvents = [
        EventKind(
            "module.booted", "The firmware runs and its ports appear.",
            fields: [FieldKind("firmware", .text), FieldKind("cause", .choice(ModuleResetCause.allCases.map(\.rawValue)))]),
        EventKind(
            "module.reset", "The module resets; its ports vanish.",
            fields: [FieldKind("cause", .choice(ModuleResetCause.allCases.map(\.rawValue)))]),
        EventKind("module.powered_down", "The module is off until somebody switches it on."),
        EventKind("power.lost", "Power is gone.", fields: [FieldKind("reason", .choice(["cut", "switched_off"]))]),
        EventKind("power.restored", "Power is back after a loss."),
        EventKind("port.appeared", "A port is there on USB.", fields: [portField]),
        EventKind("port.vanished", "A port is gone from USB.", fields: [portField]),
        EventKind("sim.inserted", "A SIM is in the slot."), EventKind("sim.removed", "The SIM is gone from the slot."),
    ]

    private static let networkEvents = [
        EventKind(
            "module.attached", "The module is registered, newly or in another kind of network.",
            fields: [
                FieldKind("rat", .choice(modes)), FieldKind("operator", .text), FieldKind("plmn", .text), FieldKind("roaming", .bool),
                FieldKind("address", .text, "IP address of context 1"),
            ]),
        EventKind(
            "module.detached", "The module is no longer registered.",
            fields: [
                FieldKind(
                    "reason",
                    .choice([
                        "no_sim", "switched_off", "no_coverage", "other_network", "scanning", "denied", "network_changed", "power_lost",
                        "reset",
                        "powered_down",
                    ]))
            ]),
        EventKind("registration.denied", "The network refuses the module."),
    ]

    private static let serviceEvents = [
        EventKind(
            "command", "A command line has come in; it is not answered yet.",
            fields: [portField, FieldKind("text", .text, "at most 256 bytes")], volume: .traffic),
        EventKind(
            "sms.sent", "The network has taken a text message.",
            fields: [FieldKind("to", .text), FieldKind("text", .text), FieldKind("reference", .integer)]),
        EventKind(
            "sms.received", "A text message is in the module's memory.",
            fields: [FieldKind("from", .text), FieldKind("text", .text), FieldKind("index", .integer)]),
        EventKind(
            "file.stored", "A file has come over an AT port.",
            fields: [FieldKind("name", .text), FieldKind("size", .integer, unit: "byte"), FieldKind("checksum", .text)]),
        EventKind("file.removed", "A file is deleted.", fields: [FieldKind("name", .text)]),
        EventKind("gnss.started", "Positioning is on."), EventKind("gnss.stopped", "Positioning is off."),
        EventKind("gnss.fixed", "The place is known."),
    ]

    private static let moduleQueries = [
        ActionKind(
            "truth", "How things stand with the module and around it, whatever it says about them.",
            gives: [
                FieldKind("powered", .bool), FieldKind("ports", .integer, "ports on USB"), FieldKind("sim", .bool),
                FieldKind("attached", .bool),
                FieldKind("roaming", .bool), FieldKind("rat", .choice(modes)), FieldKind("operator", .text),
                FieldKind("rsrp", .integer, unit: "dBm", "of the serving cell, null without one"), FieldKind("sinr", .integer, unit: "dB"),
                FieldKind("apn", .text, "of context 1 as it is defined"), FieldKind("active_apn", .text, "with which context 1 is active"),
                FieldKind("address", .text), FieldKind("temperature", .integer, unit: "°C"), FieldKind("firmware", .text),
                FieldKind("imei", .text),
                FieldKind("imsi", .text), FieldKind("messages", .integer, "stored in the module"), FieldKind("files", .integer),
                FieldKind("lat", .number, unit: "°"), FieldKind("lon", .number, unit: "°"),
            ])
    ]

    private static let moduleFaults = [
        ActionKind("sim.absent", "The SIM has no contact."), ActionKind("registration.denied", "The network refuses the module."),
        ActionKind("attach.lost", "There is no network where the module is."),
        ActionKind(
            "signal.fade", "The signal gets weaker; below -126 dBm it is lost. It comes back at once.",
            takes: [
                FieldKind("rsrp", .number, unit: "dBm", "of the serving cell at the end"),
                FieldKind("by", .number, unit: "dB", "in place of rsrp; 30 where both are absent"),
                FieldKind("over", .duration, "0s where absent"),
            ]),
        ActionKind(
            "urc.storm", "The module talks without being asked.",
            takes: [FieldKind("rate", .number, unit: "1/s", "lines a second, at most 10000; 50 where absent")]),
        ActionKind(
            "urc.between", "One line comes between two lines of the next answer that has several.",
            takes: [FieldKind("line", .text, "+QIND: \"act\",\"LTE\" where absent")]),
        ActionKind("response.half", "Answers stop in the middle."),
        ActionKind(
            "garbage", "Bursts of random bytes come from the port for unsolicited lines.",
            takes: [FieldKind("rate", .number, unit: "1/s", "bursts a second; 1 where absent")]),
        ActionKind(
            "port.vanish", "Ports vanish from USB and come back at the end.",
            takes: [FieldKind("port", .choice(portLabels), "all where absent")]),
        ActionKind("hang", "The module answers nothing, until the end of the fault, a reset or a loss of power."),
    ]
}
