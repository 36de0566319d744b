import LabCore
import Simulation
import Testing

@testable import Runner

@Suite("A pseudo terminal passes bytes at once; the emulator paces them (swift-facts.md E)")
struct PacedStreamTests {
    @Test("9,600 baud 8N1 takes 10 bits for a byte: 96 bytes need 100 ms, both ways")
    func pace() {
        let kernel = Kernel()
        let line = ScriptedStream("pty", isOpen: true)
        let paced = PacedStream(line, kernel: kernel, baud: 9_600, seed: 1)
        var received: [UInt8] = []
        paced.onEvent = { if case .bytes(let bytes, _) = $0 { received += bytes } }
        paced.send([UInt8](repeating: 0x55, count: 96))
        line.brings([UInt8](repeating: 0xaa, count: 96))
        kernel.run(until: RunInstant(nanoseconds: 99_999_999))
        #expect(line.sent.count < 96 && received.count < 96)
        kernel.run(until: RunInstant(nanoseconds: 100_000_000))
        #expect(line.sent.count == 96 && received.count == 96)
    }

    @Test("what was on the line when the port vanished does not come out of it when it is back")
    func vanished() {
        let kernel = Kernel()
        let line = ScriptedStream("pty", isOpen: true)
        let paced = PacedStream(line, kernel: kernel, baud: 300, seed: 1)
        paced.send(Array("late".utf8))
        paced.close()
        line.becomesOpen()
        kernel.run(until: RunInstant(nanoseconds: 10_000_000_000))
        #expect(line.sentText == "")
    }
}
