import LabCore
import Testing
import Transports

@Suite("What a port is taken by besides itself", .ownThread, .timeLimit(.minutes(2)))
struct PortClaimTests {
    private let bench: PortBench
    init() throws { bench = try PortBench() }

    private final class Claim: PortClaim {
        var refusal: StreamFailure?
        private(set) var steps: [String] = []

        func take() throws(StreamFailure) {
            steps.append("take")
            if let refusal { throw refusal }
        }

        func giveBack() { steps.append("give back") }
        var user: String? { "picocom (pid 4242)" }
    }

    private func port(_ claim: Claim) -> StreamLog { StreamLog(SerialPort(path: bench.path("modem.at"), on: bench.reactor, claim: claim), on: bench.reactor) }

    @Test("it is taken before the port opens, and given back when the port is closed or goes away")
    func whole() throws {
        let terminal = bench.terminal()
        #expect(terminal.open() == .opened)
        let claim = Claim()
        let port = port(claim)
        #expect(port.open() == .opened)
        port.stream.close()
        #expect(claim.steps == ["take", "give back"])
        #expect(port.open() == .opened)
        terminal.stream.close()
        #expect(port.isTold(.vanished))
        #expect(claim.steps == ["take", "give back", "take", "give back"])
    }

    @Test("a port that does not open gives it back; one that is not to be had is not opened")
    func refused() throws {
        let claim = Claim()
        let absent = port(claim)
        #expect(absent.open()?.failure?.reason == .notFound)
        #expect(claim.steps == ["take", "give back"])
        claim.refusal = StreamFailure(.busy, "port", "minicom (pid 1) uses it")
        #expect(absent.open()?.failure?.detail == "minicom (pid 1) uses it")
        #expect(claim.steps == ["take", "give back", "take"])
    }

    @Test("a port that somebody has open names them")
    func busy() throws {
        let (terminal, first) = try bench.pair()
        #expect(port(Claim()).open()?.failure?.detail == "picocom (pid 4242) has it open")
        first.stream.close()
        terminal.stream.close()
    }
}
