import Foundation
import LabCore
import Programs
import Testing

@testable import Reports

@Suite("report.html: one file that needs nothing else")
struct HTMLTests {
    private let page = String(decoding: HTMLReport.render(SampleRun.summary, events: SampleRun.events), as: UTF8.self)

    @Test("nothing is loaded from anywhere", arguments: ["http://", "https://", "src=", "@import", "url(h", "<link", "<iframe", "<img", " style=\"", " onclick"])
    func selfContained(part: String) {
        #expect(!page.contains(part))
    }

    @Test("the hashes of style and script in the security policy are right")
    func policy() throws {
        guard let python = Tool.find("python3") else { return }
        let program = """
            import base64, hashlib
            for name in ["style", "script"]:
                print(base64.b64encode(hashlib.sha256(open(name, "rb").read()).digest()).decode())
            """
        let outcome = try Tool.run(
            python, ["-c", program], files: [("style", Array(PageStyle.text.utf8)), ("script", Array(PageScript.text.utf8))])
        #expect(outcome.output == "\(PageStyle.hash)\n\(PageScript.hash)\n")
        #expect(page.contains("<style>\(PageStyle.text)</style>"))
        #expect(page.contains("<script>\(PageScript.text)</script>"))
        #expect(page.contains("default-src 'none'; style-src 'sha256-\(PageStyle.hash)'; script-src 'sha256-\(PageScript.hash)'"))
    }

    @Test("every case is in the table and has a section; what did not pass is open")
    func cases() {
        for number in 1...8 {
            #expect(page.contains("href=\"#case-\(number)\""))
            #expect(page.contains("<details class=\"case\" id=\"case-\(number)\""))
        }
        #expect(page.contains("id=\"case-3\" data-verdict=\"fail\" open>"))
        #expect(page.contains("id=\"case-1\" data-verdict=\"pass\">"))
    }

    @Test("a failure shows expectation, nearest miss, place and replay command")
    func finding() {
        #expect(page.contains("badge.boot.done where firmware = 2.3.0   within 3 m of line 42 (cloud.ota.start)"))
        #expect(page.contains("<mark>2.4.0</mark>"))
        #expect(page.contains("<code>scenarios/ota/rollback.yaml:44</code>"))
        #expect(page.contains("<code>lab replay 0611-1/ota-rollback.injected-badge.app.hang --until 221</code>"))
    }

    @Test("the diagram has lifelines, arrows, a fault band, the failing row, a title and the same rows as a table")
    func diagram() throws {
        let start = try #require(page.firstRange(of: "<svg class=\"sequence\""))
        let svg = try #require(page[start.lowerBound...].split(separator: "</svg>").first)
        #expect(svg.contains("<title id=\"sequence-2-title\">Sequence diagram of badge/register</title>"))
        #expect(svg.contains("<desc id=\"sequence-2-text\">Lifelines of lab, cloud, badge;"))
        #expect(svg.split(separator: "class=\"life\"").count - 1 == 3)
        #expect(svg.contains("class=\"arrow\""))
        #expect(svg.contains("class=\"band\""))
        #expect(page.contains("<g class=\"failure\">"))
        #expect(page.split(separator: "The same as a table").count - 1 == 2)
    }

    @Test("hostile text stays text, in every place")
    func hostile() {
        let page = String(decoding: HTMLReport.render(HostileRun.summary) { _ in HostileRun.events }, as: UTF8.self)
        #expect(!page.contains("<script>alert"))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
        #expect(page.split(separator: "<script>").count - 1 == 1)
        for scalar in page.unicodeScalars where scalar != "\n" {
            #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) && scalar != "\u{202e}")
        }
    }

    @Test("the page is well-formed: every element that opens closes", arguments: SampleSummary.allCases)
    func wellFormed(sample: SampleSummary) throws {
        guard let python = Tool.find("python3") else { return }
        let program = """
            import html.parser, sys
            class Check(html.parser.HTMLParser):
                stack, wrong, ids = [], [], set()
                def handle_starttag(self, tag, attributes):
                    if tag not in ("meta", "br"): self.stack.append(tag)
                    for name, value in attributes:
                        if name == "id":
                            if value in self.ids: self.wrong.append("id " + value)
                            self.ids.add(value)
                def handle_endtag(self, tag):
                    if not self.stack or self.stack.pop() != tag: self.wrong.append((tag, self.getpos()))
                def handle_startendtag(self, tag, attributes): pass
            check = Check()
            check.feed(open("page.html", encoding="utf-8").read())
            print(check.wrong[:5], check.stack)
            sys.exit(1 if check.wrong or check.stack else 0)
            """
        let page = HTMLReport.render(sample.summary) { sample == .hostile ? HostileRun.events : SampleRun.events($0) }
        let outcome = try Tool.run(python, ["-c", program], files: [("page.html", page)])
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test("the same summary gives the same bytes")
    func deterministic() {
        #expect(page == String(decoding: HTMLReport.render(SampleRun.summary, events: SampleRun.events), as: UTF8.self))
    }

    @Test("a run without cases still gives a page")
    func empty() {
        let summary = Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [])
        #expect(String(decoding: HTMLReport.render(summary) { _ in [] }, as: UTF8.self).contains("nothing ran"))
    }
}

@Suite("What a diagram shows of a long log")
struct SequenceSelectionTests {
    /// 400 badges send 20 heartbeats each; one badge fails in the middle.
    private static let fleet: (events: [RunEvent], failing: Int) = {
        var log = SampleLog(scenario: "fleet/day", file: "scenarios/fleet/day.yaml")
        log.lab("phase.started", ["phase": "steps"])
        var failing = 0
        for round in 0..<20 {
            for badge in 1...400 {
                let sent = log.event("badges#\(badge)", "heartbeat.sent", ["battery": 80], at: Int64(round) * 1000 + Int64(badge))
                log.event("cloud", "heartbeat.stored", ["device": .text("d\(badge)")], cause: sent)
                if round == 10 && badge == 200 { failing = log.event("badges#200", "watchdog.reset") }
            }
        }
        log.lab("run.ended", ["reason": "law_broken"])
        return (log.events, failing)
    }()

    private var selection: SequenceSelection {
        let finding = Finding(
            subject: .law, verdict: .fail, location: SourceLocation(file: "f", line: 1, column: 1), title: "t", sequence: Self.fleet.failing)
        return SequenceSelection(events: Self.fleet.events, findings: [finding])
    }

    @Test("at most 120 rows and 8 lifelines, the failure among them, everything else counted")
    func bounded() {
        let selection = selection
        var rows = 0
        var left = 0
        for entry in selection.entries {
            switch entry {
            case .row, .phase: rows += 1
            case .gap(let count): left += count
            }
        }
        #expect(rows <= 120)
        #expect(selection.lanes.count <= 8)
        #expect(rows + left == selection.candidates)
        #expect(selection.entries.contains { if case .row(let row) = $0 { row.event.sequence == Self.fleet.failing && row.kind == .failure } else { false } })
    }

    @Test("repetitions do not fill the diagram, and rows stand in the order of the log")
    func order() {
        let sequences = selection.entries.compactMap { entry -> Int? in if case .row(let row) = entry { row.event.sequence } else { nil } }
        #expect(sequences == sequences.sorted())
        #expect(Set(sequences).count == sequences.count)
    }

    @Test("the page of a large log stays small")
    func size() {
        var result = SampleRun.plain("fleet/day", [:], .fail)
        result.eventCount = Self.fleet.events.count
        result.findings = [
            Finding(
                subject: .law, verdict: .fail, location: SourceLocation(file: "f", line: 1, column: 1), title: "t", sequence: Self.fleet.failing,
                node: "badges#200")
        ]
        let summary = Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [result])
        let page = String(decoding: HTMLReport.render(summary) { _ in Self.fleet.events }, as: UTF8.self)
        #expect(page.utf8.count < 400_000)
        #expect(page.contains("390 more nodes"))
        #expect(page.contains("7,850 lines of this node left out"))
    }
}
