import Bench
import Foundation
import LabCore
import Programs
import Testing

@Suite("What uhubctl prints")
struct HubReportTests {
    /// Printed for a Raspberry Pi 4 by uhubctl 2.4, as reported in uhubctl's issue 389: the hub of USB 3, its half of USB 2, and the root hub.
    private static let raspberry = """
        Current status for hub 2 [1d6b:0003 Linux 5.10.92-v7l+ xhci-hcd xHCI Host Controller 0000:01:00.0, USB 3.00, 4 ports, ppps]
          Port 1: 02a0 power 5gbps Rx.Detect
          Port 2: 02a0 power 5gbps Rx.Detect
        Current status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]
          Port 1: 0100 power
          Port 2: 0100 power
        Current status for hub 1 [1d6b:0002 Linux 5.10.92-v7l+ xhci-hcd xHCI Host Controller 0000:01:00.0, USB 2.00, 1 ports, ppps]
          Port 1: 0507 power highspeed suspend enable connect [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]

        """

    /// Printed by uhubctl 2.4 when both halves were switched off, as reported in uhubctl's issue 613, shortened to one port.
    private static let switching = """
        Current status for hub 2-1.3 [2109:0822 VIA Labs, Inc. USB3.1 Hub, USB 3.20, 4 ports, ppps]
          Port 1: 02a0 power 5gbps Rx.Detect
        Sent power off request
        New status for hub 2-1.3 [2109:0822 VIA Labs, Inc. USB3.1 Hub, USB 3.20, 4 ports, ppps]
          Port 1: 00a0 off
        Current status for hub 1-1.3 [2109:2822 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
          Port 1: 0503 power highspeed enable connect [2c7c:0800 Quectel RG500Q-EA 3a5f21c7]
        Sent power off request
        New status for hub 1-1.3 [2109:2822 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]
          Port 1: 0000 off

        """

    @Test("hubs, their ports, and whether these have power and a device")
    func hubs() {
        let report = HubReport(Self.raspberry)
        #expect(report.hubs.map(\.location) == ["2", "1-1", "1"])
        #expect(report.hubs[0].ports == [
            HubReport.Port(number: 1, status: 0x02a0, isOn: true, isConnected: false), HubReport.Port(number: 2, status: 0x02a0, isOn: true, isConnected: false),
        ])
        #expect(report.hubs[2].ports == [HubReport.Port(number: 1, status: 0x0507, isOn: true, isConnected: true)])
        #expect(report.ports(2).map(\.location) == ["2", "1-1"])
        #expect(report.ports(7).isEmpty)
    }

    @Test("after a switching the last word counts, for each half of the hub")
    func switching() {
        let report = HubReport(Self.switching)
        #expect(report.hubs.map(\.isAfter) == [false, true, false, true])
        let ports = report.ports(1)
        #expect(ports.map(\.location) == ["2-1.3", "1-1.3"])
        #expect(ports.allSatisfy { !$0.port.isOn && !$0.port.isConnected })
    }

    @Test("the form of versions before 2.0 is read too (uhubctl's pull request 63)")
    func oldForm() {
        let report = HubReport("Current status for hub 20-1, vendor 2109:2811, 4 ports\n   Port 4: 0103 power enable connect [0000:0000]\nSent power off request\n")
        #expect(report.hubs == [
            HubReport.Hub(isAfter: false, location: "20-1", ports: [HubReport.Port(number: 4, status: 0x0103, isOn: true, isConnected: true)])
        ])
    }

    @Test("a device that calls itself off is still on; what is no line of a port is passed over")
    func hostile() {
        let report = HubReport("Current status for hub 1-1 [x]\n  Port 1: 0103 power enable connect [dead:beef off connect]\n  Port 2: zzzz power\n  Port 3: 0100\n  Port 4\nPort x: 0100 power\n  Port 5: 0100 power off\n")
        #expect(report.hubs.first?.ports == [HubReport.Port(number: 1, status: 0x0103, isOn: true, isConnected: true)])
        #expect(HubReport("").hubs.isEmpty)
        #expect(HubReport("  Port 1: 0100 power\n").hubs.isEmpty)
        #expect(HubReport(String(repeating: "Port ", count: 100_000)).hubs.isEmpty)
    }
}

@Suite("Power through ports of USB hubs (uhubctl)", .serialized, .timeLimit(.minutes(2)))
struct HubSwitchTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    private func control(_ program: String, hub: String = "1-1.4", port: Int = 2) -> PowerControl {
        let surroundings = PowerSurroundings(root: folder.path, hubProgram: program, answerLimit: .milliseconds(200)) { source, _ throws(StreamFailure) in
            throw StreamFailure(.unsupported, "\(source.place)", "no ports in this test")
        }
        return PowerControl(PowerSource(.hubPort(hub: hub, port: port), pause: .milliseconds(1), location: nowhere), of: "modem_1", in: surroundings)
    }

    /// A hub with one device, and a program that speaks as uhubctl 2.5.0 does.
    ///
    /// - Parameters:
    ///   - lies: the program says that it switched, and the port stays as it was.
    ///   - feeds: the hub says that it is off, and the device stays on the bus.
    private func hub(lies: Bool = false, feeds: Bool = false) throws -> String {
        try folder.write("power", to: "state")
        let device = folder.file("sys/bus/usb/devices/1-1.4.2")
        try folder.write("1", to: "sys/bus/usb/devices/1-1.4.2/authorized")
        return try folder.write(
            """
            #!/bin/sh
            line() { case "$(cat '\(folder.file("state"))')" in power) echo "  Port 2: 0503 power highspeed enable connect [2c7c:0800 Quectel RG500Q-EA 3a5f21c7]";; *) echo "  Port 2: 0000 off";; esac; }
            hub="hub 1-1.4 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports, ppps]"
            echo "$@" >> '\(folder.file("calls"))'
            echo "Current status for $hub"; line
            if [ "$5" = -a ]; then
              echo "Sent power $6 request"
              \(lies ? ":" : "case $6 in on) echo power;; off) echo off;; esac > '\(folder.file("state"))'")
              \(feeds || lies ? ":" : "case $6 in on) mkdir -p '\(device)';; off) rm -r '\(device)';; esac")
              echo "New status for $hub"; echo "  Port 2: 0000 off"
            fi
            """, to: "uhubctl", executable: true)
    }

    @Test("off and on, with the hub asked afterwards")
    func switching() throws {
        let control = control(try hub())
        #expect(try control.state() == true)
        try control.set(false)
        #expect(try control.state() == false)
        try control.cycle()
        #expect(try control.state() == true)
        #expect(folder.read("calls").split(separator: "\n").prefix(3) == ["-l 1-1.4 -p 2", "-l 1-1.4 -p 2 -a off", "-l 1-1.4 -p 2"])
    }

    @Test("a hub that says it switched, and did not, is found out by asking it again")
    func lies() throws {
        let program = try hub(lies: true)
        let failure = failure { () throws(StreamFailure) in try control(program).set(false) }
        #expect(failure?.reason == .failed)
        #expect(failure?.detail == "uhubctl asked for off, and hub 1-1.4 still says power")
    }

    @Test("a hub that says off, and leaves the device on the bus, is found out by the device")
    func feeds() throws {
        let program = try hub(feeds: true)
        let failure = failure { () throws(StreamFailure) in try control(program).set(false) }
        #expect(failure?.reason == .failed)
        #expect(failure?.detail == "the hub says that it is off, and the device 1-1.4.2 is still on the bus")
    }

    @Test("places and ports that no hub has are refused before the program runs")
    func wrong() throws {
        let program = try hub()
        for (hub, port) in [("1-1;reboot", 2), ("", 2), ("--all", 2), ("1-1.4", 0), ("1-1.4", 15)] {
            #expect(failure { () throws(StreamFailure) in try control(program, hub: hub, port: port).set(false) }?.reason == .unsupported)
        }
        #expect(folder.read("calls").isEmpty)
    }

    @Test("a program that is not there, fails, or says nothing useful")
    func errors() throws {
        #expect(failure { () throws(StreamFailure) in try control(folder.file("none")).set(false) }?.reason == .notFound)
        let silent = try folder.write("#!/bin/sh\n", to: "silent", executable: true)
        #expect(failure { () throws(StreamFailure) in _ = try control(silent).state() }?.reason == .malformed)
        let failing = try folder.write("#!/bin/sh\necho kaputt >&2\nexit 4\n", to: "failing", executable: true)
        #expect(failure { () throws(StreamFailure) in _ = try control(failing).state() }?.detail == "uhubctl failed (exit 4): kaputt")
        // As uhubctl prints it to users without rights.
        let forbidden = try folder.write("#!/bin/sh\necho 'There were permission problems while accessing USB.'\necho 'No compatible devices detected!' >&2\nexit 1\n", to: "forbidden", executable: true)
        #expect(failure { () throws(StreamFailure) in _ = try control(forbidden).state() }?.reason == .permissionDenied)
    }

    @Test(
        "the real program says that there is no such hub",
        .enabled(if: ChildProcess.path(of: "uhubctl", in: ChildProcess.searchPath + ["/usr/sbin"]) != nil, "uhubctl is not installed: apt install uhubctl"))
    func real() {
        let failure = failure { () throws(StreamFailure) in _ = try control("uhubctl", hub: "99-9", port: 2).state() }
        // Without a USB bus to look at it may say that it is not permitted.
        #expect(failure?.reason == .notFound || failure?.reason == .permissionDenied)
    }
}
