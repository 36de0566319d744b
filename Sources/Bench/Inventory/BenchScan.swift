package import LabCore

/// The ports that no node names, device by device, and which of them a module answered on: what `lab devices --scan` proposes.
///
/// A vendor's number alone confirms nothing: the modules of a family share it, and so does one in download mode (specs/rg500q.md §1).
/// A port that could take harm, or that somebody uses, is not asked, and is told with the reason.
package struct BenchScan: Sendable {
    package enum Finding: Sendable, Hashable {
        case notAsked(String)
        case failed(StreamFailure)
        case silent
        case garbage([UInt8])
        case module(PortQuestion.Answer)
    }

    package struct Device: Sendable {
        /// With what became of each, in the order of their names.
        package var ports: [(port: PortRecord, finding: Finding)]

        /// Where a module answered.
        package var module: (port: PortRecord, answer: PortQuestion.Answer)? {
            for (port, finding) in ports { if case .module(let answer) = finding { return (port, answer) } }
            return nil
        }
    }

    package private(set) var devices: [Device] = []

    /// - Parameters:
    ///   - unnamed: the ports that may be proposed.
    ///   - users: of the ports.
    ///   - wanted: paths that are asked although nothing says that a module is there.
    ///   - owner: the node whose module the port is a part of.
    ///   - holder: who holds a lease on the port.
    ///   - ask: asks one port.
    package init(
        _ unnamed: [PortRecord], users: PortUsers, wanted: Set<String> = [], owner: (PortRecord) -> String? = { _ in nil },
        holder: (PortRecord) -> String? = { _ in nil }, ask: (PortRecord) throws(StreamFailure) -> PortQuestion.Result
    ) {
        for group in Self.groups(unnamed) {
            var findings: [String: Finding] = [:]
            for port in group {
                if let owner = owner(port) {
                    findings[port.path] = .notAsked("it is a part of the module of \(owner)")
                    continue
                }
                guard let reason = Self.reason(againstAsking: port, in: group, users, wanted, holder) else { continue }
                findings[port.path] = .notAsked(reason)
            }
            var module: PortRecord?
            for port in Self.order(group) where findings[port.path] == nil {
                if let module {
                    findings[port.path] = .notAsked("the module answered on \(module.path) already")
                    continue
                }
                let finding = Self.ask(port, ask)
                findings[port.path] = finding
                if case .module = finding { module = port }
            }
            devices.append(Device(ports: group.map { ($0, findings[$0.path] ?? .silent) }))
        }
    }

    private static func ask(_ port: PortRecord, _ ask: (PortRecord) throws(StreamFailure) -> PortQuestion.Result) -> Finding {
        do throws(StreamFailure) {
            switch try ask(port) {
            case .module(let answer): return .module(answer)
            case .garbage(let bytes): return .garbage(bytes)
            case .silent: return .silent
            }
        } catch { return .failed(error) }
    }

    /// Ports of one USB device belong together; others stand alone.
    static func groups(_ ports: [PortRecord]) -> [[PortRecord]] {
        var groups: [(key: String, ports: [PortRecord])] = []
        for port in ports {
            let key = port.usbDevice ?? port.devicePath
            if let index = groups.firstIndex(where: { $0.key == key }) { groups[index].ports.append(port) } else { groups.append((key, [port])) }
        }
        return groups.map(\.ports)
    }

    /// Interface 02 is where a module of these families takes commands, 03 is its second one (§1.2).
    private static func order(_ ports: [PortRecord]) -> [PortRecord] {
        let first = [2, 3]
        func rank(_ port: PortRecord) -> Int { port.interface.map { first.firstIndex(of: $0) ?? $0 + first.count } ?? .max }
        return ports.sorted { (rank($0), $0.path) < (rank($1), $1.path) }
    }

    // MARK: What is not asked

    private static func reason(
        againstAsking port: PortRecord, in group: [PortRecord], _ users: PortUsers, _ wanted: Set<String>, _ holder: (PortRecord) -> String?
    ) -> String? {
        let isModuleLike = port.isOfModule
        if port["ID_MM_PORT_TYPE_QCDM"] == "1" || isModuleLike && port.interface == 0 {
            return "interface 00 of a module is for diagnosis and must never get text"
        }
        if port["ID_MM_PORT_TYPE_GPS"] == "1" || isModuleLike && port.interface == 1 { return "it tells positions and takes no commands" }
        if let holder = holder(port) { return "held by \(holder)" }
        let programs = users.users(of: port.path)
        if !programs.isEmpty { return "\(programs.map(\.description).joined(separator: ", ")) has it open" }
        if users.isManaged(port) {
            return "ModemManager runs and may use it; stop it, or set ID_MM_DEVICE_IGNORE=1 for the device by a udev rule"
        }
        if isModuleLike || wanted.contains(port.path) { return nil }
        return "nothing says that a module is there, and text could do harm to another device; `lab devices --scan --ask \(port.path)` asks it"
    }
}

extension PortRecord {
    /// Drivers of the kernel for modules; behind an adapter can be anything.
    private static let moduleDrivers: Set<String> = ["option", "option1", "qcserial", "sierra", "hso"]
    private static let moduleVendors: Set<String> = ["2c7c"]

    /// Whether the port looks like one of a module; whether it is, only its answer says.
    var isOfModule: Bool {
        guard interface != nil else { return false }
        return self["ID_USB_DRIVER"].map(Self.moduleDrivers.contains) ?? vendor.map { Self.moduleVendors.contains($0.lowercased()) } ?? false
    }
}
