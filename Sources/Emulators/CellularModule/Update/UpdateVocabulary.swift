import LabCore

/// What updates add to the module's vocabulary.
extension CellularModule {
    static let updateFacts = [
        FieldKind("sub_version", .text, "what follows the _ in AT+QGMR; 01.001.01.001 where absent"),
        FieldKind("recovery_time", .duration, "from a reset to the ports of the recovery system; 15s where absent"),
        FieldKind("update_time", .duration, "of an update from 1 to 100 %; 120s where absent"),
        FieldKind("update_patience", .duration, "a download without network or server is given up after it; 120s where absent"),
        FieldKind("download_rate", .number, unit: "B/s", "of update packages; 1000000 where absent"),
        FieldKind("backup_partition", .bool, "false for a module that never goes back to its old firmware"),
    ]

    static let updateActions = [
        ActionKind(
            "rescue", "Writes a whole firmware into a module that is in its download mode, as QFirehose does.",
            gives: [FieldKind("firmware", .text)])
    ]

    static let updateEvents = [
        EventKind(
            "update.started", "AT+QFOTADL was taken.",
            fields: [
                FieldKind("source", .choice(["http", "ftp", "file"])), FieldKind("url", .text, "without its query"),
                FieldKind("firmware", .text),
            ]),
        EventKind(
            "update.downloaded", "The package is in the module, which starts anew now.",
            fields: [FieldKind("size", .integer, unit: "byte")]),
        EventKind(
            "update.recovery", "The recovery system runs, which installs the package.",
            fields: [
                FieldKind("attempt", .integer, "starts for this update"), FieldKind("percent", .integer, unit: "%", "where it goes on"),
            ]),
        EventKind(
            "update.progress", "The update has come so far.", fields: [FieldKind("percent", .integer, unit: "%")], volume: .traffic),
        EventKind(
            "update.finished", "The update has come to an end.",
            fields: [
                FieldKind("result", .choice(["succeeded", "failed", "rolled_back", "aborted"])),
                FieldKind("error", .integer, "as the module says it, 0 for none"), FieldKind("phase", .choice(["download", "update"])),
                FieldKind("firmware", .text, "that runs now"), FieldKind("was", .text, "before the update"),
            ]),
        EventKind(
            "update.stuck", "Nothing is left that could run; the action rescue helps.",
            fields: [FieldKind("reason", .choice(["download_mode"]))]),
    ]

    static let updateQueries = [
        ActionKind(
            "firmware", "What the module runs, whatever it says about it.",
            gives: [
                FieldKind("firmware", .text, "as ATI says it"), FieldKind("sub_version", .text),
                FieldKind("full", .text, "both, as AT+QGMR says them"), FieldKind("sub_edition", .text, "as AT+CSUB says it"),
                FieldKind("update", .choice(["idle", "downloading", "pending", "updating", "ruined"])),
                FieldKind("percent", .integer, unit: "%"), FieldKind("attempts", .integer, "starts of the recovery system"),
            ])
    ]

    static let updateFaults = [
        ActionKind(
            "update.power_loss", "The power goes at a point of an update and comes back.",
            takes: [
                FieldKind("at", .choice(UpdateFaults.Point.allCases.map(\.rawValue)), required: true),
                FieldKind("percent", .integer, unit: "%", "of the point updating; 50 where absent"),
                FieldKind("times", .integer, "1 where absent"), FieldKind("for", .duration, "without power; 5s where absent"),
                FieldKind("ruins", .bool, "the firmware is lost for good: only the download mode is left"),
            ]),
        ActionKind("update.start_lost", "The START of the recovery system is sent before the ports are there."),
        ActionKind(
            "update.fail", "Updates fail with a code.",
            takes: [
                FieldKind(
                    "code", .integer, required: true,
                    "of the download (601, 602, 701, 702) or of the update (1, 501, 502, 504 to 506, 510, 511, 520 to 530, 540 to 546)"),
                FieldKind("percent", .integer, unit: "%", "how far the update comes before; 0 where absent"),
                FieldKind("times", .integer, "until the end of the fault where absent"),
            ]),
    ]

    mutating func updateFault(_ name: String, _ arguments: Fields, _ isActive: Bool) {
        let times = Int(arguments["times"]?.integer ?? (name == "update.fail" ? .max : 1))
        switch name {
        case "update.start_lost": faults.update.isStartLost = isActive
        case "update.power_loss":
            guard isActive, let point = arguments["at"]?.text.flatMap(UpdateFaults.Point.init) else { return faults.update.powerLoss = nil }
            let percent = Int(min(max(arguments["percent"]?.integer ?? 50, 1), 100))
            faults.update.powerLoss = UpdateFaults.PowerLoss(
                point: point, percent: percent, times: max(0, times),
                downtime: .nanoseconds(max(0, arguments["for"]?.durationNanoseconds ?? 5_000_000_000)),
                ruins: arguments["ruins"]?.bool ?? false)
        case "update.fail":
            guard isActive, let code = arguments["code"]?.integer else { return faults.update.failure = nil }
            faults.update.failure = UpdateFaults.Failure(
                code: Int(clamping: code), percent: Int(min(max(arguments["percent"]?.integer ?? 0, 0), 99)), times: max(0, times))
        default: break
        }
    }
}
