import LabCore
import Simulation
import Testing

@Suite("The event log (architecture §7)")
struct EventRecorderTests {
    let kernel = Kernel()

    @Test("events have numbers without gaps, the moment, and the cause")
    func stamps() {
        let recorder = EventRecorder(on: kernel)
        kernel.schedule(at: at(1)) { [kernel] in
            kernel.currentCause = recorder.append("badge", "boot.started", ["firmware": "2.3.0"])
            kernel.schedule(at: at(2)) { recorder.append("cloud", "device.registered") }
        }
        kernel.schedule(at: at(3)) { recorder.append("lab", "run.ended", cause: 2) }
        kernel.runToIdle()
        #expect(
            Array(recorder.events) == [
                RunEvent(sequence: 1, at: at(1), node: "badge", name: "boot.started", fields: ["firmware": "2.3.0"]),
                RunEvent(sequence: 2, at: at(2), node: "cloud", name: "device.registered", cause: 1),
                RunEvent(sequence: 3, at: at(3), node: "lab", name: "run.ended", cause: 2),
            ])
        #expect(recorder.count == 3)
    }

    @Test("what the policy leaves out gets no number, no fields and no sink, and is counted")
    func policy() {
        let recorder = EventRecorder(on: kernel) { node, name in node != "badges#17" || name == "boot.done" }
        var fieldsMade = 0
        func fields() -> Fields {
            fieldsMade += 1
            return ["n": 1]
        }
        var seen: [String] = []
        recorder.addSink { seen.append($0.name) }
        #expect(recorder.append("badges#17", "heartbeat", fields()) == nil)
        #expect(recorder.append("badges#17", "boot.done", fields()) == 1)
        #expect(recorder.append("badges#1", "heartbeat", fields()) == 2)
        #expect(seen == ["boot.done", "heartbeat"])
        #expect(recorder.leftOut == 1)
        #expect(fieldsMade == 2)
    }

    @Test("every sink sees every event in order, even if a sink records more")
    func sinks() {
        let recorder = EventRecorder(on: kernel)
        var log: [String] = []
        recorder.addSink { event in
            log.append("fault sees \(event.sequence)")
            if event.name == "boot" { recorder.append("badge", "power.cut", cause: event.sequence) }
        }
        recorder.addSink { log.append("watcher sees \($0.sequence)") }
        recorder.append("badge", "boot")
        #expect(log == ["fault sees 1", "watcher sees 1", "fault sees 2", "watcher sees 2"])
        #expect(recorder.events.last?.cause == 1)
    }

    @Test("a sink can be removed, also while events are shown")
    func removal() {
        let recorder = EventRecorder(on: kernel)
        var log: [String] = []
        var second: EventRecorder.SinkID?
        let first = recorder.addSink { event in
            log.append("a\(event.sequence)")
            if let second { recorder.removeSink(second) }
        }
        second = recorder.addSink { log.append("b\($0.sequence)") }
        recorder.append("n", "e")
        recorder.removeSink(first)
        recorder.append("n", "e")
        #expect(log == ["a1"])
    }

    @Test("keeps as many events as it is told", arguments: [0, 1, 3, 10])
    func keeping(limit: Int) {
        let recorder = EventRecorder(on: kernel, keeping: .last(limit))
        for _ in 0..<100 { recorder.append("n", "e") }
        #expect(recorder.events.map(\.sequence) == Array(101 - limit..<101))
        #expect(recorder.count == 100)
    }
}
