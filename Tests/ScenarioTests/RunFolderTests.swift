import Foundation
import Testing

@Suite("The run folder (cli.md, “Run folder”)")
struct RunFolderTests {
    /// One run with a pass, a failure and a blocked case, for all tests here.
    private static func run(_ folder: TemporaryFolder) throws -> String {
        let result = try LabProcess.run([
            "run", "scenarios/badge/register.yaml", "Tests/ScenarioTests/Failing/near-miss.yaml",
            "Tests/ScenarioTests/Failing/blocked.yaml", "--plain",
            "--out", folder.path, "--report", "junit=\(folder.path)/copy.xml", "--report", "markdown=\(folder.path)/copy.md",
        ])
        #expect(result.status == 1, "\(result.all)")
        return try #require(folder.files.first { $0.hasSuffix("/result.json") }?.split(separator: "/").first.map(String.init))
    }

    @Test("holds reports, the plan, the sources, and for each case its log as a whole and by node")
    func files() throws {
        let folder = try TemporaryFolder()
        let run = try Self.run(folder)
        let files = folder.files
        for name in ["result.json", "report.html", "junit.xml", "summary.md", "plan.txt", "sources/index.json"] {
            #expect(files.contains("\(run)/\(name)"), "\(name) is missing")
        }
        for name in [
            "run.json", "events.jsonl", "http.jsonl", "nodes/badge.log", "nodes/cloud.log", "nodes/lab.log", "nodes/badge.mqtt.jsonl",
        ] {
            #expect(files.contains("\(run)/badge-register.loss-20/\(name)"), "\(name) is missing")
        }
        #expect(folder.read("copy.xml") == folder.read("\(run)/junit.xml"))
        #expect(folder.read("\(run)/plan.txt")?.contains("badge/register [loss=0%]") == true)
        // Packets before and after the broker knows the client: CONNECT and CONNACK, twice because the badge reboots.
        let packets = try #require(folder.read("\(run)/badge-register.loss-20/nodes/badge.mqtt.jsonl")).split(separator: "\n")
        #expect(packets.filter { $0.contains("\"CONNECT\"") }.count == 2)
        #expect(packets.filter { $0.contains("\"CONNACK\"") }.count == 2)
        let log = try #require(folder.read("\(run)/badge-register.loss-20/events.jsonl"))
        #expect(packets.allSatisfy { log.contains($0) })
        #expect(folder.read("\(run)/badge-register.loss-20/http.jsonl")?.contains("/api/v1/devices/register") == true)
        #expect(folder.read("\(run)/badge-register.loss-20/nodes/badge.log")?.contains("boot.started  firmware=2.3.0") == true)
    }

    @Test("junit.xml keeps the rules of Jenkins' junit-10.xsd")
    func junit() throws {
        let folder = try TemporaryFolder()
        let run = try Self.run(folder)
        guard let xmllint = Tool.find("xmllint", for: "junit.xml against the schema") else { return }
        // The schema stands in the tests of the reports, between the lines with three quotes.
        let source = try Repository.text("Tests/ReportsTests/JUnitSchema.swift")
        let schema = try #require(source.split(separator: "\"\"\"").dropFirst().first).split(separator: "\n").map { $0.drop { $0 == " " } }
        try folder.write(schema.joined(separator: "\n"), to: "junit.xsd")
        let lint = try LabProcess.run(xmllint, ["--noout", "--schema", "junit.xsd", "\(run)/junit.xml"], in: folder.path)
        #expect(lint.status == 0, "\(lint.all)")
    }

    @Test("result.json keeps to `lab schema --result`, for a validator that is not ours")
    func result() throws {
        let folder = try TemporaryFolder()
        let run = try Self.run(folder)
        guard let python = Tool.find("python3", for: "result.json against its schema") else { return }
        try folder.write(LabProcess.run(["schema", "--result"]).output, to: "schema.json")
        let program = """
            import json, sys
            try: import jsonschema
            except ImportError: sys.exit(77)
            jsonschema.Draft202012Validator(json.load(open('schema.json'))).validate(json.load(open(sys.argv[1])))
            """
        let outcome = try LabProcess.run(python, ["-c", program, "\(run)/result.json"], in: folder.path)
        if outcome.status == 77 { return print("SKIPPED result.json against its schema: Python's jsonschema is not installed") }
        #expect(outcome.status == 0, "\(outcome.all)")
    }

    @Test("report.html opens in a browser without a network and shows the verdicts")
    func html() throws {
        let folder = try TemporaryFolder()
        let run = try Self.run(folder)
        guard let browser = Tool.find("chromium", "google-chrome", "chromium-browser", for: "report.html in a browser") else { return }
        let arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--user-data-dir=\(folder.path)/profile",
            "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", "file://\(folder.path)/\(run)/report.html",
        ]
        let page = try LabProcess.run(browser, arguments, in: folder.path)
        #expect(page.status == 0, "\(page.error)")
        #expect(page.output.contains("<table"))
        for text in ["badge/register", "loss=20%", "Failing/near-miss", "Failing/blocked", "<svg", "firmware"] {
            #expect(page.output.contains(text), "\(text) is missing")
        }
    }

    @Test("lab show gives it again: summary, timeline, page")
    func show() throws {
        let folder = try TemporaryFolder()
        let run = try Self.run(folder)
        let summary = try LabProcess.run(["show", "--out", folder.path])
        #expect(summary.status == 0)
        #expect(summary.output.contains("2 passed, 1 failed, 1 blocked"))
        let lines = try LabProcess.run(["show", "\(run)/badge-register.loss-0", "--grep", "device.registered", "--out", folder.path]).output
        #expect(lines.split(separator: "\n").contains { $0.contains("cloud.device.registered") && $0.contains("serial_no=BDG-0007") })
        #expect(try LabProcess.run(["show", "--html", "--out", folder.path]).lastLine == "\(folder.path)/\(run)/report.html")
    }

    @Test("lab judge takes the rules of the run, and with --today those of now")
    func judge() throws {
        let folder = try TemporaryFolder()
        let text = try Repository.text("Tests/ScenarioTests/Failing/limit.yaml")
        try folder.write(text, to: "limit.yaml")
        #expect(try LabProcess.run(["run", "limit.yaml", "--plain"], in: folder.path).status == 1)
        try folder.write(text.replacing("<= 1ms", with: "<= 10s"), to: "limit.yaml")
        #expect(try LabProcess.run(["judge"], in: folder.path).status == 1)
        #expect(try LabProcess.run(["judge", "--today"], in: folder.path).status == 0)
        try FileManager.default.removeItem(atPath: "\(folder.path)/limit.yaml")
        #expect(try LabProcess.run(["judge"], in: folder.path).status == 1)
        let gone = try LabProcess.run(["judge", "--today"], in: folder.path)
        #expect(gone.status == 2)
        #expect(gone.error.contains("limit.yaml:1:1: error: cannot read 'limit.yaml': no such file"))
    }
}
