import LabCore
import Runner
import Testing

@Suite("What a bench lacks is found before anything runs: skipped, with what is needed (Docs/bench.md)")
struct BenchNeedsTests {
    private let place = SourceLocation(file: "lab.yaml", line: 1, column: 1)

    private func modem(power: Bool = false, fixture: [String]? = nil, hasFixture: Bool = false, serial: Bool = true) -> NamedNode {
        var side = HardwareSide(location: place)
        if serial { side.ports = [.init(.serial, PortSource(.path("/dev/ttyUSB2"), location: place))] }
        if power { side.power = PowerSource(.authorized(device: "2-1"), location: place) }
        if hasFixture { side.fixture = FixtureSource(command: ["mux"], offers: fixture, location: place) }
        return NamedNode(name: "modem_1", kind: "rg500q", facts: ["serial_no": "QT_001"], hardware: side)
    }

    private func missing(_ nodes: [NamedNode], count: Int = 1, sides: [(word: String, side: WorldKind)] = [], world: WorldKind = .hw, _ action: Step.Action) -> String? {
        var plan = plan(loop("turn", ["1"], action))
        plan.world = world
        plan.roles = [
            Role(name: "modem", kind: "rg500q", count: count, location: place), Role(name: "cloud", kind: "cloud", location: place),
        ]
        return BenchNeeds.missing(for: plan, nodes: nodes, BenchSettings(sides: sides))
    }

    @Test("what the driver does, tells and is asked is there with a serial port alone")
    func driver() {
        #expect(missing([modem()], act("modem.start")) == nil)
        #expect(missing([modem()], expect("modem.at.sent")) == nil)
        #expect(missing([modem()], fault("modem.link.loss")) == nil)
        #expect(missing([modem()], act("modem.power_on")) == nil)
        #expect(missing([modem(serial: false)], act("modem.start")) == "needs the serial port of modem_1: its hw in lab.yaml names none")
    }

    @Test("power makes cuts possible, nothing else does without a fixture")
    func power() {
        #expect(missing([modem()], fault("modem.power.cut")) == "needs modem.power.cut (no driver, power or fixture of modem_1 offers it)")
        #expect(missing([modem(power: true)], fault("modem.power.cut")) == nil)
        #expect(missing([modem(power: true)], act("modem.power_off")) == nil)
    }

    @Test("a fixture offers what lab.yaml names, or all")
    func fixtures() {
        let remove = act("modem.sim.remove")
        #expect(missing([modem()], remove) == "needs modem.sim.remove (no driver, power or fixture of modem_1 offers it)")
        #expect(missing([modem(fixture: ["sim.insert"], hasFixture: true)], remove) != nil)
        #expect(missing([modem(fixture: ["sim.remove"], hasFixture: true)], remove) == nil)
        #expect(missing([modem(hasFixture: true)], remove) == nil)
        #expect(missing([modem()], expect("modem.module.booted")) == "needs to see modem.module.booted (no driver or fixture of modem_1 tells it)")
        #expect(missing([modem(hasFixture: true)], expect("modem.module.booted")) == nil)
    }

    @Test("without a real device the case is skipped, unless an emulated one is allowed by role or by kind")
    func standIns() {
        let start = act("modem.start")
        let reason = "needs a real rg500q for 'modem': lab.yaml has no rg500q with hw (--node modem=emu makes an emulated one)"
        #expect(missing([], start) == reason)
        #expect(missing([NamedNode(name: "modem_1", kind: "rg500q")], start) == reason)
        #expect(missing([], sides: [("modem", .emu)], start) == nil)
        #expect(missing([], sides: [("rg500q", .emu)], start) == nil)
        #expect(missing([], world: .emu, start) == nil)
        #expect(missing([], sides: [("rg500q", .hw)], world: .emu, start) == reason)
        #expect(missing([modem()], count: 20, start) == "needs 20 real devices for 'modem'; a bench has one for a role (--node modem=emu makes emulated ones)")
    }

    @Test("a node fills a role by any condition on its facts, a list of values too")
    func facts() {
        var node = modem()
        node.facts["firmware"] = "R11"
        func reason(_ names: [Template]) -> String? {
            var plan = plan(act("modem.start"))
            plan.world = .hw
            var role = Role(name: "modem", kind: "rg500q", location: place)
            role.facts = Match([Match.Condition(field: "firmware", test: .operators([Match.Operation(.in, .list(names))]))])
            plan.roles = [role]
            return BenchNeeds.missing(for: plan, nodes: [node], BenchSettings())
        }
        #expect(reason([.constant("R11"), .constant("R13")]) == nil)
        #expect(reason([.constant("R13")])?.hasPrefix("needs a real rg500q for 'modem' with firmware") ?? false)
    }

    @Test("where no node fits, the nearest is named with what keeps it; one that fits and is taken, with who has it")
    func nearest() {
        func pile(_ name: String, _ facts: Fields, _ abilities: [String] = []) -> NamedNode {
            NamedNode(name: name, kind: "pile", facts: facts, abilities: abilities, hardware: HardwareSide(location: place))
        }
        func reason(_ nodes: [NamedNode], _ names: [String] = ["pile"]) -> String? {
            var plan = plan(loop("turn", ["1"], act("pile.power_on")))
            plan.world = .hw
            plan.roles = names.map { name in
                var role = Role(name: name, kind: "pile", location: place)
                role.facts = Match([.init(field: "ports", test: .equals(.constant(2))), .init(field: "pile", test: .equals(.constant("04000101")))])
                role.abilities = ["power"]
                return role
            }
            return BenchNeeds.missing(for: plan, nodes: nodes, BenchSettings())
        }
        let far = pile("pile_1", ["ports": 4], ["plug"]), near = pile("pile_2", ["ports": 10, "pile": "04000101"], ["power", "plug"])
        #expect(reason([far, near])?.contains(": no node of lab.yaml with hw fits; the nearest is pile_2: ports = 10 (--node pile=emu") == true)
        #expect(reason([far])?.contains("the nearest is pile_1: ports = 4, no fact pile, cannot power (") == true)
        let fitting = pile("pile_3", ["ports": 2, "pile": "04000101"])
        #expect(reason([fitting], ["left", "right"])?.contains("needs a real pile for 'right'") == true)
        #expect(reason([fitting], ["left", "right"])?.contains("pile_3 of lab.yaml fits, and is taken by 'left' already (") == true)
    }

    @Test("a board with a meter on a line of its own needs a port for it, too; a host that tells its meter's word over its own line does not", arguments: [
        ("ee66", true, false, "needs the meter port of pile_1: its hw in lab.yaml names none"), ("ee66", true, true, nil), ("ee66", false, false, nil),
        ("dny", true, false, nil),
    ])
    func meter(wire: String, hasMeter: Bool, hasPort: Bool, reason: String?) {
        var side = HardwareSide(location: place)
        side.ports = [.init(.serial, PortSource(.path("/dev/ttyUSB4"), location: place))]
        if hasPort { side.ports.append(.init(.meter, PortSource(.path("/dev/ttyUSB5"), location: place))) }
        var facts: Fields = ["protocol": .text(wire), "line": "serial", "pile": "04ceaa40"]
        if hasMeter { facts["meter"] = "000000000645" }
        var plan = plan(loop("turn", ["1"], act("pile.power_on")))
        plan.world = .hw
        plan.roles = [Role(name: "pile", kind: "pile", location: place), Role(name: "cloud", kind: "cloud", location: place)]
        #expect(BenchNeeds.missing(for: plan, nodes: [NamedNode(name: "pile_1", kind: "pile", facts: facts, hardware: side)], BenchSettings()) == reason)
    }
}
