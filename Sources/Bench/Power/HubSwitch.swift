import Glibc
import LabCore
import Programs

/// A port of a USB hub that can switch power, through uhubctl.
struct HubSwitch {
    private let hub: String
    private let port: Int
    private let node: String
    private let surroundings: PowerSurroundings

    init(_ hub: String, _ port: Int, of node: String, _ surroundings: PowerSurroundings) {
        self.hub = hub
        self.port = port
        self.node = node
        self.surroundings = surroundings
    }

    func set(_ isOn: Bool) throws(StreamFailure) {
        let device = "\(surroundings.root)/sys/bus/usb/devices/\(deviceName)"
        let wasThere = unsafe access(device, F_OK) == 0
        _ = try run(["-a", isOn ? "on" : "off"])
        // What it prints itself is what the hub says at once; some hubs say something else a moment later.
        var stubborn: [String] = []
        let isDone = try Waiting.until(surroundings.answerLimit) { () throws(StreamFailure) in
            stubborn = try ports().filter { $0.port.isOn != isOn }.map(\.location)
            return stubborn.isEmpty
        }
        guard isDone else {
            throw StreamFailure(
                .failed, name, "uhubctl asked for \(isOn ? "on" : "off"), and hub \(stubborn.joined(separator: ", ")) still says \(isOn ? "off" : "power")",
                remedy: "many hubs only claim to switch; see the list of those that do in uhubctl's documentation")
        }
        guard !isOn, wasThere else { return }
        guard Waiting.until(surroundings.answerLimit, { unsafe access(device, F_OK) != 0 }) else {
            throw StreamFailure(
                .failed, name, "the hub says that it is off, and the device \(deviceName) is still on the bus",
                remedy: "the hub does not really switch; use another, or a relay")
        }
    }

    func state() throws(StreamFailure) -> Bool { try ports().contains { $0.port.isOn } }

    private func ports() throws(StreamFailure) -> [(location: String, port: HubReport.Port)] {
        let report = try run([])
        let found = HubReport(report).ports(port)
        guard !found.isEmpty else {
            throw StreamFailure(
                .malformed, name, "uhubctl printed nothing about that port: '\(CommandSwitch.excerpt(report))'", remedy: "run `uhubctl -l \(hub) -p \(port)` by hand")
        }
        return found
    }

    /// How the system calls what is plugged in there: `1-1.4` port 2 is `1-1.4.2`, root hub `1` port 2 is `1-2`.
    private var deviceName: String { hub.contains("-") ? "\(hub).\(port)" : "\(hub)-\(port)" }
    private var name: String { "USB hub \(hub) port \(port) (power of \(node))" }

    private func run(_ arguments: [String]) throws(StreamFailure) -> String {
        let isLocation = !hub.isEmpty && hub.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e }
        guard isLocation else {
            throw StreamFailure(.unsupported, name, "'\(hub)' is no place of a hub", remedy: "write it as uhubctl prints it, such as 1-1.4")
        }
        guard (1...14).contains(port) else { throw StreamFailure(.unsupported, name, "hubs have ports 1 to 14", remedy: "correct the port in lab.yaml") }
        // Debian puts it where ordinary users do not search.
        let path = ChildProcess.path(of: surroundings.hubProgram, in: ChildProcess.searchPath + ["/usr/sbin", "/sbin"]) ?? surroundings.hubProgram
        let outcome = try CommandSwitch(node, surroundings.commandLimit).outcome([path, "-l", hub, "-p", String(port)] + arguments)
        let text = outcome.output + outcome.errors
        if text.contains("permission problems") {
            throw StreamFailure(
                .permissionDenied, name, "uhubctl may not use the USB devices",
                remedy: "add the udev rule of uhubctl's documentation (52-usb.rules), then plug the hub in anew")
        }
        if text.contains("No compatible devices detected") {
            throw StreamFailure(
                .notFound, name, "there is no hub at \(hub) that can switch its ports",
                remedy: "`uhubctl` shows the hubs that can; some need another cable or a firmware, as its documentation says")
        }
        guard outcome.status == 0 else {
            throw StreamFailure(.failed, name, "uhubctl failed (\(outcome.ending)): \(CommandSwitch.excerpt(text))", remedy: "run `uhubctl -l \(hub) -p \(port)` by hand")
        }
        return outcome.output
    }
}
