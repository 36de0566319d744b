import LabCore
@testable import ScenarioLanguage
import Testing

@Suite("What YAML 1.1 makes of plain scalars (yaml.org/type)")
struct YAMLResolutionTests {
    @Test("is known", arguments: [
        ("2.40", "the number 2.4"), ("012", "the number 10"), ("0o14", "the number 12"), ("0x1F", "the number 31"), ("0b11", "the number 3"),
        ("1_000", "the number 1000"), ("1:30", "the number 90"), ("190:20:30", "the number 685230"), ("-7", "the number -7"), ("+7", "the number 7"),
        ("6.8523015e+5", "the number 685230.15"), (".5", "the number 0.5"), ("3.", "the number 3"), ("1e3", "the number 1000"), (".inf", "infinity"),
        ("-.INF", "minus infinity"), (".NaN", "not-a-number"), ("yes", "true"), ("Off", "false"), ("n", "false"), ("true", "true"), ("~", "null"),
        ("NULL", "null"), ("2001-12-14", "a date"), ("2001-12-14t21:59:43.10-05:00", "a date"), ("2001-12-14 21:59:43.10 -5", "a date"),
    ])
    func known(_ text: String, _ reading: String) { #expect(YAMLResolution.reading(text) == reading) }

    @Test("texts stay texts", arguments: [
        "2.3.0", "BDG-0007", "v2.40", "8N1", "0x", "1:75", "12h", "20%", "nope", "Null!", "-", "+", ".", "1.2.3.4", "2001-12-14x", "e5", "08:15:99x", "_1",
    ])
    func texts(_ text: String) { #expect(YAMLResolution.reading(text) == nil) }
}

@Suite("Errors inside of texts point at the character")
struct PlaceTests {
    @Test("in quotes, behind escapes, without quotes", arguments: [
        (#""${x y}""#, 26), (#"'${x y}'"#, 26), (#""a\"b${x y}""#, 30), (#""\x41${x y}""#, 30), (#""\u00e9\n${x y}""#, 34), ("'it''s ${x y}'", 32),
        ("a${x y}", 26), ("ü🚲${x y}", 27),
    ])
    func columns(_ value: String, _ column: Int) {
        // The value begins in column 21; `y` stands four characters behind the `$`.
        let found = messages(scenario("vars: {x: 1}\nsteps:\n  - do: badge.flash\n    with:\n             image: \(value)\n"))
        #expect(found == ["8:\(column): error: 'y' is not expected in ${…}; allowed are names, numbers, + - * / ( )"])
    }

    @Test("a text over several lines is pointed at as a whole")
    func block() {
        let text = scenario("steps:\n  - do: badge.flash\n    with:\n      image: |\n        first\n        ${x y}\n")
        #expect(messages(text) == ["7:14: error: 'y' is not expected in ${…}; allowed are names, numbers, + - * / ( )"])
    }
}

@Suite("Objectives (sla.md §2.1)")
struct RequirementTests {
    private func parse(_ text: String) throws -> RequirementSyntax { try RequirementParser.parse(text) }

    @Test("a percentile is an exact decimal, in thousandths", arguments: [("p50", 50_000), ("p99.9", 99_900), ("p99.95", 99_950), ("p0.001", 1)])
    func percentiles(_ word: String, _ thousandths: Int) throws {
        #expect(try parse("\(word)(x) < 1s").claims[0].statistic == .percentile(thousandths: thousandths))
    }

    @Test("no percentile of 0, of 100 or beyond three decimals", arguments: ["p0", "p100", "p99.9999", "p", "p-1"])
    func noPercentile(_ word: String) { #expect(throws: PlacedFailure.self) { try parse("\(word)(x) < 1s") } }

    @Test("times are nanoseconds, shares fractions, rates per second", arguments: [
        ("150ms", Requirement.Quantity.Dimension.time, 150e6), ("2min", .time, 120e9), ("20m", .time, 1200e9), ("0.5h", .time, 1800e9),
        ("99.5%", .share, 0.995), ("10", .plain, 10), ("-90", .plain, -90), ("833/s", .rate, 833), ("60/min", .rate, 1), ("86400/day", .rate, 1),
    ])
    func quantities(_ text: String, _ dimension: Requirement.Quantity.Dimension, _ value: Double) throws {
        #expect(try parse("x.latency <= \(text)").claims[0].threshold == .init(dimension: dimension, value: value, source: text))
    }

    @Test("the whole grammar")
    func grammar() throws {
        let all = try parse("p99(api where route=/health, method=GET) < 200ms and share<200ms(api) >= 99% and burn[1h/5m](api) < 14.4 for each route in 99.9% of every 10s")
        #expect(all.parts.count == 1)
        #expect(all.claims[0].statistic == .percentile(thousandths: 99_000))
        #expect(all.claims[0].labels == [.init(name: "route", value: "/health"), .init(name: "method", value: "GET")])
        #expect(all.claims[1].statistic == .shareBelow(.init(dimension: .time, value: 200e6, source: "200ms")))
        #expect(all.claims[2].statistic == .burn(long: .seconds(3600), short: .seconds(300)))
        #expect(all.parts[0].label == "route" && all.parts[0].window == .init(length: .seconds(10), share: 0.999))
        let bare = try parse("registered.latency <= 2s in every 10s")
        #expect(bare.claims[0].statistic == .worst && bare.claims[0].measurement == "registered.latency")
        #expect(bare.claims[0].comparison == .lessOrEqual && bare.parts[0].window == .init(length: .seconds(10)))
        #expect(try parse("recovery(devices, 99.9%) <= 30s and duplicates(commands) = 0").claims.map(\.statistic) == [.recovery(share: 0.999), .duplicates])
        #expect(try parse("share < 5").claims[0].measurement == "share")
    }

    @Test("every statistic of the grammar is read", arguments: [
        ("max", Requirement.Statistic.max), ("mean", .mean), ("count", .count), ("rate", .rate), ("min-rate", .minRate), ("ratio", .ratio),
        ("lost", .lost), ("duplicates", .duplicates), ("out-of-order", .outOfOrder), ("availability", .availability), ("outages", .outages),
        ("longest-outage", .longestOutage), ("recovery", .recovery(share: 1)), ("in-flight", .inFlight), ("online", .online),
    ])
    func statistics(_ word: String, _ statistic: Requirement.Statistic) throws {
        #expect(try parse("\(word)(x) >= 1").claims[0].statistic == statistic)
    }

    @Test("the objectives of sla.md §2.3 are read", arguments: [
        "p99(api) < 200ms in every 10s", "availability(probe) >= 99.9% and longest-outage(probe) <= 5s",
        "recovery(devices, 99.9%) <= 30s and duplicates(commands) = 0", "p99(rpc-accept) <= 100ms and lost(rpc-accept) = 0",
        "count(orders-committed) = 100000 and duplicates(orders) = 0 and lost(orders) = 0 and p99(order) < 200ms",
    ])
    func targets(_ text: String) throws { #expect(try parse(text).source == text) }

    @Test("'for each' and 'in every' hold for the claims before them, back to the last such word (sla.md §2.3 API-200, CONC-10K, CONN-1K)")
    func parts() throws {
        let each = try parse("p95(api) < 200ms for each route and p50(api) < 50ms for each route")
        #expect(each.parts.map(\.label) == ["route", "route"])
        let mixed = try parse("in-flight(http) >= 10000 in every 1s and lost(http) = 0 and p99(api where route=/health) < 200ms")
        #expect(mixed.parts.map(\.claims.count) == [1, 2])
        #expect(mixed.parts.map(\.window?.length) == [.seconds(1), nil])
        let last = try parse("lost(http) = 0 and p99(api) < 1s for each route in every 10s")
        #expect(last.parts.map(\.claims.count) == [2] && last.parts[0].label == "route" && last.parts[0].window?.length == .seconds(10))
    }

    @Test("what has no meaning is refused at its place", arguments: [
        ("burn(x) < 14.4", 4, "burn needs its two windows, such as burn[1h/5m](…)"),
        ("burn[5m/1h](x) < 14.4", 8, "the first window of burn is the longer one"),
        ("share(x) >= 99%", 5, "share needs its bound, such as share<200ms(…)"),
        ("recovery(x, 0%) < 1s", 12, "a share above 0% and up to 100% expected, such as recovery(devices, 99.9%)"),
        ("recovery(x, 5) < 1s", 12, "a share above 0% and up to 100% expected, such as recovery(devices, 99.9%)"),
        ("mean(p99(x)) < 1s", 5, "a statistic of a statistic says nothing; 'mean' needs a measurement"),
        ("max(x) < 1s or max(x) < 2s", 12, "'or' is not allowed; write two objectives"),
        ("max(x) < 1s in 200% of every 1s", 15, "'every' or a share such as 99% expected after 'in'"),
        ("max(x) < 1s for all route", 16, "'for each' and a label expected, found 'all'"),
    ])
    func senseless(_ text: String, _ offset: Int, _ message: String) {
        let error = #expect(throws: PlacedFailure.self) { try parse(text) }
        #expect(error?.message == message)
        #expect(error?.offset == offset)
    }

    @Test("p999 in the name of a measurement is 99.9, p9995 is 99.95; in p99(…) decimals are written out", arguments: [
        ("p50", 50_000), ("p99", 99_000), ("p999", 99_900), ("p9999", 99_990), ("p99999", 99_999), ("p99.9", 99_900), ("p0", nil), ("p", nil), ("p999999", nil),
        ("q99", nil),
    ] as [(Substring, Int?)])
    func shortPercentiles(_ word: Substring, _ thousandths: Int?) { #expect(StatisticWord.measuredPercentile(word) == thousandths) }
}

@Suite("Damaged objectives", .timeLimit(.minutes(1)))
struct RequirementFuzzTests {
    private static let pieces = [
        "p99", "(", ")", "heartbeat", ".latency", " < ", ">=", "=", "200ms", "99.9%", "10/s", " and ", " for each ", "route", " in every ", "10s", " in ",
        " of every ", "burn", "[", "1h", "/", "5m", "]", "share<", "recovery", ", ", " where ", "route=/a", "é", "\u{2028}", "-", "0", "999999999999999999999999", "…", "\u{0}",
    ]

    @Test("never a crash; an error has a place inside the text, and what is read says what was written")
    func damaged() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed, purpose: "objectives")
        for round in 0..<20_000 {
            let text = (0..<Int.random(in: 0...14, using: &generator)).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }.joined()
            let place = Comment(rawValue: "seed \(seed), round \(round): \(text)")
            do throws(PlacedFailure) {
                let read = try RequirementParser.parse(text)
                #expect(read.source == text && !read.claims.isEmpty && read.claims.count <= 32, place)
                #expect(read.claims.allSatisfy { !$0.measurement.isEmpty && $0.threshold.value.isFinite }, place)
            } catch {
                #expect((0...text.unicodeScalars.count).contains(error.offset) && !error.message.isEmpty, place)
            }
        }
    }

    @Test("a good objective with one character changed, cut or doubled is read or refused, never both and never for ever")
    func nearlyGood() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed, purpose: "nearly good objectives")
        let good = Array("p99.9(api where route=/health, method=GET) < 200ms and burn[1h/5m](api) < 14.4 for each route in 99.9% of every 10s".unicodeScalars)
        for round in 0..<5_000 {
            var text = good
            let index = Int.random(in: 0..<text.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: text.remove(at: index)
            case 1: text.insert(text[index], at: index)
            default: text[index] = good[Int.random(in: 0..<good.count, using: &generator)]
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: text)
            let written = String(view)
            let place = Comment(rawValue: "seed \(seed), round \(round): \(written)")
            do throws(PlacedFailure) {
                #expect(try RequirementParser.parse(written).source == written, place)
            } catch {
                #expect((0...text.count).contains(error.offset), place)
            }
        }
    }
}

@Suite("Flow of names")
struct FlowTests {
    @Test("a saved name is known in later branches, loops, teardown; a loop variable only inside")
    func scopes() {
        let text = scenario(
            """
            setup:
              - expect: cloud.mqtt.online
                save: {device: device}
            steps:
              - loop: {n: [1]}
                steps:
                  - do: cloud.ota.start
                    with: {device: "${device}-${n}"}
              - do: cloud.ota.start
                with: {device: "${n}"}
            teardown:
              - do: cloud.ota.start
                with: {device: "${device}"}

            """)
        #expect(messages(text) == ["13:23: error: nothing is called 'n' here (known: device)"])
    }

    @Test("a step with an error keeps what it saves and its id, so that nothing else is blamed")
    func noEcho() {
        let text = scenario(
            """
            steps:
              - expect: cloud.mqtt.onlin
                id: online
                save: {device: device}
              - expect: cloud.mqtt.online
                after: online
                where: {device: "${device}"}
            limits:
              - online.latency < 1s

            """)
        #expect(messages(text) == ["5:19: error: cloud has no event 'mqtt.onlin' — did you mean 'mqtt.online'?"])
    }

    @Test("an id that a block gives too")
    func idInBlock() {
        let text = scenario("blocks:\n  b:\n    steps:\n      - expect: badge.boot.done\n        id: up\nsteps:\n  - expect: badge.boot.done\n    id: up\n  - use: b\n  - use: b\n")
        #expect(messages(text) == ["8:13: error: id 'up' is given twice, first in line 11"])
    }

    @Test("an error in a cell of the matrix is said once, however many cells show it")
    func onceForAllCells() {
        let text = scenario("matrix: {a: [1, 2, 3], b: [1, 2, 3]}\nsteps:\n  - do: badge.boot\n    with: {factory_nw: true}\n")
        #expect(messages(text) == ["7:12: error: badge.boot has no field 'factory_nw' (has: factory_new)"])
    }
}
