import LabCore

/// Compares a file with the grammar: unknown and missing keys, wrong forms, each with what is allowed there.
struct ShapeChecker {
    private let log: DiagnosticLog
    /// Places of values with something wrong inside, so that later stages do not complain about the consequences.
    private(set) var broken: Set<SourceLocation> = []

    init(log: DiagnosticLog) { self.log = log }

    /// - Parameter name: what the value is for messages: its key, or its record's title.
    /// - Returns: whether the value and everything in it has the form.
    @discardableResult
    mutating func check(_ value: SourceValue, _ shape: Shape, as name: String) -> Bool {
        let isSound = isSound(value, shape, name)
        if !isSound { broken.insert(value.location) }
        return isSound
    }

    private func wrong(_ value: SourceValue, _ name: String, _ wanted: String) -> Bool {
        log.error(at: value.location, "\(value.shapeName) for '\(name)' must be \(wanted)")
        return false
    }

    private mutating func isSound(_ value: SourceValue, _ shape: Shape, _ name: String) -> Bool {
        switch shape {
        case .value: return true
        case .fields: return value.record != nil || wrong(value, name, "a record of fields, such as {port: 1}")
        case .list(let element, let minimum): return checkList(value, element, minimum, name)
        case .tuple(let element, let count):
            guard let items = value.list, items.count == count else { return wrong(value, name, "a list of \(count)") }
            return checkAll(items, element, name)
        case .map(let key, let element): return checkMap(value, key, element, name)
        case .record(let record): return checkRecord(value, record)
        case .variants(let variants): return checkVariants(value, variants)
        case .scalarOr(let scalar, let other): return check(value, value.scalar != nil ? scalar : other, as: name)
        case .named(let definition): return isSound(value, Grammar.definition(definition), name)
        default:
            guard let scalar = value.scalar else { return wrong(value, name, ScalarShape.wanted(shape)) }
            if let problem = ScalarShape.problem(of: scalar, shape, name) {
                log.error(at: value.location, problem)
                return false
            }
            return true
        }
    }

    private mutating func checkAll(_ items: [SourceValue], _ element: Shape, _ name: String) -> Bool {
        var isSound = true
        for item in items where !check(item, element, as: name) { isSound = false }
        return isSound
    }

    private mutating func checkList(_ value: SourceValue, _ element: Shape, _ minimum: Int, _ name: String) -> Bool {
        guard let items = value.list else { return wrong(value, name, "a list") }
        if items.count < minimum {
            log.error(at: value.location, "'\(name)' is empty; at least one entry is needed")
            return false
        }
        return checkAll(items, element, name)
    }

    private mutating func checkMap(_ value: SourceValue, _ key: Shape.MapKey, _ element: Shape, _ name: String) -> Bool {
        guard let entries = value.record else { return wrong(value, name, "a record of names") }
        var isSound = true
        for entry in entries {
            if !(key == .word ? Name.isWord(entry.name) : Name.isVariable(entry.name)) {
                log.error(at: entry.location, "'\(entry.name)' is no name; \(key == .word ? Name.wordRule : Name.variableRule)")
                isSound = false
            }
            if !check(entry.value, element, as: entry.name) { isSound = false }
        }
        return isSound
    }

    private mutating func checkRecord(_ value: SourceValue, _ shape: RecordShape) -> Bool {
        guard let entries = value.record else {
            log.error(at: value.location, "\(shape.title) must be a record of keys and values, this is \(value.shapeName)")
            return false
        }
        var isSound = true
        var guessed: Set<String> = []
        for entry in entries {
            if let key = shape.keys.first(where: { $0.name == entry.name }) {
                if !check(entry.value, key.shape, as: key.name) { isSound = false }
            } else if let others = shape.others, others.keys.holds(entry.name) {
                if !check(entry.value, others.shape, as: entry.name) { isSound = false }
            } else {
                isSound = false
                if let guess = reportUnknown(entry, shape, present: entries) { guessed.insert(guess) }
            }
        }
        if entries.count < shape.minimum {
            log.error(at: value.location, "\(shape.title) is empty; at least one entry is needed")
            isSound = false
        }
        for key in shape.keys where key.isRequired && value.entry(key.name) == nil && !guessed.contains(key.name) {
            log.error(at: value.location, "\(shape.title) needs '\(key.name)'")
            isSound = false
        }
        if !shape.oneOf.isEmpty, !shape.oneOf.contains(where: { value.entry($0) != nil || guessed.contains($0) }) {
            log.error(at: value.location, "\(shape.title) needs '" + shape.oneOf.joined(separator: "' or '") + "'")
            isSound = false
        }
        return isSound
    }

    /// - Returns: the key that was probably meant.
    private func reportUnknown(_ entry: SourceValue.Entry, _ shape: RecordShape, present: [SourceValue.Entry]) -> String? {
        if let advice = shape.elsewhere[entry.name] {
            log.error(at: entry.location, "'\(entry.name)' does not stand in \(shape.title); \(advice)")
            return nil
        }
        let free = shape.keys.map(\.name).filter { name in !present.contains { $0.name == name } }
        let guess = DidYouMean.suggestion(for: entry.name, among: free)
        let hint = guess.map { " — did you mean '\($0)'?" } ?? " (allowed: \(shape.allowed))"
        log.error(at: entry.location, "unknown key '\(entry.name)' in \(shape.title)\(hint)")
        return guess
    }

    private mutating func checkVariants(_ value: SourceValue, _ shape: VariantShape) -> Bool {
        guard let entries = value.record else {
            log.error(
                at: value.location,
                shape.mayBeShown
                    ? "a \(shape.noun) must be a record of keys and values, this is \(value.shapeName)"
                    : "a \(shape.noun) does not stand here itself: write where it is, by \(shape.variants.map(\.key).joined(separator: " or "))")
            return false
        }
        let markers = shape.variants.map(\.key)
        let marking = entries.filter { markers.contains($0.name) }
        if marking.count > 1 {
            log.error(
                at: marking[1].location,
                "a \(shape.noun) is one of \(markers.joined(separator: ", ")); this one has '\(marking[0].name)' and '\(marking[1].name)'")
            return false
        }
        if let variant = shape.variants.first(where: { $0.key == marking.first?.name }) { return checkRecord(value, variant.record) }
        let known = shape.allKeys
        let what = shape.keysAreNoun ? "unknown \(shape.noun)" : "unknown key"
        if let stranger = entries.first(where: { !known.contains($0.name) }) {
            let guess = DidYouMean.suggestion(for: stranger.name, among: shape.keysAreNoun ? markers : known)
            let hint = guess.map { " — did you mean '\($0)'?" } ?? " (a \(shape.noun) is one of \(markers.joined(separator: ", ")))"
            log.error(at: stranger.location, "\(what) '\(stranger.name)'\(hint)")
        } else {
            log.error(at: value.location, "a \(shape.noun) needs one of \(markers.joined(separator: ", "))")
        }
        return false
    }
}

/// The rules for names.
enum Name {
    static let wordRule = "letters, digits, '_' and '-', a letter first"
    static let variableRule = "letters, digits and '_', a letter first"
    static let wordPattern = "^[A-Za-z][A-Za-z0-9_-]*$"
    static let variablePattern = "^[A-Za-z_][A-Za-z0-9_]*$"
    static let fieldPattern = "^[A-Za-z_][A-Za-z0-9_-]*([.][A-Za-z_][A-Za-z0-9_-]*)*$"

    static func isWord(_ text: String) -> Bool {
        isName(text.utf8, allowingHyphen: true) && !text.hasPrefix("_")
    }

    static func isVariable(_ text: String) -> Bool { isName(text.utf8, allowingHyphen: false) }

    static func isField(_ text: String) -> Bool {
        text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { isName($0, allowingHyphen: true) }
    }

    private static func isName(_ text: some Collection<UInt8>, allowingHyphen: Bool) -> Bool {
        guard let first = text.first, isLetter(first), text.count <= 100 else { return false }
        return text.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || (allowingHyphen && $0 == UInt8(ascii: "-")) }
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
}
