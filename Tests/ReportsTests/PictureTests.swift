import Foundation
import LabCore
import Programs
import Testing

@testable import Reports

@Suite("Pictures of loads (sla.md §1.5)")
struct PictureTests {
    private static let page = String(decoding: HTMLReport.render(LoadRun.summary) { _ in [] }, as: UTF8.self)
    private var page: String { Self.page }

    @Test("each has a role, a title, a description and, below it, the lab's ribbon and a table with a caption")
    func accessible() throws {
        let figures = page.split(separator: "<figure class=\"picture\">").dropFirst().map { $0.split(separator: "</figure>")[0] }
        // Two measured loads with three and four pictures, a modelled one with three, a budget, a comparison, two histories.
        let expected = [3, 4, 3, 1, 1, 2].reduce(0, +)
        #expect(figures.count == expected)
        for figure in figures {
            for part in ["role=\"img\"", "<title id=", "<desc id=", "<p class=\"ribbon", "<caption>", "scope=\"col\"", "scope=\"row\""] {
                #expect(figure.contains(part), "\(part) in \(figure.prefix(120))")
            }
        }
    }

    @Test("every picture is well-formed XML by itself")
    func wellFormed() throws {
        guard let xmllint = Tool.find("xmllint") else { return }
        var files: [(name: String, bytes: [UInt8])] = []
        var rest = page[...]
        while let start = rest.firstRange(of: "<svg class=\"plot") {
            // Pictures hold stretched parts that are SVG themselves.
            var depth = 0
            var place = start.lowerBound
            repeat {
                let opens = rest[place...].dropFirst().firstRange(of: "<svg ")?.lowerBound
                let closes = try #require(rest[place...].dropFirst().firstRange(of: "</svg>"))
                if depth == 0 { depth = 1 }
                if let opens, opens < closes.lowerBound {
                    depth += 1
                    place = opens
                } else {
                    depth -= 1
                    place = closes.upperBound
                }
            } while depth > 0
            files.append(("\(files.count).svg", Array(rest[start.lowerBound..<place].utf8)))
            rest = rest[place...]
        }
        #expect(files.count > 40)
        let outcome = try Tool.run(xmllint, ["--noout"] + files.map(\.name), files: files)
        #expect(outcome.status == 0, "\(outcome)")
        let broken = try Tool.run(xmllint, ["--noout", "a.svg"], files: [("a.svg", Array("<svg><g></svg>".utf8))])
        #expect(broken.status != 0)
    }

    @Test("the page loads nothing, styles nothing in place, and is whole", arguments: ["http://", "https://", "src=", "url(h", "@import", " style=\"", "<image", "<foreignObject", "nan", "inf "])
    func selfContained(part: String) {
        #expect(!page.contains(part))
    }

    @Test("identifiers are there once, and every reference leads to one")
    func identifiers() {
        func values(of attribute: String) -> [String] {
            page.split(separator: " \(attribute)=\"").dropFirst().map { String($0.prefix { $0 != "\"" }) }
        }
        let known = values(of: "id")
        #expect(Set(known).count == known.count)
        for name in values(of: "aria-labelledby").flatMap({ $0.split(separator: " ").map(String.init) }) { #expect(known.contains(name)) }
        for name in values(of: "href").map({ String($0.dropFirst()) }) { #expect(known.contains(name), "#\(name)") }
        for name in page.split(separator: "url(#").dropFirst().map({ String($0.prefix { $0 != ")" }) }) { #expect(known.contains(name)) }
    }

    @Test("all text of pictures is 11 px or larger: widths stretch, text does not")
    func textSize() throws {
        for rule in PictureStyle.text.split(separator: "font-size: ").dropFirst() {
            let size = try #require(Double(rule.prefix { $0.isNumber || $0 == "." }))
            #expect(size >= 11)
        }
        #expect(!page.contains("font-size=\""))
    }

    @Test("states of a fleet and items without an answer stand out from the card (WCAG 2.1, 1.4.11: at least 3)", arguments: ["late", "refused", "lost"], ["light", "dark"])
    func contrast(name: String, theme: String) throws {
        func colour(_ name: String, _ style: String) throws -> Double {
            let dark = try #require(style.firstRange(of: "@media (prefers-color-scheme: dark)"))
            return try #require(ContrastTests.luminance(of: name, in: theme == "light" ? style[..<dark.lowerBound] : style[dark.upperBound...]))
        }
        let (state, card) = (try colour(name, PictureStyle.text), try colour("card", PageStyle.text))
        #expect((max(state, card) + 0.05) / (min(state, card) + 0.05) >= 3)
    }

    @Test("where the page is long enough, a load keeps its counts and percentiles and gives up its pictures")
    func brief() {
        let section = CaseSection(result: LoadRun.charging, number: 1)
        #expect(section.html(events: []).contains("class=\"plot axis\""))
        let brief = section.html(events: nil)
        #expect(!brief.contains("class=\"plot axis\""))
        #expect(brief.contains("Percentiles of load api") && brief.contains("id=\"case-1-load-2\"") && brief.contains("<dd class=\"bad\">373</dd>"))
        #expect(brief.utf8.count < 40_000)
    }

    @Test("what is modelled says so under every picture, and shows no machine")
    func modelled() throws {
        let start = try #require(page.firstRange(of: "id=\"case-2\""))
        let section = page[start.lowerBound...].prefix { _ in true }.split(separator: "id=\"case-3\"")[0]
        #expect(section.split(separator: "<p class=\"ribbon\">modelled times: the clock was virtual").count - 1 == 3)
        #expect(!section.contains("send lag"))
        #expect(!section.contains("class=\"floor\""))
    }

    @Test("the same summary gives the same bytes")
    func deterministic() {
        #expect(page == String(decoding: HTMLReport.render(LoadRun.summary) { _ in [] }, as: UTF8.self))
    }

    @Test("hostile text in loads, faults, comparisons and histories stays text")
    func hostile() {
        let page = String(decoding: HTMLReport.render(HostileLoad.summary) { _ in [] }, as: UTF8.self)
        #expect(!page.contains("<script>alert"))
        #expect(page.split(separator: "&lt;script&gt;alert(1)").count > 10)
    }

    @Test("figures at the ends of what fits, and reports that do not agree with themselves, give a page", arguments: HostileLoad.extremes.indices)
    func extremes(index: Int) {
        var result = LoadRun.modelled
        result.loads = [HostileLoad.extremes[index]]
        result.faults = [FaultSpan(name: "f", start: .distantFuture, end: nil), FaultSpan(name: "g", start: RunInstant(nanoseconds: .min), end: .start)]
        let summary = Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [result])
        let page = String(decoding: HTMLReport.render(summary) { _ in [] }, as: UTF8.self)
        #expect(page.hasSuffix("</html>\n"))
        #expect(!page.contains("nan") && !page.contains("inf%"))
    }
}

@Suite("Numbers of pictures are those of their tables")
struct PictureNumberTests {
    private static let load = LoadRun.charging.loads[0]
    private let ribbon = LabRibbon(LoadRun.charging, isVoid: false)

    @Test("percentile spectrum: p50, p90 and p99 at 0.301, 1 and 2 decades; heights by the logarithm of the table's figures")
    func spectrum() throws {
        var load = Self.load
        load.counts.unanswered = 0
        load.response = .init(
            samples: 10_000, points: [50_000: 1_000_000, 90_000: 10_000_000, 99_000: 100_000_000, 100_000: 1_000_000_000].sorted { $0.key < $1.key }.map { .init(thousandths: $0.key, value: $0.value) })
        load.service = .init(samples: 10_000, points: [.init(thousandths: 50_000, value: 1_000_000)])
        load.floor = nil
        let picture = PercentileSpectrum(load: load, id: "x", limits: [(99_000, 200e6)], ribbon: ribbon)
        // 10,000 samples end at four decades: the largest is at the right edge.
        #expect(abs(picture.x(50_000) - 0.30103 / 4) < 1e-4)
        #expect(abs(picture.x(90_000) - 0.25) < 1e-9)
        #expect(abs(picture.x(99_000) - 0.5) < 1e-9)
        #expect(picture.x(100_000) == 1)
        // From 1 ms at the bottom to 1 s at the top, equal steps for equal factors.
        #expect(picture.y(1e6) == 250)
        #expect(abs(picture.y(1e7) - picture.y(1e8) - (picture.y(1e8) - picture.y(1e9))) < 1e-9)
        #expect(picture.table.rows.map { $0[1] } == ["1 ms", "10 ms", "100 ms", "1 s"])
        #expect(picture.table.rows.map { $0[0] } == ["p50", "p90", "p99", "max"])
        let path = try #require(picture.html.split(separator: "<path class=\"response\" d=\"").dropFirst().first?.prefix { $0 != "\"" })
        #expect(path == "M75.26 250L250 176.67L500 103.33L1000 30")
    }

    @Test("items without an answer: the figure says so, and the line ends")
    func unanswered() {
        let picture = PercentileSpectrum(load: Self.load, id: "x", limits: [], ribbon: ribbon)
        #expect(picture.table.rows.first { $0[0] == "p99.9" }?[1] == "no answer")
        #expect(picture.html.contains("class=\"gone\""))
    }

    @Test("heat map: the table's items are the map's, and outages are where nothing was answered")
    func heat() throws {
        let picture = LatencyHeatMap(load: Self.load, faults: [], id: "x", limits: [], ribbon: ribbon)
        func sum(_ column: Int) throws -> Int {
            try picture.table.rows.reduce(0) { try $0 + #require(Int($1[column].filter(\.isNumber))) }
        }
        #expect(try sum(1) == Self.load.heat.planned.reduce(0, +))
        #expect(try sum(2) + sum(3) == Self.load.heat.counts.joined().reduce(0, +))
        #expect(try sum(3) == 373)
        // Lost from 40.2 s to 42.1 s of a load that begins at 20 s, in columns of 500 ms: the whole columns inside.
        #expect(picture.outages == [60.5e9..<62e9])
    }

    @Test("a fault whose end was not told is a mark with a dotted line, not a shade to the end")
    func openFault() {
        let scale = Scale.linear(0, 100e9)
        let faults = [FaultSpan(name: "broker.restart", start: RunInstant(nanoseconds: 60_000_000_000), end: nil), FaultSpan(name: "cloud.freeze", start: RunInstant(nanoseconds: 20_000_000_000), end: RunInstant(nanoseconds: 30_000_000_000))]
        let lanes = FaultLanes(faults: faults, scale: scale)
        var plot = Plot(id: "x", title: "t", description: "d", height: 100)
        lanes.shade(into: &plot, top: 0, bottom: 50)
        lanes.draw(into: &plot, y: 50)
        #expect(plot.svg.contains("<rect class=\"band\" x=\"60%\" y=\"0\" width=\"0.2%\""))
        #expect(plot.svg.contains("<rect class=\"band\" x=\"20%\" y=\"0\" width=\"10%\""))
        #expect(plot.svg.contains("<line class=\"fault-open\" x1=\"60%\""))
        #expect(plot.svg.contains("<title>broker.restart from 60 s</title>"))
        #expect(plot.svg.contains("<title>cloud.freeze 20 s to 30 s</title>"))
    }

    @Test("a load whose items took no time says so and draws no axes of nothing")
    func instant() {
        var result = LoadRun.modelled
        result.loads[0].response.points = [.init(thousandths: 50_000, value: 0), .init(thousandths: 100_000, value: 0)]
        let html = LoadSection.html(result, number: 1, isBrief: false)
        #expect(html.contains("there are no times to draw"))
        #expect(!html.contains("<figure"))
    }

    @Test("counts are coloured by equal factors, and each count has the level that its key names", arguments: [1, 2, 5, 6, 7, 64, 1000, 1_000_000])
    func levels(largest: Int) {
        let levels = HeatLevels(largest: largest)
        #expect(levels.level(of: 0) == 0)
        #expect(levels.level(of: 1) == 1)
        #expect(Int(levels.level(of: largest)) == levels.starts.count)
        #expect(levels.starts == levels.starts.sorted() && Set(levels.starts).count == levels.starts.count)
        for (index, start) in levels.starts.enumerated() {
            #expect(levels.level(of: start) == UInt8(index + 1))
            if start > 1 { #expect(levels.level(of: start - 1) == UInt8(index)) }
        }
    }

    @Test("hops of the table add up to the whole")
    func hops() throws {
        let hops = try #require(Self.load.hops)
        let rows = HopWaterfall(load: Self.load, hops: hops, id: "x", ribbon: ribbon).table.rows
        #expect(rows.last?[3] == FigureText.duration(nanoseconds: Double(hops.hops.reduce(0) { $0 + $1.median })))
        #expect(rows.count == hops.hops.count + 1)
    }

    @Test("cells: one stroke for equal neighbours, none for the background, the worse of two when columns are put together")
    func cells() {
        let grid = CellGrid(rows: [[2, 2, 5, 2], [0, 3, 3, 3]])
        #expect(grid.svg(classes: "c") == "<g class=\"cells\" transform=\"translate(0 .5)\"><path class=\"c2\" d=\"M0 0h2M3 0h1\"/><path class=\"c3\" d=\"M1 1h3\"/><path class=\"c5\" d=\"M2 0h1\"/></g>")
        #expect(grid.strokeCount(leavingOut: 2) == 2)
        #expect(grid.halved.rows == [[2, 5], [3, 3]])
    }

    @Test("forest: 1 lies in the middle, a ratio and its inverse at equal distances, and an untested gate shows nothing green")
    func forest() {
        var comparison = LoadRun.comparison
        let picture = ForestPlot(comparison: comparison, ribbon: ribbon)
        #expect(picture.x(1) == 0.5)
        #expect(abs(picture.x(1.1) - 0.5 - (0.5 - picture.x(1 / 1.1))) < 1e-12)
        #expect(picture.table.rows.map { $0[2] } == ["✗ regressed", "⊘ void", "? cannot tell", "✓ improved", "✓ same"])
        #expect(picture.table.rows[0][3] == "1.118 [1.100, 1.136]")
        #expect(picture.html.contains("1 false alarm in 200"))
        #expect(picture.html.contains("whisker good"))
        comparison.selfTest = nil
        let untested = ForestPlot(comparison: comparison, ribbon: ribbon).html
        #expect(!untested.contains("whisker good"))
        #expect(untested.contains("The gate itself has not been tested"))
    }

    @Test("history: changes with direction; a faster build is better, a lower throughput worse")
    func history() {
        let time = HistoryPicture(history: LoadRun.history[0], number: 1, ribbon: ribbon)
        #expect(time.changeTable.rows.map { $0[4] } == ["+15 %", "−11 %"])
        #expect(time.html.contains("class=\"change worse\"") && time.html.contains("class=\"change better\""))
        let rate = HistoryPicture(history: LoadRun.history[1], number: 2, ribbon: ribbon)
        #expect(rate.html.contains("class=\"change open worse\""))
        #expect(rate.changeTable.rows.map { $0[6] } == ["not yet"])
    }

    @Test("budget: eight restarts and four deployments are twelve steps that take what the table says")
    func budget() throws {
        let result = LoadRun.objectives[3]
        let picture = BudgetBurnDown(result: result, budget: try #require(result.limit.budget), id: "x", ribbon: ribbon)
        #expect(picture.steps.count == 12)
        #expect(abs(picture.steps.reduce(0) { $0 + $1.cost } - 131.6e9) < 1)
        #expect(picture.steps.map(\.at) == picture.steps.map(\.at).sorted())
        #expect(picture.table.rows.last == ["all", "", "", "131.6 s", "50.8 %"])
    }
}

@Suite("Fleets of tens of thousands")
struct FleetReportTests {
    @Test("a report of 50,000 members and as many items stays under 2 MB")
    func size() {
        var result = LoadRun.charging
        result.loads = [LoadExample(id: "heartbeat", seed: 4, rates: [830, 830], seconds: 60, connections: 64, serviceMilliseconds: 9, members: 50_000).report(isModelled: false, harness: LoadRun.harness)]
        #expect(result.loads[0].counts.planned > 49_000)
        let page = HTMLReport.render(Summary(run: "r", labVersion: "0", world: .emu, seed: 0, cases: [result])) { _ in [] }
        #expect(page.count < 2_000_000)
    }

    @Test("a raster in which no two neighbours are alike is drawn with fewer columns, and says so")
    func noise() throws {
        var load = LoadRun.charging.loads[1]
        var chance = SeededGenerator(seed: 1, purpose: "noise")
        load.raster?.rows = (0..<500).map { _ in (0..<600).map { _ in LoadReport.FleetRaster.Cell(rawValue: UInt8(chance.integer(below: 5))) ?? .good } }
        let picture = FleetRasterPicture(load: load, raster: try #require(load.raster), faults: [], id: "x", ribbon: LabRibbon(load))
        #expect(picture.html.utf8.count < 600_000)
        #expect(picture.html.contains("the worst of 8 measured ones"))
    }
}

@Suite("SLA card")
struct SLACardTests {
    private func line(_ comparison: Requirement.Comparison, _ threshold: Double, _ dimension: Requirement.Quantity.Dimension) -> ObjectiveFigure {
        ObjectiveFigure(result: LoadRun.objective(
            "x", "x", line: 1, .worst, "x", comparison, LoadRun.quantity("x", threshold, dimension), .pass, figure: "", value: nil, (nil, nil), samples: 1))
    }

    @Test("how much of a limit is used: a value, the part that is lacking to 1, the limit divided by the figure, the distance")
    func use() {
        #expect(line(.less, 200e6, .time).use(of: 50e6) == 0.25)
        #expect(abs((line(.greaterOrEqual, 0.999, .share).use(of: 0.9995) ?? 0) - 0.5) < 1e-9)
        #expect(line(.greaterOrEqual, 10_000, .plain).use(of: 20_000) == 0.5)
        #expect(line(.equal, 100, .plain).use(of: 100) == 1)
        #expect(line(.equal, 100, .plain).use(of: 90) == 1.1)
        #expect(line(.equal, 0, .plain).use(of: 3) == .infinity)
        // Nothing, where nothing is wanted, is as good as can be.
        #expect(line(.equal, 0, .plain).use(of: 0) == 0)
        #expect(line(.lessOrEqual, 0, .plain).use(of: 0) == 0)
        #expect(line(.less, 200e6, .time).use(of: .infinity) == .infinity)
        #expect(line(.less, 200e6, .time).use(of: .nan) == nil)
    }

    @Test("worst first: failed by how far, void, unproven, marginal, held")
    func order() {
        let names = ObjectiveFigure.worstFirst([LoadRun.charging]).map(\.limit.limit.id)
        #expect(names == ["LOST", "API-P99", "HB-P99", "RPC-100", "AVAIL-9999", "CONN-P99", "ORDERS", "CONC-10K", "API-P50"])
    }

    @Test("each line has a word and a sign, the figure, the interval, samples, and those that are missing")
    func lines() throws {
        let html = SLACard(LoadRun.charging, number: 1).html
        #expect(html.split(separator: "<tr role=\"row\"").count - 1 == 1 + 9)
        for word in ["✗</span> FAIL", "⊘</span> void", "?</span> unproven", "≈</span> marginal", "✓</span> pass"] { #expect(html.contains(word)) }
        #expect(html.contains("p99 1.18 s [1.02 s, 1.33 s]"))
        #expect(html.contains("availability 99.993 % <span class=\"interval\">[99.97 %, 99.999 %]</span>"))
        #expect(html.contains("30,887 more needed"))
        #expect(html.contains("<title>p99 81 ms [≥ 64 ms], limit &lt;= 100 ms</title>"))
    }

    @Test("void has a form of its own, not only a colour")
    func void() throws {
        let html = SLACard(LoadRun.charging, number: 1).html
        let row = try #require(html.split(separator: "<tr role=\"row\" class=\"void\">").dropFirst().first)
        #expect(row.hasPrefix("<td role=\"cell\" class=\"verdict\"><span class=\"badge void\">"))
        #expect(row.contains("<circle class=\"mark void\""))
    }

    @Test("a run of several cases shows its objectives at the top; a run of one does not show them twice")
    func overview() {
        #expect(SLACard.overview(LoadRun.summary).contains("Objectives of every case"))
        let alone = Summary(run: "r", labVersion: "0", world: .emu, seed: 0, cases: [LoadRun.charging])
        #expect(SLACard.overview(alone).isEmpty)
        #expect(String(decoding: HTMLReport.render(alone) { _ in [] }, as: UTF8.self).contains("data-verdict=\"fail\" open>"))
    }
}

@Suite("Scales")
struct ScaleTests {
    @Test("ticks are multiples of 1, 2 or 5", arguments: [
        (0.0, 10.0, 5, [0, 2, 4, 6, 8, 10]), (0, 7, 8, [0, 1, 2, 3, 4, 5, 6, 7]), (3.01, 3.66, 5, [3.2, 3.4, 3.6]), (-12, 12, 6, [-10, -5, 0, 5, 10]),
    ] as [(Double, Double, Int, [Double])])
    func linear(lower: Double, upper: Double, limit: Int, expected: [Double]) {
        let ticks = Scale.linear(lower, upper).ticks(atMost: limit).map(\.value)
        #expect(ticks.count == expected.count)
        #expect(zip(ticks, expected).allSatisfy { abs($0 - $1) < 1e-9 })
    }

    @Test("a logarithmic scale begins and ends at a 1, 2 or 5, and has a tick for each decade when there are many")
    func logarithmic() {
        let scale = Scale.logarithmic(covering: [30, 4_000_000, 0, -1, .nan, .infinity])
        #expect(abs(scale.lower - 20) < 1e-9 && abs(scale.upper - 5_000_000) < 1e-3)
        #expect(scale.ticks(atMost: 9).map { $0.value.rounded() } == [100, 1000, 10_000, 100_000, 1_000_000])
        #expect(abs(Scale.logarithmic(from: 10, to: 1000).place(100) - 0.5) < 1e-12)
    }

    @Test("time has ticks that clocks have", arguments: [(0.1, 8, 0.02), (10, 5, 2), (120, 10, 20), (240, 8, 30), (3600, 8, 600), (86_400, 8, 10_800)] as [(Double, Int, Double)])
    func time(seconds: Double, limit: Int, step: Double) throws {
        let ticks = Scale.linear(0, seconds * 1e9).timeTicks(atMost: limit).map { $0.value / 1e9 }
        #expect(ticks.count > 2)
        #expect(abs(ticks[1] - ticks[0] - step) < 1e-9)
    }

    @Test("ends that are no ends, and values that are no values, give a place between 0 and 1", arguments: [
        Scale.linear(1, 1), .linear(.nan, 3), .linear(0, .infinity), .logarithmic(covering: []), .logarithmic(covering: [5, 5]), .logarithmic(from: 0, to: 1),
    ])
    func refused(scale: Scale) {
        for value in [-Double.infinity, -1, 0, 0.5, 1e300, .infinity, .nan] { #expect((0...1).contains(scale.place(value))) }
        #expect(scale.ticks(atMost: 6).count <= 200)
        #expect(scale.timeTicks(atMost: 6).count <= 201)
    }
}
