import LabCore

/// The verbs that talk to one node.
extension Elaborator {
    /// - Parameter path: of the list; steps are numbered from 1 below it.
    mutating func steps(_ value: SourceValue?, path: String) -> [Step] {
        var result: [Step] = []
        for (index, step) in (value?.list ?? []).enumerated() {
            guard !budget.isExhausted else { break }
            if let step = self.step(step, path: "\(path).\(index + 1)") { result.append(step) }
        }
        return result
    }

    private mutating func step(_ value: SourceValue, path: String) -> Step? {
        stepCount += 1
        guard stepCount <= Self.maximumSteps else {
            if stepCount == Self.maximumSteps + 1 {
                log.error(at: value.location, "the scenario unfolds to more than \(Self.maximumSteps) steps; make its loops or blocks smaller")
            }
            return nil
        }
        let subjects = (value.record ?? []).filter { Verb(rawValue: $0.name) != nil }
        guard subjects.count == 1, let subject = subjects.first, let verb = Verb(rawValue: subject.name) else {
            keepNames(of: value)
            return nil
        }
        // A loop or branch with a broken step inside still has good ones.
        if isBroken(value), verb != .loop, verb != .parallel {
            keepNames(of: value, verb)
            return nil
        }
        guard let action = action(verb, subject, value, path) else {
            keepNames(of: value, verb)
            return nil
        }
        return Step(location: value.location, path: path, action: action)
    }

    private mutating func action(_ verb: Verb, _ subject: SourceValue.Entry, _ step: SourceValue, _ path: String) -> Step.Action? {
        switch verb {
        case .do: return act(subject.value, step)
        case .expect: return expect(subject.value, step)
        case .forbid: return forbid(subject.value, step)
        case .check: return check(subject.value, step)
        case .fault: return fault(subject.value, step)
        case .clear: return clear(subject.value)
        case .wait: return duration(subject.value, "wait").map { .wait($0) }
        case .load: return load(subject.value, step)
        case .loop: return loop(subject.value, step, path)
        case .parallel: return parallel(subject.value, path)
        case .use: return use(subject.value, step, path)
        }
    }

    // MARK: names that steps give

    /// A step with an error keeps its id and what it saves, so that the error has no echo in later steps.
    private mutating func keepNames(of step: SourceValue, _ verb: Verb? = nil) {
        for entry in step["save"]?.record ?? [] where Name.isVariable(entry.name) {
            values.names[entry.name] = .runtime(.any)
            measurements[entry.name] = .unknown
        }
        guard let id = step["id"]?.scalar?.text else { return }
        if ids[id] == nil { ids[id] = verb ?? .expect }
        measurements[id] = .unknown
    }

    /// Gives the step its id: once in a run, though a loop may come by again.
    mutating func giveID(_ value: SourceValue?, _ verb: Verb) -> String? {
        guard let value, let id = value.scalar?.text else { return nil }
        if let first = idHomes[id], first != value.location {
            let place = first.file == value.location.file ? "in line \(first.line)" : "at \(first)"
            log.error(at: value.location, "id '\(id)' is given twice, first \(place)")
        } else {
            idHomes[id] = value.location
        }
        ids[id] = verb
        switch verb {
        case .expect:
            measurements["\(id).latency"] = .time
            measurements["\(id).count"] = .count
            measurements.steps.insert(id)
        case .do, .fault: measurements.events.insert(id)
        default: break
        }
        return id
    }

    private mutating func saves(_ value: SourceValue?, from fields: [FieldKind], of owner: String) -> [Step.Save] {
        var result: [Step.Save] = []
        for entry in value?.record ?? [] {
            guard let path = entry.value.scalar?.text else { continue }
            guard let field = fields.field(at: path) else {
                log.error(at: entry.value.location, "\(owner) has no field '\(path)'\(fields.shownNames)")
                values.names[entry.name] = .runtime(.any)
                measurements[entry.name] = .unknown
                continue
            }
            values.names[entry.name] = .runtime(field.type)
            if field.type.isNumeric { measurements[entry.name] = field.type == .any ? .unknown : .saved(field.type) }
            result.append(Step.Save(variable: entry.name, field: path))
        }
        return result
    }

    // MARK: parts of steps

    func duration(_ value: SourceValue?, _ name: String) -> Template? {
        value.flatMap { values.template($0, for: FieldKind(name, .duration)) }
    }

    /// The fields of `with:`, also where it is one name for all of them.
    ///
    /// - Returns: `nil` after an error was reported.
    func entries(of given: SourceValue?) -> [SourceValue.Entry]? {
        guard let given else { return [] }
        guard given.scalar != nil else { return given.record ?? [] }
        guard let value = values.substituted(given) else { return nil }
        if let record = value.record { return record }
        log.error(at: given.location, "'with' must be a record of fields, such as {port: 1}, or ${name} of one")
        return nil
    }

    /// `with:`, complete: what is required must be there.
    func arguments(_ step: SourceValue, for target: NodeResolver.Resolved) -> Template? {
        let given = step["with"]
        guard let entries = entries(of: given) else { return nil }
        let members = values.members(entries, of: target.takes, owner: "\(target.reference)")
        let missing = target.takes.filter { field in field.isRequired && !entries.contains { $0.name == field.name } }
        for field in missing {
            log.error(at: given?.location ?? step.location, "\(target.reference) needs '\(field.name)' in 'with': \(field.wanted)")
        }
        return missing.isEmpty ? members.map { .record($0) } : nil
    }

    /// An optional part. Its error must not be taken for its absence: the outer `nil` is an error, the inner one absence.
    func optional<Part>(_ written: SourceValue?, _ read: (SourceValue) -> Part?) -> Part?? {
        guard let written else { return .some(nil) }
        guard let part = read(written) else { return nil }
        return .some(part)
    }

    // MARK: verbs

    private mutating func act(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        guard let target = nodes.resolve(subject, .action, values) else { return nil }
        let arguments = arguments(step, for: target)
        let failureFields = [FieldKind("reason", .text), FieldKind("message", .text)] + target.gives
        let fails = optional(step["fails"]) { matches.match($0, on: failureFields, of: "the failure of \(target.reference)") }
        let id = giveID(step["id"], .do)
        let saves = saves(step["save"], from: target.gives, of: "the answer of \(target.reference)")
        guard let arguments, let fails else { return nil }
        return .act(Step.Act(target: target.reference, arguments: arguments, id: id, saves: saves, fails: fails, mayFail: step["may_fail"]?.scalar?.text == "true"))
    }

    private mutating func expect(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        guard let event = nodes.resolve(subject, .event, values) else { return nil }
        let owner = "\(event.reference)"
        let condition = matches.match(step["where"], on: event.gives, of: owner)
        let within = optional(step["within"]) { duration($0, "within") }
        let count = optional(step["count"]) { matches.test($0, on: FieldKind("count", .integer), of: owner) }
        let after = optional(step["after"]) { earlier($0, .expect, for: "after") }
        let id = giveID(step["id"], .expect)
        let saves = saves(step["save"], from: event.gives, of: owner)
        guard let condition, let within, let count, let after else { return nil }
        return .expect(Step.Expect(event: event.reference, condition: condition, within: within, count: count, after: after, id: id, saves: saves))
    }

    private func forbid(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        guard let event = nodes.resolve(subject, .event, values) else { return nil }
        let condition = matches.match(step["where"], on: event.gives, of: "\(event.reference)")
        guard let window = duration(step["for"], "for"), let condition else { return nil }
        return .forbid(Step.Forbid(event: event.reference, condition: condition, duration: window))
    }

    private func check(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        guard let query = nodes.resolve(subject, .query, values) else { return nil }
        let arguments = arguments(step, for: query)
        let condition = matches.match(step["is"], on: query.gives, of: "\(query.reference)")
        let within = optional(step["within"]) { duration($0, "within") }
        guard let arguments, let condition, let within else { return nil }
        return .check(Step.Check(query: query.reference, arguments: arguments, condition: condition, within: within))
    }

    private mutating func fault(_ subject: SourceValue, _ step: SourceValue) -> Step.Action? {
        let target = nodes.resolve(subject, .fault, values)
        let trigger = optional(step["when"], trigger)
        let length = optional(step["for"]) { duration($0, "for") }
        guard let target else { return nil }
        let arguments = arguments(step, for: target)
        let id = giveID(step["id"], .fault)
        guard let arguments, let trigger, let length else { return nil }
        return .fault(Step.Fault(target: target.reference, arguments: arguments, trigger: trigger, duration: length, id: id))
    }

    private func trigger(_ value: SourceValue) -> Step.Trigger? {
        guard let written = value["event"], let event = nodes.resolve(written, .event, values) else { return nil }
        let condition = matches.match(value["where"], on: event.gives, of: "\(event.reference)")
        var nth: Int64 = 1
        if let written = value["nth"] {
            guard let number = values.constant(written, for: FieldKind("nth", .integer))?.integer else { return nil }
            nth = number
            if !(1...1_000_000).contains(nth) {
                log.error(at: written.location, "\(nth) for 'nth' must be a whole number from 1 to 1000000")
                return nil
            }
        }
        return condition.map { Step.Trigger(event: event.reference, condition: $0, nth: Int(nth)) }
    }

    private func clear(_ subject: SourceValue) -> Step.Action? {
        earlier(subject, .fault, for: "clear").map { .clear($0) }
    }

    /// The id of an earlier step with this verb.
    private func earlier(_ value: SourceValue, _ verb: Verb, for key: String) -> String? {
        guard let id = value.scalar?.text else { return nil }
        if let found = ids[id] {
            if found == verb { return id }
            log.error(at: value.location, "'\(id)' is the id of \(found.withArticle); '\(key)' takes the id of \(verb.withArticle)")
        } else if let later = idsSomewhere[id] {
            log.error(at: value.location, "the step with the id '\(id)' in line \(later.line) does not come before this one")
        } else {
            let known = ids.filter { $0.value == verb }.keys.sorted()
            let hint = log.hint(for: id, at: value.location, among: known, "ids: ")
            log.error(at: value.location, "no '\(verb.rawValue)' step before this one has the id '\(id)'\(hint)")
        }
        return nil
    }
}
