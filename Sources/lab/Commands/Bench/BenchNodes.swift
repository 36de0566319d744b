import Bench
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Transports
import Verdicts

/// The devices of lab.yaml for commands that handle them by hand.
struct BenchNodes {
    let lab: LabFile

    /// Reads lab.yaml in the working folder; everything that is wrong with it is printed.
    init() throws {
        guard Descriptor.kind(of: Workplace.labFile) != nil else {
            throw Stop(.wrongInput, "There is no \(Workplace.labFile) here. `lab init` makes a first lab, `lab devices --scan` proposes entries for devices.")
        }
        let result = LabFile.load(Workplace.labFile, catalogue: Workplace.schemaCatalogue, files: DiskFiles())
        for diagnostic in result.diagnostics { Console.error(VisibleText.clean(diagnostic.description)) }
        guard let lab = result.lab else { throw Stop(.wrongInput) }
        self.lab = lab
    }

    /// Ends the command with 2 where a node's hardware side cannot be used as it is written, such as a relay that is not there, or a port that is another
    /// node's as well.
    func refuseProblems() throws {
        let problems = lab.benchProblems + lab.sharedPorts
        for problem in problems { Console.error(VisibleText.clean(problem.description)) }
        if !problems.isEmpty { throw Stop(.wrongInput) }
    }

    /// Those with a hardware side, in the order of lab.yaml.
    var patients: [Patient] { lab.nodes.compactMap(Self.patient) }

    /// The node of that name.
    ///
    /// - Throws: `Stop` for one that there is not, or that has no `hw`.
    func patient(_ name: String) throws -> Patient {
        guard let node = lab.nodes.first(where: { $0.name == name }) else {
            throw Workplace.unknownNode(name, among: lab.nodes.map(\.name))
        }
        guard let patient = Self.patient(node) else { throw Stop(.wrongInput, "\(node.location): \(name) has no `hw`: it is emulated only.") }
        return patient
    }

    private static func patient(_ node: LabFile.Node) -> Patient? {
        node.hardware.map { Patient(name: node.name, kind: node.kind, facts: node.facts, hardware: $0) }
    }

    /// Takes what the node has for itself; what this user holds by hand is no hindrance.
    ///
    /// - Throws: `StreamFailure` with who holds it.
    func lease(_ patient: Patient, why: String) throws(StreamFailure) -> Lease {
        let keys = try LeaseKey.keys(of: patient.hardware, among: (try? PortDirectory.scan()) ?? [])
        return try LeaseBook { Console.error($0) }.acquire(
            keys, for: .current(nodes: [patient.name], why: why), timeToLive: lab.leaseTimeToLive, joining: true, waiting: { _, _ in false })
    }

    /// As `lease`, for commands that end with it.
    func leaseOrStop(_ patient: Patient, why: String) throws -> Lease {
        do throws(StreamFailure) { return try lease(patient, why: why) } catch {
            throw Stop(.blocked, VisibleText.clean("\(patient.name) is \(error.detail); \(error.remedy)"))
        }
    }

    /// Beats for a lease until it is released.
    func keeper(of lease: Lease) -> LeaseKeeper { LeaseKeeper(lease, every: lab.leaseBeat, timeToLive: lab.leaseTimeToLive) }
}

extension LabFile {
    /// The devices of the bench, for the inventory.
    var inventoryNodes: [Inventory.Node] {
        nodes.compactMap { node in node.hardware.map { Inventory.Node(name: node.name, kind: node.kind, hardware: $0) } }
    }

    /// Two nodes, or a node and a relay board, on one port of this machine, whatever they call it: what only the ports that there are now can tell.
    var sharedPorts: [Diagnostic] {
        inventoryNodes.isEmpty ? [] : Inventory(inventoryNodes, ports: (try? PortDirectory.scan()) ?? []).problems
    }
}
