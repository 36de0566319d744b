package import LabCore

extension Fields {
    /// Records and lists out of the flat names that reports have: `ports[1].power` becomes field `power` of the second record of `ports`.
    ///
    /// A name that is no path, or whose index leaves a gap, stays as it is.
    package var nested: Fields {
        var result = Fields()
        for entry in self {
            if let path = FieldPath(entry.name), let changed = path.put(entry.value, into: result[path.first]) {
                result[path.first] = changed
            } else {
                result[entry.name] = entry.value
            }
        }
        return result
    }
}

/// `ports[1].power`, cut into its steps.
private struct FieldPath {
    enum Step {
        case index(Int)
        case field(String)
    }

    var first: String
    var steps: [Step]

    init?(_ text: String) {
        first = ""
        steps = []
        for (number, part) in text.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            guard let name = pieces.first, !name.isEmpty else { return nil }
            if number == 0 { first = String(name) } else { steps.append(.field(String(name))) }
            for piece in pieces.dropFirst() {
                guard piece.last == "]", let index = Int(piece.dropLast()), index >= 0 else { return nil }
                steps.append(.index(index))
            }
        }
        if steps.isEmpty { return nil }
    }

    /// - Returns: `nil` where what is there is no record, or no list that ends at the index.
    func put(_ value: FieldValue, into container: FieldValue?) -> FieldValue? { Self.put(value, steps[...], into: container) }

    private static func put(_ value: FieldValue, _ steps: ArraySlice<Step>, into container: FieldValue?) -> FieldValue? {
        guard let step = steps.first else { return value }
        switch step {
        case .field(let name):
            var record = Fields()
            if let container {
                guard let found = container.record else { return nil }
                record = found
            }
            guard let inner = put(value, steps.dropFirst(), into: record[name]) else { return nil }
            record[name] = inner
            return .record(record)
        case .index(let index):
            var list: [FieldValue] = []
            if let container {
                guard let found = container.list else { return nil }
                list = found
            }
            guard index <= list.count else { return nil }
            guard let inner = put(value, steps.dropFirst(), into: index < list.count ? .some(list[index]) : .none) else { return nil }
            if index < list.count { list[index] = inner } else { list.append(inner) }
            return .list(list)
        }
    }
}
