package import LabCore

/// One direction of a link as a value: bytes go in at a moment, and come out at later ones.
///
/// Knows no clock and no loop, so that the same faults work on links in memory and in a proxy on real ones.
/// Chance comes from one stream for each direction, named by the link: each unit draws the same numbers
/// whatever the rates are, so that changing one rate does not change what the others do.
package struct LinkDirection: Sendable {
    package let character: LinkCharacter
    /// What the direction does to bytes that are sent from now on.
    package var profile: LinkProfile {
        get { shared.profile }
        set { shared = SharedProfile(newValue) }
    }
    package private(set) var counts = LinkCounts()
    package private(set) var isBroken = false

    var sharedProfile: SharedProfile { shared }
    private var shared: SharedProfile
    private var tickets: SeededGenerator
    /// When the wire is free again.
    private var busyUntil: Int64 = 0
    /// On an ordered link nothing arrives before this.
    private var lastArrival: Int64 = 0
    /// The end of the last glue window.
    private var glueEnd: Int64 = 0
    private var backlog = Backlog.empty

    /// Bytes on a stream that wait for a black hole to open.
    private enum Backlog: Sendable {
        case empty
        indirect case waiting(bytes: [UInt8], since: Int64, attempts: Int, ends: Bool)
    }

    package static let segmentSize = 1_460
    package static let retransmissionTimeout: Int64 = 200_000_000
    package static let retransmissions = 8

    /// - Parameter name: names the stream of chance: the link's name and the direction, such as "link badge up".
    package init(_ character: LinkCharacter, profile: SharedProfile, seed: UInt64, name: String) {
        self.character = character
        shared = profile
        tickets = SeededGenerator(seed: seed, purpose: name)
    }

    /// Sends bytes; appends what comes of it, in the order of arrival where the link keeps order.
    package mutating func transmit(_ bytes: [UInt8], at now: RunInstant, _ deliveries: inout [LinkDelivery]) {
        if isBroken || bytes.isEmpty { return }
        switch (shared.profile.cut, character) {
        case (.loud, _): breakOff(at: sum(now.nanoseconds, shared.delay), &deliveries)
        case (.silent, .raw): counts.units &+= 1; counts.lost &+= 1
        case (.silent, .stream): hold(bytes, ends: false, at: now.nanoseconds)
        case (nil, .stream):
            if case .waiting = backlog { return hold(bytes, ends: false, at: now.nanoseconds) }
            stream(bytes, at: now.nanoseconds, &deliveries)
        case (nil, .raw(.message)): message(bytes, at: now.nanoseconds, &deliveries)
        case (nil, .raw(.byte)): line(bytes, at: now.nanoseconds, &deliveries)
        }
    }

    /// Closes the sender's end: `.end` arrives after everything that was sent before.
    package mutating func finish(at now: RunInstant, _ deliveries: inout [LinkDelivery]) {
        if isBroken { return }
        if case .waiting = backlog { return hold([], ends: true, at: now.nanoseconds) }
        switch profile.cut {
        case .loud: breakOff(at: sum(now.nanoseconds, shared.delay), &deliveries)
        case .silent: if character == .stream { hold([], ends: true, at: now.nanoseconds) }
        case nil: end(at: now.nanoseconds, &deliveries)
        }
    }

    /// When `retransmit` must be called; `nil` while nothing waits.
    package var nextRetransmission: RunInstant? {
        guard case .waiting(_, let since, let attempts, _) = backlog, !isBroken else { return nil }
        return RunInstant(nanoseconds: since).advanced(byNanoseconds: Self.retransmissionTimeout * ((2 << attempts) - 1))
    }

    /// Tries again to send what a black hole swallowed. Breaks the connection after 8 attempts.
    package mutating func retransmit(at now: RunInstant, _ deliveries: inout [LinkDelivery]) {
        guard case .waiting(let bytes, let since, let attempts, let ends) = backlog, !isBroken else { return }
        if profile.cut == .loud { return breakOff(at: sum(now.nanoseconds, shared.delay), &deliveries) }
        if profile.cut == .silent {
            if attempts + 1 >= Self.retransmissions { return breakOff(at: now.nanoseconds, &deliveries) }
            backlog = .waiting(bytes: bytes, since: since, attempts: attempts + 1, ends: ends)
            return
        }
        backlog = .empty
        stream(bytes, at: now.nanoseconds, &deliveries)
        if ends, !isBroken { end(at: now.nanoseconds, &deliveries) }
    }

    /// Sends one message of an exchange that has a connection of its own, such as an HTTP request.
    ///
    /// The rules are those of a stream. It shares the wire with the other traffic, not its order.
    /// - Parameters:
    ///   - size: bytes; 0 stands for a bare handshake.
    ///   - isOrdered: it belongs to the connection after all: nothing that is sent later overtakes it.
    package mutating func transmitMessage(size: Int, at now: RunInstant, isOrdered: Bool = false) -> MessageFate {
        switch profile.cut {
        case .loud: return .broken(at: now.advanced(by: profile.delay))
        case .silent: return .swallowed
        case nil: break
        }
        var corruptions: [ByteCorruption] = []
        var last: Int64 = 0
        var offset = 0
        repeat {
            let count = min(Self.segmentSize, size - offset)
            let fate = segment(count, at: now.nanoseconds)
            if fate.isBroken { return .broken(at: RunInstant(nanoseconds: fate.arrival)) }
            if let corruption = fate.corruption {
                corruptions.append(ByteCorruption(offset: offset + corruption.offset, mask: corruption.mask))
            }
            last = max(last, fate.arrival)
            offset += count
        } while offset < size
        if isOrdered { last = inOrder(last) }
        return .arrives(at: RunInstant(nanoseconds: last), corruptions: corruptions)
    }

    /// Takes a profile that other links share.
    mutating func share(_ profile: SharedProfile) { shared = profile }

    /// Ends the connection without a word: what is sent from now on is lost.
    mutating func abandon() {
        isBroken = true
        backlog = .empty
    }

    /// Forgets the old connection: what waits is dropped, and nothing new arrives before `moment`.
    package mutating func reconnect(notBefore moment: RunInstant) {
        isBroken = false
        backlog = .empty
        lastArrival = moment.nanoseconds
        glueEnd = 0
    }

    // MARK: Stream

    private mutating func stream(_ bytes: [UInt8], at now: Int64, _ deliveries: inout [LinkDelivery]) {
        if bytes.count <= Self.segmentSize, shared.isCertain {
            return emit(bytes, at: segment(bytes.count, at: now).arrival, merges: false, &deliveries)
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            var piece = Array(rest.prefix(Self.segmentSize))
            rest = rest.dropFirst(piece.count)
            let fate = segment(piece.count, at: now)
            if fate.isBroken { return breakOff(at: fate.arrival, &deliveries) }
            fate.corruption?.apply(to: &piece)
            emit(piece, at: fate.arrival, merges: true, &deliveries)
        }
    }

    private mutating func end(at now: Int64, _ deliveries: inout [LinkDelivery]) {
        let fate = character == .stream ? segment(0, at: now) : Fate(arrival: sum(max(now, busyUntil), shared.delay))
        if fate.isBroken { return breakOff(at: fate.arrival, &deliveries) }
        deliveries.append(LinkDelivery(at: RunInstant(nanoseconds: inOrder(fate.arrival)), .end))
    }

    private mutating func hold(_ bytes: [UInt8], ends: Bool, at now: Int64) {
        guard case .waiting(var held, let since, let attempts, let ended) = backlog else {
            backlog = .waiting(bytes: bytes, since: now, attempts: 0, ends: ends)
            return
        }
        backlog = .empty
        held += bytes
        backlog = .waiting(bytes: held, since: since, attempts: attempts, ends: ended || ends)
    }

    private mutating func breakOff(at moment: Int64, _ deliveries: inout [LinkDelivery]) {
        isBroken = true
        backlog = .empty
        deliveries.append(LinkDelivery(at: RunInstant(nanoseconds: inOrder(moment)), .broken))
    }

    private struct Fate {
        var arrival: Int64
        var corruption: ByteCorruption?
        var isBroken = false
    }

    /// The way of one segment, retransmissions included.
    private mutating func segment(_ size: Int, at now: Int64) -> Fate {
        var chance = SeededGenerator(seed: tickets.next())
        counts.units &+= 1
        let start = max(now, busyUntil)
        let wire = shared.profile.speed?.nanoseconds(for: size) ?? 0
        busyUntil = sum(start, wire)
        var fate = Fate(arrival: sum(busyUntil, shared.delay))
        if shared.isCertain { return fate }
        let profile = shared.profile

        let losses = Self.losses(chance.unitInterval(), rate: profile.loss)
        let jitter = chance.nanoseconds(in: 0...max(0, profile.jitter.nanoseconds))
        let isDoubled = chance.chance(profile.duplicate)
        let isReordered = chance.chance(profile.reorder)
        let isCorrupted = chance.chance(profile.corrupt)
        let timeouts = Self.retransmissionTimeout * ((1 << losses) - 1)
        counts.lost &+= UInt32(losses)
        if losses >= Self.retransmissions {
            return Fate(arrival: sum(start, timeouts), isBroken: true)
        }
        fate.arrival = sum(sum(fate.arrival, timeouts), jitter)
        if isDoubled {
            counts.doubled &+= 1
            busyUntil = sum(busyUntil, wire)
        }
        if isReordered {
            counts.reordered &+= 1
            fate.arrival = after(profile.reorderHold, from: fate.arrival)
        }
        if isCorrupted, size > 0 {
            counts.corrupted &+= 1
            fate.corruption = Self.corruption(of: size, &chance)
        }
        return fate
    }

    /// How often in a row one thing is lost, at most 8 times, from one number in [0, 1).
    private static func losses(_ number: Double, rate: Double) -> Int {
        var (count, rest) = (0, number)
        while count < retransmissions, rest < rate {
            count += 1
            rest /= rate
        }
        return count
    }

    private static func corruption(of size: Int, _ chance: inout SeededGenerator) -> ByteCorruption {
        ByteCorruption(offset: Int(chance.integer(below: UInt64(size))), mask: UInt8(1 + chance.integer(below: 255)))
    }

    // MARK: Raw

    private mutating func message(_ bytes: [UInt8], at now: Int64, _ deliveries: inout [LinkDelivery]) {
        let profile = shared.profile
        var chance = SeededGenerator(seed: tickets.next())
        counts.units &+= 1
        busyUntil = sum(max(now, busyUntil), profile.speed?.nanoseconds(for: bytes.count) ?? 0)
        let isLost = chance.chance(profile.loss)
        let jitter = chance.nanoseconds(in: 0...max(0, profile.jitter.nanoseconds))
        let isDoubled = chance.chance(profile.duplicate)
        let isReordered = chance.chance(profile.reorder)
        let isCorrupted = chance.chance(profile.corrupt)
        if isLost {
            counts.lost &+= 1
            return
        }
        var bytes = bytes
        var arrival = sum(sum(busyUntil, shared.delay), jitter)
        if isReordered {
            counts.reordered &+= 1
            arrival = after(profile.reorderHold, from: arrival)
        }
        if isCorrupted {
            counts.corrupted &+= 1
            Self.corruption(of: bytes.count, &chance).apply(to: &bytes)
        }
        emit(bytes, at: arrival, merges: false, &deliveries)
        if isDoubled {
            counts.doubled &+= 1
            emit(bytes, at: arrival, merges: false, &deliveries)
        }
    }

    /// A serial line: what is sent in one piece arrives in one piece when its last byte is there.
    private mutating func line(_ bytes: [UInt8], at now: Int64, _ deliveries: inout [LinkDelivery]) {
        let profile = shared.profile
        var chance = SeededGenerator(seed: tickets.next())
        counts.units &+= UInt32(clamping: bytes.count)
        busyUntil = sum(max(now, busyUntil), profile.speed?.nanoseconds(for: bytes.count) ?? 0)
        let jitter = chance.nanoseconds(in: 0...max(0, profile.jitter.nanoseconds))
        let received = shared.isCertain ? bytes : disturbed(bytes, &chance)
        guard !received.isEmpty else { return }
        emit(received, at: sum(sum(busyUntil, shared.delay), jitter), merges: false, &deliveries)
    }

    private mutating func disturbed(_ bytes: [UInt8], _ chance: inout SeededGenerator) -> [UInt8] {
        let profile = shared.profile
        var result: [UInt8] = []
        var overtaken: UInt8?
        for byte in bytes {
            let isLost = chance.chance(profile.loss)
            let isDoubled = chance.chance(profile.duplicate)
            let isReordered = chance.chance(profile.reorder)
            let isCorrupted = chance.chance(profile.corrupt)
            let mask = UInt8(1 + chance.integer(below: 255))
            if isLost {
                counts.lost &+= 1
                continue
            }
            if isCorrupted { counts.corrupted &+= 1 }
            let arrived = isCorrupted ? byte ^ mask : byte
            if isReordered, overtaken == nil {
                counts.reordered &+= 1
                overtaken = arrived
            } else {
                result.append(arrived)
                if let late = overtaken.take() { result.append(late) }
            }
            if isDoubled {
                counts.doubled &+= 1
                result.append(arrived)
            }
        }
        if let overtaken { result.append(overtaken) }
        return result
    }

    // MARK: Pieces

    /// Appends the bytes as the receiver will read them: split, merged, glued.
    private mutating func emit(_ bytes: [UInt8], at arrival: Int64, merges: Bool, _ deliveries: inout [LinkDelivery]) {
        if shared.keepsPieces, !merges || deliveries.isEmpty {
            let moment = RunInstant(nanoseconds: keepsOrder ? inOrder(arrival) : arrival)
            deliveries.append(LinkDelivery(at: moment, .bytes(bytes)))
            return
        }
        let profile = shared.profile
        if profile.glue > .zero {
            let arrival = keepsOrder ? max(arrival, lastArrival) : arrival
            lastArrival = arrival
            let joins = arrival < glueEnd
            if !joins { glueEnd = after(profile.glue, from: arrival) }
            deliveries.append(LinkDelivery(at: RunInstant(nanoseconds: glueEnd), .bytes(bytes), joinsPrevious: joins))
            return
        }
        let moment = RunInstant(nanoseconds: keepsOrder ? inOrder(arrival) : arrival)
        if let size = profile.splitSize, size > 0 {
            var start = 0
            while start < bytes.count {
                let end = min(start + size, bytes.count)
                deliveries.append(LinkDelivery(at: moment, .bytes(Array(bytes[start..<end]))))
                start = end
            }
            return
        }
        if merges, let last = deliveries.last, last.at == moment, case .bytes(let before) = last.content {
            deliveries[deliveries.count - 1].content = .bytes(before + bytes)
            return
        }
        deliveries.append(LinkDelivery(at: moment, .bytes(bytes)))
    }

    private var keepsOrder: Bool { character != .raw(.message) }

    /// The moment, or a later one so that nothing that was sent before is overtaken.
    private mutating func inOrder(_ arrival: Int64) -> Int64 {
        lastArrival = max(lastArrival, arrival, glueEnd)
        return lastArrival
    }

    private func after(_ duration: Duration, from moment: Int64) -> Int64 { sum(moment, duration.nanoseconds) }

    private func sum(_ moment: Int64, _ interval: Int64) -> Int64 {
        let (sum, overflow) = moment.addingReportingOverflow(interval)
        return overflow ? .max : sum
    }
}
