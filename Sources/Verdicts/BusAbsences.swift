import LabCore

extension BusAbsence {
    /// The times that devices of a bench spent off the bus, by the log's own events of it; those that have not ended come last.
    static func all(in events: [RunEvent]) -> [BusAbsence] {
        typealias Name = PortRecording.EventName
        var left: [String: RunInstant] = [:]
        var found: [BusAbsence] = []
        for event in events where event.fields["port"]?.text == PortPurpose.serial.rawValue {
            switch event.name {
            case Name.unplugged: left[event.node] = left[event.node] ?? event.at
            case Name.plugged: found.append(BusAbsence(node: event.node, from: left.removeValue(forKey: event.node), until: event.at))
            default: break
            }
        }
        return found + left.sorted { $0.key < $1.key }.map { BusAbsence(node: $0.key, from: $0.value, until: nil) }
    }

    func touches(_ start: RunInstant, _ end: RunInstant) -> Bool { from ?? .start <= end && until ?? end >= start }

    /// As it was known at a moment of the run.
    func text(at moment: RunInstant) -> String {
        BusAbsence(node: node, from: from, until: until.flatMap { $0 <= moment ? $0 : nil }).text
    }
}
