/// Items of a load as the event `load.rows` carries them: packed, because a run can have hundred thousands.
///
/// A row is: index, planned (ns), outcome with flags, member, set of labels, mask of places, then for each place that was passed the
/// time since the one before it. Numbers are variable-length (7 bits a byte, low bits first), differences are zigzag; index and planned
/// are differences to the row before. `labels` of the event holds the sets of labels by number, as `route=/health method=GET`.
package enum LoadRows {
    /// Rows of one event at most.
    package static let batch = 500

    package static func fields(load: String, items: [LoadItem]) -> Fields {
        var sets: [[Requirement.Label]] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(items.count * 24)
        var (index, planned) = (0, Int64(0))
        for item in items {
            append(signed: Int64(item.index - index), to: &bytes)
            append(signed: item.planned.nanoseconds - planned, to: &bytes)
            (index, planned) = (item.index, item.planned.nanoseconds)
            bytes.append(item.outcome.rawValue | (item.hasArrived ? 0x10 : 0) | (item.isOutOfOrder ? 0x20 : 0))
            append(UInt64(clamping: item.member), to: &bytes)
            let set: Int
            if let known = sets.firstIndex(of: item.labels) { set = known } else {
                set = sets.count
                sets.append(item.labels)
            }
            append(UInt64(set), to: &bytes)
            var mask: UInt8 = 0
            for (position, place) in item.places.enumerated() where place != nil { mask |= 1 << position }
            bytes.append(mask)
            var last = item.planned.nanoseconds
            for place in item.places {
                guard let place else { continue }
                append(signed: place.nanoseconds - last, to: &bytes)
                last = place.nanoseconds
            }
        }
        return [
            "load": .text(load), "count": .integer(Int64(items.count)),
            "labels": .list(sets.map { .text($0.map { "\($0.name)=\($0.value)" }.joined(separator: " ")) }), "rows": .bytes(bytes),
        ]
    }

    /// - Returns: `nil` for fields that the lab has not written.
    package static func items(in fields: Fields) -> [LoadItem]? {
        guard let count = fields["count"]?.integer, let bytes = rows(fields["rows"]), count >= 0, count <= Int64(bytes.count) else { return nil }
        let sets = (fields["labels"]?.list ?? []).map { labels($0.text ?? "") }
        var reader = Reader(bytes: bytes)
        var items: [LoadItem] = []
        items.reserveCapacity(Int(count))
        var (index, planned) = (Int64(0), Int64(0))
        for _ in 0..<count {
            guard let indexStep = reader.signed(), let plannedStep = reader.signed(), let flags = reader.byte(), let member = reader.unsigned(),
                let set = reader.unsigned(), let mask = reader.byte(), let outcome = LoadItem.Outcome(rawValue: flags & 0x0f), set < UInt64(sets.count)
            else { return nil }
            (index, planned) = (index &+ indexStep, planned &+ plannedStep)
            var item = LoadItem(
                index: Int(index), planned: RunInstant(nanoseconds: planned), outcome: outcome, hasArrived: flags & 0x10 != 0,
                isOutOfOrder: flags & 0x20 != 0, labels: sets[Int(set)], member: Int(clamping: member))
            var last = planned
            for position in 0..<8 where mask & (1 << position) != 0 {
                guard let step = reader.signed() else { return nil }
                last = last &+ step
                item.places[position] = RunInstant(nanoseconds: last)
            }
            items.append(item)
        }
        return reader.isAtEnd ? items : nil
    }

    /// A log that was read from its file has bytes as text.
    private static func rows(_ value: FieldValue?) -> [UInt8]? {
        switch value {
        case .bytes(let bytes): bytes
        case .text(let text): Hexadecimal.bytes(text)
        default: nil
        }
    }

    private static func labels(_ text: String) -> [Requirement.Label] {
        text.split(separator: " ").map { entry in
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return Requirement.Label(name: String(parts[0]), value: parts.count == 2 ? String(parts[1]) : "")
        }
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func append(signed value: Int64, to bytes: inout [UInt8]) {
        append(UInt64(bitPattern: (value << 1) ^ (value >> 63)), to: &bytes)
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func byte() -> UInt8? {
            guard position < bytes.count else { return nil }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func unsigned() -> UInt64? {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard let byte = byte() else { return nil }
                value |= UInt64(byte & 0x7f) << shift
                if byte & 0x80 == 0 { return value }
            }
            return nil
        }

        mutating func signed() -> Int64? {
            unsigned().map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
        }
    }
}
