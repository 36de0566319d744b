import Bench
import LabCore
import Testing

@Suite("Ports that no node names (lab devices --scan)")
struct BenchScanTests {
    private static let answer = PortQuestion.Answer(lines: ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G"])

    /// Notes who is asked, and answers on some.
    private final class Line {
        private(set) var asked: [String] = []
        var answers: [String: PortQuestion.Result]
        init(_ answers: [String: PortQuestion.Result]) { self.answers = answers }

        func ask(_ port: PortRecord) throws(StreamFailure) -> PortQuestion.Result {
            asked.append(port.path)
            return answers[port.path] ?? .silent
        }
    }

    private func scan(
        _ ports: [PortRecord], users: PortUsers = PortUsers(), wanted: Set<String> = [], holder: (PortRecord) -> String? = { _ in nil }, _ line: Line
    ) -> BenchScan {
        BenchScan(ports, users: users, wanted: wanted, holder: holder) { port throws(StreamFailure) in try line.ask(port) }
    }

    private func findings(_ scan: BenchScan) -> [String: BenchScan.Finding] {
        Dictionary(scan.devices.flatMap { $0.ports.map { ($0.port.path, $0.finding) } }) { $1 }
    }

    @Test("interface 02 is asked first, and after its answer no other port of the module")
    func order() {
        let line = Line(["/dev/ttyUSB2": .module(Self.answer), "/dev/ttyUSB3": .module(Self.answer)])
        let result = scan(TestPorts.module, line)
        #expect(line.asked == ["/dev/ttyUSB2"])
        #expect(findings(result)["/dev/ttyUSB3"] == .notAsked("the module answered on /dev/ttyUSB2 already"))
    }

    @Test("where 02 is silent 03 is asked; the port for diagnosis and the one for positions never are")
    func second() {
        let line = Line(["/dev/ttyUSB3": .module(Self.answer)])
        let result = scan(TestPorts.module, line)
        #expect(line.asked == ["/dev/ttyUSB2", "/dev/ttyUSB3"])
        #expect(findings(result)["/dev/ttyUSB0"] == .notAsked("interface 00 of a module is for diagnosis and must never get text"))
        #expect(findings(result)["/dev/ttyUSB1"] == .notAsked("it tells positions and takes no commands"))
        #expect(findings(result)["/dev/ttyUSB2"] == .silent)
    }

    @Test("a module in download mode has the same numbers and one port: it is not asked, and not confirmed by its numbers (rg500q.md §1.3)")
    func downloadMode() {
        let line = Line([:])
        let result = scan([TestPorts.usb(0, interface: 0)], line)
        #expect(line.asked.isEmpty)
        #expect(result.devices.first?.module == nil)
    }

    @Test("an adapter is asked only when its port is named: text could do harm to what is behind it")
    func adapter() {
        let line = Line([:])
        let path = TestPorts.adapter.path
        #expect(
            findings(scan([TestPorts.adapter], line))[path]
                == .notAsked("nothing says that a module is there, and text could do harm to another device; `lab devices --scan --ask \(path)` asks it"))
        #expect(line.asked.isEmpty)
        #expect(findings(scan([TestPorts.adapter], wanted: [path], line))[path] == .silent)
        #expect(line.asked == [path])
    }

    @Test("a port that a program has open, that is leased, or that ModemManager may take is left alone")
    func used() {
        let line = Line(["/dev/ttyUSB2": .module(Self.answer)])
        let picocom = PortUsers(["/dev/ttyUSB2": [PortUsers.User(process: 7, program: "picocom")], "/dev/ttyUSB3": [PortUsers.User(process: 7, program: "picocom")]])
        #expect(findings(scan(TestPorts.module, users: picocom, line))["/dev/ttyUSB2"] == .notAsked("picocom (pid 7) has it open"))
        #expect(findings(scan(TestPorts.module, holder: { _ in "anna (pid 8)" }, line))["/dev/ttyUSB2"] == .notAsked("held by anna (pid 8)"))
        let manager = PortUsers(modemManager: PortUsers.User(process: 9, program: "ModemManager"))
        let reason = "ModemManager runs and may use it; stop it, or set ID_MM_DEVICE_IGNORE=1 for the device by a udev rule"
        #expect(findings(scan(TestPorts.module, users: manager, wanted: ["/dev/ttyUSB2"], line))["/dev/ttyUSB2"] == .notAsked(reason))
        #expect(line.asked.isEmpty)
        let ignored = TestPorts.usb(2, interface: 2, ["ID_MM_DEVICE_IGNORE": "1"])
        #expect(scan([ignored], users: manager, line).devices.first?.module != nil)
    }

    @Test("the other ports of a module that a node names are not asked")
    func owned() {
        var asked = 0
        let result = BenchScan([TestPorts.module[3]], users: PortUsers(), owner: { _ in "modem_1" }) { _ throws(StreamFailure) in
            asked += 1
            return .silent
        }
        #expect(asked == 0)
        #expect(
            result.yaml(among: TestPorts.module, names: []) == [
                "# No module answered on the ports that no node names.",
                "  # /dev/ttyUSB3  2c7c:0800, interface 03, serial 3a5f21c7, slot pci-0000:00:14.0-usb-0:1:1.3",
                "  #   not asked: it is a part of the module of modem_1",
            ])
    }

    @Test("the proposal can be pasted: by serial number and interface, the firmware as found, the other ports in comments")
    func proposal() {
        let line = Line(["/dev/ttyUSB2": .module(Self.answer)])
        #expect(
            scan(Array(TestPorts.module[1...2]), line).yaml(among: TestPorts.module, names: ["rg500q_1"]) == [
                "# Proposed for lab.yaml; what stands below `nodes:` can be pasted there.", "nodes:", "  rg500q_2:", "    kind: rg500q", "    hw:",
                "      # /dev/ttyUSB2 said: Quectel, RG500Q-EA, Revision: RG500QEAAAR11A06M4G",
                "      serial: {match: {ID_SERIAL_SHORT: \"3a5f21c7\", interface: 2}}",
                "      # or whatever is in this slot: {match: {ID_PATH: \"pci-0000:00:14.0-usb-0:1:1.2\"}}",
                "      health: {firmware: \"RG500QEAAAR11A06M4G\"}",
                "  # /dev/ttyUSB1  2c7c:0800, interface 01, serial 3a5f21c7, slot pci-0000:00:14.0-usb-0:1:1.1",
                "  #   not asked: it tells positions and takes no commands",
            ])
    }

    @Test("two modules with one serial number are told apart by their slots")
    func twins() {
        let twin = TestPorts.usb(6, interface: 2, bus: "2-2", slot: "pci-0000:00:14.0-usb-0:2")
        let line = Line(["/dev/ttyUSB2": .module(Self.answer), "/dev/ttyUSB6": .module(Self.answer)])
        let yaml = scan([TestPorts.module[2], twin], line).yaml(among: [TestPorts.module[2], twin], names: [])
        #expect(yaml.filter { $0.contains("serial: {") } == [
            "      serial: {match: {ID_PATH: \"pci-0000:00:14.0-usb-0:1:1.2\"}}", "      serial: {match: {ID_PATH: \"pci-0000:00:14.0-usb-0:2:1.2\"}}",
        ])
        #expect(yaml.contains("  rg500q_1:") && yaml.contains("  rg500q_2:"))
    }

    @Test("a module without a kind is a comment, and so is what it says, whatever it says")
    func unknown() {
        let line = Line(["/dev/ttyUSB2": .module(.init(lines: ["Quectel", "RM500Q-GL\r\n  evil: {kind: badge}", "Revision: \u{1b}[2J"]))])
        let yaml = scan([TestPorts.module[2]], line).yaml(among: TestPorts.module, names: [])
        #expect(yaml.dropFirst(2).allSatisfy { $0.hasPrefix("  #") && !$0.contains("\n") && !$0.contains("\r") && !$0.contains("\u{1b}") })
        #expect(yaml.contains { $0.contains("a module that the lab has no kind for: Quectel, RM500Q-GL") })
    }

    @Test("a device that answers garbage is shown with what came, a port that does not open with why")
    func garbage() {
        let line = Line(["/dev/ttyUSB2": .garbage([0x80, 0xfe])])
        #expect(
            scan([TestPorts.module[2]], line).yaml(among: TestPorts.module, names: []).last
                == "  #   an answer that is none to AT: 80fe; another rate, or no module")
        let broken = BenchScan([TestPorts.module[2]], users: PortUsers()) { port throws(StreamFailure) in
            throw StreamFailure(.permissionDenied, port.path, "not permitted", remedy: "add the user to the group dialout")
        }
        #expect(
            broken.yaml(among: TestPorts.module, names: []).last == "  #   could not be asked: not permitted; add the user to the group dialout")
    }
}
