import LabCore

/// The grammar as a JSON Schema (draft 2020-12) for editors; `lab check` has the better messages.
///
/// It holds for values as YAML 1.2 gives them and for raw scalars alike, so a number may come as text. An `if`/`then`
/// for each verb lets an editor complain about the one wrong key instead of about every verb.
package enum EditorSchema {
    /// The schema of scenario files, as text.
    package static func json(_ catalogue: Catalogue) -> String { document(Grammar.scenario, "A lab scenario", catalogue) }

    /// The schema of lab.yaml, as text.
    package static func labJSON(_ catalogue: Catalogue) -> String { document(Grammar.lab, "lab.yaml", catalogue) }

    /// The schema of the file that `quarantine` of lab.yaml names, as text.
    package static func quarantineJSON(_ catalogue: Catalogue) -> String { document(Grammar.quarantine, "quarantine.yaml", catalogue) }

    private static func document(_ root: RecordShape, _ title: String, _ catalogue: Catalogue) -> String {
        let writer = SchemaWriter(catalogue: catalogue)
        var schema: Fields = ["$schema": "https://json-schema.org/draft/2020-12/schema", "title": .text(title)]
        schema = schema.merging(writer.record(root))
        var definitions = Fields()
        for name in Shape.NamedShape.allCases { definitions[name.rawValue] = writer.schema(Grammar.definition(name)) }
        schema["$defs"] = .record(definitions)
        return JSONWriter.text(.record(schema))
    }
}

struct SchemaWriter {
    let catalogue: Catalogue

    /// A text with `${…}` in it.
    private static let template = #"[$][{]"#
    private static let sharePattern = "^([01]([.][0-9]+)?|[0-9]+([.][0-9]+)?%)$"
    private static let durationPattern = "^[0-9]+([.][0-9]+)?(ns|us|ms|s|m|min|h|d)$"

    func schema(_ shape: Shape) -> FieldValue {
        switch shape {
        case .version: return ["enum": [1, "1"]]
        case .text: return ["type": "string", "minLength": 1]
        case .word: return Self.text(Name.wordPattern)
        case .variable: return Self.text(Name.variablePattern)
        case .field: return Self.text(Name.fieldPattern)
        case .choice(let words): return ["enum": .list(words.map { .text($0) })]
        case .integer(let range, let orTemplate):
            let digits = #"^(-?[0-9]+|0x[0-9A-Fa-f]+)$"#
            return [
                "type": ["integer", "string"], "minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound)),
                "pattern": .text(orTemplate ? "\(digits)|\(Self.template)" : digits),
            ]
        case .number(let minimum):
            return ["type": ["number", "string"], "minimum": .number(minimum), "pattern": "^-?[0-9]+([.][0-9]+)?$"]
        case .bool: return ["enum": [true, false, "true", "false"]]
        case .duration(let orTemplate): return Self.text(orTemplate ? "\(Self.durationPattern)|\(Self.template)" : Self.durationPattern)
        case .rate: return Self.text("\(Rate.pattern)|\(Self.template)")
        case .share: return ["type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": .text(Self.sharePattern)]
        case .shareOrTime:
            return ["type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": .text("\(Self.sharePattern)|\(Self.durationPattern)")]
        case .occurrences: return Self.text(Occurrences.pattern)
        case .gauge: return Self.text(referencePattern(.query, suffix: "[.][A-Za-z_][A-Za-z0-9_.-]*"))
        case .sampleCount: return ["type": ["integer", "string"], "minimum": 1, "pattern": "^([0-9]+|auto|strict)$"]
        case .reference(let category): return Self.text(referencePattern(category))
        case .form(let form): return form.mayBeNumber ? ["type": ["string", "number"], "pattern": .text(form.pattern)] : Self.text(form.pattern)
        case .value: return [:]
        case .fields: return ["type": "object"]
        case .list(let element, let minimum):
            return ["type": "array", "items": schema(element), "minItems": .integer(Int64(minimum))]
        case .tuple(let element, let count):
            return ["type": "array", "items": schema(element), "minItems": .integer(Int64(count)), "maxItems": .integer(Int64(count))]
        case .map(let key, let element):
            let pattern = key == .word ? Name.wordPattern : Name.variablePattern
            return ["type": "object", "propertyNames": Self.text(pattern), "additionalProperties": schema(element)]
        case .record(let record): return .record(self.record(record))
        case .variants(let variants): return self.variants(variants)
        case .scalarOr(let scalar, let other):
            return ["if": ["type": ["array", "object"]], "then": schema(other), "else": schema(scalar)]
        case .named(let name): return ["$ref": .text("#/$defs/\(name.rawValue)")]
        }
    }

    private static func text(_ pattern: String) -> FieldValue { ["type": "string", "pattern": .text(pattern)] }

    func record(_ shape: RecordShape) -> Fields {
        var properties = Fields()
        for key in shape.keys {
            var property = schema(key.shape).record ?? [:]
            if !key.about.isEmpty { property["description"] = .text(key.about) }
            properties[key.name] = .record(property)
        }
        var result: Fields = [
            "type": "object", "properties": .record(properties), "additionalProperties": false,
            "required": .list(shape.keys.filter(\.isRequired).map { .text($0.name) }),
        ]
        if let others = shape.others { result["patternProperties"] = .record([others.keys.pattern: schema(others.shape)]) }
        if shape.minimum > 0 { result["minProperties"] = .integer(Int64(shape.minimum)) }
        if !shape.oneOf.isEmpty { result["anyOf"] = .list(shape.oneOf.map { ["required": [.text($0)]] }) }
        return result
    }

    /// `propertyNames` finds the misspelt key; only where all keys are known does a missing verb count.
    private func variants(_ shape: VariantShape) -> FieldValue {
        let known: FieldValue = ["propertyNames": ["enum": .list(shape.allKeys.map { .text($0) })]]
        var rules: [FieldValue] = [
            known,
            ["if": known, "then": ["anyOf": .list(shape.variants.map { ["required": [.text($0.key)]] })]],
        ]
        for variant in shape.variants {
            rules.append(["if": ["required": [.text(variant.key)]], "then": .record(record(variant.record))])
        }
        return ["type": "object", "allOf": .list(rules)]
    }

    /// Any role, and a name that some kind has in this category.
    private func referencePattern(_ category: NameCategory, suffix: String = "") -> String {
        let names = Set(catalogue.kinds.flatMap { category.names(of: $0) }).sorted().map { $0.replacing(".", with: "[.]") }
        let name = names.isEmpty ? "[A-Za-z_][A-Za-z0-9_.-]*" : "(" + names.joined(separator: "|") + ")"
        return "^[A-Za-z][A-Za-z0-9_-]*[.]\(name)\(suffix)$|\(Self.template)"
    }
}
