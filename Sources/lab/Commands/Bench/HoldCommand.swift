import ArgumentParser
import Bench
import LabCore
import Reports
import Transports
import Verdicts

/// `lab hold`: a device for manual work, so that no run takes it.
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Holds a device for manual work; without a node, lists what is held on this machine.",
        discussion: """
            Runs wait until it is released, also your own; `lab console` and `lab power` of the same user go on. It ends by itself after --for, \
            and with a reboot. Held again by the same user it counts anew. Exit codes: 0 held, 2 wrong usage, 3 somebody else holds it or waits for it.
            """)

    @Argument(help: "The node, as lab.yaml names it.")
    var node: String?

    @Option(name: .customLong("for"), help: "How long: 45s, 30m, 8h, up to 7d.")
    var time = "30m"

    @Option(help: "What for; others see it.")
    var why = ""

    func run() throws {
        guard let node else { return try list() }
        guard let length = DurationText.parse(time), length >= 1_000_000_000, length <= LeaseBook.longest.nanoseconds else {
            throw Stop(.wrongInput, "--for '\(time)' must be a duration from 1s to 7d, such as 30m")
        }
        let keys = try LeaseCommands.keys(of: node)
        do throws(StreamFailure) {
            try LeaseBook { Console.error($0) }.hold(keys, for: .current(nodes: [node], why: why), lasting: .nanoseconds(length))
        } catch { throw LeaseCommands.stop(error, node) }
        Console.print("\(node) is held for \(DurationText.format(nanoseconds: length)); `lab release \(node)` gives it back.")
    }

    private func list() throws {
        do throws(StreamFailure) {
            let book = try LeaseBook()
            let now = LeaseMoment.now()
            var shown: [LeaseHolder] = []
            // A device has several keys; its holder is told once.
            for record in try book.leases() where !shown.contains(record.holder) {
                shown.append(record.holder)
                let nodes = record.holder.nodes.isEmpty ? record.key.text : record.holder.nodes.joined(separator: ", ")
                Console.print(VisibleText.clean("\(nodes): \(record.text(at: now))"))
            }
            if shown.isEmpty { Console.print("Nothing is held on this machine (\(book.place)).") }
        } catch { throw LeaseCommands.stop(error, "leases") }
    }
}

/// `lab release`: ends a hold before its time.
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Gives back a device that was held by hand.",
        discussion: """
            Only who holds it may, and not while a run has it; --force ends what others and runs hold. A run learns that at its next beat, with \
            the name of who did it, and its case is blocked. Exit codes: 0 free, also where nobody held it, 2 wrong usage, 3 it is somebody else's.
            """)

    @Argument(help: "The node, as lab.yaml names it.")
    var node: String

    @Flag(help: "Also what another user or a run holds.")
    var force = false

    func run() throws {
        let keys = try LeaseCommands.keys(of: node)
        let ended: [LeaseRecord]
        do throws(StreamFailure) {
            ended = try LeaseBook { Console.error($0) }.release(keys, by: .current(), force: force)
        } catch { throw LeaseCommands.stop(error, node) }
        guard let record = ended.first else { return Console.print("Nobody held \(node).") }
        Console.print(VisibleText.clean("\(node) is free; it was held by \(record.text(at: .now()))"))
    }
}

/// What both commands need.
private enum LeaseCommands {
    static func keys(of node: String) throws -> [LeaseKey] {
        let hardware = try BenchNodes().patient(node).hardware
        do throws(StreamFailure) {
            let keys = try LeaseKey.keys(of: hardware, among: (try? PortDirectory.scan()) ?? [])
            guard keys.isEmpty else { return keys }
        } catch { throw stop(error, node) }
        throw Stop(.wrongInput, "\(hardware.location): \(node) has nothing that could be held: no port, no power, no client.")
    }

    static func stop(_ failure: StreamFailure, _ node: String) -> Stop {
        let text = failure.reason == .busy ? "\(node): \(failure.detail); \(failure.remedy)" : failure.description
        return Stop(.blocked, VisibleText.clean(text))
    }
}
