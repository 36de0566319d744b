import ArgumentParser
import Foundation
import LabCore
import Reports
import Runner
import ScenarioLanguage
import Transports
import Verdicts

/// `lab emulate`: the devices of lab.yaml alone, on ports of their own, as the hardware of a bench that has none; and the fixture program for them.
///
/// To be stopped is how it ends well: the exit code is 0 then.
struct EmulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emulate", abstract: "Keeps emulated devices up on serial ports, without a cloud.",
        discussion: """
            Whatever drives the real device can drive these: `lab run --on hw`, ModemManager, gammu, picocom. With --control each node has a \
            socket; `lab emulate --attach FOLDER/NODE.sock` is the fixture program that acts on the device behind it.
            """)

    @Argument(help: "Nodes of lab.yaml; all of them where they are left out.")
    var nodes: [String] = []

    @Option(help: "The folder for the names of the ports: FOLDER/modem_1.at.")
    var ports: String?

    @Option(help: "The folder for the sockets of fixtures: FOLDER/modem_1.sock.")
    var control: String?

    @Option(help: "Where the devices reach the cloud over their own network: http=127.0.0.1:8080,mqtt=127.0.0.1:1883,piles=127.0.0.1:7054.")
    var cloud: String?

    @Option(help: "How fast the devices' clock runs: 60x, up to 1000x.")
    var speed: String?

    @Option(help: "The number that keys of badges follow from, where lab.yaml names no factory_key.")
    var seed: UInt64 = 1

    @Flag(help: "The devices stay off until a fixture switches them on.")
    var off = false

    @Flag(help: "Prints every event as it happens.")
    var events = false

    @Option(help: "Passes lines between standard input and output and the socket of a device, as its fixture.")
    var attach: String?

    func run() throws {
        if let attach { return try FixtureLines(attach).pass() }
        guard let ports else { throw Stop(.wrongInput, "`lab emulate` needs --ports FOLDER, or --attach SOCKET.") }
        let chosen = try chosenNodes()
        let (speed, cloud) = (try speed.map(RealOptions.speed) ?? 1, try cloud.map(Self.address))
        Interrupts.watch()
        try onLargeStack {
            let devices = try open(chosen.nodes, chosen.lab, speed, ports, cloud)
            defer { devices.close() }
            if !off { devices.switchOn() }
            for path in devices.ports { Console.print(path) }
            Console.print("up")
            let guardian = Guardian()
            devices.run { Interrupts.signalNumber != nil || guardian.isGone }
        }
        Console.print("stopped")
    }

    private func open(
        _ nodes: [NamedNode], _ lab: LabFile?, _ speed: Double, _ ports: String, _ cloud: EmulatedDevices.CloudAddress?
    ) throws -> EmulatedDevices {
        do {
            return try EmulatedDevices(nodes: nodes, seed: seed, speed: speed, ports: ports, control: control, cloud: cloud, factoryKey: try FactoryKeyFile.read(lab?.cloud), firmware: lab?.firmware ?? FirmwareSupply()) { event in
                if events { Console.print("\(EventText.time(event.at))  \(VisibleText.clean(event.node)).\(EventText.line(event))") }
            }
        } catch let failure as StreamFailure { throw Stop(.blocked, failure.description) } catch let failure as ActionFailure {
            throw Stop(.wrongInput, VisibleText.clean(failure.message))
        }
    }

    private func chosenNodes() throws -> (nodes: [NamedNode], lab: LabFile?) {
        let workplace = try Workplace.load([Workplace.labFile])
        try workplace.refuseErrors()
        let known = workplace.nodes
        let chosen = try nodes.isEmpty ? known : nodes.map { try Self.node($0, among: known) }
        guard !chosen.isEmpty else { throw Stop(.nothingSelected, "lab.yaml names no nodes.") }
        return (chosen, workplace.lab)
    }

    private static func node(_ name: String, among nodes: [NamedNode]) throws -> NamedNode {
        if let node = nodes.first(where: { $0.name == name }) { return node }
        throw Workplace.unknownNode(name, among: nodes.map(\.name))
    }

    private static func address(_ text: String) throws -> EmulatedDevices.CloudAddress {
        var parts: [String: StreamAddress] = [:]
        for item in text.split(separator: ",") {
            let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2, let colon = pair[1].lastIndex(of: ":"), let port = Int(pair[1][pair[1].index(after: colon)...]), (1...65_535).contains(port),
                ["http", "mqtt", "piles"].contains(pair[0])
            else { throw Stop(.wrongInput, "--cloud '\(item)' must be http=HOST:PORT, mqtt=HOST:PORT or piles=HOST:PORT") }
            parts[pair[0]] = StreamAddress(String(pair[1][..<colon]), port)
        }
        guard let http = parts["http"] else { throw Stop(.wrongInput, "--cloud '\(text)' must name http=HOST:PORT") }
        return EmulatedDevices.CloudAddress(http: http, mqtt: parts["mqtt"], piles: parts["piles"])
    }
}

/// Lines between standard input and output and a socket, until either side ends.
private struct FixtureLines {
    private let path: String

    init(_ path: String) { self.path = path }

    /// What is asked for at the very end of the input is still answered: it ends when nothing has come for so long.
    private static let patience: Int32 = 1_000

    func pass() throws {
        let socket: Int32
        do { socket = try LocalSocket.connect(to: path) } catch { throw Stop(.blocked, error.description) }
        defer { _ = Glibc.close(socket) }
        var ends = [pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0), pollfd(fd: socket, events: Int16(POLLIN), revents: 0)]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var hasInput = true
        while true {
            let ready = unsafe poll(&ends, 2, hasInput ? -1 : Self.patience)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return }
            for (index, target) in [(0, socket), (1, STDOUT_FILENO)] where ends[index].revents != 0 {
                let count = unsafe read(ends[index].fd, &buffer, buffer.count)
                if count <= 0, index == 0 {
                    // poll(2) leaves out what is below 0.
                    (hasInput, ends[0].fd, ends[0].revents) = (false, -1, 0)
                    continue
                }
                guard count > 0, Descriptor.write(Array(buffer.prefix(count)), to: target) == 0 else { return }
            }
        }
    }
}
