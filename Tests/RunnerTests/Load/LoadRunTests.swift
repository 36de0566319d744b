import LabCore
import LabTesting
import Runner
import Testing

@Suite("load: an open model")
struct LoadRunTests {
    private static let target = NodeReference(role: "cloud", name: "request")

    private static func plan(
        rate: [Double] = [10], for time: Duration = .seconds(1), timeout: Duration = .seconds(10), arrivals: Step.Load.Arrivals = .even,
        arguments: Template = .record([]), seed: UInt64 = 1
    ) -> Plan {
        var load = Step.Load(target: target, arguments: arguments, rates: rate, duration: .constant(.duration(time.nanoseconds)), id: "api")
        (load.timeout, load.arrivals) = (timeout, arrivals)
        let place = SourceLocation(file: "load.yaml", line: 1, column: 1)
        return Plan(
            scenario: "load", file: "load.yaml", about: "A load.", seed: seed, roles: [Role(name: "cloud", kind: "cloud", location: place)],
            steps: [Step(location: place, path: "steps.1", action: .load(load))])
    }

    private static func items(_ plan: Plan, in world: ScriptedWorld, interruption: Duration? = nil) throws -> [LoadItem] {
        let outcome = try #require(world.run(plan, interruption: interruption))
        let rows = outcome.events.filter { $0.name == LabEvents.loadRows }
        return try rows.flatMap { try #require(LoadRows.items(in: $0.fields)) }.sorted { $0.index < $1.index }
    }

    @Test("items begin when the plan says, whatever the answers do (scenario-language.md, semantics 7)")
    func open() throws {
        let world = ScriptedWorld()
        // Each answer takes longer than five arrivals.
        world.answers("cloud.request", .success(after: .milliseconds(550)))
        let items = try Self.items(Self.plan(), in: world)
        #expect(items.map(\.planned.nanoseconds) == (0..<10).map { Int64($0) * 100_000_000 })
        #expect(world.calls.map(\.at.nanoseconds) == (0..<10).map { Int64($0) * 100_000_000 })
        #expect(items.allSatisfy { $0.response == 550_000_000 && $0.outcome == .good })
    }

    @Test("what has no answer within the timeout is unanswered, and the load ends without waiting for it")
    func timeout() throws {
        let world = ScriptedWorld()
        world.answers("cloud.request", .success(after: .milliseconds(20)), .success(after: .seconds(60)), .success(after: .milliseconds(20)))
        let plan = Self.plan(rate: [4], for: .seconds(1), timeout: .seconds(2))
        let items = try Self.items(plan, in: world)
        #expect(items.map(\.outcome) == [.good, .unanswered, .good, .good])
        #expect(items[1].labels == [Requirement.Label(name: "reason", value: "timeout")])
        #expect(items[1].response == nil)
    }

    @Test("a refusal is an answer and names its reason; a broken connection is none")
    func refusals() throws {
        let world = ScriptedWorld()
        world.answers(
            "cloud.request", .success(["status": 200]), .success(["status": 503]), .failure("port_busy"), .failure("unreachable"))
        let items = try Self.items(Self.plan(rate: [4]), in: world)
        #expect(items.map(\.outcome) == [.good, .refused, .refused, .unanswered])
        #expect(items.map { $0.labels.map { "\($0.name)=\($0.value)" } } == [["status=200"], ["status=503"], ["reason=port_busy"], ["reason=unreachable"]])
    }

    @Test("${k} is the number of the item, and the route is its path without query and names")
    func arguments() throws {
        let world = ScriptedWorld()
        let path = Template.text([.literal("/devices/"), .expression(.name("k")), .literal("?deep=1")])
        let items = try Self.items(Self.plan(rate: [3], arguments: .record([Template.Member(name: "path", value: path)])), in: world)
        #expect(world.calls.map { $0.arguments["path"] } == ["/devices/0?deep=1", "/devices/1?deep=1", "/devices/2?deep=1"])
        #expect(items.allSatisfy { $0.labels == [Requirement.Label(name: "route", value: "/devices/{}")] })
    }

    @Test("Poisson arrivals follow from the seed: the same again, others with another")
    func poisson() throws {
        func planned(_ seed: UInt64) throws -> [Int64] {
            try Self.items(Self.plan(rate: [50], for: .seconds(4), arrivals: .poisson, seed: seed), in: ScriptedWorld()).map(\.planned.nanoseconds)
        }
        let first = try planned(7)
        #expect(try planned(7) == first)
        #expect(try planned(8) != first)
        #expect((150...250).contains(first.count), "\(first.count) of 200 expected")
    }

    @Test("Ctrl-C keeps what was measured: what is under way has no answer, and nothing further is sent")
    func interrupted() throws {
        let world = ScriptedWorld()
        world.answers("cloud.request", .success(after: .milliseconds(150)))
        let items = try Self.items(Self.plan(rate: [10], for: .seconds(10)), in: world, interruption: .milliseconds(420))
        #expect(items.map(\.outcome) == [.good, .good, .good, .unanswered, .unanswered])
        #expect(world.calls.count == 5)
    }

    @Test("a gauge is asked for at even distances from the first step to the last")
    func gauge() throws {
        let world = ScriptedWorld()
        world.answers("cloud.devices", .success(["count": 3]))
        var plan = Self.plan()
        plan.metrics = [
            Metric(
                name: "fleet", location: SourceLocation(file: "load.yaml", line: 1, column: 1),
                source: .gauge(Metric.Gauge(query: NodeReference(role: "cloud", name: "devices"), field: "count", every: .milliseconds(250))))
        ]
        let outcome = try #require(world.run(plan))
        let readings = outcome.events.filter { $0.name == LabEvents.gauge }
        #expect(readings.map(\.at.nanoseconds) == [0, 250_000_000, 500_000_000, 750_000_000])
        #expect(readings.allSatisfy { $0.fields["value"] == 3 && $0.fields["name"] == "fleet" })
    }

    @Test("a probe runs beside the steps and ends with them")
    func probe() throws {
        let world = ScriptedWorld()
        let place = SourceLocation(file: "load.yaml", line: 1, column: 1)
        var plan = Self.plan()
        plan.steps = [Step(location: place, path: "steps.1", action: .wait(.constant(.duration(1_050_000_000))))]
        plan.metrics = [
            Metric(
                name: "probe", location: place,
                source: .probe(Step.Load(target: Self.target, arguments: .record([]), rates: [10], duration: .constant(.duration(0)), id: "probe")))
        ]
        let items = try Self.items(plan, in: world)
        #expect(items.map(\.planned.nanoseconds) == (0...10).map { Int64($0) * 100_000_000 })
    }
}
