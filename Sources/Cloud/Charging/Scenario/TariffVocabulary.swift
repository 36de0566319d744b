import LabCore

/// The record of a tariff as scenarios write it, so that a wrong word is found before a run. What the numbers may be, `Tariff.init(fields:)` says.
enum TariffVocabulary {
    static let fields: [FieldKind] = [
        FieldKind("name", .text), FieldKind("utc_offset", .integer, unit: "min", "civil time of the site; 480 where absent"),
        FieldKind("price_lock", .choice(Tariff.PriceLock.allCases.map(\.rawValue)), "at_start where absent"),
        FieldKind(
            "bands", .list(.record([FieldKind("from", .text, required: true, "\"HH:00\" or \"HH:30\", the first \"00:00\""), FieldKind("band", bands, required: true)])),
            "flat all day where absent"),
        FieldKind("elec", .record(rates("kWh"))), FieldKind("service", .record(rates("kWh"))),
        FieldKind(
            "service_tiers",
            .record([
                FieldKind("mode", .choice(Tariff.EnergyTiers.Mode.allCases.map(\.rawValue)), "graduated where absent"),
                FieldKind("tiers", .list(.record(tiers("dWh", "kWh"))), required: true),
            ]), "instead of service"),
        FieldKind("time", .record(rates("min") + [FieldKind("step_seconds", .integer, unit: "s", "60 where absent")])),
        FieldKind("power_tiers", .list(.record(tiers("dW", "h"))), "instead of time"),
        FieldKind("start", .integer, unit: "fen"),
        FieldKind(
            "idle",
            .record([
                FieldKind("grace_minutes", .integer, unit: "min"), FieldKind("per_minute", .integer, unit: "fen", required: true),
                FieldKind("cap", .integer, unit: "fen"),
            ])),
        FieldKind("minimum", .integer, unit: "fen"), FieldKind("cap", .integer, unit: "fen"), FieldKind("service_discount", .integer, unit: "%"),
        FieldKind("coupon", .integer, unit: "fen"),
        FieldKind(
            "free_if",
            .record([FieldKind("energy_below", .integer, unit: "dWh", required: true), FieldKind("seconds_below", .integer, unit: "s", required: true)])),
        FieldKind("loss_per_mille", .integer, unit: "‰"),
    ]

    private static let bands = FieldType.choice(TariffBand.allCases.map(\.rawValue))

    /// In 0.00001 yuan for each of the unit.
    private static func rates(_ unit: String) -> [FieldKind] {
        TariffBand.allCases.map { FieldKind($0.rawValue, .integer, unit: "0.00001 yuan/\(unit)") }
    }

    private static func tiers(_ limit: String, _ unit: String) -> [FieldKind] {
        [
            FieldKind("up_to", .integer, unit: limit, "inclusive; absent in the last"),
            FieldKind("rate", .integer, unit: "0.00001 yuan/\(unit)", required: true),
        ]
    }
}
