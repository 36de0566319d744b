import LabCore

/// Names a participant within its kernel.
package struct ParticipantID: Sendable, Hashable {
    let index: UInt32
    /// Tells it from earlier participants with the same index.
    let generation: UInt32
}

/// The timers of all participants: one record of 48 bytes for each timer that was ever started.
///
/// A timer has at most one live entry in the heap. Starting it anew for a later moment only changes the record:
/// the entry, when it comes up, moves to where the record says. So a watchdog that is pushed back with every
/// message leaves nothing behind in the heap. The order is the same as if every start had made its own entry.
struct TimerTable {
    struct Record {
        /// When it fires; `idle` if it does not run.
        var deadline: Int64
        /// The sequence number of the last start: its place among equal deadlines.
        var sequence: UInt64
        /// The deadline of its entry in the heap; `idle` if it has none.
        var queued: Int64
        /// Generation of that entry.
        var generation: UInt32
        var cause: UInt32
        var participant: UInt32
        /// The participant's next timer.
        var next: UInt32
        var name: TimerName
    }

    static let idle = Int64.max
    static let none = UInt32.max

    private(set) var records: [Record] = []
    private var free: UInt32 = none

    func find(_ name: TimerName, from head: UInt32) -> UInt32? {
        var index = head
        while index != Self.none {
            if records[Int(index)].name == name { return index }
            index = records[Int(index)].next
        }
        return nil
    }

    /// A record for a new timer, before `head` in its participant's list.
    mutating func make(_ name: TimerName, of participant: UInt32, before head: UInt32) -> UInt32 {
        let index = free
        if index != Self.none {
            free = records[Int(index)].next
            records[Int(index)].name = name
            records[Int(index)].participant = participant
            records[Int(index)].next = head
            return index
        }
        records.append(
            Record(
                deadline: Self.idle, sequence: 0, queued: Self.idle, generation: 0, cause: 0, participant: participant, next: head,
                name: name))
        return UInt32(records.count - 1)
    }

    subscript(index: UInt32) -> Record {
        get { records[Int(index)] }
        set { records[Int(index)] = newValue }
    }

    /// Gives up the record of a participant that goes; an entry that is still queued becomes stale.
    ///
    /// - Returns: whether there is such an entry.
    mutating func release(_ index: UInt32) -> Bool {
        let wasQueued = records[Int(index)].queued != Self.idle
        records[Int(index)].deadline = Self.idle
        records[Int(index)].queued = Self.idle
        records[Int(index)].generation &+= 1
        records[Int(index)].next = free
        free = index
        return wasQueued
    }
}
