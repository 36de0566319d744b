import LabCore
import Runner
import Testing

@Suite("What a world lacks is found before anything runs: skipped, with what is needed")
struct WorldNeedsTests {
    private func missing(_ world: WorldKind, _ broker: BrokerChoice, _ action: Step.Action) -> String? {
        var plan = plan(loop("turn", ["1"], action))
        plan.world = world
        plan.roles = [Role(name: "cloud", kind: "cloud", location: SourceLocation(file: "a.yaml", line: 1, column: 1))]
        return WorldNeeds.missing(for: plan, RealSettings(broker: broker))
    }

    private let external = BrokerChoice.external(ExternalBroker(host: "broker.example", port: 1883))

    @Test("packet faults need the embedded broker, also where they stand inside a loop")
    func packetFaults() {
        let drop = fault("cloud.broker.packet.drop")
        #expect(missing(.emu, .mosquitto, drop) == "needs the embedded broker (cloud.broker.packet.drop)")
        #expect(missing(.emu, external, drop) == "needs the embedded broker (cloud.broker.packet.drop)")
        #expect(missing(.emu, .embedded, drop) == nil)
        #expect(missing(.sim, .mosquitto, drop) == nil)
    }

    @Test("what only the broker itself can tell needs it too; what passes the gateway does not")
    func events() {
        #expect(missing(.emu, .mosquitto, expect("cloud.broker.dropped")) == "needs the embedded broker (cloud.broker.dropped)")
        #expect(missing(.emu, .mosquitto, expect("cloud.broker.accepted")) == nil)
    }

    @Test("a twin is switched on and off and driven; what only a model could do or tell skips the case, in every world", arguments: [WorldKind.sim, .emu])
    func twins(world: WorldKind) {
        let place = SourceLocation(file: "lab.yaml", line: 1, column: 1)
        func missing(_ action: Step.Action) -> String? {
            var plan = plan(loop("turn", ["1"], action))
            plan.world = world
            plan.roles = [Role(name: "modem", kind: "rg500q", location: place)]
            let twin = EmulatedSide(script: PlanFile(path: "twin.jsonl", bytes: []), location: place)
            return WorldNeeds.missing(for: plan, nodes: [NamedNode(name: "modem_1", kind: "rg500q", emulated: twin)], RealSettings())
        }
        for action in [act("modem.power_on"), act("modem.start"), fault("modem.power.cut"), fault("modem.link.loss"), expect("modem.sim.ready"), expect("modem.twin.unknown")] {
            #expect(missing(action) == nil)
        }
        #expect(missing(act("modem.network")) == "needs modem.network (modem_1 is a twin: it answers as its recording does)")
        #expect(missing(fault("modem.hang")) == "needs modem.hang (modem_1 is a twin: it answers as its recording does)")
        #expect(missing(expect("modem.module.booted")) == "needs to see modem.module.booted (modem_1 is a twin, and tells what its port and its driver show)")
    }

    @Test("a broker that the lab did not start cannot be restarted; mosquitto can")
    func restarts() {
        #expect(missing(.emu, external, act("cloud.broker.restart")) == "needs a broker that the lab starts (cloud.broker.restart)")
        #expect(missing(.emu, .mosquitto, act("cloud.broker.restart")) == nil)
    }
}
