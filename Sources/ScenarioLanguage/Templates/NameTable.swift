import LabCore

/// The names that a step can use, in the order in which they became known.
struct NameTable {
    enum Binding {
        /// Known before the run, and free of `${…}`: vars, matrix, loop, what a block is given.
        case constant(SourceValue)
        /// Known when the run gets there: what steps save.
        case runtime(FieldType)
        /// An error was reported where it is defined, or its value is not there to look at: nothing is said about it.
        case unknown
    }

    private(set) var names: [String] = []
    private var bindings: [String: Binding] = [:]

    subscript(name: String) -> Binding? {
        get { bindings[name] }
        set {
            if newValue == nil { names.removeAll { $0 == name } } else if bindings[name] == nil { names.append(name) }
            bindings[name] = newValue
        }
    }

    /// The names that were saved in a branch, added; they are known when the branches have joined.
    mutating func join(_ branch: NameTable) {
        for name in branch.names {
            if case .runtime? = branch.bindings[name] { self[name] = branch.bindings[name] }
        }
    }
}
