import LabCore

/// Reads the fields of a signed document with the bounds that hold for all of them; what is missing or of another kind is `malformed`.
///
/// Fields that nobody asks for are left alone: they are signed, and a later version of the format may have them.
struct ManifestFields {
    let fields: Fields
    /// For messages: `delta` for the fields of `delta`.
    var place = ""

    private func name(_ field: String) -> String { place.isEmpty ? "`\(field)`" : "`\(place).\(field)`" }

    func value(_ field: String) throws(ManifestRefusal) -> FieldValue {
        guard let value = fields[field] else { throw .malformed("\(name(field)) is missing.") }
        return value
    }

    /// A text of 1 to `limit` bytes.
    func text(_ field: String, limit: Int = 128) throws(ManifestRefusal) -> String {
        guard case .text(let text) = try value(field), (1...limit).contains(text.utf8.count) else {
            throw .malformed("\(name(field)) must be a text of 1 to \(limit) bytes.")
        }
        return text
    }

    func integer(_ field: String, _ range: ClosedRange<Int64>) throws(ManifestRefusal) -> Int64 {
        guard case .integer(let number) = try value(field), range.contains(number) else {
            throw .malformed("\(name(field)) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func moment(_ field: String) throws(ManifestRefusal) -> Int64 {
        guard let seconds = UTCTime.seconds(try text(field)) else {
            throw .malformed("\(name(field)) must be a moment such as 2026-01-01T00:00:00Z.")
        }
        return seconds
    }

    /// A SHA-256, as 64 hexadecimal digits.
    func hash(_ field: String) throws(ManifestRefusal) -> [UInt8] {
        try hexadecimal(field, count: 32...32)
    }

    func hexadecimal(_ field: String, count: ClosedRange<Int>) throws(ManifestRefusal) -> [UInt8] {
        // Bounded before the digits are read.
        let digits = try text(field, limit: count.upperBound * 2)
        guard digits.utf8.count % 2 == 0, count.contains(digits.utf8.count / 2), let bytes = Hexadecimal.bytes(digits),
            count.contains(bytes.count)
        else {
            let wanted =
                count.lowerBound == count.upperBound ? "\(count.lowerBound * 2)" : "\(count.lowerBound * 2) to \(count.upperBound * 2)"
            throw .malformed("\(name(field)) must be \(wanted) hexadecimal digits.")
        }
        return bytes
    }

    func version(_ field: String) throws(ManifestRefusal) -> FirmwareVersion {
        guard let version = FirmwareVersion(try text(field, limit: 48)) else {
            throw .malformed("\(name(field)) must be a version such as 2.4.0.")
        }
        return version
    }

    /// 1 to `limit` different texts.
    func texts(_ field: String, limit: Int = 64) throws(ManifestRefusal) -> [String] {
        guard case .list(let items) = try value(field), (1...limit).contains(items.count) else {
            throw .malformed("\(name(field)) must be a list of 1 to \(limit) texts.")
        }
        var result: [String] = []
        for item in items {
            guard case .text(let text) = item, (1...128).contains(text.utf8.count), !result.contains(text) else {
                throw .malformed("\(name(field)) must be a list of different texts of 1 to 128 bytes.")
            }
            result.append(text)
        }
        return result
    }

    func record(_ field: String) throws(ManifestRefusal) -> ManifestFields {
        guard case .record(let inner) = try value(field) else { throw .malformed("\(name(field)) must be a record.") }
        return ManifestFields(fields: inner, place: place.isEmpty ? field : "\(place).\(field)")
    }
}
