import DequeModule
import LabCore
import LoadGenerator

/// Carries out one load or probe on the kernel: items begin when the plan says, whatever became of those before them.
///
/// `@unchecked Sendable`: touched by the kernel's thread only.
final class LoadRun: LoadWork, @unchecked Sendable {
    /// Tells the loads of a run apart.
    typealias Number = Int

    /// What a load needs of the run that it belongs to.
    struct Setting {
        var world: any World
        var number: Number
        /// Names that the arguments use; `k` is added for each item.
        var scope: Scope
        /// Devices behind the target's role; 0 for a role that is none of devices.
        var members: Int
        var plan: ArrivalPlan
        var start: (@escaping @Sendable () async -> Void) -> Task<Void, Never>
    }

    let id: String
    private let load: Step.Load
    private let setting: Setting
    /// Of each kind of item.
    private let routes: [String?]
    private let origin: RunInstant
    private var log: LoadLog
    private var meter = HarnessMeter()
    private let watch: MachineWatch?
    /// Items under way, in the order of their plan, for their timeouts. Those that ended meanwhile are skipped.
    private var open: Deque<ItemTrace> = []
    private var underWay = 0
    private var planned = 0
    private var isPlanOver = false
    /// Nothing is planned from here on.
    private var stopped: RunInstant?
    private var isStopped: Bool { stopped != nil }
    private var isWatching = false
    private var pacing: Task<Void, Never>?
    private var ended: CheckedContinuation<Void, Never>?
    private var isEnded: Bool { isPlanOver && underWay == 0 }

    private var world: any World { setting.world }
    var standing: String { log.standing }

    init(_ load: Step.Load, id: String, setting: Setting, step: String) {
        self.id = id
        self.load = load
        self.setting = setting
        routes = (load.variants.isEmpty ? [load.arguments] : load.variants).map(\.route)
        origin = setting.world.now
        watch = setting.world.isModelled ? nil : MachineWatch(processes: [])
        log = LoadLog(load: id, plan: setting.plan, origin: origin, warmup: load.warmup, world: setting.world)
        log.began(load, step: step, end: origin.advanced(by: setting.plan.duration))
    }

    /// Begins it; items come from now on.
    func begin() {
        watch?.start()
        pacing = setting.start { [self] in await pace() }
    }

    /// Waits until the last item is answered, or has been given up.
    func finish() async {
        if !isEnded { await withCheckedContinuation { ended = $0 } }
        world.forget(load: setting.number)
        log.end(at: stopped, harness: watch.map { meter.report($0.stop()) })
    }

    func measureFloor() {}

    /// No further item begins; those under way are still waited for.
    func stop() {
        stopped = stopped ?? world.now
        pacing?.cancel()
    }

    /// Nobody waits any longer: what is under way has no answer.
    func abandon() {
        stop()
        giveUp { _ in true }
        isPlanOver = true
        wakeIfEnded()
    }

    // MARK: The plan

    private func pace() async {
        var instants = setting.plan.instants
        while !isStopped, let next = instants.next() {
            let moment = origin.advanced(byNanoseconds: next)
            if moment > world.now {
                do { try await world.sleep(until: moment) } catch { break }
                if isStopped { break }
            }
            launch(at: moment)
        }
        isPlanOver = true
        wakeIfEnded()
    }

    private func launch(at moment: RunInstant) {
        let index = planned
        planned += 1
        underWay += 1
        var item = LoadItem(index: index, planned: moment)
        if setting.members > 1 { item.member = index % setting.members + 1 }
        if let route = routes[index % routes.count] { item.labels = [Requirement.Label(name: "route", value: route)] }
        item[.made] = world.instant
        meter.took(lag: world.instant.nanoseconds - moment.nanoseconds)
        let trace = ItemTrace(
            load: setting.number, item: item, onEnd: { [unowned self] in over($0) },
            onRepeat: { [unowned self] in log.repeated($0.item) })
        open.append(trace)
        watchTimeouts()
        _ = setting.start { [self] in await carryOut(trace) }
    }

    private func carryOut(_ trace: ItemTrace) async {
        var scope = setting.scope
        scope.values["k"] = .integer(Int64(trace.item.index))
        var arguments: Fields
        do { arguments = try load.arguments(of: trace.item.index).resolved(in: scope).record ?? [:] } catch {
            // A name without a value. Which one is not said: a label groups items, and a text for each item would be a group for each.
            trace.label("reason", "no_value")
            return trace.end(.refused, at: world.instant)
        }
        if setting.members > 0, arguments["member"] == nil { arguments["member"] = .integer(Int64(trace.item.index % setting.members + 1)) }
        let result = await ItemTrace.$current.withValue(trace) { await world.perform(load.target, arguments) }
        judge(result, of: trace)
    }

    private func judge(_ result: Result<Fields, ActionFailure>, of trace: ItemTrace) {
        switch result {
        case .success(let answer):
            if let status = answer["status"]?.integer { trace.label("status", String(status)) }
            let isGood = load.good.map { $0.holds(for: answer.asWritten) } ?? (answer["status"]?.integer ?? 200 < 400)
            if !isGood, trace.isAwaited { trace.refuse("not_good") }
            guard !trace.isAwaited || !isGood else { return }
            if isGood { trace.arrived(outOfOrder: false) }
            trace.end(isGood ? .good : .refused, at: world.instant)
        case .failure(let failure):
            trace.label("reason", failure.reason)
            let isExpected = load.good.map { $0.holds(for: failure.asFields.asWritten) } ?? false
            trace.end(isExpected ? .good : Self.silences.contains(failure.reason) ? .unanswered : .refused, at: world.instant)
        }
    }

    /// Failures that are no answer.
    private static let silences: Set<String> = ["no_answer", "interrupted", "timed_out", "unreachable", "cloud_down"]

    private func over(_ trace: ItemTrace) {
        underWay -= 1
        log.append(trace.item)
        wakeIfEnded()
    }

    private func wakeIfEnded() {
        guard isEnded else { return }
        ended?.resume()
        ended = nil
    }

    // MARK: Timeouts

    /// One timer at a time: items are planned in order, so the first one that is open runs out first.
    private func watchTimeouts() {
        guard !isWatching else { return }
        while let first = open.first, first.isOver { open.removeFirst() }
        guard let first = open.first else { return }
        isWatching = true
        world.after(first.item.planned.advanced(by: load.timeout)) { [weak self] in
            guard let self else { return }
            isWatching = false
            let now = world.now
            giveUp { now.nanoseconds - $0.planned.nanoseconds >= self.load.timeout.nanoseconds }
            watchTimeouts()
        }
    }

    private func giveUp(_ isDue: (LoadItem) -> Bool) {
        while let first = open.first {
            guard first.isOver || isDue(first.item) else { return }
            open.removeFirst()
            if first.isOver { continue }
            first.label("reason", "timeout")
            first.end(.unanswered, at: world.instant)
        }
    }
}

extension Template {
    /// What `route` of an item is: the path of a request without its query, with `{}` for what is filled in; `nil` for what is none.
    var route: String? {
        guard case .record(let members) = self, let path = members.first(where: { $0.name == "path" })?.value else { return nil }
        let text: String
        switch path {
        case .constant(let value): text = value.text ?? "\(value)"
        case .text(let segments): text = segments.map { if case .literal(let literal) = $0 { literal } else { "{}" } }.joined()
        default: return "{}"
        }
        return String(text.prefix { $0 != "?" && $0 != " " })
    }
}
