package import LabCore

/// The pile's end of its line: sends and receives whole frames, notes them, and applies the faults of frames to them.
package struct PileLine: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The pile opens a connection to the cloud's gateway.
        case tcp
        /// The pile's board at a serial port, which the module's side opens.
        case serial
        /// A slave of an RS-485 bus: it sends when it is polled.
        case bus
    }

    package let kind: Kind
    package let link: LinkName
    package internal(set) var isOpen = false
    /// Frames of a slave that wait for a poll, the oldest first.
    package internal(set) var outbox: [PileFrame] = []
    /// Whether whole frames are told of. Who drives thousands of piles and reads none of their frames saves half of what a frame costs.
    package var recordsFrames = true
    /// A slave's place on its bus, for events; `nil` for a pile by itself.
    let unit: Int?
    var faults: [FrameFault] = []
    /// Frames that a fault holds back.
    var held: [Held] = []
    /// What is to be performed; lent by the device while it handles an input.
    var effects: [DeviceEffect] = []
    /// The moment of the last frame or other bytes in either direction.
    package internal(set) var lastTraffic = RunInstant.start
    /// The firmware restarts itself after this input: the reason, and how long it takes.
    package var restart: Restart?
    /// The firmware, or its module, closes the connection after this input and opens a new one.
    package var wantsClose = false
    /// A held frame is being let through: faults do not see it again.
    private var isReleasing = false

    /// A slave that nobody polls keeps this many frames. Source: chosen.
    static let longestOutbox = 64

    package struct Restart: Sendable, Equatable {
        package var cause: String
        package var time: Duration
        package init(_ cause: String, after time: Duration) {
            self.cause = cause
            self.time = time
        }
    }

    struct Held: Sendable {
        var at: RunInstant
        var bytes: [UInt8]
        var isIncoming: Bool
    }

    package init(_ kind: Kind, unit: Int? = nil) {
        self.kind = kind
        self.unit = unit
        link = kind == .tcp ? .gateway : .serial
    }

    // MARK: Out

    /// Sends a frame; without a connection it is dropped.
    package mutating func send(_ frame: PileFrame, _ core: inout PileCore, at now: RunInstant) {
        guard isOpen else { return }
        if kind == .bus {
            if outbox.count < Self.longestOutbox { outbox.append(frame) }
            return
        }
        transmit(frame, &core, at: now)
    }

    /// Notes a frame and hands it to the medium, or to the faults.
    mutating func transmit(_ frame: PileFrame, _ core: inout PileCore, at now: RunInstant) {
        guard let fault = takeFault(frame.command, isIncoming: false) else {
            noteSent(frame)
            return put(frame.bytes, at: now)
        }
        note(
            "frame.disturbed",
            ["command": .integer(Int64(frame.command)), "fault": .text(fault.kind.rawValue), "bytes": .bytes(frame.bytes)])
        switch fault.kind {
        case .lose: break
        case .duplicate:
            noteSent(frame)
            put(frame.bytes, at: now)
            hold(frame.bytes, isIncoming: false, after: fault.time, &core, at: now)
        case .corrupt:
            var damaged = frame
            damaged.bytes = Self.damaged(frame.bytes)
            noteSent(damaged)
            put(damaged.bytes, at: now)
        case .delay: hold(frame.bytes, isIncoming: false, after: fault.time, &core, at: now)
        }
    }

    /// Bytes that are no frame: a module's ICCID and `link`.
    package mutating func sendUnframed(_ bytes: [UInt8], at now: RunInstant) {
        if isOpen { put(bytes, at: now) }
    }

    private mutating func put(_ bytes: [UInt8], at now: RunInstant) {
        lastTraffic = now
        effects.append(.link(link, .send(bytes)))
    }

    private mutating func noteSent(_ frame: PileFrame) {
        guard recordsFrames else { return }
        var fields: Fields = ["command": .integer(Int64(frame.command))]
        for entry in frame.fields() { fields[entry.name] = entry.value }
        fields["bytes"] = .bytes(frame.bytes)
        note("frame.sent", fields)
    }

    // MARK: In

    /// Tells that a whole frame has come; false where a fault keeps it from the firmware.
    package mutating func accept(
        command: Int, _ bytes: @autoclosure () -> [UInt8], _ fields: @autoclosure () -> Fields = [:], _ core: inout PileCore, at now: RunInstant
    ) -> Bool {
        lastTraffic = now
        let fault = isReleasing ? nil : takeFault(command, isIncoming: true)
        guard recordsFrames || fault != nil else { return true }
        let frame = bytes()
        var all: Fields = ["command": .integer(Int64(command))]
        for entry in fields() { all[entry.name] = entry.value }
        all["bytes"] = .bytes(frame)
        if let fault {
            all["fault"] = .text(fault.kind.rawValue)
            note("frame.disturbed", all)
            switch fault.kind {
            case .lose, .corrupt: return false
            case .delay:
                hold(frame, isIncoming: true, after: fault.time, &core, at: now)
                return false
            case .duplicate: hold(frame, isIncoming: true, after: fault.time, &core, at: now)
            }
        }
        note("frame.received", all)
        return true
    }

    /// Tells of bytes that are no frame, or a damaged one.
    package mutating func refused(_ reason: String, _ bytes: [UInt8]) {
        note("frame.refused", ["reason": .text(reason), "bytes": .bytes(Array(bytes.prefix(512)))])
    }

    // MARK: Faults of frames

    private mutating func takeFault(_ command: Int, isIncoming: Bool) -> FrameFault? {
        if faults.isEmpty { return nil }
        guard
            let place = faults.firstIndex(where: {
                $0.left != 0 && $0.isIncoming == isIncoming && ($0.command == nil || $0.command == command)
            })
        else { return nil }
        if faults[place].left > 0 { faults[place].left -= 1 }
        return faults[place]
    }

    private static func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        if !bytes.isEmpty { bytes[bytes.count / 2] ^= 0x55 }
        return bytes
    }

    private mutating func hold(_ bytes: [UInt8], isIncoming: Bool, after time: Duration, _ core: inout PileCore, at now: RunInstant) {
        held.append(Held(at: now.advanced(by: time), bytes: bytes, isIncoming: isIncoming))
        planHeld(&core)
    }

    private func planHeld(_ core: inout PileCore) {
        let item = PileAgenda.Item(PileAgenda.Item.heldFrame)
        if let next = held.map(\.at).min() { core.agenda.set(item, at: next) } else { core.agenda.cancel(item) }
    }

    /// Lets the held frames go that are due.
    ///
    /// - Returns: those that go to the firmware.
    mutating func release(_ core: inout PileCore, at now: RunInstant) -> [[UInt8]] {
        let due = held.filter { $0.at <= now }
        held.removeAll { $0.at <= now }
        planHeld(&core)
        for frame in due where !frame.isIncoming && isOpen { put(frame.bytes, at: now) }
        return due.filter(\.isIncoming).map(\.bytes)
    }

    /// What comes meanwhile was held back and is not looked at again.
    mutating func releasing(_ isReleasing: Bool) { self.isReleasing = isReleasing }

    // MARK: Notes

    package mutating func note(_ name: String, _ fields: Fields) {
        var fields = fields
        if let unit { fields["unit"] = .integer(Int64(unit)) }
        effects.append(.note(name, fields))
    }
}

/// A fault that acts on frames by command and direction.
struct FrameFault: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable { case lose, duplicate, corrupt, delay }
    var kind: Kind
    /// `nil` concerns all.
    var command: Int?
    var isIncoming: Bool
    /// How often it still acts; negative for as long as the fault lasts.
    var left: Int
    var time: Duration
    /// As the scenario gave it, to find it again when it ends.
    var arguments: Fields
}

extension PileAgenda.Item {
    static let heldFrame: UInt8 = 3
}

extension LinkName {
    /// A pile's connection to the cloud's gateway.
    package static let gateway = LinkName(rawValue: 0)
    /// The module end of a pile's serial port.
    package static let serial = LinkName(rawValue: 1)
}
