import LabCore

/// What scenarios can say of a badge's firmware and its updates.
extension Badge {
    static let firmwareActions = [
        ActionKind(
            "flash", "Programs the firmware as the factory does, and boots; what is kept in the settings stays.",
            takes: [
                FieldKind("image", .file, required: true), FieldKind("boot", .choice(BootModel.allCases.map(\.rawValue)), "bootloader; the present one where absent"),
                FieldKind("factory_new", .bool, "erase credentials, configuration and counters first"),
            ],
            gives: [
                FieldKind("serial_no", .text), FieldKind("hardware_id", .text), FieldKind("device", .text, "the id that it will register"),
            ]),
        ActionKind(
            "check_update", "Asks the cloud for an update now.",
            gives: [
                FieldKind("has_update", .bool), FieldKind("version", .text), FieldKind("execution", .text), FieldKind("action", .text),
                FieldKind("error", .text),
            ]),
    ]

    private static let version = FieldKind("version", .text, "the wanted one")
    private static let execution = FieldKind("execution", .text)
    private static let reason = FieldKind("reason", .text)
    private static let attack = FieldKind("attack", .text, "its name after TUF")

    static let updateEvents = [
        EventKind(
            "ota.started", "An update begins, or a download is resumed after a boot: its manifest is good.",
            fields: [
                version, execution, FieldKind("action", .choice(["install", "rollback"])), FieldKind("forced", .bool), FieldKind("delta", .bool),
                FieldKind("size", .integer, unit: "bytes"), FieldKind("resumed_at", .integer, unit: "bytes"),
            ]),
        EventKind("ota.root_adopted", "A newer root of trust was taken.", fields: [FieldKind("version", .integer)]),
        EventKind("ota.downloaded", "All bytes are there.", fields: [version, FieldKind("size", .integer, unit: "bytes")]),
        EventKind("ota.delta_failed", "A delta is of no use; the whole image is fetched.", fields: [version, reason]),
        EventKind("ota.verified", "Hash, signature and metadata of the image are right.", fields: [version, FieldKind("size", .integer, unit: "bytes")]),
        EventKind("ota.refused", "An update was refused.", fields: [version, execution, reason, attack]),
        EventKind("ota.failed", "An update failed before it was activated.", fields: [version, execution, reason]),
        EventKind("ota.installed", "The bootloader will try the image at the next boot.", fields: [version, FieldKind("slot", .text)]),
        EventKind("ota.confirmed", "The image that runs is confirmed.", fields: [FieldKind("version", .text)]),
        EventKind("ota.rolled_back", "The badge is back on the image before.", fields: [version, FieldKind("to", .text), execution, reason]),
        EventKind("ota.cancelled", "An update was cancelled.", fields: [version, execution]),
        EventKind("ota.cancel_rejected", "A cancellation came after the point of no return.", fields: [version, execution]),
        EventKind(
            "ota.alarm", "The last resort: the badge stays on an image that it wanted to leave.", fields: [FieldKind("version", .text), reason]),
        EventKind(
            "ota.reported", "The cloud was told how the update goes.",
            fields: [
                version, execution, FieldKind("state", .text), reason, FieldKind("acknowledged", .bool), FieldKind("status", .integer, "HTTP status, 0 without an answer"),
            ]),
    ]

    static let selfTestEvents = [
        EventKind(
            "self_test.passed", "The new image has tested itself.", fields: [FieldKind("version", .text), FieldKind("rounds", .integer)]),
        EventKind(
            "self_test.failed", "The new image fails its self-test and goes.",
            fields: [FieldKind("version", .text), FieldKind("check", .choice(SelfTest.Check.allCases.map(\.rawValue) + ["timeout"]))]),
    ]

    static let updateTraffic = [
        EventKind(
            "ota.checked", "The cloud was asked for an update.",
            fields: [
                FieldKind("has_update", .bool), version, execution, FieldKind("action", .text), FieldKind("error", .text),
            ], volume: .traffic),
        EventKind(
            "ota.block_written", "A part of the image is in the update slot.",
            fields: [
                FieldKind("firmware", .text, "the wanted version"), FieldKind("offset", .integer), FieldKind("size", .integer, unit: "bytes"),
                FieldKind("progress", .integer, unit: "%"),
            ], volume: .traffic),
        EventKind(
            "ota.retry", "Something of an update went wrong and is tried again.", fields: [reason, FieldKind("attempt", .integer)],
            volume: .traffic),
    ]

    static let firmwareQueries = [
        ActionKind(
            "firmware", "What the badge runs, what its slots hold, how its update stands.",
            gives: [
                FieldKind("version", .text, "of the image that ran last"), FieldKind("slot", .text), FieldKind("confirmed", .bool),
                FieldKind("boot", .choice(BootModel.allCases.map(\.rawValue))), FieldKind("security_counter", .integer),
                FieldKind("state", .text, "idle, preparing, downloading, renewing, installing or testing; off or stuck"),
                FieldKind("wanted", .text), FieldKind("execution", .text), FieldKind("progress", .integer, unit: "%"),
                FieldKind("result", .text, "of the last update that ended"), FieldKind("reason", .text), FieldKind("reported", .bool),
                FieldKind("manifest_version", .integer, "the highest that was taken"),
                FieldKind("slots", .list(.record(slotFields))), FieldKind("other", .text, "version in the slot that does not run"),
            ])
    ]

    private static let slotFields = [
        FieldKind("name", .text), FieldKind("version", .text), FieldKind("running", .bool), FieldKind("confirmed", .bool),
        FieldKind("attempts_left", .integer), FieldKind("bad", .bool),
    ]

    private static let slotChoice = FieldKind("slot", .choice(["a", "b", "running", "other"]), "other where absent")

    static let firmwareFaults = [
        ActionKind("app.crash", "The application crashes, and again after each boot while the fault lasts."),
        ActionKind("watchdog.fire", "The watchdog resets the badge, whatever it does, also in the middle of a swap."),
        ActionKind("flash.corrupt", "A bit of each block that is written to the update slot is flipped."),
        ActionKind("flash.full", "The update slot takes no more."),
        ActionKind(
            "flash.bad_sector", "A sector of the update slot fails for good.",
            takes: [FieldKind("sector", .integer, "counted from 0; 0 where absent")]),
        ActionKind("slot.damage", "The image in a slot is damaged for good.", takes: [slotChoice]),
        ActionKind(
            "self_test.fail", "A check of the self-test fails.",
            takes: [FieldKind("check", .choice(SelfTest.Check.allCases.map(\.rawValue)), required: true)]),
        ActionKind("self_test.hang", "The self-test never ends."),
        ActionKind(
            "settings.later", "Programs that start keep their settings in a later form, to which those that are there are brought once.",
            takes: [FieldKind("form", .integer, "from 2; 2 where absent")]),
    ]
}
