import LabCore
import ScenarioLanguage
import Testing

@Suite("lab.yaml")
struct LabFileTests {
    private func load(_ text: String) -> (lab: LabFile?, diagnostics: [Diagnostic]) {
        LabFile.load("lab.yaml", catalogue: TestCatalogue.catalogue, files: MemoryFiles(["lab.yaml": text]))
    }

    @Test("the bench of scenario-language.md")
    func bench() throws {
        let files = FolderFiles(folder: "\(testFolder)/Corpus/good")
        let lab = try #require(LabFile.load("lab-bench.yaml", catalogue: TestCatalogue.catalogue, files: files).lab)
        #expect(lab.about == "Bench 3, charging corner")
        #expect(lab.defaults == LabFile.Defaults(fidelity: .sim, within: .seconds(10), deadline: .seconds(300)))
        #expect(lab.nodes.map(\.name) == ["pile_a", "modem_1", "badge_7"])
        #expect(lab.nodes[0].facts == ["ports": 10, "firmware": "1.0.0"])
        #expect(lab.nodes[0].abilities == ["power", "plug"])
        let serial = try #require(lab.nodes[0].hardware?.port(.serial))
        #expect(serial.place == .match(PortMatch([.init("ID_PATH", "pci-0000:00:14.0-usb-0:2.3:1.0")])))
        #expect(serial.baud == 9_600 && serial.framing == "8N1")
        #expect(serial.location == SourceLocation(file: "lab-bench.yaml", line: 10, column: 15))
        #expect(lab.nodes[1].emulated?.script?.path == "transcripts/rg500q-attach.jsonl")
        #expect(lab.nodes[2].hardware?.client == "BDG-0007" && lab.nodes[2].emulated != nil)
        #expect(lab.slack == [.emu: 1.5, .hw: 3])
        #expect(lab.leaseTimeToLive == .seconds(600) && lab.leaseBeat == .seconds(30))
        #expect(lab.doctorInterval == .seconds(86_400) && lab.doctorBeforeRun)
        #expect(lab.quarantine == "quarantine.yaml" && lab.history == "runs/history.db")
    }

    @Test("the cloud and the broker have settings of their own")
    func cloudAndBroker() throws {
        let lab = try #require(load("lab: 1\nabout: b\ncloud: {host: bench-3, mqtt: 1883}\nbroker: mosquitto\n").lab)
        #expect(lab.cloud.host == "bench-3" && lab.cloud.mqtt == 1_883 && lab.cloud.hasFixedPorts)
        #expect(lab.broker?.scalar?.text == "mosquitto")
        #expect(lab.defaults.fidelity == .sim && lab.nodes.isEmpty)
    }

    @Test("user and password of an address that is wrong are in no message")
    func credentials() {
        let messages = load("lab: 1\nabout: b\npayments: {wechat: {url: \"https://me:hush@127.0.0.1:9443\"}}\n").diagnostics.map(\.description)
        #expect(messages.contains { $0.contains("https://…@127.0.0.1:9443") }, "\(messages)")
        #expect(!messages.contains { $0.contains("hush") }, "\(messages)")
    }

    @Test("reads like a compiler: a version without quotes")
    func versionWithoutQuotes() {
        let result = load("lab: 1\nabout: b\nnodes:\n  pile_a:\n    kind: pile\n    facts:\n      firmware: 2.40\n")
        #expect(result.lab == nil)
        #expect(result.diagnostics.map(\.description) == [
            #"lab.yaml:7:17: error: value 2.40 for 'firmware' must be text; write "2.40" (YAML would read the number 2.4)"#
        ])
    }

    @Test("a missing file, and slack that would shorten waiting")
    func wrong() {
        #expect(LabFile.load("gone.yaml", catalogue: TestCatalogue.catalogue, files: MemoryFiles([:])).diagnostics.map(\.description) == [
            "gone.yaml:1:1: error: cannot read 'gone.yaml': no such file"
        ])
        #expect(load("lab: 1\nabout: b\nslack: {emu: 0.5}\n").diagnostics.map(\.description) == [
            "lab.yaml:3:14: error: value 0.5 for 'emu' must be a number of at least 1.0"
        ])
    }
}
