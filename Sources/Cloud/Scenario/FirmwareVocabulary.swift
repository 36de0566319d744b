package import LabCore

/// What scenarios can say about versions, rollouts and updates.
package enum FirmwareVocabulary {
    private static let device = FieldKind("device", .text, "the device id")
    private static let requiredDevice = FieldKind("device", .text, required: true, "the device id")
    private static let version = FieldKind("version", .text)
    private static let rollout = FieldKind("rollout", .text, "the rollout's id")
    private static let execution = FieldKind("execution", .text, "the execution's id")
    private static let reason = FieldKind("reason", .text)
    private static let action = FieldKind("action", .choice(["install", "rollback", "cancel"]))
    private static let type = FieldKind("device_type", .text, "luna_badge where absent")
    private static let channel = FieldType.choice(ReleaseChannel.allCases.map(\.rawValue))
    private static let states = FieldType.choice(ExecutionRecord.State.allCases.map(\.rawValue))
    private static let files = [
        FieldKind("image", .file, required: true, "what lies beside it as .manifest.json and .delta comes along"), FieldKind("manifest", .file, "another manifest"),
        FieldKind("delta", .file, "another delta"), FieldKind("version", .text, "the manifest's where absent"),
    ]
    private static let gates = [
        FieldKind("percentages", .list(.integer), "what is reached with each stage, [100] where absent"),
        FieldKind("success_gate", .ratio, "95% where absent"), FieldKind("error_gate", .ratio, "5% where absent"),
        FieldKind("minimum_samples", .integer, "10 where absent"), FieldKind("rate", .integer, unit: "devices/min"),
        FieldKind("device_timeout", .duration, "24h where absent"), FieldKind("rollback_on_error", .bool),
    ]
    private static let named = [rollout, FieldKind("version", .text, "the newest rollout of it"), type]

    static let commits = [
        "firmware.create", "firmware.upload", "firmware.release", "firmware.withdraw", "firmware.root", "firmware.group", "firmware.channel",
        "firmware.unblock", "rollout.create", "rollout.pause", "rollout.resume", "rollout.abort", "rollout.rollback", "ota.notify", "ota.offer",
        "ota.report", "ota.settle", "ota.cancel", "ota.expire",
    ]

    package static let actions: [ActionKind] = [
        ActionKind(
            "ota.start", "Uploads and releases an image, unless that is done, and hands it out to one device.",
            takes: [requiredDevice] + files + [
                FieldKind("force", .bool, "to be installed at once, also where it runs already"), FieldKind("device_timeout", .duration),
                FieldKind("base_version", .text, "of a module's package; the version that runs where absent"),
            ], gives: [version, rollout, execution]),
        ActionKind(
            "ota.cancel", "Cancels the update of a device.", takes: [requiredDevice], gives: [execution, FieldKind("state", states)]),
        ActionKind(
            "firmware.release", "Uploads and releases an image.",
            takes: files + [
                FieldKind("type", channel, "stable where absent"), FieldKind("notes", .text), FieldKind("force", .bool),
                FieldKind("min_compatible", .text), FieldKind("base_version", .text, "of a module's package"), type,
            ], gives: [version]),
        ActionKind("firmware.withdraw", "Withdraws a version; its rollouts end.", takes: [FieldKind("version", .text, required: true), type]),
        ActionKind(
            "firmware.root", "Uploads the next root of the chain.", takes: [FieldKind("root", .file, required: true)],
            gives: [FieldKind("number", .integer)]),
        ActionKind(
            "firmware.unblock", "Lets a device have a version again on which it failed.",
            takes: [requiredDevice, FieldKind("version", .text, required: true)]),
        ActionKind(
            "firmware.group", "Makes a group of devices.",
            takes: [FieldKind("group", .text, required: true), FieldKind("devices", .list(.text), required: true), FieldKind("channel", channel)]),
        ActionKind(
            "firmware.channel", "Says how daring a device is.", takes: [requiredDevice, FieldKind("channel", channel, required: true)]),
        ActionKind(
            "rollout.create", "Hands out a released version: to named devices, a group, or all of the type.",
            takes: [FieldKind("version", .text, required: true), FieldKind("devices", .list(.text)), FieldKind("group", .text), type] + gates + [
                FieldKind("force", .bool), FieldKind("start", .bool, "true where absent"),
            ], gives: [rollout, FieldKind("total", .integer, "devices")]),
        ActionKind("rollout.pause", "Tells and offers nobody anything new.", takes: named, gives: [rollout, FieldKind("state", .text)]),
        ActionKind("rollout.resume", "Goes on after a pause.", takes: named, gives: [rollout, FieldKind("state", .text)]),
        ActionKind("rollout.abort", "Ends a rollout.", takes: named, gives: [rollout, FieldKind("state", .text)]),
        ActionKind(
            "rollout.rollback", "Ends a rollout and brings those that succeeded back.", takes: named,
            gives: [rollout, FieldKind("state", .text), FieldKind("rollback", .text, "the rollout that brings them back")]),
    ]

    package static let queries: [ActionKind] = [
        ActionKind("rollout", "How a rollout stands.", takes: named, gives: FirmwareService.rolloutFields),
        ActionKind(
            "execution", "A device's newest update.", takes: [requiredDevice, version], gives: FirmwareService.executionFields),
        ActionKind(
            "firmware", "A version.", takes: [FieldKind("version", .text, required: true), type, device],
            gives: FirmwareService.versionFields + [FieldKind("blocked", .bool, "for the device that was named")]),
        ActionKind("rollout.statistics", "How the updates of a rollout went.", takes: named, gives: FirmwareService.statisticsFields),
    ]

    package static let faults: [ActionKind] = [
        ActionKind(
            "firmware.switch", "Other bytes stand under the address of a version.",
            takes: [FieldKind("version", .text, required: true), FieldKind("image", .file, required: true)]),
        ActionKind(
            "firmware.delete", "A version is gone: its files are not found, and nobody is offered it.",
            takes: [FieldKind("version", .text, required: true)]),
        ActionKind(
            "report.lost", "Reports of devices get no answer.",
            takes: [
                FieldKind("times", .integer, "until it ends where absent"), FieldKind("taken", .bool, "whether they are taken all the same; not where absent"),
            ]),
        ActionKind(
            "report.error", "Reports of devices are answered with an error and not taken.",
            takes: [FieldKind("status", .integer, "500 where absent"), FieldKind("times", .integer, "until it ends where absent")]),
    ]

    package static let events: [EventKind] = [
        EventKind(
            "firmware.released", "A version never changes from now on.",
            fields: [
                version, FieldKind("device_type", .text), FieldKind("type", channel), FieldKind("format", .choice(FirmwareFormat.allCases.map(\.rawValue))),
                FieldKind("size", .integer, unit: "bytes"), FieldKind("checksum", .text),
            ]),
        EventKind("firmware.withdrawn", "A version is not handed out any more.", fields: [version, FieldKind("device_type", .text)]),
        EventKind(
            "firmware.blocked", "A version is not offered to a device any more.", fields: [device, version, reason, execution]),
        EventKind(
            "firmware.downloaded", "A piece of a version was handed out, or refused as beyond its end.",
            fields: [device, version, FieldKind("bytes", .integer), FieldKind("status", .integer)], volume: .traffic),
        EventKind("ota.notified", "A device was told over MQTT.", fields: [device, version, execution, action]),
        EventKind("ota.offered", "A device was given an update for the first time.", fields: [device, version, execution, action, rollout]),
        EventKind(
            "ota.progress", "A device said how far it is.",
            fields: [device, version, execution, FieldKind("state", states), FieldKind("progress", .integer, unit: "%")], volume: .traffic),
        EventKind(
            "ota.finished", "An update has its one result.",
            fields: [device, version, FieldKind("result", states), reason, execution, action, rollout]),
        EventKind(
            "ota.cancel_rejected", "A device says that it is too late to cancel.", fields: [device, execution, FieldKind("state", states)]),
        EventKind(
            "ota.report.repeated", "A report came that changes nothing.",
            fields: [device, execution, FieldKind("sequence", .integer), FieldKind("state", states), FieldKind("recorded", states, "what the cloud has")]),
        EventKind(
            "rollout.state", "A rollout began, stopped or ended.",
            fields: [rollout, version, action, FieldKind("state", .choice(RolloutRecord.State.allCases.map(\.rawValue))), reason]),
        EventKind(
            "rollout.stage", "A stage of a rollout opened.",
            fields: [rollout, version, FieldKind("stage", .integer, "from 1"), FieldKind("devices", .integer)]),
    ]
}
