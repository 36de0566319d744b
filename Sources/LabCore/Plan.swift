/// One scenario, one matrix cell, one world, one seed: everything that a run needs (scenario-language.md).
///
/// Names of roles, actions, events, queries and faults are resolved and checked; values may still hold `${…}`.
package struct Plan: Sendable, Equatable {
    /// The file's path without its folder `scenarios/` and its ending: `badge/register`.
    package var scenario: String
    package var file: String
    package var about: String
    package var tags: [String]
    package var world: WorldKind
    package var seed: UInt64
    /// The values of the matrix in this cell, in the order of the file.
    package var cell: Fields
    /// Time of the run after which it is stopped, steps and setup together.
    package var deadline: Duration
    /// `within` where a step says none.
    package var defaultWithin: Duration
    /// Factor for times that are waited: `within`, the `for` of `forbid`, laws; 1 or more, 1 in `sim`. Limits do not know it.
    package var slack: Double
    package var roles: [Role]
    /// Variables with the value for this world, the cell included.
    package var variables: Fields
    package var laws: [Law]
    package var setup: [Step]
    package var steps: [Step]
    package var teardown: [Step]
    package var metrics: [Metric]
    package var limits: [Limit]
    package var explore: Explore?
    /// The files that its steps name, each once, with what lies beside them.
    package var files: [PlanFile] = []
    /// What emulated devices trust from the factory.
    package var firmware = FirmwareSupply()
    /// Bugs that are put into the lab's devices and cloud on purpose (`lab mutate`); none in a run.
    package var bugs: Set<SeededBug> = []

    package init(
        scenario: String, file: String, about: String, tags: [String] = [], world: WorldKind = .sim, seed: UInt64 = 0,
        cell: Fields = [:], deadline: Duration = .seconds(300), defaultWithin: Duration = .seconds(10), slack: Double = 1, roles: [Role] = [],
        variables: Fields = [:], laws: [Law] = [], setup: [Step] = [], steps: [Step] = [], teardown: [Step] = [],
        metrics: [Metric] = [], limits: [Limit] = [], explore: Explore? = nil
    ) {
        self.scenario = scenario
        self.file = file
        self.about = about
        self.tags = tags
        self.world = world
        self.seed = seed
        self.cell = cell
        self.deadline = deadline
        self.defaultWithin = defaultWithin
        self.slack = slack
        self.roles = roles
        self.variables = variables
        self.laws = laws
        self.setup = setup
        self.steps = steps
        self.teardown = teardown
        self.metrics = metrics
        self.limits = limits
        self.explore = explore
    }

    /// A time that is waited for, with the slack of the world.
    package func stretched(_ time: Duration) -> Duration { slack == 1 ? time : time * slack }

    /// `loss=20%`, or `–` for a scenario without a matrix.
    package var cellText: String { cell.isEmpty ? "–" : cell.map { "\($0.name)=\($0.value.nameInCell)" }.joined(separator: " ") }
}

extension FieldValue {
    /// How a value of the matrix is shown: a record by its `id`, where its writer gave it one, anything else as it is.
    package var nameInCell: String { record?["id"]?.text ?? description }
}

package enum WorldKind: String, Sendable, CaseIterable { case sim, emu, hw }

/// What a scenario needs under one name: `badge: {kind: badge, can: [reboot], count: 1}`.
package struct Role: Sendable, Equatable {
    package var name: String
    package var kind: String
    package var abilities: [String]
    package var facts: Match
    /// Devices under this role; more than 1 makes a fleet with members `name#1` to `name#count`.
    package var count: Int
    package var location: SourceLocation

    package init(name: String, kind: String, abilities: [String] = [], facts: Match = Match(), count: Int = 1, location: SourceLocation) {
        self.name = name
        self.kind = kind
        self.abilities = abilities
        self.facts = facts
        self.count = count
        self.location = location
    }
}

/// `role.name`: an action, event, query or fault of a role.
package struct NodeReference: Sendable, Hashable, CustomStringConvertible {
    package var role: String
    package var name: String
    package init(role: String, name: String) {
        self.role = role
        self.name = name
    }
    package var description: String { "\(role).\(name)" }
}

/// One step. `path` names it for events and reports: `steps.3`, `setup.1.use.2`, `steps.4.loop`.
package struct Step: Sendable, Equatable {
    package var location: SourceLocation
    package var path: String
    package var action: Action

    package init(location: SourceLocation, path: String, action: Action) {
        self.location = location
        self.path = path
        self.action = action
    }

    package indirect enum Action: Sendable, Equatable {
        case act(Act)
        case expect(Expect)
        case forbid(Forbid)
        case check(Check)
        case fault(Fault)
        /// Ends the fault with this id.
        case clear(String)
        case wait(Template)
        case load(Load)
        /// One after the other with further names; made from `use` (one entry) and `loop` (an entry for each turn).
        case sequence([Turn])
        case parallel([[Step]])
    }

    /// `do:`
    package struct Act: Sendable, Equatable {
        package var target: NodeReference
        package var arguments: Template
        package var id: String?
        package var saves: [Save]
        /// The step passes only if the action fails like this.
        package var fails: Match?
        /// A refusal is no failure of the step.
        package var mayFail: Bool
        package init(
            target: NodeReference, arguments: Template = .record([]), id: String? = nil, saves: [Save] = [], fails: Match? = nil, mayFail: Bool = false
        ) {
            self.target = target
            self.arguments = arguments
            self.id = id
            self.saves = saves
            self.fails = fails
            self.mayFail = mayFail
        }
    }

    /// `expect:`
    package struct Expect: Sendable, Equatable {
        package var event: NodeReference
        package var condition: Match
        /// A duration; the plan's default where it is `nil`.
        package var within: Template?
        /// How many events the whole window must hold; one is enough where it is `nil`.
        package var count: Match.Test?
        package var after: String?
        package var id: String?
        package var saves: [Save]
        package init(
            event: NodeReference, condition: Match = Match(), within: Template? = nil, count: Match.Test? = nil, after: String? = nil,
            id: String? = nil, saves: [Save] = []
        ) {
            self.event = event
            self.condition = condition
            self.within = within
            self.count = count
            self.after = after
            self.id = id
            self.saves = saves
        }
    }

    /// `forbid:`
    package struct Forbid: Sendable, Equatable {
        package var event: NodeReference
        package var condition: Match
        package var duration: Template
        package init(event: NodeReference, condition: Match = Match(), duration: Template) {
            self.event = event
            self.condition = condition
            self.duration = duration
        }
    }

    /// `check:`
    package struct Check: Sendable, Equatable {
        package var query: NodeReference
        package var arguments: Template
        package var condition: Match
        /// Asks again until it holds or the time is over; once where it is `nil`.
        package var within: Template?
        package init(query: NodeReference, arguments: Template = .record([]), condition: Match, within: Template? = nil) {
            self.query = query
            self.arguments = arguments
            self.condition = condition
            self.within = within
        }
    }

    /// `fault:`
    package struct Fault: Sendable, Equatable {
        package var target: NodeReference
        package var arguments: Template
        package var trigger: Trigger?
        package var duration: Template?
        package var id: String?
        package init(
            target: NodeReference, arguments: Template = .record([]), trigger: Trigger? = nil, duration: Template? = nil, id: String? = nil
        ) {
            self.target = target
            self.arguments = arguments
            self.trigger = trigger
            self.duration = duration
            self.id = id
        }
    }

    /// `when:` arms a fault: it begins at the n-th matching event, in the same instant.
    package struct Trigger: Sendable, Equatable {
        package var event: NodeReference
        package var condition: Match
        package var nth: Int
        package init(event: NodeReference, condition: Match = Match(), nth: Int = 1) {
            self.event = event
            self.condition = condition
            self.nth = nth
        }
    }

    /// `load:` items that come when the plan says, whatever becomes of those before them (an open model).
    package struct Load: Sendable, Equatable {
        package enum Arrivals: String, Sendable, CaseIterable {
            /// At even distances along the rate line.
            case even
            /// At random from the seed, with the rate line as their density.
            case poisson
        }

        package var target: NodeReference
        /// `${k}` in it is the item's index from 0.
        package var arguments: Template
        /// Where it has several kinds of items: item k has the arguments of entry k mod their number. Empty where all are alike.
        package var variants: [Template] = []
        /// Arrivals per second at evenly spaced points; between them the rate changes evenly. One point is a constant rate.
        package var rates: [Double]
        package var duration: Template
        package var arrivals: Arrivals
        /// Exactly so many items, spread along the rate line; as many as come where it is `nil`.
        package var count: Int?
        /// Of the arrivals; the run's where it is `nil`.
        package var seed: UInt64?
        /// An item without an answer for so long is unanswered.
        package var timeout: Duration
        /// Items planned in this time from the start are drawn, and not counted.
        package var warmup: Duration
        /// Which answers are good; all that are no refusal where it is `nil`.
        package var good: Match?
        package var id: String?

        package init(
            target: NodeReference, arguments: Template, rates: [Double], duration: Template, arrivals: Arrivals = .even, count: Int? = nil,
            seed: UInt64? = nil, timeout: Duration = .seconds(10), warmup: Duration = .zero, good: Match? = nil, id: String?
        ) {
            self.target = target
            self.arguments = arguments
            self.rates = rates
            self.duration = duration
            self.arrivals = arrivals
            self.count = count
            self.seed = seed
            self.timeout = timeout
            self.warmup = warmup
            self.good = good
            self.id = id
        }

        /// The arguments of item k.
        package func arguments(of index: Int) -> Template { variants.isEmpty ? arguments : variants[index % variants.count] }
    }

    /// Steps with names of their own.
    package struct Turn: Sendable, Equatable {
        /// What it is, for people: `use online-pile`, `loss=20%`.
        package var label: String
        package var bindings: [Template.Member]
        /// A block sees only its `takes`; a turn of a loop sees everything around it.
        package var isIsolated: Bool
        package var steps: [Step]
        /// Names of the surrounding scope that take values from inside.
        package var saves: [Save]
        package init(label: String, bindings: [Template.Member], isIsolated: Bool, steps: [Step], saves: [Save] = []) {
            self.label = label
            self.bindings = bindings
            self.isIsolated = isIsolated
            self.steps = steps
            self.saves = saves
        }
    }

    /// `save: {variable: field}`
    package struct Save: Sendable, Equatable {
        package var variable: String
        package var field: String
        package init(variable: String, field: String) {
            self.variable = variable
            self.field = field
        }
    }
}

/// What must hold on every event of the whole run, setup and teardown included.
package struct Law: Sendable, Equatable {
    package var text: String
    package var location: SourceLocation
    package var rule: Rule

    package enum Rule: Sendable, Equatable {
        case forbid(NodeReference, Match)
        case oncePer(NodeReference, Match, field: String)
        case leadsTo(NodeReference, Match, to: NodeReference, same: [String], within: Template)
        /// Sums of the field `cents` (or `value`, or counts where there is neither) of two kinds of events are equal at the end.
        case balance(NodeReference, NodeReference)
    }

    package init(text: String, location: SourceLocation, rule: Rule) {
        self.text = text
        self.location = location
        self.rule = rule
    }
}

/// A named measurement over events: `{latency: {from: badge.boot.started, to: cloud.mqtt.online}, split-by: device}`.
package struct Metric: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case latency(Latency)
        case gauge(Gauge)
        /// A load that runs beside the steps from the first to the last.
        case probe(Step.Load)
    }

    /// Time between two events.
    package struct Latency: Sendable, Equatable {
        package var from: NodeReference
        package var to: NodeReference
        /// Fields that both events share, so that the right ones are paired.
        package var same: [String]
        package var splitBy: String?
        package init(from: NodeReference, to: NodeReference, same: [String] = [], splitBy: String? = nil) {
            self.from = from
            self.to = to
            self.same = same
            self.splitBy = splitBy
        }
    }

    /// A number that a query gives, asked for at even distances from the first step to the last.
    package struct Gauge: Sendable, Equatable {
        package var query: NodeReference
        package var arguments: Template
        /// The field of the answer.
        package var field: String
        package var every: Duration
        package init(query: NodeReference, arguments: Template = .record([]), field: String, every: Duration) {
            self.query = query
            self.arguments = arguments
            self.field = field
            self.every = every
        }
    }

    package var name: String
    package var location: SourceLocation
    package var source: Source

    package init(name: String, location: SourceLocation, source: Source) {
        self.name = name
        self.location = location
        self.source = source
    }

    package init(name: String, location: SourceLocation, from: NodeReference, to: NodeReference, same: [String] = [], splitBy: String? = nil) {
        self.init(name: name, location: location, source: .latency(Latency(from: from, to: to, same: same, splitBy: splitBy)))
    }

    /// The events whose distance it measures.
    package var events: [NodeReference] { if case .latency(let latency) = source { [latency.from, latency.to] } else { [] } }
}

/// `explore:` what `lab explore` may vary.
package struct Explore: Sendable, Equatable {
    /// A block of the scenario that is drawn, with the values to choose from for each name that it takes.
    package struct Move: Sendable, Equatable {
        package struct Choice: Sendable, Equatable {
            package var name: String
            /// As YAML, in the order of the file; never empty.
            package var values: [String]
            package init(name: String, values: [String]) {
                self.name = name
                self.values = values
            }
        }

        package var block: String
        package var choices: [Choice]
        package init(block: String, choices: [Choice]) {
            self.block = block
            self.choices = choices
        }
    }

    package var moves: [Move]
    package var faults: [NodeReference]
    /// Faults of one draw.
    package var atMost: Int
    package var reorders: Bool
    /// Moves and faults of one draw.
    package var draws: Int
    /// Durations as written: the times between what is drawn, and the lengths of faults.
    package var pauses: [String]
    /// Events that are counted over all runs.
    package var counts: [NodeReference]

    package init(
        moves: [Move] = [], faults: [NodeReference] = [], atMost: Int = 1, reorders: Bool = false, draws: Int = 20,
        pauses: [String] = Explore.standardPauses, counts: [NodeReference] = []
    ) {
        self.moves = moves
        self.faults = faults
        self.atMost = atMost
        self.reorders = reorders
        self.draws = draws
        self.pauses = pauses
        self.counts = counts
    }

    package static let standardPauses = ["0s", "1s", "10s", "1m", "10m"]
}
