import Emulators
import LabCore
import Simulation

/// What a case does to a run, and when.
struct Injector: Sendable {
    struct DeviceFault: Sendable {
        var name: String
        var fields: Fields
    }

    enum Action {
        case losePower
        case brownOut(Duration)
        case fault(DeviceFault)
    }

    private struct Waiting: Sendable {
        var note: String
        var left: Int
        var injection: TortureCase.Injection
    }

    private var waiting: [Waiting] = []
    private var cuts: [TortureCase.Cut] = []
    private var faults = HTTPFaultStack()
    private var lossy: (generator: SeededGenerator, rate: Double)?
    /// What a lossy network did, and after which note of the badge, which the run counts where it is asked to.
    private(set) var drawn: [(note: (name: String, nth: Int), fault: HTTPFault)] = []
    private var cutInput: Int?
    /// Faults that are in force while that version runs.
    private var companions: [(version: String, fault: DeviceFault)] = []
    /// Those that are in force now.
    private(set) var active: [DeviceFault] = []
    private var brownOut: (period: Duration, left: Int)?

    /// Takes the injections; what begins at once is given back.
    mutating func take(_ injections: [TortureCase.Injection], inputs: Int) -> [DeviceFault] {
        var immediate: [DeviceFault] = []
        for (index, injection) in injections.enumerated() {
            switch injection {
            case .cuts(let list):
                cuts = list
                if let first = nextCut() { immediate.append(first) }
            case .power(let note, let nth): waiting.append(Waiting(note: note, left: nth, injection: injection))
            case .brownOut(let note, _, _): waiting.append(Waiting(note: note, left: 1, injection: injection))
            case .powerAfter(let count): cutInput = inputs + count
            case .http(let fault): faults.apply(fault, id: index)
            case .lossy(let seed, let rate): lossy = (SeededGenerator(seed: seed, purpose: "lossy network"), rate)
            case .device(let name, let fields, nil): immediate.append(DeviceFault(name: name, fields: fields))
            case .device(_, _, let note?): waiting.append(Waiting(note: note, left: 1, injection: injection))
            case .whileRunning(let version, let name, let fields): companions.append((version, DeviceFault(name: name, fields: fields)))
            }
        }
        return immediate
    }

    mutating func cutIsDue(after inputs: Int) -> Bool {
        guard let cutInput, inputs >= cutInput else { return false }
        self.cutInput = nil
        return true
    }

    mutating func nextCut() -> DeviceFault? {
        guard !cuts.isEmpty else { return nil }
        let cut = cuts.removeFirst()
        return DeviceFault(
            name: "flash.cut",
            fields: [
                "part": .text(cut.part.rawValue), "at_operation": .integer(Int64(cut.operation)), "tear": .text(cut.tear.rawValue),
                "away": .duration(TortureRun.outage.nanoseconds),
            ])
    }

    mutating func nextBrownOut() -> Duration? {
        guard let (period, left) = brownOut, left > 0 else { return nil }
        brownOut = (period, left - 1)
        return period
    }

    mutating func actions(at note: String, _ fields: Fields) -> [Action] {
        var actions: [Action] = []
        if note == "boot.started", !companions.isEmpty {
            for companion in companions where companion.version == fields["firmware"]?.text {
                active.append(companion.fault)
                actions.append(.fault(companion.fault))
            }
        }
        for index in waiting.indices.reversed() where waiting[index].note == note {
            waiting[index].left -= 1
            guard waiting[index].left == 0 else { continue }
            switch waiting.remove(at: index).injection {
            case .power: actions.append(.losePower)
            case .brownOut(_, let period, let times):
                brownOut = (period, times - 1)
                actions.append(.brownOut(period))
            case .device(let name, let fields, _): actions.append(.fault(DeviceFault(name: name, fields: fields)))
            case .cuts, .powerAfter, .http, .lossy, .whileRunning: break
            }
        }
        return actions
    }

    /// The badge resets: what accompanies one life of it ends.
    mutating func endOfLife() -> [DeviceFault] {
        defer { active = [] }
        return active
    }

    mutating func disturbance(of call: HTTPCall, after note: (name: String, nth: Int)) -> HTTPDisturbance {
        guard let lossy else { return faults.disturbance(of: call) }
        var generator = lossy.generator
        var faults = faults
        if generator.chance(lossy.rate) {
            let kinds: [HTTPFault.Kind] = [.stall, .reset(afterBytes: 100), .loseAnswer, .delay(.seconds(2)), .trickle(bytesPerSecond: 50), .status(502, retryAfter: nil)]
            let fault = HTTPFault(kinds[Int(generator.integer(below: UInt64(kinds.count)))])
            faults.apply(fault, id: -1)
            drawn.append((note, fault))
        }
        self.lossy = (generator, lossy.rate)
        return faults.disturbance(of: call)
    }
}
