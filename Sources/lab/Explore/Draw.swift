import LabCore

/// What a seed has drawn from a scenario's `explore`: moves, faults, and the times between them.
struct Draw: Sendable, Equatable {
    enum Item: Sendable, Equatable {
        /// A block, with one of its choices for each name that it takes.
        case move(block: String, values: [Value])
        case fault(NodeReference, length: String)
        case wait(String)
    }

    struct Value: Sendable, Equatable {
        var name: String
        /// As YAML.
        var text: String
    }

    var items: [Item]

    /// The same seed draws the same.
    static func make(from explore: Explore, seed: UInt64) -> Draw {
        var chance = SeededGenerator(seed: seed, purpose: "what to explore")
        var items: [Item] = []
        var faults = 0
        func oneOf<Element>(_ choices: [Element]) -> Element { choices[Int(chance.integer(below: UInt64(choices.count)))] }
        for _ in 0..<explore.draws {
            let isFault = !explore.faults.isEmpty && faults < explore.atMost && (explore.moves.isEmpty || chance.integer(below: 4) == 0)
            if isFault {
                faults += 1
                items.append(.fault(oneOf(explore.faults), length: oneOf(explore.pauses.filter { $0 != "0s" } + ["1s"])))
            } else if !explore.moves.isEmpty {
                let move = oneOf(explore.moves)
                items.append(.move(block: move.block, values: move.choices.map { Value(name: $0.name, text: oneOf($0.values)) }))
            }
            let pause = oneOf(explore.pauses)
            if pause != "0s" { items.append(.wait(pause)) }
        }
        return Draw(items: items)
    }

    /// The steps as lines of YAML with the given indentation.
    func lines(indentation: String) -> [String] { items.flatMap { $0.lines.map { indentation + $0 } } }
}

extension Draw.Item {
    var lines: [String] {
        switch self {
        case .move(let block, let values):
            let with = values.map { "\($0.name): \($0.text)" }.joined(separator: ", ")
            return ["- use: \(block)"] + (values.isEmpty ? [] : ["  with: {\(with)}"])
        case .fault(let fault, let length): return ["- fault: \(fault)", "  for: \(length)"]
        case .wait(let time): return ["- wait: \(time)"]
        }
    }
}
