import LabCore

/// One item of a load on its way: which places it has passed, and when.
///
/// Whoever carries out the item finds it in the task's local values; where the way leaves the task, `LoadTracer` finds it again.
/// `@unchecked Sendable`: touched by the kernel's thread only.
final class ItemTrace: @unchecked Sendable {
    /// The item that this task works for.
    @TaskLocal static var current: ItemTrace?

    let load: LoadRun.Number
    private(set) var item: LoadItem
    /// Its answer comes otherwise than by the end of the action that began it: an acknowledgement, a commit.
    private(set) var isAwaited = false
    private(set) var isOver = false
    /// Why it was refused on its way, where the sender is not told.
    private var refusal: String?
    private let onEnd: (ItemTrace) -> Void
    private let onRepeat: (ItemTrace) -> Void

    /// - Parameters:
    ///   - onEnd: called once, when it is answered or given up.
    ///   - onRepeat: called for each time that the far end has it once more.
    init(load: LoadRun.Number, item: LoadItem, onEnd: @escaping (ItemTrace) -> Void, onRepeat: @escaping (ItemTrace) -> Void) {
        self.load = load
        self.item = item
        self.onEnd = onEnd
        self.onRepeat = onRepeat
    }

    /// The far end has it once more.
    func repeats() { onRepeat(self) }

    /// The first time counts: what is repeated on the way is not the item's progress.
    func pass(_ place: LoadPlace, at moment: RunInstant) {
        guard !isOver, item[place] == nil else { return }
        item[place] = moment
    }

    /// From now on the end of the action that began it is not its answer.
    func expectAnswer() { isAwaited = true }

    func arrived(outOfOrder: Bool) {
        guard !isOver else { return }
        item.hasArrived = true
        if outOfOrder { item.isOutOfOrder = true }
    }
    func refuse(_ reason: String) { refusal = reason }
    func label(_ name: String, _ value: String) {
        guard !isOver, !item.labels.contains(where: { $0.name == name }) else { return }
        item.labels.append(Requirement.Label(name: name, value: value))
    }

    /// It is answered now.
    func end(_ outcome: LoadItem.Outcome, at moment: RunInstant) {
        guard !isOver else { return }
        if outcome == .good || outcome == .refused { pass(.seen, at: moment) }
        item.outcome = outcome == .good && refusal != nil ? .refused : outcome
        if let refusal { label("reason", refusal) }
        isOver = true
        onEnd(self)
    }
}
