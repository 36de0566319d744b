import LabCore

/// The grammar of scenario files and lab.yaml (scenario-language.md, `scenario`, `STEP`, `LAW`, `LIMIT`).
enum Grammar {
    static let worlds = WorldKind.allCases.map(\.rawValue)

    /// The definition of a form that contains itself.
    static func definition(_ name: Shape.NamedShape) -> Shape {
        switch name {
        case .step: step
        case .law: law
        case .limit: limit
        }
    }

    private static let steps = Shape.list(.named(.step))

    static let scenario = RecordShape(
        "a scenario",
        [
            .required("lab", .version, "Version of the language"),
            .required("about", .text, "One sentence: what must hold"),
            .optional("tags", .list(.word), "Words to select by"),
            .optional("fidelity", .list(.choice(worlds), atLeast: 1), "Worlds that it can run in; all where this is missing"),
            .optional("deadline", .duration(orTemplate: false), "Time of the run after which it is stopped"),
            .optional("needs", .map(key: .word, .record(need)), "Nodes by role"),
            .optional("vars", .map(key: .variable, .value), "Values by name; {sim: …, emu: …, hw: …} gives one for each world"),
            .optional("matrix", .map(key: .variable, .list(.value, atLeast: 1)), "The scenario runs once for every combination"),
            .optional("import", .list(.text), "Files with blocks, relative to this one"),
            .optional("blocks", .map(key: .word, .record(block)), "Steps to `use`"),
            .optional("laws", .list(.named(.law)), "What holds on every event of the run"),
            .optional("setup", steps, "Steps before the test; their failure is no failure of the product"),
            .optional("steps", .list(.named(.step), atLeast: 1), "The test"),
            .optional("teardown", steps, "Steps that always run"),
            .optional("metrics", .map(key: .word, .variants(metric)), "Times between events, gauges and probes"),
            .optional("limits", .list(.named(.limit)), "Objectives over measurements"),
            .optional("explore", .record(explore), "What `lab explore` may vary"),
        ],
        oneOf: ["steps", "blocks"])

    private static let need = RecordShape(
        "a role",
        [
            .required("kind", .word, "The node kind"),
            .optional("can", .list(.word), "Abilities that the node must have"),
            .optional("where", .fields, "Facts that the node must have"),
            .optional("count", .integer(1...100_000, orTemplate: true), "More than 1 makes a fleet"),
        ])

    private static let block = RecordShape(
        "a block",
        [
            .optional("about", .text, "What the block does"),
            .optional("takes", .list(.variable), "Names that `with` gives"),
            .optional("gives", .list(.variable), "Names that `save` can take"),
            .required("steps", .list(.named(.step), atLeast: 1), "The steps"),
        ])

    private static let explore = RecordShape(
        "'explore'",
        [
            .optional("moves", .map(key: .word, .map(key: .variable, .list(.value, atLeast: 1))), "Blocks to choose from, with values for what they take"),
            .optional("faults", .list(.reference(.fault), atLeast: 1), "Faults to choose from"),
            .optional("at_most", .integer(1...100), "Faults of one draw; 1 where this is missing"),
            .optional("draws", .integer(1...1_000), "Moves and faults of one draw; 20 where this is missing"),
            .optional("pauses", .list(.duration(orTemplate: false), atLeast: 1), "Times between what is drawn, and lengths of faults"),
            .optional("counts", .list(.reference(.event), atLeast: 1), "Events that are counted over all runs"),
            .optional("reorder", .bool, "Whether simultaneous events change places"),
        ], oneOf: ["moves", "faults"])

    // MARK: steps

    static let with = RecordShape.Key.optional("with", .scalarOr(.text, .fields), "Arguments, or ${name} of a record in vars or the matrix")
    static let condition = RecordShape.Key.optional("where", .fields, "Conditions on fields")
    static let within = RecordShape.Key.optional("within", .duration(), "Time from the stimulus")
    static let id = RecordShape.Key.optional("id", .word, "A name for `after`, `clear` and `limits`")
    static let save = RecordShape.Key.optional("save", .map(key: .variable, .field), "Fields to keep under a name")

    static func verb(_ verb: Verb, _ shape: Shape, _ about: String, _ keys: RecordShape.Key...) -> VariantShape.Variant {
        VariantShape.Variant(
            key: verb.rawValue, record: RecordShape("'\(verb.rawValue)'", [.required(verb.rawValue, shape, about)] + keys))
    }

    static let step = Shape.variants(VariantShape(
        noun: "step",
        variants: [
            verb(.do, .reference(.action), "Does an action", with, id, save, .optional("fails", .fields, "The failure that is expected"),
                .optional("may_fail", .bool, "Whether a refusal is as good as success: for moves of `explore`")),
            verb(
                .expect, .reference(.event), "Waits for an event", condition, within,
                .optional("count", .scalarOr(.integer(0...1_000_000, orTemplate: true), .fields), "How many events the window holds"),
                .optional("after", .word, "The id of an earlier `expect`"), id, save),
            verb(.forbid, .reference(.event), "No such event", condition, .required("for", .duration(), "The window")),
            verb(.check, .reference(.query), "Asks a node", with, .required("is", .fields, "Conditions on the answer"), within),
            verb(
                .fault, .reference(.fault), "Begins a fault", with,
                .optional("when", .record(RecordShape("'when'", [
                    .required("event", .reference(.event), "Begins at this event"), condition,
                    .optional("nth", .integer(1...1_000_000, orTemplate: true), "The n-th such event; the first where this is missing"),
                ])), "Arms the fault"),
                .optional("for", .duration(), "How long"), id),
            verb(.clear, .word, "Ends the fault with this id"),
            verb(.wait, .duration(), "Lets time pass"),
            load,
            verb(
                .loop, .map(key: .variable, .scalarOr(.value, .list(.value, atLeast: 1))), "Steps for each value",
                .required("steps", .list(.named(.step), atLeast: 1), "The steps")),
            verb(.parallel, .list(.list(.named(.step), atLeast: 1), atLeast: 1), "Branches at the same time"),
            verb(.use, .word, "The steps of a block", with, .optional("save", .map(key: .variable, .variable), "Names that the block gives")),
        ],
        keysAreNoun: true))

    // MARK: laws

    private static let lawText = RecordShape.Key.required("law", .text, "What must hold")
    private static let lawEvent = RecordShape.Key.required("event", .reference(.event), "The event that it concerns")

    static let law = Shape.variants(VariantShape(
        noun: "law",
        variants: [
            .init(key: "forbid", record: RecordShape("a 'forbid' law", [
                lawText, .required("forbid", .reference(.event), "The event that must not happen"), condition,
            ])),
            .init(key: "once_per", record: RecordShape("a 'once_per' law", [
                lawText, lawEvent, condition, .required("once_per", .field, "At most one event for each value of this field"),
            ])),
            .init(key: "leads_to", record: RecordShape("a 'leads_to' law", [
                lawText, lawEvent, condition, .required("leads_to", .reference(.event), "The event that must follow"),
                .optional("same", .list(.field), "Fields in which both agree"), .required("within", .duration(), "In this time"),
            ])),
            .init(key: "balance", record: RecordShape("a 'balance' law", [
                lawText, .required("balance", .tuple(.reference(.event), count: 2), "Two events with equal sums"),
            ])),
        ],
        keysAreNoun: false))

    // MARK: lab.yaml

    static let lab = RecordShape(
        "lab.yaml",
        [
            .required("lab", .version, "Version of the language"),
            .required("about", .text, "Which bench this is"),
            .optional("defaults", .record(RecordShape("'defaults'", [
                .optional("fidelity", .choice(worlds), "The world of `lab run` without --on"),
                .optional("within", .duration(orTemplate: false), "`within` where a step says none"),
                .optional("deadline", .duration(orTemplate: false), "`deadline` where a scenario says none"),
            ])), "Values where scenarios say none"),
            .optional("nodes", .map(key: .word, .record(node)), "The devices of the bench"),
            .optional("relays", .map(key: .word, .record(relay)), "Relay boards by the names that `power` of nodes says"),
            .optional("slack", .record(RecordShape("'slack'", [
                .optional("emu", .number(minimum: 1), "Factor for within and for"), .optional("hw", .number(minimum: 1), "Factor for within and for"),
            ])), "Multiplies waiting, never limits"),
            .optional("lease", .record(RecordShape("'lease'", [
                .optional("ttl", .duration(orTemplate: false), "A lease ends after this time without a beat"),
                .optional("beat", .duration(orTemplate: false), "Time between beats"),
            ])), "How nodes are held"),
            .optional("doctor", .record(RecordShape("'doctor'", [
                .optional("every", .duration(orTemplate: false), "Time between checks"),
                .optional("before_run", .bool, "Whether a run begins with one"),
            ])), "Health checks"),
            .optional("quarantine", .text, "A file of known flaky scenarios"),
            .optional("history", .text, "The database of past runs"),
            .optional("cloud", .record(cloud), "Where the cloud is for devices that are not the lab's own"),
            .optional("payments", .record(payments), "Real payment services, for clouds that are to use them"),
            .optional("firmware", .record(firmware), "What the factory puts into emulated devices: whose images and releases they trust"),
            .optional("broker", broker, "The MQTT broker: embedded, mosquitto, an address, or settings of the embedded one"),
        ])

    private static let node = RecordShape(
        "a node",
        [
            .required("kind", .word, "The node kind"),
            .optional("facts", .fields, "What is true of this device"),
            .optional("can", .list(.word), "What the bench can do to it"),
            .optional("hw", .record(hardware), "How the real device is reached, switched and checked"),
            .optional("emu", .record(emulated), "How the emulated device is reached"),
        ])
}

/// The eleven verbs of steps.
enum Verb: String, CaseIterable {
    case `do`, expect, forbid, check, fault, clear, wait, load, loop, parallel, use

    /// `an 'expect' step`
    var withArticle: String { "\(self == .expect ? "an" : "a") '\(rawValue)' step" }
}
