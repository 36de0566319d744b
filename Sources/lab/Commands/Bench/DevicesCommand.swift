import ArgumentParser
import Bench
import Foundation
import LabCore
import LoadGenerator
import Reports
import ScenarioLanguage
import Transports
import Verdicts

/// `lab devices`: what the bench has, in what state it is, and who has it.
struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "Lists the devices of lab.yaml with their ports, state, holder, firmware and last health.",
        discussion: """
            With --scan, asks the ports that no node names whether a module is there, and prints entries for lab.yaml. A port that is in use, \
            or could take harm from text, is not asked; the output says why. \
            Exit codes: 0 shown, 2 lab.yaml is wrong, two nodes mean one port, or --ask names a port that is not there.
            """)

    @Flag(help: "Asks ports that no node names, with AT and ATI, and proposes entries for lab.yaml.")
    var scan = false

    @Option(help: ArgumentHelp("With --scan: also asks this port, at which nothing says that a module is there.", valueName: "port"))
    var ask: [String] = []

    @Flag(help: "Goes on and tells what is plugged in and out, until Ctrl-C.")
    var watch = false

    @Flag(help: "As JSON; with --watch, a line for each change.")
    var json = false

    @Option(help: ArgumentHelp("The folder of runs, where the last health is.", valueName: "dir"))
    var out = "runs"

    func validate() throws {
        if !ask.isEmpty, !scan { throw ValidationError("--ask belongs to --scan") }
        if scan, watch { throw ValidationError("--scan and --watch are two things; do one after the other") }
    }

    func run() throws {
        if watch {
            do throws(StreamFailure) { return try follow() } catch { throw Stop(.blocked, VisibleText.clean(error.description)) }
        }
        let lab = Descriptor.kind(of: Workplace.labFile) == nil ? nil : try BenchNodes().lab
        let ports: [PortRecord]
        do throws(StreamFailure) { ports = try PortDirectory.scan() } catch { throw Stop(.blocked, VisibleText.clean(error.description)) }
        let users = PortUsers.now()
        let inventory = inventory(lab, ports, users)
        if scan { propose(inventory, lab, ports, users) } else { show(inventory, hasLab: lab != nil) }
        // What could be asked has been.
        let missing = ask.filter { path in !ports.contains { $0.path == path } }
        if !missing.isEmpty { throw Stop(.wrongInput, VisibleText.clean("--ask \(missing.joined(separator: ", ")): there is no such port")) }
        if !inventory.problems.isEmpty {
            for problem in inventory.problems { Console.error(VisibleText.clean(problem.description)) }
            throw Stop(.wrongInput, Workplace.count(inventory.problems))
        }
    }

    // MARK: The inventory

    private func inventory(_ lab: LabFile?, _ ports: [PortRecord], _ users: PortUsers) -> Inventory {
        for problem in lab?.benchProblems ?? [] { Console.error(VisibleText.clean(problem.description)) }
        let book = leaseBook
        let health = Dictionary(HealthBook(folder: out).entries().map { ($0.node, $0.entry) }) { $1 }
        return Inventory(lab?.inventoryNodes ?? [], ports: ports, users: users) { node, _ in
            guard let keys = try? LeaseKey.keys(of: node.hardware, among: ports) else { return nil }
            return (try? book?.holder(of: keys))?.holder.text
        } notes: { node in
            health[node.name].map { Inventory.Notes(firmware: $0.firmware, health: Self.health($0)) } ?? Inventory.Notes()
        }
    }

    private var leaseBook: LeaseBook? {
        do throws(StreamFailure) { return try LeaseBook { Console.error(VisibleText.clean($0)) } } catch {
            Console.error(VisibleText.clean("Who holds what is not known: \(error)"))
            return nil
        }
    }

    /// `sick 3h ago: no answer to AT`
    private static func health(_ entry: HealthBook.Entry) -> String {
        let age = max(0, MachineClock.unixSeconds - entry.at)
        let (number, unit) = age < 60 ? (age, "s") : age < 3_600 ? (age / 60, "m") : age < 172_800 ? (age / 3_600, "h") : (age / 86_400, "d")
        return "\(entry.verdict.rawValue) \(number)\(unit) ago\(entry.reason.map { ": \($0)" } ?? "")"
    }

    private func show(_ inventory: Inventory, hasLab: Bool) {
        if json { return Console.print(JSONWriter.text(inventory.asValue)) }
        if inventory.devices.isEmpty {
            Console.error(hasLab ? "No node of \(Workplace.labFile) has `hw`." : "There is no \(Workplace.labFile) here, so only ports are shown.")
        }
        for line in inventory.lines { Console.print(VisibleText.clean(line)) }
        if inventory.devices.isEmpty, inventory.unnamed.isEmpty { Console.print("This machine has no serial ports now.") }
    }

    // MARK: --scan

    private func propose(_ inventory: Inventory, _ lab: LabFile?, _ ports: [PortRecord], _ users: PortUsers) {
        let book = leaseBook
        for path in ask where inventory.unnamed.allSatisfy({ $0.path != path }) && ports.contains(where: { $0.path == path }) {
            Console.error(VisibleText.clean("--ask \(path): a node of \(Workplace.labFile) names it, so it is not asked"))
        }
        let scan = BenchScan(inventory.unnamed, users: users, wanted: Set(ask), owner: inventory.owner(of:)) { port in
            (try? book?.holder(of: LeaseKey.keys(of: port)))?.holder.text
        } ask: { port throws(StreamFailure) in
            // Nobody else takes the device in the seconds in which it is asked.
            let lease = try book?.acquire(
                LeaseKey.keys(of: port), for: .current(why: "lab devices --scan"), timeToLive: .seconds(30), joining: true, waiting: { _, _ in false })
            defer { lease?.release() }
            return try PortQuestion.ask(port.path)
        }
        if json { return Console.print(JSONWriter.text(scan.asValue)) }
        for line in scan.yaml(among: ports, names: lab?.nodes.map(\.name) ?? []) { Console.print(VisibleText.clean(line)) }
        if users.hidden > 0, geteuid() != 0 {
            Console.error("\(counted(users.hidden, "process", plural: "processes")) of other users could not be looked at; a port that one of them has open may be missing above.")
        }
    }

    // MARK: --watch

    private func follow() throws(StreamFailure) {
        Interrupts.watch()
        let reactor = try Reactor()
        let directory = try PortDirectory(on: reactor)
        for port in directory.ports { tell(.added(port), isNew: false) }
        directory.onChange = { tell($0, isNew: true) }
        while Interrupts.signalNumber == nil { reactor.run(until: { Interrupts.signalNumber != nil }, timeout: .milliseconds(200)) }
        directory.close()
    }

    private func tell(_ change: PortChange, isNew: Bool) {
        let word = switch change {
        case .added: isNew ? "added" : "present"
        case .removed: "removed"
        }
        guard json else { return Console.print(VisibleText.clean("\(word.padded(to: 8)) \(PortText.line(change.port))")) }
        var fields: Fields = ["change": .text(word)]
        for entry in Inventory.value(change.port).record ?? [:] { fields[entry.name] = entry.value }
        Console.print(JSONWriter.text(.record(fields)))
    }
}
