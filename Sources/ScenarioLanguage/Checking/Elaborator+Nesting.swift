import LabCore

/// The verbs that hold steps: loop, parallel, use.
extension Elaborator {
    // MARK: loop

    mutating func loop(_ subject: SourceValue, _ step: SourceValue, _ path: String) -> Step.Action? {
        guard !isBroken(subject), let axes = subject.record else { return nil }
        var items: [(name: String, values: [SourceValue])] = []
        for axis in axes {
            guard let list = loopValues(axis) else { return nil }
            items.append((axis.name, list))
        }
        let outer = axes.map { ($0.name, values.names[$0.name]) }
        var turns: [Step.Turn] = []
        guard let choices = Combinations.all(items, atMost: Self.maximumSteps) else {
            log.error(at: subject.location, "the loop has more than \(Self.maximumSteps) turns")
            return nil
        }
        for (index, choice) in choices.enumerated() {
            guard !budget.isExhausted, stepCount <= Self.maximumSteps else { break }
            var bindings: [Template.Member] = []
            for (axis, value) in zip(items, choice) {
                guard let bound = bind(value) else { return nil }
                values.names[axis.name] = bound.binding
                bindings.append(Template.Member(name: axis.name, value: bound.template))
            }
            let label = zip(items, choice).map { "\($0.name)=\(CellText.of(ValueTyper.natural($1)))" }.joined(separator: " ")
            let inner = steps(step["steps"], path: "\(path).loop.\(index + 1)")
            turns.append(Step.Turn(label: label, bindings: bindings, isIsolated: false, steps: inner))
        }
        for (name, binding) in outer { values.names[name] = binding }
        return .sequence(turns)
    }

    /// A list as written, or by the name of one.
    private func loopValues(_ axis: SourceValue.Entry) -> [SourceValue]? {
        if let items = axis.value.list { return items }
        guard let filled = values.substituted(axis.value) else { return nil }
        if let items = filled.list, !items.isEmpty { return items }
        log.error(at: axis.value.location, "\(filled.shapeName) for '\(axis.name)' must be a list of values")
        return nil
    }

    /// A value under a name of its own: as it is where the run need not be asked, else as a template.
    private func bind(_ value: SourceValue) -> (binding: NameTable.Binding, template: Template)? {
        if values.dependsOnRun(value) {
            return values.template(value, for: FieldKind("value", .any)).map { (.runtime(runtimeType(of: value)), $0) }
        }
        guard let filled = values.substituted(value) else { return nil }
        return (.constant(filled), .constant(ValueTyper.natural(filled)))
    }

    /// The type of exactly one name; anything else may be anything.
    private func runtimeType(of value: SourceValue) -> FieldType {
        guard let scalar = value.scalar, let parts = try? TemplateParser.parse(scalar.text), parts.count == 1,
            case .expression(.name(let path, _)) = parts[0], case .runtime(let type)? = values.names[path] else { return .any }
        return type
    }

    // MARK: parallel

    mutating func parallel(_ subject: SourceValue, _ path: String) -> Step.Action? {
        let names = values.names
        let before = ids
        var joinedNames = names
        var joinedIDs = before
        var branches: [[Step]] = []
        for (index, branch) in (subject.list ?? []).enumerated() {
            // Branches run side by side: none knows what another one saves.
            (values.names, ids) = (names, before)
            branches.append(steps(branch, path: "\(path).parallel.\(index + 1)"))
            joinedNames.join(values.names)
            joinedIDs.merge(ids) { first, _ in first }
        }
        (values.names, ids) = (joinedNames, joinedIDs)
        return .parallel(branches)
    }

    // MARK: use

    mutating func use(_ subject: SourceValue, _ step: SourceValue, _ path: String) -> Step.Action? {
        guard let name = subject.scalar?.text else { return nil }
        guard let block = context.blocks[currentFile]?[name] else {
            log.error(at: subject.location, unknownBlock(name, at: subject.location))
            return nil
        }
        guard !openBlocks.contains("\(block.home):\(name)") else {
            log.error(at: subject.location, "block '\(name)' uses itself")
            return nil
        }
        guard openBlocks.count < Self.maximumBlockDepth else {
            log.error(at: subject.location, "blocks use each other deeper than \(Self.maximumBlockDepth) levels")
            return nil
        }
        guard let bindings = arguments(step, of: block) else { return nil }
        let inside = unfold(block, with: bindings, path: "\(path).use")
        let saves = blockSaves(step["save"], block, inside.names)
        let turn = Step.Turn(
            label: "use \(name)", bindings: bindings.map { Template.Member(name: $0.name, value: $0.template) }, isIsolated: true,
            steps: inside.steps, saves: saves)
        return .sequence([turn])
    }

    func unknownBlock(_ name: String, at place: SourceLocation) -> String {
        let known = (context.blocks[currentFile] ?? [:]).keys.sorted()
        return "no block '\(name)'" + log.hint(for: name, at: place, among: known, "blocks: ", none: "; write it under 'blocks', or import its file")
    }

    /// The steps of a block, which see only what it takes.
    mutating func unfold(_ block: CheckingContext.Block, with bindings: [Bound], path: String) -> (steps: [Step], names: NameTable) {
        let outer = (values, ids, idsSomewhere, currentFile)
        openBlocks.append("\(block.home):\(block.name)")
        values.names = NameTable()
        for bound in bindings { values.names[bound.name] = bound.binding }
        collectNames(in: block.value["steps"]?.list ?? [])
        (ids, currentFile) = ([:], block.home)
        let inner = steps(block.value["steps"], path: path)
        let names = values.names
        for given in block.value["gives"]?.list ?? [] {
            guard let name = given.scalar?.text, names[name] == nil else { continue }
            log.error(at: given.location, "block '\(block.name)' gives '\(name)', but none of its steps saves it")
        }
        openBlocks.removeLast()
        (values, ids, idsSomewhere, currentFile) = outer
        return (inner, names)
    }

    struct Bound {
        var name: String
        var binding: NameTable.Binding
        var template: Template
    }

    private func arguments(_ step: SourceValue, of block: CheckingContext.Block) -> [Bound]? {
        let takes = (block.value["takes"]?.list ?? []).compactMap { $0.scalar?.text }
        guard let given = entries(of: step["with"]) else { return nil }
        var result: [Bound] = []
        var isSound = true
        for entry in given {
            guard takes.contains(entry.name) else {
                let hint = log.hint(for: entry.name, at: entry.location, among: takes, "takes: ")
                log.error(at: entry.location, "block '\(block.name)' takes no '\(entry.name)'\(hint)")
                isSound = false
                continue
            }
            if let bound = bind(entry.value) {
                result.append(Bound(name: entry.name, binding: bound.binding, template: bound.template))
            } else {
                isSound = false
            }
        }
        for name in takes where !given.contains(where: { $0.name == name }) {
            log.error(at: step["with"]?.location ?? step.location, "block '\(block.name)' needs '\(name)' in 'with'")
            isSound = false
        }
        return isSound ? result : nil
    }

    private mutating func blockSaves(_ value: SourceValue?, _ block: CheckingContext.Block, _ inside: NameTable) -> [Step.Save] {
        let gives = (block.value["gives"]?.list ?? []).compactMap { $0.scalar?.text }
        var result: [Step.Save] = []
        for entry in value?.record ?? [] {
            guard let inner = entry.value.scalar?.text else { continue }
            if !gives.contains(inner) {
                let hint = log.hint(for: inner, at: entry.value.location, among: gives, "gives: ", none: " (it gives nothing)")
                log.error(at: entry.value.location, "block '\(block.name)' gives no '\(inner)'\(hint)")
            }
            var type = FieldType.any
            if case .runtime(let known)? = inside[inner] { type = known }
            values.names[entry.name] = .runtime(type)
            if type.isNumeric { measurements[entry.name] = type == .any ? .unknown : .saved(type) }
            result.append(Step.Save(variable: entry.name, field: inner))
        }
        return result
    }
}

/// The product of lists.
enum Combinations {
    /// Every combination, the last name changing fastest; `nil` where there are more than `limit`.
    static func all(_ axes: [(name: String, values: [SourceValue])], atMost limit: Int) -> [[SourceValue]]? {
        var result: [[SourceValue]] = [[]]
        for axis in axes {
            guard result.count * axis.values.count <= limit else { return nil }
            result = result.flatMap { choice in axis.values.map { choice + [$0] } }
        }
        return result
    }
}
