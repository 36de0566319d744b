import LabCore
import ScenarioLanguage
import Testing

@Suite("From a scenario to its plans (scenario-language.md)")
struct PlanTests {
    private func example(_ path: String) throws -> Scenario {
        let result = ScenarioLoader(catalogue: TestCatalogue.catalogue, files: FolderFiles(folder: "\(testFolder)/Corpus/good")).load([path])
        #expect(result.diagnostics.map(\.description) == [])
        return try #require(result.scenarios.first)
    }

    @Test("example 1: registration, a plan for each loss")
    func registration() throws {
        let scenario = try example("scenarios/badge/register.yaml")
        #expect(scenario.name == "badge/register")
        #expect(scenario.tags == ["badge", "smoke"])
        #expect(scenario.fidelity == [.sim, .emu, .hw])
        #expect(scenario.needs.map(\.name) == ["badge", "cloud"])
        #expect(scenario.cellNames == ["loss=0%", "loss=20%"])
        let plans = scenario.plans(world: .sim, seed: 42)
        #expect(plans.map(\.seed) == [42, 42])
        #expect(plans.map(\.cell) == [["loss": "0%"], ["loss": "20%"]])
        #expect(plans[0].variables == ["serial_no": "BDG-0007", "loss": "0%"])
        #expect(plans[0].deadline == .seconds(300) && plans[0].defaultWithin == .seconds(10))

        // The share is a number of the type of the field; the serial number is filled in; the device is for the run to know.
        let second = plans[1]
        #expect(second.setup.map(\.path) == ["setup.1", "setup.2"])
        #expect(second.setup[0].action == .act(.init(
            target: .init(role: "cloud", name: "factory.provision"),
            arguments: .record([.init(name: "serial_no", value: .constant("BDG-0007"))]))))
        #expect(second.setup[1].action == .fault(.init(
            target: .init(role: "badge", name: "link.loss"), arguments: .record([.init(name: "rate", value: .constant(0.2))]))))
        #expect(second.steps.map(\.location.line) == [30, 32, 39, 44, 48, 49])
        #expect(second.steps[1].action == .expect(.init(
            event: .init(role: "cloud", name: "device.registered"),
            condition: Match([
                .init(field: "serial_no", test: .equals(.constant("BDG-0007"))),
                .init(field: "firmware", test: .operators([.init(.matches, .constant("^[0-9]+[.][0-9]+[.][0-9]+$"))])),
            ]),
            within: .constant(.duration(5_000_000_000)), id: "registered", saves: [.init(variable: "device", field: "device")])))
        #expect(second.steps[2].action == .expect(.init(
            event: .init(role: "cloud", name: "mqtt.online"),
            condition: Match([.init(field: "device", test: .equals(.expression(.name("device"))))]),
            within: .constant(.duration(10_000_000_000)), after: "registered", id: "online")))
        #expect(second.steps[3].action == .check(.init(
            query: .init(role: "cloud", name: "device"), arguments: .record([.init(name: "device", value: .expression(.name("device")))]),
            condition: Match([
                .init(field: "state", test: .equals(.constant("active"))),
                .init(field: "credentials", test: .operators([.init(.present, .constant(true))])),
            ]))))
        #expect(second.laws.map(\.text) == ["one registration per serial number", "nothing is accepted from an unregistered client"])
        #expect(second.laws[0].rule == .oncePer(.init(role: "cloud", name: "device.registered"), Match(), field: "serial_no"))
        #expect(second.limits.map(\.id) == ["registered.latency <= 2s", "online.latency <= 4s"])
        #expect(second.limits[0].marginal?.claims.map(\.threshold.value) == [1e9])
    }

    @Test("example 2: the fault and its trigger come from the matrix")
    func rollback() throws {
        let scenario = try example("scenarios/ota/rollback.yaml")
        #expect(scenario.cellNames == ["injected=badge.flash.corrupt", "injected=badge.power.cut", "injected=badge.app.hang"])
        let faults = scenario.plans(world: .sim, seed: 1).compactMap { plan -> Step.Fault? in
            if case .fault(let fault) = plan.steps[0].action { fault } else { nil }
        }
        #expect(faults.map(\.target.name) == ["flash.corrupt", "power.cut", "app.hang"])
        #expect(faults.map(\.trigger?.event.name) == ["ota.block_written", "boot.started", "boot.started"])
        #expect(faults[0].trigger?.condition == Match([.init(field: "firmware", test: .equals(.constant("2.4.0")))]))
        #expect(faults[0].duration == .constant(.duration(5_000_000_000)))
        let laws = try #require(scenario.plans(world: .sim, seed: 1).first?.laws)
        #expect(laws[0].rule == .forbid(
            .init(role: "badge", name: "boot.started"), Match([.init(field: "signature", test: .operators([.init(.ne, .constant("valid"))]))])))
    }

    @Test("example 3: a block from another file, hexadecimal numbers, money")
    func settlement() throws {
        let scenario = try example("scenarios/charging/power-loss-and-forged-settlement.yaml")
        #expect(scenario.cellNames == ["–"])
        let plan = try #require(scenario.plans(world: .sim, seed: 1).first)
        guard case .sequence(let turns) = plan.setup[0].action else { return #expect(Bool(false), "no block") }
        #expect(turns.map(\.label) == ["use online-pile"] && turns[0].isIsolated)
        #expect(turns[0].saves == [.init(variable: "pile_id", field: "pile_id")])
        #expect(turns[0].steps.map(\.path) == ["setup.1.use.1", "setup.1.use.2"])
        #expect(turns[0].steps.map(\.location.file) == ["scenarios/common/pile.yaml", "scenarios/common/pile.yaml"])
        #expect(plan.roles[0].facts == Match([.init(field: "ports", test: .operators([.init(.ge, .constant(2))]))]))
        #expect(plan.laws[1].rule == .balance(.init(role: "cloud", name: "wallet.debited"), .init(role: "cloud", name: "revenue.credited")))
        #expect(plan.laws[2].rule == .leadsTo(
            .init(role: "cloud", name: "order.started"), Match(), to: .init(role: "cloud", name: "order.settled"), same: ["order"],
            within: .constant(.duration(43_200_000_000_000))))
        #expect(plan.steps[8].action == .clear("outage"))
        guard case .expect(let frame) = plan.steps[9].action else { return #expect(Bool(false), "no frame") }
        #expect(frame.condition.conditions[0] == .init(field: "command", test: .equals(.constant(3))))
        #expect(frame.condition.conditions[2] == .init(field: "minutes", test: .operators([.init(.near, .list([.constant(20), .constant(1)]))])))
    }

    @Test("the cells of a matrix come in the order of the file, the last name changing fastest")
    func matrixOrder() throws {
        let text = scenario("matrix:\n  b: [x, y]\n  a: [1, 2, 3]\nsteps:\n  - wait: \"${a}s\"\n")
        #expect(try plans(text).map { CellText.of(cell: $0.cell) } == ["b=x a=1", "b=x a=2", "b=x a=3", "b=y a=1", "b=y a=2", "b=y a=3"])
        #expect(try plans(text).map { $0.steps[0].action } == [1, 2, 3, 1, 2, 3].map { .wait(.constant(.duration($0 * 1_000_000_000))) })
    }

    @Test("values by world, and no plan for a world that the scenario leaves out")
    func worlds() throws {
        let text = "lab: 1\nabout: x\nfidelity: [hw, sim]\nvars: {charge: {sim: 20m, hw: 90s}}\nsteps:\n  - wait: \"${charge}\"\n"
        #expect(try plans(text, world: .sim).map { $0.steps[0].action } == [.wait(.constant(.duration(1_200_000_000_000)))])
        #expect(try plans(text, world: .hw).map { $0.steps[0].action } == [.wait(.constant(.duration(90_000_000_000)))])
        #expect(try plans(text, world: .emu).isEmpty)
        #expect(try plans(text, world: .hw)[0].variables == ["charge": "90s"])
    }

    @Test("a firmware version stays as it is written: 2.40 in quotes, 2.3.0 without")
    func versions() throws {
        let text = scenario("vars: {old: 2.3.0, new: \"2.40\", bare: 2.40}\nsteps:\n  - expect: badge.boot.done\n    where: {firmware: {in: [\"${old}\", \"${new}\", \"v${bare}\"]}}\n")
        let plan = try #require(try plans(text).first)
        guard case .expect(let step) = plan.steps[0].action else { return #expect(Bool(false), "no expect") }
        #expect(step.condition.conditions.map(\.test) == [
            .operators([.init(.in, .list([.constant("2.3.0"), .constant("2.40"), .constant("v2.40")]))])
        ])
        #expect(plan.variables == ["old": "2.3.0", "new": "2.40", "bare": "2.40"])
    }

    @Test("a name from vars is read as the type of the field in which it is used, and blamed where it is written")
    func namesAreTypedWhereUsed() {
        let text = scenario("vars: {new: 2.40, port: \"1\"}\nsteps:\n  - expect: badge.boot.done\n    where: {firmware: \"${new}\", attempts: \"${port}\"}\n")
        #expect(messages(text) == [
            "4:13: error: value 2.40 for 'firmware' must be text; write \"2.40\" (YAML would read the number 2.4)",
            "4:25: error: value \"1\" for 'attempts' must be a whole number; write 1 without quotes",
        ])
    }

    @Test("arithmetic over names: whole numbers, times and shares, with the type of the field")
    func arithmetic() throws {
        let text = scenario(
            """
            vars: {minutes: 20, pause: 1.5s, loss: 20%, half: "${loss / 2}"}
            steps:
              - wait: "${pause * (minutes - 18) + 500ms}"
              - fault: badge.link.loss
                with: {rate: "${half}"}
              - do: cloud.order.create
                with: {minutes: "${-minutes / 4 + 6}", user: "m${minutes}-${pause}"}

            """)
        let plan = try #require(try plans(text).first)
        #expect(plan.steps[0].action == .wait(.constant(.duration(3_500_000_000))))
        guard case .fault(let fault) = plan.steps[1].action, case .act(let act) = plan.steps[2].action else { return #expect(Bool(false), "other steps") }
        #expect(fault.arguments == .record([.init(name: "rate", value: .constant(0.1))]))
        #expect(act.arguments == .record([.init(name: "minutes", value: .constant(1)), .init(name: "user", value: .constant("m20-1.5s"))]))
        #expect(messages(scenario("vars: {n: 20}\nsteps:\n  - wait: \"${n / 0}\"\n  - wait: \"${1s - 2s}\"\n  - wait: \"${5s * 5s}\"\n")) == [
            "6:16: error: division by zero", "7:11: error: value -1s for 'wait' must be a duration such as 250ms, 5s, 20m",
            "8:17: error: '*' needs numbers or durations on both sides",
        ])
    }

    @Test("loops unfold into turns that know their variable; what they save is known afterwards")
    func loops() throws {
        let text = scenario(
            """
            steps:
              - loop: {port: [1, 2]}
                steps:
                  - do: cloud.order.create
                    with: {port: "${port}", minutes: "${port * 10 + 5}"}
                    save: {order: order}
              - expect: cloud.order.started
                where: {order: "${order}"}

            """)
        let plan = try #require(try plans(text).first)
        guard case .sequence(let turns) = plan.steps[0].action else { return #expect(Bool(false), "no turns") }
        #expect(turns.map(\.label) == ["port=1", "port=2"])
        #expect(turns.allSatisfy { !$0.isIsolated })
        #expect(turns[1].bindings == [.init(name: "port", value: .constant(2))])
        #expect(turns[1].steps.map(\.path) == ["steps.1.loop.2.1"])
        guard case .act(let act) = turns[1].steps[0].action else { return #expect(Bool(false), "no action") }
        #expect(act.arguments == .record([.init(name: "port", value: .constant(2)), .init(name: "minutes", value: .constant(25))]))
    }

    @Test("a block sees what it takes and nothing else; what only the run knows is handed in")
    func blocks() throws {
        let text = scenario(
            """
            blocks:
              again:
                takes: [who, pause]
                gives: [seen]
                steps:
                  - wait: "${pause * 2}"
                  - expect: cloud.mqtt.online
                    where: {device: "${who}"}
                    save: {seen: device}
            setup:
              - expect: cloud.mqtt.online
                save: {device: device}
            steps:
              - use: again
                with: {who: "${device}", pause: 2s}
                save: {back: seen}
              - parallel:
                  - - wait: 1s
                  - - do: cloud.ota.start
                      with: {device: "${back}"}

            """)
        let plan = try #require(try plans(text).first)
        guard case .sequence(let turns) = plan.steps[0].action else { return #expect(Bool(false), "no block") }
        #expect(turns[0].bindings == [.init(name: "who", value: .expression(.name("device"))), .init(name: "pause", value: .constant("2s"))])
        #expect(turns[0].saves == [.init(variable: "back", field: "seen")])
        #expect(turns[0].steps[0].action == .wait(.constant(.duration(4_000_000_000))))
        guard case .expect(let expect) = turns[0].steps[1].action else { return #expect(Bool(false), "no expect") }
        #expect(expect.condition.conditions.map(\.test) == [.equals(.expression(.name("who")))])
        guard case .parallel(let branches) = plan.steps[1].action else { return #expect(Bool(false), "no branches") }
        #expect(branches.map { $0.map(\.path) } == [["steps.2.parallel.1.1"], ["steps.2.parallel.2.1"]])
    }

    @Test("members of a fleet are named by number")
    func fleets() throws {
        let text = "lab: 1\nabout: x\nneeds: {badges: {kind: badge, count: 2000}}\nsteps:\n  - do: badges.boot\n    with: {member: 3}\n  - expect: badges.boot.done\n    where: {member: {le: 5}}\n    count: 5\n    save: {who: member}\n"
        let plan = try #require(try plans(text).first)
        #expect(plan.roles[0].count == 2_000)
        guard case .expect(let step) = plan.steps[1].action else { return #expect(Bool(false), "no expect") }
        #expect(step.count == .equals(.constant(5)))
        #expect(step.condition.conditions.map(\.field) == ["member"])
    }

    @Test("lab.yaml gives within and deadline where a scenario says none")
    func defaults() throws {
        let files = MemoryFiles(["lab.yaml": "lab: 1\nabout: b\ndefaults: {within: 3s, deadline: 1m}\n", "s.yaml": scenario("steps:\n  - wait: 1s\n")])
        let lab = try #require(LabFile.load("lab.yaml", catalogue: TestCatalogue.catalogue, files: files).lab)
        let loader = ScenarioLoader(catalogue: TestCatalogue.catalogue, lab: lab, files: files)
        let plan = try #require(loader.load(["s.yaml"]).scenarios.first?.plans(world: .sim, seed: 1).first)
        #expect(plan.defaultWithin == .seconds(3) && plan.deadline == .seconds(60))
    }

    @Test("a scenario is called by its path below scenarios/", arguments: [
        ("scenarios/badge/register.yaml", "badge/register"), ("./scenarios/a.yml", "a"), ("x/scenarios/y/scenarios/z.yaml", "z"), ("b/c.yaml", "b/c"),
        ("scenarios.yaml", "scenarios"),
    ])
    func names(_ path: String, _ name: String) {
        let result = load([path.replacing("./", with: ""): scenario("steps:\n  - wait: 1s\n")], path)
        #expect(result.scenarios.map(\.name) == [name])
    }

    @Test("files come in the order of the paths, once; files with errors and files of blocks are left out")
    func order() {
        let good = scenario("steps:\n  - wait: 1s\n")
        let files = ["b.yaml": good, "a.yaml": good, "wrong.yaml": "lab: 1\n", "blocks.yaml": "lab: 1\nabout: x\nblocks: {b: {steps: [{do: pile.power_on}]}}\n"]
        let result = load(files, "b.yaml", "wrong.yaml", "blocks.yaml", "a.yaml", "./b.yaml", "gone.yaml")
        #expect(result.scenarios.map(\.file) == ["b.yaml", "a.yaml"])
        #expect(result.diagnostics.map(\.description) == [
            "gone.yaml:1:1: error: cannot read 'gone.yaml': no such file", "wrong.yaml:1:1: error: a scenario needs 'about'",
            "wrong.yaml:1:1: error: a scenario needs 'steps' or 'blocks'",
        ])
    }

    @Test("an error in a shared block keeps out every scenario that imports it, and is said once")
    func brokenImport() {
        let user = "lab: 1\nabout: x\nimport: [shared.yaml]\nneeds: {badge: {kind: badge}}\nsteps:\n  - use: b\n"
        let files = ["one.yaml": user, "two.yaml": user, "shared.yaml": "lab: 1\nabout: x\nblocks: {b: {steps: [{do: badge.bot}]}}\n"]
        let result = load(files, "one.yaml", "two.yaml", "shared.yaml")
        #expect(result.scenarios.isEmpty)
        #expect(result.diagnostics.map(\.description) == ["shared.yaml:3:33: error: badge has no action 'bot' — did you mean 'boot'?"])
    }
}
