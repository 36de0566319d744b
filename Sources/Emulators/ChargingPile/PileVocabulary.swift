package import LabCore

/// What a pile can do, tell, answer and suffer, for the checker and for `lab describe`.
extension ChargingPile {
    package static let kind = NodeKind(
        name: "pile",
        about: "A charging pile for electric bicycles: ports with plugs and meters, bills in flash, a protocol towards the cloud.",
        abilities: ["power", "plug"],
        facts: [
            FieldKind(
                "pile", .text, "the id that the cloud knows it by; for dny 8 hexadecimal digits. In a fleet each further member counts up"),
            FieldKind("protocol", .choice(["dny", "bkv", "gn", "ee66"]), "dny where absent; gn is bkv"),
            FieldKind("ports", .integer, "1 to 20; 2 where absent"), FieldKind("firmware", .text, "such as 6.40"),
            FieldKind("line", .choice(PileLine.Kind.allCases.map(\.rawValue)), "tcp where absent"),
            FieldKind("slaves", .integer, "piles behind one bus; 2 where absent"),
            FieldKind("rated_power", .integer, unit: "W", "of a port; 2000 where absent"),
            FieldKind("register", .integer, unit: "dWh", "on each port's register at first; 0 where absent"),
            FieldKind("idle_power", .number, unit: "W", "that each port draws by itself; 0 where absent"),
            FieldKind("resumes", .bool, "a charge goes on after a power cut where the plug stayed; true where absent"),
            FieldKind("drift", .integer, unit: "ppm", "that the clock runs fast; 0 where absent"),
            FieldKind("boot_time", .duration, "1500ms where absent"),
            FieldKind("metered", .bool, "notes charge.metered at each half hour; true where absent"),
            FieldKind("turn_around", .duration, "line bus: from a poll to the answer; 8ms where absent, hosts wait 60ms"),
            FieldKind("host", .bool, "dny: a combined unit, which speaks for a host, too: 11, 12, 35"),
            FieldKind("dialect", .choice(["vendor", "iot-server-cdz"]), "of dny"),
            FieldKind("early_heartbeat", .bool, "dny: 06 comes before the answer to 82"),
            FieldKind("order_confirm", .bool, "dny: an old model that sends 04 and no 06"),
            FieldKind("old_heartbeat", .bool, "dny: sends 01, too"),
            FieldKind("stop_needs_order", .bool, "dny: a stop must name the running order; true where absent"),
            FieldKind("heartbeat", .duration, "dny: from one 21 to the next; 180s where absent"),
            FieldKind("report", .duration, "dny: from one 06 to the next; 5m where absent"),
            FieldKind("keep_alive", .bool, "dny: sends link after 30 s of silence; true where absent"),
            FieldKind(
                "query_answer", .choice(["1c", "1017", "none"]), "bkv: what a query of a socket is answered with; 1017 where absent"),
            FieldKind("start_answer", .duration, "bkv: from 07 to its answer; 1050ms where absent"),
            FieldKind("unit", .choice(["minutes", "energy"]), "ee66: what the amount of a start counts; minutes where absent"),
            FieldKind("meter", .text, "address of a DL/T 645 meter beside an ee66 board, or of the meter of a dny host, which tells it with 17: 12 digits; none where absent"),
            FieldKind("power_error", .integer, "per cent by which the power that an ee66 board tells is off, -50 to 50; 0 where absent"),
            FieldKind(
                "late_start", .duration, "dny: starts without a plug are carried out if one comes within this time; none where absent"),
        ],
        actions: actionKinds, events: chargeEvents + frameEvents + powerEvents, queries: queryKinds, faults: faultKinds,
        media: [.serial])

    private static let portField = FieldKind("port", .integer, "from 1")
    private static let unitField = FieldKind("unit", .integer, "place on the bus, from 1; for line bus only")
    private static let orderField = FieldKind("order", .text, "the number on the wire: of dny the order's, of bkv the business number that the pile has made")
    private static let energyField = FieldKind("energy", .integer, unit: "dWh")

    private static let actionKinds: [ActionKind] = [
        ActionKind("power_on", "Switches the power on; does nothing if it is on.", gives: [FieldKind("pile", .text)]),
        ActionKind("power_off", "Takes the power away without warning."),
        ActionKind("reboot", "Resets the firmware."),
        ActionKind(
            "plug", "Plugs a charger in; in place of what was there.",
            takes: [
                portField, FieldKind("watts", .number, unit: "W", "150 where absent"),
                FieldKind("capacity", .number, unit: "Wh", "until the battery is full; for ever where absent"),
                FieldKind("taper", .ratio, "last part of the capacity in which power falls; 20% where absent"), unitField,
            ]),
        ActionKind("unplug", "Pulls the plug.", takes: [portField, unitField]),
        ActionKind("swipe", "Holds a card to the reader.", takes: [portField, FieldKind("card", .any, required: true), unitField]),
        ActionKind("press_stop", "Presses the stop button of a port.", takes: [portField, unitField]),
        ActionKind(
            "set_clock", "Sets the pile's clock by hand.",
            takes: [
                FieldKind("time", .integer, unit: "s", "Unix time"), FieldKind("offset", .duration, "adds this to the clock"),
                FieldKind("direction", .choice(["ahead", "behind"]), "of the offset; ahead where absent"), unitField,
            ], gives: [FieldKind("time", .integer, unit: "s")]),
        ActionKind(
            "frame.send",
            "Sends bytes as they are, or a frame of a command that the pile would not send now; what is not named is as in its state.",
            takes: [
                FieldKind("bytes", .bytes), FieldKind("command", .integer), orderField, FieldKind("message_id", .integer),
                FieldKind("minutes", .integer), FieldKind("seconds", .integer), energyField, portField, FieldKind("reason", .integer),
                FieldKind("power", .integer, unit: "dW"), FieldKind("time", .integer, unit: "s", "the pile's clock, Unix time"),
                FieldKind("physical_id", .text), FieldKind("card", .any), FieldKind("data", .bytes, "in place of the command's data"),
                FieldKind("result", .integer), FieldKind("business", .integer), FieldKind("kind", .integer), unitField,
            ], gives: [FieldKind("bytes", .bytes)]),
    ]

    private static let chargeEvents: [EventKind] = [
        EventKind("plugged", "Something is plugged in.", fields: [portField, unitField]),
        EventKind("unplugged", "A plug is pulled.", fields: [portField, unitField]),
        EventKind("charge.started", "The relay is closed.", fields: startFields),
        EventKind("charge.resumed", "A charge goes on after power was away.", fields: startFields),
        EventKind(
            "charge.refused", "A start was refused.",
            fields: [portField, orderField, FieldKind("result", .integer, "the protocol's number"), FieldKind("reason", .text), unitField]),
        EventKind(
            "charge.stopped", "A charge is over; energy and time are true.",
            fields: [
                portField, orderField, FieldKind("reason", .text), energyField, FieldKind("minutes", .integer),
                FieldKind("seconds", .integer), unitField,
            ]),
        EventKind(
            "truth", "What a charge really was, whatever the pile says of it.",
            fields: [
                portField, orderField, energyField, FieldKind("started", .integer, unit: "s", "Unix time of the world"),
                FieldKind("ended", .integer, unit: "s"), FieldKind("register_started", .integer, unit: "dWh"),
                FieldKind("register_ended", .integer, unit: "dWh"), unitField,
            ]),
        EventKind(
            "charge.metered", "The true energy of a running charge at a half hour.",
            fields: [portField, orderField, energyField, FieldKind("at", .integer, unit: "s", "Unix time of the world"), unitField]),
        EventKind(
            "bill.queued", "A bill is in flash; energy and seconds are as it says.",
            fields: [
                portField, orderField, FieldKind("reason", .text), energyField, FieldKind("seconds", .integer),
                FieldKind("waiting", .integer), unitField,
            ]),
        EventKind("bill.acknowledged", "The cloud has the bill.", fields: [portField, orderField, unitField]),
        EventKind("bill.lost", "A bill is gone from flash by a fault.", fields: [portField, orderField, unitField]),
        EventKind(
            "alarm", "The pile noticed something dangerous, or that it is over.",
            fields: [FieldKind("kind", .choice(PileAlarm.allCases.map(\.rawValue))), portField, FieldKind("raised", .bool), unitField]),
        EventKind("card.swiped", "A card was held to the reader.", fields: [portField, FieldKind("card", .text), unitField]),
        EventKind(
            "card.answered", "The cloud answered a card.",
            fields: [portField, FieldKind("card", .text), FieldKind("state", .integer), unitField]),
    ]

    private static let startFields = [
        portField, orderField, FieldKind("register", .integer, unit: "dWh", "true"), FieldKind("power", .integer, unit: "dW"),
        FieldKind("limit_seconds", .integer, unit: "s"), FieldKind("limit_energy", .integer, unit: "dWh"), unitField,
    ]

    private static let frameFields = [
        FieldKind("command", .integer), orderField, FieldKind("message_id", .integer), FieldKind("minutes", .integer),
        FieldKind("seconds", .integer), energyField, portField, FieldKind("power", .integer, unit: "dW"), FieldKind("result", .integer),
        FieldKind("reason", .integer, "the protocol's number"), FieldKind("state", .integer, "the protocol's number"),
        FieldKind("time", .integer, unit: "s", "the pile's clock in the frame"), FieldKind("business", .integer), FieldKind("card", .text),
        FieldKind("action", .integer), FieldKind("kind", .integer), FieldKind("index", .integer), FieldKind("socket", .integer),
        FieldKind("subcommand", .integer), FieldKind("bytes", .bytes), unitField,
    ]

    private static let frameEvents: [EventKind] = [
        EventKind("frame.sent", "The pile sent a frame.", fields: frameFields, volume: .traffic),
        EventKind("frame.received", "A frame for the pile came.", fields: frameFields, volume: .traffic),
        EventKind(
            "frame.disturbed", "A fault did something to a frame.",
            fields: frameFields + [FieldKind("fault", .choice(FrameFault.Kind.allCases.map(\.rawValue)))],
            volume: .traffic),
        EventKind(
            "frame.refused", "Bytes came that are no frame, or a damaged one.",
            fields: [FieldKind("reason", .text), FieldKind("bytes", .bytes), unitField],
            volume: .traffic),
    ]

    private static let powerEvents: [EventKind] = [
        EventKind(
            "booted", "The firmware runs.", fields: [FieldKind("pile", .text), FieldKind("waiting", .integer, "bills in flash"), unitField]),
        EventKind("online", "The cloud has accepted the pile's registration.", fields: [FieldKind("pile", .text), unitField]),
        EventKind("offline", "The connection is lost.", fields: [FieldKind("reason", .text), unitField]),
        EventKind("power.lost", "Power is gone.", fields: [FieldKind("reason", .choice(["cut", "switched_off", "flash_cut"]))]),
        EventKind("power.restored", "Power is back after a loss."),
        EventKind("reset", "The firmware begins anew.", fields: [FieldKind("cause", .text)]),
        EventKind(
            "clock.set", "The cloud told the time.", fields: [FieldKind("by", .integer, unit: "s", "how far the clock was off"), unitField]),
        EventKind("settings.changed", "The cloud changed a setting.", fields: [FieldKind("command", .integer), unitField]),
        EventKind(
            "upgrade.done", "A new firmware is complete.",
            fields: [FieldKind("packets", .integer), FieldKind("size", .integer, unit: "byte"), unitField]),
        EventKind("upgrade.failed", "A new firmware was refused.", fields: [FieldKind("result", .integer), unitField]),
        EventKind("bus.polled", "The host asked a slave of the bus.", fields: [unitField], volume: .traffic),
    ]

    private static let queryKinds: [ActionKind] = [
        ActionKind(
            "port", "A port as it is.", takes: [portField, unitField],
            gives: [
                portField, FieldKind("state", .choice(PortCondition.allCases.map(\.rawValue))), FieldKind("plugged", .bool), orderField,
                FieldKind("power", .integer, unit: "dW"), energyField, FieldKind("register", .integer, unit: "dWh", "as the chip shows it"),
                FieldKind("true_register", .integer, unit: "dWh"), FieldKind("seconds", .integer),
                FieldKind("temperature", .integer, unit: "°C"),
            ]),
        ActionKind(
            "bills", "The bills that nobody has acknowledged.", takes: [unitField],
            gives: [FieldKind("waiting", .integer), FieldKind("orders", .list(.text))]),
        ActionKind(
            "clock", "The pile's clock.", takes: [unitField],
            gives: [
                FieldKind("time", .integer, unit: "s"), FieldKind("offset", .integer, unit: "s", "ahead of the world"),
                FieldKind("set", .bool),
            ]),
        ActionKind(
            "state", "The pile as a whole.", takes: [unitField],
            gives: [
                FieldKind("pile", .text), FieldKind("power", .choice(["on", "off"])), FieldKind("running", .bool),
                FieldKind("connected", .bool),
                FieldKind("protocol", .text),
            ]),
    ]

    private static let frameFaultFields = [
        FieldKind("command", .integer, "all where absent"), FieldKind("direction", .choice(["out", "in"]), "out where absent"),
        FieldKind("times", .integer, "as long as the fault lasts where absent"), unitField,
    ]

    private static let faultKinds: [ActionKind] = [
        ActionKind("over_current", "Too much current flows; all ports where none is named.", takes: [portField, unitField]),
        ActionKind("over_temperature", "A port is too hot, or the surroundings where none is named.", takes: [portField, unitField]),
        ActionKind("smoke", "The smoke sensor speaks.", takes: [unitField]),
        ActionKind("water", "The water sensor speaks.", takes: [unitField]),
        ActionKind("relay.stuck", "The relay does not open any more.", takes: [portField, unitField]),
        ActionKind("register.reset", "The meter chip begins at 0; the truth goes on.", takes: [portField, unitField]),
        ActionKind(
            "register.rollback", "The meter chip shows less while the fault lasts.",
            takes: [portField, FieldKind("by", .integer, unit: "dWh", "1000 where absent"), unitField]),
        ActionKind(
            "register.spike", "The meter chip shows more while the fault lasts.",
            takes: [portField, FieldKind("by", .integer, unit: "dWh", "1000 where absent"), unitField]),
        ActionKind(
            "register.loses", "The meter chips go back to what they showed a while ago.",
            takes: [FieldKind("time", .duration, "10s where absent"), unitField]),
        ActionKind("clock.drift", "The clock runs fast, or slow with a negative number.", takes: [FieldKind("ppm", .integer), unitField]),
        ActionKind(
            "clock.jump", "The clock jumps.",
            takes: [
                FieldKind("by", .duration, required: true), FieldKind("direction", .choice(["ahead", "behind"]), "ahead where absent"),
                unitField,
            ]),
        ActionKind("clock.unset", "The clock begins in 1970 again.", takes: [unitField]),
        ActionKind(
            "start.refuse", "Starts are refused.",
            takes: [FieldKind("result", .integer, "the protocol's number; 3 where absent"), unitField]),
        ActionKind("start.slow", "Answers to starts come later.", takes: [FieldKind("by", .duration, "5s where absent"), unitField]),
        ActionKind("frame.lose", "Frames are lost.", takes: frameFaultFields),
        ActionKind("frame.duplicate", "Frames come twice.", takes: frameFaultFields + [FieldKind("after", .duration, "1s where absent")]),
        ActionKind("frame.corrupt", "A byte of frames is damaged.", takes: frameFaultFields),
        ActionKind("frame.delay", "Frames come later.", takes: frameFaultFields + [FieldKind("by", .duration, "1s where absent")]),
        ActionKind(
            "flash.cut", "Power goes in one of the next operations of the flash.",
            takes: [
                FieldKind("at_operation", .integer, "counted from 1"),
                FieldKind(
                    "tear", .choice(["nothing", "one_byte", "half", "all_but_one_byte", "everything", "scattered"]), "half where absent"),
                unitField,
            ]),
        ActionKind("bill.lose", "The oldest bill is gone from flash.", takes: [unitField]),
        ActionKind("heartbeat.stop", "No heartbeat is sent any more.", takes: [unitField]),
        ActionKind("hang", "The firmware hangs while current flows; when the fault ends, the watchdog resets it.", takes: [unitField]),
    ]
}
