import LabCore

/// The ports that are known, by their place in the kernel's device tree, and what becomes of them by news and by comparisons.
///
/// A value without I/O: it is told what the system said, and gives the changes that others have not heard of yet.
struct PortBook {
    private var records: [String: PortRecord] = [:]

    init(_ ports: [PortRecord] = []) {
        for port in ports { records[port.devicePath] = port }
    }

    /// Sorted by path, `ttyUSB2` before `ttyUSB10`.
    var ports: [PortRecord] { Self.sorted(Array(records.values)) }

    static func sorted(_ ports: [PortRecord]) -> [PortRecord] {
        ports.sorted { ($0.path.utf8.count, $0.path, $0.devicePath) < ($1.path.utf8.count, $1.path, $1.devicePath) }
    }

    /// A port is there. News of one that is known changes nothing, unless it is another device at the same place.
    mutating func add(_ port: PortRecord) -> [PortChange] {
        let known = records.updateValue(port, forKey: port.devicePath)
        guard let known else { return [.added(port)] }
        return Self.isSame(known, port) ? [] : [.removed(known), .added(port)]
    }

    /// What is at a place is gone; what is known of it is told, since the event has few properties.
    mutating func remove(_ devicePath: String) -> [PortChange] {
        records.removeValue(forKey: devicePath).map { [.removed($0)] } ?? []
    }

    /// What is missing between what is known and what is there: first what is gone, then what is new.
    mutating func compare(with present: [PortRecord]) -> [PortChange] {
        let there = Set(present.map(\.devicePath))
        let gone = ports.filter { !there.contains($0.devicePath) }
        return gone.flatMap { remove($0.devicePath) } + Self.sorted(present).flatMap { add($0) }
    }

    /// Whether both are the same device under the same name. Other properties come later, as when udev has finished with a port.
    private static func isSame(_ first: PortRecord, _ second: PortRecord) -> Bool {
        first.path == second.path && first.vendor == second.vendor && first.product == second.product && first.serial == second.serial
            && first.interface == second.interface
    }
}
