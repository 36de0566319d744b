import ArgumentParser
import Bench
import Glibc
import LabCore
import Reports
import Verdicts

/// `lab power`: a device's power by hand.
struct PowerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "power", abstract: "Switches the power of a device, or tells whether it has some.",
        discussion: """
            What a switch tells is read back: one that says that it switched, and did not, is a failure. `state` prints on, off, or unknown where \
            the switch does not tell. Exit codes: 0 done, 2 wrong usage or no `power` in lab.yaml, 3 it could not be switched, or somebody else has the device.
            """)

    enum Action: String, CaseIterable, ExpressibleByArgument { case on, off, cycle, state }

    @Argument(help: "The node, as lab.yaml names it.")
    var node: String

    @Argument(help: "on, off, cycle or state.")
    var action: Action

    func run() throws {
        // Ctrl-C in the middle of a cycle must not leave the device without power.
        Interrupts.watch()
        let bench = try BenchNodes()
        try bench.refuseProblems()
        let patient = try bench.patient(node)
        guard let power = patient.hardware.power else {
            throw Stop(.wrongInput, "\(patient.hardware.location): \(node) has no `power`: say what switches it (relay, hub port, authorized flag or a command).")
        }
        let control = PowerControl(power, of: node)
        do throws(StreamFailure) {
            guard action != .state else {
                // Looking disturbs nobody, but a relay board has one port.
                return Console.print(try control.state().map { $0 ? "on" : "off" } ?? "unknown")
            }
        } catch { throw Self.stop(error) }
        let lease = bench.keeper(of: try bench.leaseOrStop(patient, why: "lab power \(action.rawValue)"))
        defer { lease.release() }
        do throws(StreamFailure) {
            switch action {
            case .on: try control.set(true)
            case .off: try control.set(false)
            case .cycle: try control.cycle()
            case .state: break
            }
        } catch { throw Self.stop(error) }
        if let number = Interrupts.signalNumber { throw Stop(number == SIGTERM ? .terminated : .interrupted, "\(node): what had begun is done") }
        let proof = control.tellsState ? "" : " (\(control.name) does not tell its state)"
        Console.print(VisibleText.clean("\(node) \(action == .cycle ? "was off and is on" : "is \(action.rawValue)")\(proof)"))
    }

    private static func stop(_ failure: StreamFailure) -> Stop { Stop(.blocked, VisibleText.clean(failure.description)) }
}
