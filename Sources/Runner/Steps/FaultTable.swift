import LabCore

/// The faults of a run: armed ones that wait for their event, and active ones.
struct FaultTable {
    struct Armed {
        var fault: ActiveFault
        var event: NodeReference
        /// Resolved.
        var condition: Match
        /// Matching events until it fires.
        var remaining: Int
        var duration: Duration?
        /// The step that armed it, for the log.
        var step: Step
        var path: String
    }

    private var armed: [Armed] = []
    private(set) var active: [ActiveFault] = []
    private var nextHandle = 0

    mutating func make(_ target: NodeReference, _ arguments: Fields, id: String?) -> ActiveFault {
        nextHandle += 1
        return ActiveFault(handle: nextHandle, target: target, arguments: arguments, id: id)
    }

    mutating func arm(_ fault: Armed) { armed.append(fault) }

    mutating func activate(_ fault: ActiveFault) { active.append(fault) }

    /// The armed faults that begin at this event, in the order in which they were armed; they are armed no more.
    mutating func triggered(by event: RunEvent) -> [Armed] {
        guard !armed.isEmpty else { return [] }
        var begun: [Armed] = []
        armed = armed.compactMap { entry in
            guard event.name == entry.event.name, event.role == entry.event.role, entry.condition.differences(in: event).isEmpty else { return entry }
            var counted = entry
            counted.remaining -= 1
            if counted.remaining > 0 { return counted }
            begun.append(counted)
            return nil
        }
        return begun
    }

    /// - Returns: whether the fault was active.
    mutating func deactivate(_ fault: ActiveFault) -> Bool {
        guard let index = active.firstIndex(where: { $0.handle == fault.handle }) else { return false }
        active.remove(at: index)
        return true
    }

    /// Forgets armed faults: those with these handles, or all.
    mutating func disarm(_ handles: [Int]? = nil) {
        armed.removeAll { handles?.contains($0.fault.handle) ?? true }
    }
}

extension ScenarioRun {
    /// Begins a fault in this instant and plans its end.
    ///
    /// - Returns: the number of the event that tells it, or why the world refused it.
    func begin(_ fault: ActiveFault, for duration: Duration?) -> Result<Int, ActionFailure> {
        var fields: Fields = ["fault": .text("\(fault.target)"), "handle": .integer(Int64(fault.handle)), "arguments": .record(fault.arguments)]
        if let id = fault.id { fields["id"] = .text(id) }
        faults.activate(fault)
        let sequence = world.note(LabEvents.faultStarted, fields)
        do { try world.begin(fault) } catch {
            _ = faults.deactivate(fault)
            world.note(LabEvents.faultEnded, fields.merging(["reason": .text(error.message)]))
            return .failure(error)
        }
        // `after` comes a tick later than its instant; what happens at the very end of the time is without the fault.
        if let duration {
            world.after(world.now.advanced(by: duration).advanced(byNanoseconds: -1)) { [weak self] in self?.end(fault) }
        }
        return .success(sequence)
    }

    /// An armed fault's event has come. If the world refuses the fault, its step is told to have failed after all: a
    /// scenario without its fault has tested nothing.
    func fire(_ armed: FaultTable.Armed) {
        guard case .failure(let failure) = begin(armed.fault, for: armed.duration) else { return }
        let path = armed.path + ".fired"
        begin(armed.step, path, armed.fault.asFields)
        let outcome = failure.outcome
        end(path, outcome, ["failure": .record(failure.asFields), "reason": .text(failure.message)])
        stop(outcome == .blocked ? .blocked : .failed)
    }

    func end(_ fault: ActiveFault) {
        guard faults.deactivate(fault) else { return }
        var fields: Fields = ["fault": .text("\(fault.target)"), "handle": .integer(Int64(fault.handle))]
        if let id = fault.id { fields["id"] = .text(id) }
        world.note(LabEvents.faultEnded, fields)
        world.end(fault)
    }

    /// Faults end with the steps, so that teardown finds a world that can obey (semantics 6).
    func endFaults() {
        faults.disarm()
        for fault in faults.active.reversed() { end(fault) }
    }
}

extension ActiveFault {
    /// What the step that makes it says of it in the log.
    var asFields: Fields { ["fault": .text("\(target)"), "arguments": .record(arguments), "handle": .integer(Int64(handle))] }
}

extension ActionFailure {
    /// What a bench cannot do is not the product's failure.
    var outcome: StepOutcome { reason == "not_possible_here" ? .blocked : .failed }
}
