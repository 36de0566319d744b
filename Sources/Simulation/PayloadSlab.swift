import LabCore

/// What an entry of the queue carries where a timer's name is not enough.
enum Payload {
    case action(() -> Void)
    case input(ParticipantID, DeviceInput)
    case delivery(PendingDelivery)
    case job(UnownedJob)
    case waiter(WaitingTask)
}

/// A task that waits. Behind a reference because the layout of a continuation is known at run time only,
/// which would slow down every payload.
final class WaitingTask {
    var continuation: CheckedContinuation<Bool, any Error>?
}

/// Payloads in numbered slots that are used again, so that an entry needs 8 bytes to name one.
struct PayloadSlab {
    private struct Slot {
        var payload: Payload?
        /// Counts how often the slot was freed; an entry that knows another number is stale.
        var generation: UInt32
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    var count: Int { slots.count - free.count }

    mutating func insert(_ payload: Payload) -> ScheduledItem {
        if let slot = free.popLast() {
            slots[Int(slot)].payload = payload
            return ScheduledItem(slot: slot, generation: slots[Int(slot)].generation)
        }
        slots.append(Slot(payload: payload, generation: 0))
        return ScheduledItem(slot: UInt32(slots.count - 1), generation: 0)
    }

    func isLive(_ item: ScheduledItem) -> Bool {
        slots.indices.contains(Int(item.slot)) && slots[Int(item.slot)].generation == item.generation
    }

    /// The payloads that are there and satisfy the condition.
    func items(where isWanted: (Payload) -> Bool) -> [ScheduledItem] {
        slots.indices.compactMap { index in
            guard let payload = slots[index].payload, isWanted(payload) else { return nil }
            return ScheduledItem(slot: UInt32(index), generation: slots[index].generation)
        }
    }

    /// Takes the payload out and frees the slot; `nil` if that has happened before.
    mutating func take(_ item: ScheduledItem) -> Payload? {
        let index = Int(item.slot)
        guard isLive(item) else { return nil }
        let payload = slots[index].payload.take()
        slots[index].generation &+= 1
        free.append(item.slot)
        return payload
    }

    /// Changes the payload in its place; does nothing if it is gone.
    mutating func update(_ item: ScheduledItem, _ change: (inout Payload) -> Void) {
        let index = Int(item.slot)
        guard isLive(item), var payload = slots[index].payload.take() else { return }
        change(&payload)
        slots[index].payload = payload
    }
}

/// Names something that was scheduled, so that it can be cancelled.
package struct ScheduledItem: Sendable, Hashable {
    let slot: UInt32
    let generation: UInt32
}
