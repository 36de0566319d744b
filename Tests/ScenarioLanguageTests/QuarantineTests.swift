import LabCore
import ScenarioLanguage
import Testing

@Suite("quarantine.yaml: failures that are known, whose they are, and until when")
struct QuarantineTests {
    private static let text = """
        lab: 1
        quarantine:
          - {scenario: badge/boot, owner: li.wei, issue: LAB-1, until: 2026-12-01, why: The clock is slow.}
          - {scenario: "tag:ota", fidelity: [hw], owner: wang.fang, issue: LAB-2, until: 2026-11-30, why: Flash.}

        """

    private func quarantine() throws -> Quarantine { try #require(Quarantine.read(Array(Self.text.utf8), file: "quarantine.yaml").quarantine) }

    private func plan(_ name: String, tags: [String] = [], world: WorldKind = .sim) -> Plan {
        Plan(scenario: name, file: "scenarios/\(name).yaml", about: "", tags: tags, world: world, seed: 1)
    }

    private func day(_ text: String) throws -> CalendarDay { try #require(CalendarDay(text)) }

    @Test("an entry holds up to its day, that day included")
    func until() throws {
        let quarantine = try quarantine()
        #expect(quarantine.entry(for: plan("badge/boot"), on: try day("2026-12-01"))?.owner == "li.wei")
        #expect(quarantine.entry(for: plan("badge/boot"), on: try day("2026-12-02")) == nil)
        #expect(quarantine.over(among: [plan("badge/boot")], on: try day("2026-12-01")).isEmpty)
        #expect(quarantine.over(among: [plan("badge/boot")], on: try day("2026-12-02")).map(\.issue) == ["LAB-1"])
        // What does not run is nobody's failure.
        #expect(quarantine.over(among: [plan("badge/other")], on: try day("2026-12-02")).isEmpty)
    }

    @Test("an entry holds in its worlds, for what it selects")
    func selects() throws {
        let (quarantine, today) = (try quarantine(), try day("2026-11-01"))
        #expect(quarantine.entry(for: plan("ota/rollback", tags: ["ota"], world: .hw), on: today)?.issue == "LAB-2")
        #expect(quarantine.entry(for: plan("ota/rollback", tags: ["ota"], world: .emu), on: today) == nil)
        #expect(quarantine.entry(for: plan("ota/rollback", world: .hw), on: today) == nil)
    }

    @Test("an entry that holds for no scenario is a warning at its place")
    func idle() throws {
        let result = load(["scenarios/ota/a.yaml": "lab: 1\nabout: A.\ntags: [ota]\nneeds: {badge: {kind: badge}}\nsteps: [{do: badge.boot}]\n"], "scenarios/ota/a.yaml")
        #expect(try quarantine().idle(among: result.scenarios).map(\.description) == [
            "quarantine.yaml:3:16: warning: the quarantine of 'badge/boot' holds for no scenario; li.wei can take it out (LAB-1)"
        ])
    }

    @Test("the file stands beside lab.yaml; one that is not there is an error where lab.yaml names it")
    func file() throws {
        let files = MemoryFiles(["bench/lab.yaml": "lab: 1\nabout: b\nquarantine: known.yaml\n", "bench/known.yaml": Self.text])
        let lab = try #require(LabFile.load("bench/lab.yaml", catalogue: TestCatalogue.catalogue, files: files).lab)
        #expect(Quarantine.load(of: lab, files: files).quarantine?.entries.count == 2)
        #expect(Quarantine.load(of: lab, files: MemoryFiles([:])).diagnostics.map(\.description) == [
            "bench/lab.yaml:3:13: error: cannot read 'bench/known.yaml': no such file"
        ])
    }

    @Test("days are of the Gregorian calendar", arguments: [
        ("2026-12-01", true), ("2024-02-29", true), ("2026-02-29", false), ("2000-02-29", true), ("1900-02-29", false), ("2026-13-01", false),
        ("2026-00-10", false), ("2026-1-1", false), ("26-01-01", false), ("2026-12-01T00:00", false), ("", false), ("２０２６-12-01", false),
    ])
    func days(_ text: String, isDay: Bool) { #expect((CalendarDay(text)?.description == text) == isDay) }
}
