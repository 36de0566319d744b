import LabCore

/// The faults of a run: armed ones that wait for their event, and active ones.
struct FaultTable {
    private struct Armed {
        var fault: ActiveFault
        var event: NodeReference
        var condition: Match
        var remaining: Int
        var duration: Duration?
    }

    private var armed: [Armed] = []
    private(set) var active: [ActiveFault] = []
    private var durations: [Int: Duration] = [:]
    private var nextHandle = 0

    mutating func make(_ target: NodeReference, _ arguments: Fields, id: String?) -> ActiveFault {
        nextHandle += 1
        return ActiveFault(handle: nextHandle, target: target, arguments: arguments, id: id)
    }

    /// - Parameter condition: resolved.
    mutating func arm(_ fault: ActiveFault, at event: NodeReference, _ condition: Match, nth: Int, duration: Duration?) {
        armed.append(Armed(fault: fault, event: event, condition: condition, remaining: nth, duration: duration))
    }

    mutating func activate(_ fault: ActiveFault) { active.append(fault) }

    mutating func setDuration(_ duration: Duration?, of fault: ActiveFault) { durations[fault.handle] = duration }

    func duration(of fault: ActiveFault) -> Duration? { durations[fault.handle] }

    /// The armed faults that begin at this event; they are armed no more.
    mutating func triggered(by event: RunEvent) -> [ActiveFault] {
        guard !armed.isEmpty else { return [] }
        var begun: [ActiveFault] = []
        for index in armed.indices.reversed() {
            let entry = armed[index]
            guard event.name == entry.event.name, event.role == entry.event.role, entry.condition.differences(in: event).isEmpty else { continue }
            armed[index].remaining -= 1
            guard armed[index].remaining <= 0 else { continue }
            durations[entry.fault.handle] = entry.duration
            begun.insert(entry.fault, at: 0)
            armed.remove(at: index)
        }
        return begun
    }

    /// - Returns: whether the fault was active.
    mutating func deactivate(_ fault: ActiveFault) -> Bool {
        guard let index = active.firstIndex(of: fault) else { return false }
        active.remove(at: index)
        durations[fault.handle] = nil
        return true
    }

    /// Forgets armed faults, one id's or all.
    mutating func disarm(id: String? = nil) {
        armed.removeAll { id == nil || $0.fault.id == id }
    }
}

extension ScenarioRun {
    /// Begins a fault in this instant and plans its end.
    ///
    /// - Returns: why the world refused it.
    @discardableResult
    func begin(_ fault: ActiveFault) -> ActionFailure? {
        var fields: Fields = ["fault": .text("\(fault.target)"), "handle": .integer(Int64(fault.handle)), "arguments": .record(fault.arguments)]
        if let id = fault.id { fields["id"] = .text(id) }
        let duration = faults.duration(of: fault)
        faults.activate(fault)
        world.note(LabEvents.faultStarted, fields)
        do { try world.begin(fault) } catch {
            _ = faults.deactivate(fault)
            world.note(LabEvents.faultEnded, fields.merging(["reason": .text(error.message)]))
            return error
        }
        if let duration { world.after(world.now.advanced(by: duration)) { [weak self] in self?.end(fault) } }
        return nil
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
