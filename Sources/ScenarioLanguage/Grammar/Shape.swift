/// The form of a value in a file. One description serves the checker, which speaks to people, and the JSON Schema,
/// which speaks to editors; so both know the same keys.
indirect enum Shape: Sendable {
    /// Exactly `1`.
    case version
    /// Prose.
    case text
    /// Letters, digits, `_` and `-`, a letter first: ids, roles, tags, blocks.
    case word
    /// As `word` without `-`, because `${a-b}` is a subtraction: variables.
    case variable
    /// A field, with dots for fields inside records.
    case field
    case choice([String])
    /// A whole number in the range; where `orTemplate`, also `${…}`.
    case integer(ClosedRange<Int>, orTemplate: Bool = false)
    case number(minimum: Double)
    case bool
    case duration(orTemplate: Bool = true)
    /// `10/s`, or `${…}`
    case rate
    /// A whole number, `auto` or `strict`
    case sampleCount
    /// `5%` or `0.05`
    case share
    /// `5%`, or `250us`
    case shareOrTime
    /// `8/30d`: so often in so long a time
    case occurrences
    /// `role.query.field` or `${…}`
    case gauge
    /// `role.name` or `${…}`
    case reference(NameCategory)
    /// Anything; what fits is for the types of the catalogue.
    case value
    /// Text of a form that has a name of its own: `8N1`, `host:port`.
    case form(TextForm)
    /// A record of anything: `with`, `where`, settings.
    case fields
    case list(Shape, atLeast: Int = 0)
    /// Exactly so many items.
    case tuple(Shape, count: Int)
    /// Names of one form, each with a value of one form.
    case map(key: MapKey, Shape)
    case record(RecordShape)
    /// One of several records, told apart by the key that each has alone.
    case variants(VariantShape)
    /// A scalar has one form, a list or record another.
    case scalarOr(Shape, Shape)
    /// A form that contains itself.
    case named(NamedShape)

    enum MapKey: Sendable { case word, variable }
    enum NamedShape: String, CaseIterable, Sendable { case step, law, limit }
}

struct RecordShape: Sendable {
    struct Key: Sendable {
        var name: String
        var shape: Shape
        var isRequired: Bool
        /// For editors.
        var about: String
        static func required(_ name: String, _ shape: Shape, _ about: String = "") -> Key {
            Key(name: name, shape: shape, isRequired: true, about: about)
        }
        static func optional(_ name: String, _ shape: Shape, _ about: String = "") -> Key {
            Key(name: name, shape: shape, isRequired: false, about: about)
        }
    }

    /// What the record is, for messages: `a scenario`, `'expect'`.
    var title: String
    var keys: [Key]
    /// One of these must be there.
    var oneOf: [String] = []
    /// Keys that one could expect here, with what to write instead.
    var elsewhere: [String: String] = [:]
    /// Keys that the grammar does not list, by their form.
    var others: Others?
    /// Entries that must be there, whatever they are.
    var minimum = 0

    struct Others: Sendable {
        var keys: TextForm
        var shape: Shape
    }

    /// The keys, for messages.
    var allowed: String { DiagnosticLog.list(keys.map(\.name)) + (others.map { " and \($0.keys.wanted)" } ?? "") }

    init(
        _ title: String, _ keys: [Key], oneOf: [String] = [], elsewhere: [String: String] = [:], others: Others? = nil, minimum: Int = 0
    ) {
        self.title = title
        self.keys = keys
        self.oneOf = oneOf
        self.elsewhere = elsewhere
        self.others = others
        self.minimum = minimum
    }
}

/// Text with a form: the pattern for editors and the check for people say the same.
struct TextForm: Sendable {
    /// For messages: `an address such as bench-2:4001`.
    var wanted: String
    /// A regular expression for the JSON Schema.
    var pattern: String
    /// It may stand without quotes where YAML would read a number.
    var mayBeNumber = false
    var holds: @Sendable (String) -> Bool
}

struct VariantShape: Sendable {
    struct Variant: Sendable {
        /// The key that marks this variant.
        var key: String
        var record: RecordShape
    }

    /// For messages: `step`.
    var noun: String
    var variants: [Variant]
    /// All marking keys and no other are the noun's own words (`unknown step 'expct'`).
    var keysAreNoun: Bool
    /// Messages may show a value that stands here in place of a record; they must not where it can be a secret.
    var mayBeShown = true

    /// Every key of every variant, each once.
    var allKeys: [String] {
        var seen: Set<String> = []
        return variants.flatMap { $0.record.keys.map(\.name) }.filter { seen.insert($0).inserted }
    }
}
