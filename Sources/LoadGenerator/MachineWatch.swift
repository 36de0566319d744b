import Foundation
import Glibc
import Synchronization

/// Watches what else the machine does while a load runs: the neighbours' share of its processors, and steps of its wall clock.
///
/// Neighbours are whatever is neither this process nor one of those named: `user`, `nice`, `system` and `steal` of /proc/stat minus
/// theirs. Interrupts are left out, since those of loopback sockets are the load's own (proc(5)).
package final class MachineWatch: Sendable {
    package struct Figures: Sendable, Equatable {
        /// Share of the machine, 0 to 1, over the whole time.
        package var foreign: Double
        /// The largest share over half a second or more.
        package var foreignPeak: Double
        package var clockSteps: Int
        /// The largest, ns.
        package var largestStep: Int64
        /// Processor time of the named processes, ns.
        package var named: Int64
        /// Of this process.
        package var own: Int64
        package var duration: Int64
        package init(
            foreign: Double = 0, foreignPeak: Double = 0, clockSteps: Int = 0, largestStep: Int64 = 0, named: Int64 = 0, own: Int64 = 0,
            duration: Int64 = 0
        ) {
            self.foreign = foreign
            self.foreignPeak = foreignPeak
            self.clockSteps = clockSteps
            self.largestStep = largestStep
            self.named = named
            self.own = own
            self.duration = duration
        }
    }

    struct Sample: Sendable, Equatable {
        /// All ns.
        var monotonic: Int64
        var wall: Int64
        var busy: Int64
        var own: Int64
        var named: Int64
    }

    struct Record: Sendable {
        var first: Sample
        var last: Sample
        /// Where the span for the peak began.
        var spanStart: Sample
        var figures = Figures()
        let processors: Int

        init(_ first: Sample, processors: Int) {
            (self.first, last, spanStart) = (first, first, first)
            self.processors = processors
        }

        /// Two clocks are not read in one instant, and the wall clock is slewed by up to 500 ppm.
        private static let smallestStep: Int64 = 1_000_000
        /// Ticks of /proc/stat are 10 ms, so that shorter spans would say nothing.
        private static let shortestSpan: Int64 = 500_000_000

        mutating func add(_ sample: Sample) {
            let passed = sample.monotonic - last.monotonic
            let step = (sample.wall - last.wall) - passed
            if step.magnitude > UInt64(Self.smallestStep + max(0, passed) / 2_000) {
                figures.clockSteps += 1
                if step.magnitude > figures.largestStep.magnitude { figures.largestStep = step }
            }
            last = sample
            if sample.monotonic - spanStart.monotonic >= Self.shortestSpan {
                figures.foreignPeak = max(figures.foreignPeak, share(from: spanStart, to: sample))
                spanStart = sample
            }
            figures.foreign = share(from: first, to: sample)
            figures.named = sample.named - first.named
            figures.own = sample.own - first.own
            figures.duration = sample.monotonic - first.monotonic
        }

        private func share(from start: Sample, to end: Sample) -> Double {
            let time = (end.monotonic - start.monotonic) * Int64(processors)
            let foreign = (end.busy - start.busy) - (end.own - start.own) - (end.named - start.named)
            return time <= 0 ? 0 : min(1, max(0, Double(foreign) / Double(time)))
        }
    }

    private let processes: [Int32]
    private let record: Mutex<Record>
    private let isOver = Mutex(false)

    /// Takes the first figures.
    ///
    /// - Parameter processes: of the system under test; their children are neighbours.
    package init(processes: [Int32] = []) {
        self.processes = processes
        record = Mutex(Record(Self.sample(processes), processors: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }

    deinit { isOver.withLock { $0 = true } }

    /// Looks four times a second, on a thread of its own, until `stop` or the last reference is gone.
    package func start() {
        let thread = Thread { [weak self] in
            // It watches the real machine, on a thread that no run's clock drives: only the system can wait here, and a run in virtual
            // time has no such watch. Not held between the looks, so that its last user can let go of it.
            while self?.lookUnlessOver() == true { usleep(250_000) }
        }
        thread.stackSize = 512 << 10
        thread.start()
    }

    private func lookUnlessOver() -> Bool {
        if isOver.withLock({ $0 }) { return false }
        look()
        return true
    }

    /// Takes figures now; a few ten microseconds.
    package func look() {
        let sample = Self.sample(processes)
        record.withLock { $0.add(sample) }
    }

    /// The figures since it was made, up to now.
    package func stop() -> Figures {
        isOver.withLock { $0 = true }
        look()
        return figures
    }

    package var figures: Figures { record.withLock { $0.figures } }

    private static func sample(_ processes: [Int32]) -> Sample {
        Sample(
            monotonic: MachineClock.monotonic, wall: MachineClock.wall, busy: busy(fileText("/proc/stat")) ?? 0,
            own: MachineClock.processCPU,
            named: processes.reduce(0) { $0 + (MachineClock.processCPU(of: $1) ?? 0) })
    }

    private static let tick = Int64(1_000_000_000 / max(1, sysconf(Int32(_SC_CLK_TCK))))

    /// Busy time of all processors, ns, from the first line: `cpu  user nice system idle iowait irq softirq steal …`.
    static func busy(_ text: String) -> Int64? {
        guard let line = text.split(separator: "\n", maxSplits: 1).first, line.hasPrefix("cpu ") else { return nil }
        let numbers = line.split(separator: " ").dropFirst().map { Int64($0) ?? 0 }
        guard numbers.count >= 4 else { return nil }
        return (numbers[0] + numbers[1] + numbers[2] + (numbers.count > 7 ? numbers[7] : 0)) * tick
    }

    private static func fileText(_ path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }
}
