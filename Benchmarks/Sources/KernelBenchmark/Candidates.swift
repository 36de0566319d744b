import CProcess
import LabCore
import NIOCore
import NIOEmbedded
import Simulation

/// What one candidate did.
struct Outcome {
    var name: String
    var tally: Tally
    /// Processor time of the run without setting it up.
    var seconds: Double
    /// Heap bytes that were taken for the devices, all of them together.
    var bytes: Int
}

typealias Candidate = (Workload) -> (tally: Tally, bytes: Int, time: Duration)

func measure(_ name: String, _ workload: Workload, _ candidate: Candidate) -> Outcome {
    let result = candidate(workload)
    precondition(result.tally.events == workload.events, "\(name) handled \(result.tally.events) events")
    return Outcome(name: name, tally: result.tally, seconds: Double(result.time.nanoseconds) / 1e9, bytes: result.bytes)
}

func allocated() -> Int { Int(cprocess_allocated()) }

func cpuTime(_ body: () -> Void) -> Duration {
    let start = cprocess_cpu_time()
    body()
    return .nanoseconds(cprocess_cpu_time() - start)
}

// MARK: The kernel, as a world uses it

/// A device as a value behind a host, a link in memory to a cloud that answers.
enum KernelWorld {
    struct BenchDevice: Device {
        var chance: SeededGenerator
        var roundsLeft: Int

        mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
            switch input {
            case .poweredOn, .link(_, .bytes):
                if roundsLeft == 0 { return }
                roundsLeft -= 1
                effects.append(.startTimer(TimerName(rawValue: 1), after: .nanoseconds(chance.nanoseconds(in: Workload.waits))))
            case .timerFired: effects.append(.link(LinkName(rawValue: 0), .send(Workload.message)))
            default: break
            }
        }

        func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> { .success([:]) }
    }

    final class World {
        var tally = Tally()
        var answers: SeededGenerator
        var effects: [DeviceEffect] = []
        let kernel = Kernel()
        init(seed: UInt64) { answers = SeededGenerator(seed: seed) }
    }

    final class Host: KernelParticipant, LinkReceiver {
        let world: World
        let number: Int
        var device: BenchDevice
        var id: ParticipantID?
        var link: Link?

        init(_ world: World, _ number: Int, _ device: BenchDevice) {
            self.world = world
            self.number = number
            self.device = device
        }

        func timerFired(_ timer: TimerName) {
            world.tally.note(number, 1, at: world.kernel.now.nanoseconds)
            take(.timerFired(timer))
        }

        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
            guard case .bytes = input else { return take(.poweredOn) }
            world.tally.note(number, 3, at: world.kernel.now.nanoseconds)
            take(.link(LinkName(rawValue: 0), input))
        }

        func take(_ input: DeviceInput) {
            guard let id, let link else { return }
            var effects = world.effects
            world.effects = []
            device.handle(input, at: world.kernel.now, &effects)
            for effect in effects {
                switch effect {
                case .startTimer(let name, let interval): world.kernel.startTimer(name, of: id, after: interval)
                case .link(_, .send(let bytes)): link.send(bytes, from: .near)
                default: break
                }
            }
            effects.removeAll(keepingCapacity: true)
            world.effects = effects
        }
    }

    final class CloudEnd: LinkReceiver {
        let world: World
        let number: Int
        init(_ world: World, _ number: Int) {
            self.world = world
            self.number = number
        }

        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
            guard case .bytes(let bytes) = input else { return }
            world.tally.note(number, 2, at: world.kernel.now.nanoseconds)
            let delay = world.answers.nanoseconds(in: Workload.answers)
            world.kernel.schedule(after: .nanoseconds(delay)) { link.send(bytes, from: .far) }
        }
    }

    static func run(_ workload: Workload) -> (tally: Tally, bytes: Int, time: Duration) {
        let world = World(seed: workload.seed)
        let profile = SharedProfile(LinkProfile())
        var hosts: [Host] = []
        var ends: [CloudEnd] = []
        for number in 0..<workload.devices {
            let chance = SeededGenerator(seed: workload.seed, purpose: "device \(number)")
            hosts.append(Host(world, number, BenchDevice(chance: chance, roundsLeft: workload.rounds)))
            ends.append(CloudEnd(world, number))
        }
        // The hosts and the cloud's ends are the world's. What comes now is the kernel's: participants, links, timers.
        let before = allocated()
        for (host, end) in zip(hosts, ends) {
            host.id = world.kernel.add(host)
            let link = Link(on: world.kernel, name: "device", up: profile, down: profile, seed: UInt64(host.number))
            (link.near, link.far, host.link) = (host, end, link)
            link.open(from: .near)
        }
        world.kernel.run(until: .start)
        let bytes = allocated() - before
        let time = cpuTime { world.kernel.runToIdle() }
        return (world.tally, bytes, time)
    }
}

// MARK: The kernel alone

/// Timers and inputs of participants, without links and without devices.
enum BareKernel {
    final class Participant: KernelParticipant {
        let world: KernelWorld.World
        let number: Int
        var chance: SeededGenerator
        var roundsLeft: Int
        var id: ParticipantID?

        init(_ world: KernelWorld.World, _ number: Int, _ workload: Workload) {
            self.world = world
            self.number = number
            chance = SeededGenerator(seed: workload.seed, purpose: "device \(number)")
            roundsLeft = workload.rounds
        }

        func begin() {
            guard roundsLeft > 0, let id else { return }
            roundsLeft -= 1
            world.kernel.startTimer(TimerName(rawValue: 1), of: id, after: .nanoseconds(chance.nanoseconds(in: Workload.waits)))
        }

        func timerFired(_ timer: TimerName) {
            world.tally.note(number, 1, at: world.kernel.now.nanoseconds)
            guard let id else { return }
            world.kernel.deliver(.link(LinkName(rawValue: 1), .bytes(Workload.message)), to: id, at: world.kernel.now)
        }

        func receive(_ input: DeviceInput) {
            guard case .link(let name, _) = input, let id else { return }
            if name.rawValue == 0 {
                world.tally.note(number, 3, at: world.kernel.now.nanoseconds)
                return begin()
            }
            world.tally.note(number, 2, at: world.kernel.now.nanoseconds)
            let moment = world.kernel.now.advanced(byNanoseconds: world.answers.nanoseconds(in: Workload.answers))
            world.kernel.deliver(.link(LinkName(rawValue: 0), .bytes(Workload.message)), to: id, at: moment)
        }
    }

    static func run(_ workload: Workload) -> (tally: Tally, bytes: Int, time: Duration) {
        let world = KernelWorld.World(seed: workload.seed)
        let participants = (0..<workload.devices).map { Participant(world, $0, workload) }
        let before = allocated()
        for participant in participants {
            participant.id = world.kernel.add(participant)
            participant.begin()
        }
        let bytes = allocated() - before
        let time = cpuTime { world.kernel.runToIdle() }
        return (world.tally, bytes, time)
    }
}

// MARK: Peers

/// The least that can be done: one binary heap of plain structs and a switch. No participants, no links, no cancelling.
enum PlainHeap {
    struct Event {
        var deadline: Int64
        var sequence: Int
        var device: Int32
        var step: UInt8
        static func < (left: Event, right: Event) -> Bool {
            left.deadline != right.deadline ? left.deadline < right.deadline : left.sequence < right.sequence
        }
    }

    struct Queue {
        var events: [Event] = []
        var sequence = 0

        mutating func push(_ deadline: Int64, _ device: Int32, _ step: UInt8) {
            sequence += 1
            let event = Event(deadline: deadline, sequence: sequence, device: device, step: step)
            var hole = events.count
            events.append(event)
            while hole > 0, event < events[(hole - 1) / 2] {
                events[hole] = events[(hole - 1) / 2]
                hole = (hole - 1) / 2
            }
            events[hole] = event
        }

        mutating func pop() -> Event? {
            guard let first = events.first, let last = events.popLast() else { return nil }
            if events.isEmpty { return first }
            var hole = 0
            while hole * 2 + 1 < events.count {
                var child = hole * 2 + 1
                if child + 1 < events.count, events[child + 1] < events[child] { child += 1 }
                guard events[child] < last else { break }
                events[hole] = events[child]
                hole = child
            }
            events[hole] = last
            return first
        }
    }

    static func run(_ workload: Workload) -> (tally: Tally, bytes: Int, time: Duration) {
        var tally = Tally()
        var answers = SeededGenerator(seed: workload.seed)
        var devices = (0..<workload.devices).map {
            (chance: SeededGenerator(seed: workload.seed, purpose: "device \($0)"), roundsLeft: workload.rounds)
        }
        var queue = Queue()
        let before = allocated()
        func begin(_ device: Int32, at now: Int64) {
            guard devices[Int(device)].roundsLeft > 0 else { return }
            devices[Int(device)].roundsLeft -= 1
            queue.push(now + devices[Int(device)].chance.nanoseconds(in: Workload.waits), device, 1)
        }
        for device in 0..<Int32(workload.devices) { begin(device, at: 0) }
        let bytes = allocated() - before
        let time = cpuTime {
            while let event = queue.pop() {
                tally.note(Int(event.device), UInt64(event.step), at: event.deadline)
                switch event.step {
                case 1: queue.push(event.deadline, event.device, 2)
                case 2: queue.push(event.deadline + answers.nanoseconds(in: Workload.answers), event.device, 3)
                default: begin(event.device, at: event.deadline)
                }
            }
        }
        return (tally, bytes, time)
    }
}

/// The loop that swift-nio gives to tests: virtual time, closures.
enum EmbeddedLoop {
    final class Participant: @unchecked Sendable {
        let world: World
        let number: Int
        var chance: SeededGenerator
        var roundsLeft: Int

        init(_ world: World, _ number: Int, _ workload: Workload) {
            self.world = world
            self.number = number
            chance = SeededGenerator(seed: workload.seed, purpose: "device \(number)")
            roundsLeft = workload.rounds
        }

        func begin() {
            guard roundsLeft > 0 else { return }
            roundsLeft -= 1
            world.loop.scheduleTask(in: .nanoseconds(chance.nanoseconds(in: Workload.waits))) { self.fire() }
        }

        func fire() {
            world.note(self, 1)
            world.loop.scheduleTask(in: .nanoseconds(0)) {
                self.world.note(self, 2)
                let delay = self.world.answers.nanoseconds(in: Workload.answers)
                self.world.loop.scheduleTask(in: .nanoseconds(delay)) {
                    self.world.note(self, 3)
                    self.begin()
                }
            }
        }
    }

    /// `@unchecked Sendable`: everything happens on the thread that advances the embedded loop.
    final class World: @unchecked Sendable {
        let loop = EmbeddedEventLoop()
        var tally = Tally()
        var answers: SeededGenerator
        init(seed: UInt64) { answers = SeededGenerator(seed: seed) }
        func note(_ participant: Participant, _ step: UInt64) {
            tally.note(participant.number, step, at: Int64(loop.now.uptimeNanoseconds))
        }
    }

    static func run(_ workload: Workload) -> (tally: Tally, bytes: Int, time: Duration) {
        let world = World(seed: workload.seed)
        let participants = (0..<workload.devices).map { Participant(world, $0, workload) }
        let before = allocated()
        for participant in participants { participant.begin() }
        let bytes = allocated() - before
        let time = cpuTime { world.loop.advanceTime(by: .seconds(Int64(workload.rounds * 2))) }
        return (world.tally, bytes, time)
    }
}
