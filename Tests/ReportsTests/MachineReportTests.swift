import Foundation
import LabCore
import Programs
import Testing

@testable import Reports

@Suite("SARIF (OASIS SARIF 2.1.0; sla.md §1.6)")
struct SARIFTests {
    private func document(_ summary: Summary) throws -> Fields { try #require(try JSONReader.read(SARIFReport.render(summary)).record) }
    private func results(_ summary: Summary) throws -> [Fields] { (try document(summary).run?["results"]?.list ?? []).compactMap(\.record) }

    private func failing(_ count: Int) -> Summary {
        var result = LoadRun.charging
        result.findings = []
        result.limits = (1...count).map { number in
            LoadRun.objective(
                "L-\(number)", "p99(api) < 200ms", line: 10 + number, .percentile(thousandths: 99_000), "api", .less, LoadRun.quantity("200ms", 200e6, .time), .fail,
                figure: "p99 \(200 + number) ms", value: Double(200 + number) * 1e6, (nil, nil), samples: 10_000)
        }
        return Summary(run: "r", labVersion: "0", world: .emu, seed: 0, cases: [result])
    }

    @Test("an objective is a rule, and its result points at its own line")
    func place() throws {
        let result = try #require(try results(LoadRun.summary).first { $0["ruleId"] == "API-P99" })
        #expect(result["level"] == "error")
        #expect(result["locations"]?.list?.first?.record?["physicalLocation"] == [
            "artifactLocation": ["uri": "scenarios/sla/charging-cloud.yaml"], "region": ["startLine": 41, "startColumn": 5],
        ])
        let message = try #require(result["message"]?.record?["text"]?.text)
        #expect(message.hasPrefix("API-P99 fail: p99(api) < 200ms: p99 1.18 s [1.02 s, 1.33 s], limit < 200 ms. "))
    }

    @Test("failed is an error, unproven and void a warning, marginal a note, what held is not told")
    func levels() throws {
        var levels: [String: String] = [:]
        for result in try results(LoadRun.summary) { levels[result["ruleId"]?.text ?? ""] = result["level"]?.text }
        #expect(levels["LOST"] == "error")
        #expect(levels["RPC-100"] == "warning")
        #expect(levels["HB-P99"] == "warning")
        #expect(levels["CONN-P99"] == "note")
        #expect(levels["API-P50"] == nil)
        #expect(levels["API-200/baseline"] == "error")
        #expect(levels["HB-P99/baseline"] == nil)
    }

    @Test("ten of a level are told; of eleven the worst nine, and the tenth says how many more", arguments: [(9, 9, false), (10, 10, false), (11, 10, true), (400, 10, true)])
    func limit(count: Int, shown: Int, hasRest: Bool) throws {
        let results = try results(failing(count))
        #expect(results.count == shown)
        #expect(results.first?["ruleId"]?.text == "L-\(count)")
        #expect(results.contains { $0["ruleId"] == "lab/more" } == hasRest)
        if hasRest { #expect(results.last?["message"]?.record?["text"]?.text?.hasPrefix("\(count - 9) more of this level") == true) }
    }

    @Test("what the standard requires is there: version, driver, rules with their index, messages, places from 1", arguments: SampleSummary.allCases)
    func form(sample: SampleSummary) throws {
        for summary in [sample.summary, LoadRun.summary, HostileLoad.summary, failing(30)] {
            let document = try document(summary)
            #expect(document["version"] == "2.1.0")
            let run = try #require(document.run)
            let driver = try #require(run.value(at: "tool.driver")?.record)
            #expect(driver["name"] == "lab")
            let rules = (driver["rules"]?.list ?? []).compactMap(\.record)
            #expect(Set(rules.compactMap { $0["id"]?.text }).count == rules.count)
            for result in (run["results"]?.list ?? []).compactMap(\.record) {
                let index = try #require(result["ruleIndex"]?.integer)
                #expect(rules[Int(index)]["id"] == result["ruleId"])
                #expect(["error", "warning", "note"].contains(result["level"]?.text))
                #expect(result.value(at: "message.text")?.text?.isEmpty == false)
                let place = try #require(result["locations"]?.list?.first?.record)
                #expect((place.value(at: "physicalLocation.region.startLine")?.integer ?? 0) >= 1)
                #expect((place.value(at: "physicalLocation.region.startColumn")?.integer ?? 0) >= 1)
                let address = try #require(place.value(at: "physicalLocation.artifactLocation.uri")?.text)
                #expect(address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !address.contains("<"))
            }
        }
    }

    @Test("paths become relative references (RFC 3986)", arguments: [("scenarios/a b.yaml", "scenarios/a%20b.yaml"), ("ä#?", "%C3%A4%23%3F"), ("a:b/c%", "a%3Ab/c%25")])
    func address(path: String, expected: String) {
        #expect(SARIFReport.address(path) == expected)
    }
}

extension Fields {
    fileprivate var run: Fields? { self["runs"]?.list?.first?.record }
}

@Suite("CSV (RFC 4180)")
struct CSVTests {
    /// Python's reader in strict mode: rows of names and values, or a failure.
    private func rows(_ bytes: [UInt8]) throws -> [[String]]? {
        guard let python = Tool.find("python3") else { return nil }
        let program = "import csv,json; print(json.dumps(list(csv.reader(open('a.csv', newline='', encoding='utf-8'), strict=True))))"
        let outcome = try Tool.run(python, ["-c", program], files: [("a.csv", bytes)])
        #expect(outcome.status == 0, "\(outcome)")
        return try JSONReader.read(outcome.output.filter { $0 != "\n" }).list?.map { ($0.list ?? []).map { $0.text ?? "" } }
    }

    @Test("objectives: a line each, bare numbers in the unit of the limit, empty where nothing is known")
    func objectives() throws {
        guard let rows = try rows(CSVReport.objectives(LoadRun.summary)) else { return }
        #expect(rows.count == 1 + 9 + 1 + 2)
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        let first = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[1]))
        #expect(first["objective"] == "API-P99")
        #expect(first["verdict"] == "fail")
        #expect(first["value"] == "1180000000")
        #expect(first["lower"] == "1020000000")
        #expect(first["comparison"] == "<")
        #expect(first["limit"] == "200000000")
        #expect(first["unit"] == "ns")
        #expect(first["reason"] == "412 of 23,058 were slower than the limit; allowed are 230")
        #expect(first["line"] == "41")
        let void = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[5]))
        #expect(void["verdict"] == "void")
        let share = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[4]))
        #expect(share["value"] == "0.99993" && share["unit"] == "1" && share["missing_samples"] == "30887")
    }

    @Test("percentiles: response, service and floor of each load, with those that no answer reached")
    func percentiles() throws {
        guard let rows = try rows(CSVReport.percentiles(LoadRun.summary)) else { return }
        #expect(rows.count == 1 + 16 * (3 + 3 + 2))
        let p99 = try #require(rows.first { $0[4] == "api" && $0[6] == "response" && $0[8] == "99" })
        #expect(p99[9].isEmpty && p99[10] == "false")
        let p50 = try #require(rows.first { $0[4] == "api" && $0[6] == "service" && $0[8] == "50" })
        #expect(Int64(p50[9]) == LoadRun.charging.loads[0].service.points.first { $0.thousandths == 50_000 }?.value)
    }

    @Test("commas, quotes and line ends of outside text stay inside their field")
    func hostile() throws {
        guard let rows = try rows(CSVReport.objectives(HostileRun.summary)) else { return }
        #expect(rows.count == 3)
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        #expect(String(decoding: CSVReport.objectives(HostileRun.summary), as: UTF8.self).hasSuffix("\r\n"))
    }
}

@Suite("Loads in junit.xml, summary.md and result.json")
struct LoadTextTests {
    @Test("JUnit: a failure names figure, interval and limit; unproven and void are errors, never skipped")
    func junit() throws {
        let text = String(decoding: JUnitReport.render(LoadRun.summary), as: UTF8.self)
        #expect(text.contains(#"<failure type="limit" message="p99(api) &lt; 200ms: p99 1.18 s [1.02 s, 1.33 s], limit &lt; 200 ms">"#))
        #expect(text.contains(#"<error type="unproven" message="availability(probe) &gt;= 99.99% and sum(charge) &lt;= 60 %: availability 99.993 % [99.97 %, 99.999 %], limit &gt;= 99.99 %">"#))
        #expect(text.contains("6000 samples, 30,887 more needed"))
        #expect(text.contains(#"<error type="void" message="p99(heartbeat) &lt; 1s in every 10s: p99 640 ms [610 ms, 702 ms], limit &lt; 1 s">"#))
        #expect(!text.contains("<skipped"))
        #expect(text.contains(#"tests="10" failures="2" errors="3" skipped="0""#))
        guard let xmllint = Tool.find("xmllint") else { return }
        for summary in [LoadRun.summary, HostileLoad.summary] {
            let files = [("junit.xsd", Array(JUnitSchema.text.utf8)), ("junit.xml", JUnitReport.render(summary))]
            let outcome = try Tool.run(xmllint, ["--noout", "--schema", "junit.xsd", "junit.xml"], files: files)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("interval and limit of one claim among several say whose they are")
    func compound() {
        let api = Requirement.Claim(
            statistic: .percentile(thousandths: 99_000), measurement: "api", comparison: .less, threshold: LoadRun.quantity("200ms", 200e6, .time))
        let errors = Requirement.Claim(
            statistic: .errors, measurement: "probe", labels: [.init(name: "route", value: "/a")], comparison: .less,
            threshold: LoadRun.quantity("1%", 0.01, .share))
        func sentence(_ claims: [Requirement.Claim], _ figure: String, by claim: Requirement.Claim, _ value: (Double, Double, Double)) -> String {
            let limit = Limit(id: "L", location: LoadRun.objectives[0].limit.location, requirement: Requirement(source: "both", claims: claims))
            var result = LimitResult(limit: limit, verdict: .fail, figure: figure, samples: 1_000)
            (result.value, result.lower, result.upper, result.threshold) = (value.0, value.1, value.2, claim.threshold)
            return ObjectiveFigure(result: result).sentence
        }
        let figure = "api: p99 240 ms [230 ms, 250 ms], probe where route=/a: errors 0 %"
        #expect(sentence([api, errors], figure, by: api, (240e6, 230e6, 250e6)) == figure + ", limit p99(api) < 200 ms")
        #expect(
            sentence([errors, api], "probe where route=/a: errors 2 %, api: p99 1 ms", by: errors, (0.02, 0.01, 0.03))
                == "probe where route=/a: errors 2 %, api: p99 1 ms, errors(probe where route=/a) [1 %, 3 %], limit < 1 %")
        #expect(sentence([api], "p99 240 ms", by: api, (240e6, 230e6, 250e6)) == "p99 240 ms [230 ms, 250 ms], limit < 200 ms")
        // Two claims with one threshold: which of them decided is not known.
        var other = api
        other.measurement = "rpc"
        #expect(sentence([api, other], "api: p99 240 ms, rpc: p99 1 ms", by: api, (240e6, 230e6, 250e6)).hasSuffix(" [230 ms, 250 ms], limit < 200 ms"))
    }

    @Test("Markdown: objectives worst first with what is missing, the builds side by side, the loads")
    func markdown() throws {
        let text = MarkdownReport.render(LoadRun.summary)
        let lost = try #require(text.firstRange(of: "| ✗ **FAIL** | LOST |"))
        let unproven = try #require(text.firstRange(of: "| ? **unproven** | RPC-100 | sla/charging-cloud | – | p99(rpc-accept) \\<= 100ms | p99 81 ms \\[≥ 64 ms\\], limit \\<= 100 ms | 412 | 588 more needed |"))
        #expect(lost.lowerBound < unproven.lowerBound)
        #expect(text.contains("| ⊘ **void** | HB-P99 |"))
        #expect(text.contains("| ✓ pass | API-P50 |"))
        #expect(text.contains("| ✗ regressed | API-200 | cpu-per-request | 1.118 \\[1.100, 1.136\\] | 5 % |"))
        #expect(text.contains("1 false alarms in 200"))
        #expect(text.contains("| order (modelled) | sla/ramp |"))
        #expect(text.contains("373 no answer, 373 lost"))
    }

    @Test("Markdown: only what is proven has a ✓", arguments: [(Verdict.pass, "✓"), (.unproven, "?"), (.blocked, "?"), (.fail, "✗"), (.flaky, "✓")])
    func heading(verdict: Verdict, symbol: String) {
        let summary = Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [SampleRun.plain("a/b", [:], .pass), SampleRun.plain("a/c", [:], verdict)])
        #expect(MarkdownReport.render(summary).hasPrefix("### \(symbol) lab r: "))
    }

    @Test("Markdown stays below 1 MiB with a thousand cases, whatever their texts, and its blocks are whole")
    func size() {
        var result = LoadRun.charging
        result.findings = [
            Finding(subject: .law, verdict: .fail, location: result.limits[0].limit.location, title: String(repeating: "a`", count: 200_000), reason: String(repeating: "b", count: 400_000))
        ]
        result.limits[0].figure = String(repeating: "9", count: 500_000)
        var summary = Summary(run: "r", labVersion: "0", world: .emu, seed: 0, cases: Array(repeating: result, count: 1000))
        summary.comparison = LoadRun.comparison
        let text = MarkdownReport.render(summary)
        #expect(text.utf8.count < 1 << 20)
        #expect(text.split(separator: "\n").count { $0.hasPrefix("```") } % 2 == 0)
    }

    @Test("result.json: a load's figures come back, and the schema accepts them; another letter in a raster is refused")
    func json() throws {
        let bytes = JSONReport.render(LoadRun.summary)
        let report = try #require(try JSONReader.read(bytes).record)
        #expect(report["revision"] == 4)
        let first = try #require(report["cases"]?.list?.first?.record)
        let load = try #require(first["loads"]?.list?.first?.record)
        #expect(load.value(at: "counts.lost") == 373)
        #expect(load.value(at: "response.samples")?.integer == Int64(LoadRun.charging.loads[0].response.samples))
        #expect(first["limits"]?.list?[0].record?["threshold"] == ["value": 200_000_000, "unit": "ns", "source": "200ms"])
        #expect(first["limits"]?.list?[4].record?["is_void"] == true)
        #expect(report.value(at: "comparison.self_test.alarms") == 1)
        #expect(try JSONReportTests.validate(bytes)?.status ?? 0 == 0)
        #expect(try JSONReportTests.validate(JSONReport.render(HostileLoad.summary))?.status ?? 0 == 0)
        var text = String(decoding: bytes, as: UTF8.self)
        text.replaceSubrange(try #require(text.firstRange(of: "\"rows\":[\"")), with: "\"rows\":[\"q")
        #expect(try JSONReportTests.validate(Array(text.utf8))?.status ?? 1 == 1)
    }
}
