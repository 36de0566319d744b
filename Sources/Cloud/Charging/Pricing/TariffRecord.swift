import LabCore

/// A record while it is read as a part of a tariff: says of every value where it stands and what belongs there.
struct TariffRecord {
    private let fields: Fields
    /// `idle.`, empty at the top.
    private let prefix: String

    init(_ fields: Fields, at key: String) {
        self.fields = fields
        prefix = key.isEmpty ? "" : key + "."
    }

    private func failure(_ name: String, _ message: String) -> TariffError { TariffError(key: prefix + name, message: message) }

    func has(_ name: String) -> Bool { value(name) != nil }

    /// `null` is as good as absent.
    private func value(_ name: String) -> FieldValue? {
        switch fields[name] {
        case nil, .null?: nil
        case let value?: value
        }
    }

    func allow(_ names: [String]) throws(TariffError) {
        for entry in fields where !names.contains(entry.name) {
            let meant = DidYouMean.suggestion(for: entry.name, among: names).map { "did you mean '\($0)'?" }
            throw failure(String(entry.name.prefix(64)), "is not known here; \(meant ?? "write one of \(names.joined(separator: ", "))")")
        }
    }

    func text(_ name: String, maximumBytes: Int) throws(TariffError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.text, text.utf8.count <= maximumBytes else { throw failure(name, "write a text of at most \(maximumBytes) bytes") }
        return text
    }

    func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(TariffError) -> Word? {
        guard let value = value(name) else { return nil }
        guard let text = value.text, let word = Word(rawValue: text) else {
            throw failure(name, "\(Self.shown(value)) is not known; write one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(TariffError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw failure(name, "\(Self.shown(value)) does not fit; write a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func needed(_ name: String, in range: ClosedRange<Int64>) throws(TariffError) -> Int64 {
        guard let number = try integer(name, in: range) else {
            throw failure(name, "is missing; write a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func record(_ name: String) throws(TariffError) -> TariffRecord? {
        guard let value = value(name) else { return nil }
        guard let fields = value.record else { throw failure(name, "\(Self.shown(value)) is no record; write {…}") }
        return TariffRecord(fields, at: prefix + name)
    }

    /// The record, or `nil` where something shorter stands in its place.
    func recordOrNil(_ name: String) -> TariffRecord? {
        value(name)?.record.map { TariffRecord($0, at: prefix + name) }
    }

    /// Rates for the bands; a single number is the rate of all.
    func rates(_ name: String, alsoAllowed: [String] = []) throws(TariffError) -> PerBand? {
        guard let value = value(name) else { return nil }
        if value.integer != nil { return PerBand(try needed(name, in: 0...Tariff.maximumRate)) }
        guard let record = recordOrNil(name) else {
            throw failure(name, "\(Self.shown(value)) are no rates; write {flat: …} in 1e-5 yuan, and sharp, peak, valley where they differ")
        }
        try record.allow(TariffBand.allCases.map(\.rawValue) + alsoAllowed)
        var rates = PerBand(try record.needed("flat", in: 0...Tariff.maximumRate))
        for band in TariffBand.allCases where band != .flat {
            if let rate = try record.integer(band.rawValue, in: 0...Tariff.maximumRate) { rates[band] = rate }
        }
        return rates
    }

    /// Ascending tiers, the last one open.
    func tiers(_ name: String, upTo limit: Int64) throws(TariffError) -> [Tariff.Tier] {
        let records = try list(name, of: 1...Tariff.maximumTiers)
        var tiers: [Tariff.Tier] = []
        for (index, record) in records.enumerated() {
            try record.allow(["up_to", "rate"])
            let upTo = try record.integer("up_to", in: 0...limit)
            if upTo == nil, index < records.count - 1 { throw record.failure("up_to", "is missing; only the last tier has none") }
            if upTo != nil, index == records.count - 1 { throw record.failure("up_to", "must be left out in the last tier, so that it has no end") }
            if let upTo, let before = tiers.last?.upTo, upTo <= before {
                throw record.failure("up_to", "\(upTo) is not above the \(before) before it; write the tiers in ascending order")
            }
            tiers.append(Tariff.Tier(upTo: upTo, rate: try record.needed("rate", in: 0...Tariff.maximumRate)))
        }
        return tiers
    }

    /// The band changes of a civil day.
    func bands() throws(TariffError) -> [Tariff.BandChange] {
        guard has("bands") else { return [Tariff.BandChange(minute: 0, band: .flat)] }
        var changes: [Tariff.BandChange] = []
        for record in try list("bands", of: 1...48) {
            try record.allow(["from", "band"])
            guard let band: TariffBand = try record.word("band") else { throw record.failure("band", "is missing; write sharp, peak, flat or valley") }
            let minute = try record.halfHour("from")
            if changes.isEmpty, minute != 0 { throw record.failure("from", "the first band begins at 00:00; write \"00:00\"") }
            if let before = changes.last?.minute, minute <= before {
                throw record.failure("from", "is not later than the band before it; write the bands in the order of the day")
            }
            changes.append(Tariff.BandChange(minute: minute, band: band))
        }
        return changes
    }

    private func halfHour(_ name: String) throws(TariffError) -> Int {
        guard let value = value(name) else { throw failure(name, "is missing; write a half hour such as \"07:30\"") }
        let bytes = Array((value.text ?? "").utf8)
        let digits = bytes.enumerated().compactMap { $0 == 2 || !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($1) ? nil : Int($1 - UInt8(ascii: "0")) }
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"), digits.count == 4, digits[0] * 10 + digits[1] < 24, digits[3] == 0,
            digits[2] == 0 || digits[2] == 3
        else { throw failure(name, "\(Self.shown(value)) is no half hour; write \"HH:00\" or \"HH:30\"") }
        return (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10
    }

    private func list(_ name: String, of counts: ClosedRange<Int>) throws(TariffError) -> [TariffRecord] {
        guard let value = value(name), let items = value.list, counts.contains(items.count) else {
            throw failure(name, "write a list of \(counts.lowerBound) to \(counts.upperBound) records")
        }
        var records: [TariffRecord] = []
        for (index, item) in items.enumerated() {
            guard let fields = item.record else { throw failure("\(name)[\(index)]", "\(Self.shown(item)) is no record; write {…}") }
            records.append(TariffRecord(fields, at: "\(prefix)\(name)[\(index)]"))
        }
        return records
    }

    /// A value as the message shows it, short whatever was sent.
    private static func shown(_ value: FieldValue) -> String {
        switch value {
        case .text(let text): "'\(text.prefix(40))'"
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .bool(let bool): "\(bool)"
        case .list: "a list"
        case .record: "a record"
        case .bytes: "bytes"
        case .duration: "a duration"
        case .null: "null"
        }
    }
}
