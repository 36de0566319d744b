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

    @Test("a broker that the lab did not start cannot be restarted; mosquitto can")
    func restarts() {
        #expect(missing(.emu, external, act("cloud.broker.restart")) == "needs a broker that the lab starts (cloud.broker.restart)")
        #expect(missing(.emu, .mosquitto, act("cloud.broker.restart")) == nil)
    }
}
