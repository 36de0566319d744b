/// What one kind of node can do, tell, answer and suffer (scenario-language.md, semantics 9).
///
/// The kinds publish these as data; the checker finds misspelt names with them before anything runs,
/// `lab describe` prints them, and the editor schema is made from them.
package struct NodeKind: Sendable, Equatable {
    /// The word after `kind:` in `needs`: `badge`, `cloud`.
    package var name: String
    package var about: String
    /// Words for `can:`; a bench may lack some of them.
    package var abilities: [String]
    /// What `needs.where` can ask for, and lab.yaml's `facts` can state.
    package var facts: [FieldKind]
    package var actions: [ActionKind]
    package var events: [EventKind]
    package var queries: [ActionKind]
    package var faults: [ActionKind]
    /// How a bench reaches a real device of this kind; there are none of a kind without any.
    package var media: [DeviceMedium]

    package init(
        name: String, about: String, abilities: [String] = [], facts: [FieldKind] = [], actions: [ActionKind] = [],
        events: [EventKind] = [], queries: [ActionKind] = [], faults: [ActionKind] = [], media: [DeviceMedium] = []
    ) {
        self.name = name
        self.about = about
        self.abilities = abilities
        self.facts = facts
        self.actions = actions
        self.events = events
        self.queries = queries
        self.faults = faults
        self.media = media
    }

    package func action(_ name: String) -> ActionKind? { actions.first { $0.name == name } }
    package func event(_ name: String) -> EventKind? { events.first { $0.name == name } }
    package func query(_ name: String) -> ActionKind? { queries.first { $0.name == name } }
    package func fault(_ name: String) -> ActionKind? { faults.first { $0.name == name } }
}

/// What a real device is spoken with through; also the key for it under `hw` and `emu` of a node in lab.yaml.
package enum DeviceMedium: String, Sendable, Hashable, CaseIterable {
    /// A serial port.
    case serial
    /// The broker, under the device's client identifier.
    case mqtt
}

/// An action, a query or a fault: its name, what it takes, what it gives.
package struct ActionKind: Sendable, Equatable {
    package var name: String
    package var about: String
    /// Fields for `with:`.
    package var takes: [FieldKind]
    /// Fields of the answer, for `save:`, `is:` and `fails:`.
    package var gives: [FieldKind]

    package init(_ name: String, _ about: String, takes: [FieldKind] = [], gives: [FieldKind] = []) {
        self.name = name
        self.about = about
        self.takes = takes
        self.gives = gives
    }
}

/// An event that a node can note.
package struct EventKind: Sendable, Equatable {
    /// How often it occurs, and with that whether it is kept for every member of a large fleet.
    package enum Volume: Sendable, Equatable {
        /// Always in the log.
        case milestone
        /// Packets, heartbeats, requests: in the log unless the scenario has a fleet of more than 16,
        /// and even then if it names the event.
        case traffic
    }

    package var name: String
    package var about: String
    package var fields: [FieldKind]
    package var volume: Volume

    package init(_ name: String, _ about: String, fields: [FieldKind] = [], volume: Volume = .milestone) {
        self.name = name
        self.about = about
        self.fields = fields
        self.volume = volume
    }
}

/// One named field with its type and unit.
package struct FieldKind: Sendable, Equatable {
    package var name: String
    package var type: FieldType
    /// The unit of a bare number: "°C", "%", "dBm", "cents".
    package var unit: String?
    package var isRequired: Bool
    package var about: String

    package init(_ name: String, _ type: FieldType, unit: String? = nil, required: Bool = false, _ about: String = "") {
        self.name = name
        self.type = type
        self.unit = unit
        self.isRequired = required
        self.about = about
    }
}

package indirect enum FieldType: Sendable, Equatable {
    case text
    case integer
    case number
    case bool
    /// `250ms`; a `FieldValue.duration`.
    case duration
    /// `20%` or `0.2`; a `FieldValue.number` of 0 to 1.
    case ratio
    /// Hexadecimal digits; a `FieldValue.bytes`.
    case bytes
    case choice([String])
    /// A file's path, relative to the folder that `lab` was started in. The plan holds the path and the content; what it is given
    /// to gets a record with `path`, `bytes`, and `manifest` and `delta` where such companions lie beside it (`PlanFile`).
    case file
    case list(FieldType)
    /// A record with these fields.
    case record([FieldKind])
    /// Any value: a payload, a configuration value. Plain scalars are read as JSON would: `true`, `12`, `1.5`, else text.
    case any

    /// The word for messages and `lab describe`.
    package var name: String {
        switch self {
        case .text: "text"
        case .integer: "a whole number"
        case .number: "a number"
        case .bool: "true or false"
        case .duration: "a duration such as 250ms, 5s, 20m"
        case .ratio: "a share such as 20% or 0.2"
        case .bytes: "hexadecimal bytes"
        case .file: "the path of a file"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list(let element): "a list of \(element.name)"
        case .record: "a record"
        case .any: "any value"
        }
    }
}
