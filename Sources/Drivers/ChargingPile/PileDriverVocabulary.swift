package import LabCore

/// What a program at a pile's serial port can do, tell and answer. The world unites it with what the pile itself publishes.
package enum PileDriver {
    package static let kind = NodeKind(
        name: "pile", about: "A charging pile with the program that stands where its modem stood.",
        facts: [
            FieldKind("driver", .choice(["bridge", "ee66", "bus"]), "what the program is: bridge for dny and bkv where absent"),
            FieldKind("physical_id", .text, "of the pile that an ee66 or bus driver is towards the cloud, 8 hexadecimal digits"),
            FieldKind("iccid", .text, "20 characters that the program sends as a DNY module does"),
        ],
        actions: [
            ActionKind("driver.start", "Starts the program: it opens the serial port, then the connection to the gateway."),
            ActionKind("driver.stop", "Stops the program; what it has to keep is on its disk."),
        ],
        events: [
            EventKind("serial.opened", "The serial port is open."), EventKind("serial.closed", "The serial port is gone."),
            EventKind("gateway.opened", "The connection to the cloud's gateway is there."),
            EventKind("gateway.closed", "The connection to the cloud's gateway ended."),
            EventKind("bytes.up", "Bytes went to the gateway.", fields: [bytes], volume: .traffic),
            EventKind("bytes.down", "Bytes came from the gateway.", fields: [bytes], volume: .traffic),
            EventKind("bytes.dropped", "Bytes of the pile had nowhere to go.", fields: [bytes]),
            EventKind("board.sent", "A frame went to the board.", fields: [command, bytes], volume: .traffic),
            EventKind("board.received", "A frame came from the board.", fields: [command, bytes], volume: .traffic),
            EventKind("board.silent", "The board did not answer a request, repetitions included.", fields: [command, port]),
            EventKind("meter.read", "The meter beside the board has told its register.", fields: [FieldKind("energy", .integer, unit: "dWh")]),
            EventKind("meter.silent", "The meter did not answer, or its port is gone; told once until it answers again.", fields: [FieldKind("meter", .text)]),
            EventKind(
                "meter.jumped", "The register went back, or further than anything can have flowed: it is taken as it is, and corrects nothing.",
                fields: [FieldKind("from", .integer, unit: "dWh"), FieldKind("energy", .integer, unit: "dWh")]),
            EventKind(
                "meter.corrected", "The meter has disproved what the board told of a charge.", fields: [port, order, FieldKind("energy", .integer, unit: "dWh", "added")]),
            EventKind("order.kept", "A charge is on the program's disk.", fields: [port, order]),
            EventKind("order.ended", "A charge is over and its bill is on the program's disk.", fields: [port, order, energy, seconds, reason]),
            EventKind("bill.sent", "A bill went to the cloud.", fields: [port, order]),
            EventKind("bill.taken", "The cloud has a bill.", fields: [port, order]),
            EventKind("slave.found", "A slave of the bus has said who it is.", fields: [virtual, physical]),
            EventKind("slave.silent", "A slave that had answered does not answer any more.", fields: [virtual]),
            EventKind("slave.late", "Bytes came after the turn-around time and are lost.", fields: [virtual, bytes]),
        ],
        queries: [
            ActionKind(
                "driver", "The program as it is.",
                gives: [
                    FieldKind("running", .bool), FieldKind("serial", .bool), FieldKind("connected", .bool), FieldKind("up", .integer, unit: "byte"),
                    FieldKind("down", .integer, unit: "byte"), FieldKind("dropped", .integer, unit: "byte"), FieldKind("orders", .integer),
                    FieldKind("bills", .integer), FieldKind("slaves", .integer), FieldKind("late", .integer, "answers that came too late"),
                    FieldKind("rounds", .integer, "of polls over all slaves"),
                ])
        ])

    private static let bytes = FieldKind("bytes", .bytes)
    private static let command = FieldKind("command", .integer)
    private static let port = FieldKind("port", .integer, "from 1")
    private static let order = FieldKind("order", .text)
    private static let energy = FieldKind("energy", .integer, unit: "dWh", "as the program measured it")
    private static let seconds = FieldKind("seconds", .integer)
    private static let reason = FieldKind("reason", .integer, "the protocol's number")
    private static let virtual = FieldKind("virtual_id", .integer)
    private static let physical = FieldKind("physical_id", .text)
}
