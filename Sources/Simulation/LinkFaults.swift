package import LabCore

/// One fault of a link, as a scenario names it: `link.loss {rate: 20%}`.
package struct LinkFault: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case loss(rate: Double)
        case delay(Duration)
        case jitter(Duration)
        case duplicate(rate: Double)
        case reorder(rate: Double, hold: Duration)
        case corrupt(rate: Double)
        case split(size: Int)
        case glue(Duration)
        case bandwidth(LinkSpeed)
        case cut(LinkCut)
    }

    /// Which way is disturbed: `up` from the device, `down` to it.
    package enum Direction: String, Sendable, Hashable, CaseIterable { case both, up, down }

    package var kind: Kind
    package var direction: Direction

    package init(_ kind: Kind, direction: Direction = .both) {
        self.kind = kind
        self.direction = direction
    }

    /// Whether it disturbs what this side sends.
    package func concerns(_ sender: LinkSide) -> Bool {
        switch direction {
        case .both: true
        case .up: sender == .near
        case .down: sender == .far
        }
    }
}

/// The link faults that every kind of node with a link publishes.
package enum LinkFaults {
    private static let direction = FieldKind(
        "direction", .choice(LinkFault.Direction.allCases.map(\.rawValue)), "up is from the device, down to it; both if it is not given")

    private static func rate(_ about: String) -> [FieldKind] { [FieldKind("rate", .ratio, required: true, about), direction] }
    private static func time(_ about: String) -> [FieldKind] { [FieldKind("time", .duration, required: true, about), direction] }

    package static let kinds: [ActionKind] = [
        ActionKind("link.loss", "Segments are lost. On TCP each loss costs time, and 8 in a row the connection.", takes: rate("share of segments")),
        ActionKind("link.delay", "Everything arrives later.", takes: time("added to the delay")),
        ActionKind("link.jitter", "Everything arrives later by a varying time.", takes: time("the most that is added")),
        ActionKind("link.duplicate", "Segments arrive twice. On TCP it only costs bandwidth.", takes: rate("share of segments")),
        ActionKind(
            "link.reorder", "Segments are overtaken by later ones. On TCP it only costs time.",
            takes: rate("share of segments") + [FieldKind("hold", .duration, "how long one is held back; 50ms if it is not given")]),
        ActionKind("link.corrupt", "A byte is changed and no checksum notices.", takes: rate("share of segments")),
        ActionKind(
            "link.split", "Bytes arrive in small pieces.",
            takes: [FieldKind("size", .integer, unit: "bytes", required: true, "the largest piece, 1 or more"), direction]),
        ActionKind("link.glue", "What arrives within the time arrives as one piece.", takes: time("how long is collected")),
        ActionKind(
            "link.bandwidth", "The link is slow.",
            takes: [FieldKind("bytes_per_second", .integer, unit: "bytes/s", required: true, "1 or more"), direction]),
        ActionKind(
            "link.cut", "The link is interrupted.",
            takes: [FieldKind("silent", .bool, "true: bytes vanish and nobody is told; else both ends see it"), direction]),
    ]

    /// Reads a fault from its name in the vocabulary and its arguments.
    ///
    /// - Throws: `unknown_fault`, `missing_argument` or `bad_argument`, with what is allowed.
    package static func fault(_ name: String, _ arguments: Fields) throws(ActionFailure) -> LinkFault {
        let reader = ArgumentReader(fault: name, arguments: arguments)
        let kind: LinkFault.Kind =
            switch name {
            case "link.loss": .loss(rate: try reader.rate())
            case "link.delay": .delay(try reader.duration("time"))
            case "link.jitter": .jitter(try reader.duration("time"))
            case "link.duplicate": .duplicate(rate: try reader.rate())
            case "link.reorder":
                .reorder(rate: try reader.rate(), hold: arguments["hold"] == nil ? .milliseconds(50) : try reader.duration("hold"))
            case "link.corrupt": .corrupt(rate: try reader.rate())
            case "link.split": .split(size: Int(try reader.positive("size")))
            case "link.glue": .glue(try reader.duration("time"))
            case "link.bandwidth": .bandwidth(.bytesPerSecond(try reader.positive("bytes_per_second")))
            case "link.cut": .cut(try reader.flag("silent") ? .silent : .loud)
            default:
                throw ActionFailure(
                    "unknown_fault",
                    "A link has no fault '\(name)'. It has \(kinds.map(\.name).joined(separator: ", ")).")
            }
        return LinkFault(kind, direction: try reader.direction())
    }
}

/// Arguments of a fault with the type that they must have.
private struct ArgumentReader {
    let fault: String
    let arguments: Fields

    private func value(_ name: String) throws(ActionFailure) -> FieldValue {
        guard let value = arguments[name] else { throw ActionFailure("missing_argument", "\(fault) needs '\(name)'.") }
        return value
    }

    private func bad(_ name: String, _ value: FieldValue, _ allowed: String) -> ActionFailure {
        ActionFailure("bad_argument", "\(fault): '\(name)' is \(value); it must be \(allowed).")
    }

    func rate() throws(ActionFailure) -> Double {
        let value = try value("rate")
        guard let rate = value.asNumber, rate >= 0, rate <= 1 else { throw bad("rate", value, "a share from 0 to 1, such as 20%") }
        return rate
    }

    func duration(_ name: String) throws(ActionFailure) -> Duration {
        let value = try value(name)
        guard let nanoseconds = value.durationNanoseconds, nanoseconds >= 0 else {
            throw bad(name, value, "a duration such as 250ms")
        }
        return .nanoseconds(nanoseconds)
    }

    func positive(_ name: String) throws(ActionFailure) -> Int64 {
        let value = try value(name)
        guard let number = value.integer, number >= 1 else { throw bad(name, value, "a whole number of 1 or more") }
        return number
    }

    func flag(_ name: String) throws(ActionFailure) -> Bool {
        guard let value = arguments[name] else { return false }
        guard let flag = value.bool else { throw bad(name, value, "true or false") }
        return flag
    }

    func direction() throws(ActionFailure) -> LinkFault.Direction {
        guard let value = arguments["direction"] else { return .both }
        guard let direction = value.text.flatMap({ LinkFault.Direction(rawValue: $0) }) else {
            throw bad("direction", value, "both, up or down")
        }
        return direction
    }
}

/// The faults that are active on a link, over its profile without faults.
///
/// The profile is always made anew from the base and all active faults in the order in which they began.
/// So clearing one leaves exactly what the others make. Delays and jitters add up; of several rates r and s
/// the share that suffers either is 1 − (1 − r)(1 − s); the slowest bandwidth, the smallest split and the longest
/// glue count; one loud cut makes a cut loud.
package struct LinkFaultStack: Sendable, Equatable {
    private var active: [(id: Int, fault: LinkFault)] = []

    package init() {}

    package var isEmpty: Bool { active.isEmpty }

    /// - Parameter id: names it for `clear`; a fault with the same id is replaced.
    package mutating func apply(_ fault: LinkFault, id: Int) {
        clear(id)
        active.append((id, fault))
    }

    /// Ends the fault; does nothing if there is none with this id.
    package mutating func clear(_ id: Int) { active.removeAll { $0.id == id } }

    /// The profile with all faults that concern what `sender` sends.
    package func profile(over base: LinkProfile, sender: LinkSide) -> LinkProfile {
        active.filter { $0.fault.concerns(sender) }.reduce(into: base) { $1.fault.kind.worsen(&$0) }
    }

    package static func == (left: LinkFaultStack, right: LinkFaultStack) -> Bool {
        left.active.elementsEqual(right.active) { $0 == $1 }
    }
}

extension LinkFault.Kind {
    fileprivate func worsen(_ profile: inout LinkProfile) {
        switch self {
        case .loss(let rate): profile.loss = either(profile.loss, rate)
        case .delay(let time): profile.delay += time
        case .jitter(let time): profile.jitter += time
        case .duplicate(let rate): profile.duplicate = either(profile.duplicate, rate)
        case .reorder(let rate, let hold):
            profile.reorderHold = profile.reorder == 0 ? hold : max(profile.reorderHold, hold)
            profile.reorder = either(profile.reorder, rate)
        case .corrupt(let rate): profile.corrupt = either(profile.corrupt, rate)
        case .split(let size): profile.splitSize = min(profile.splitSize ?? size, size)
        case .glue(let time): profile.glue = max(profile.glue, time)
        case .bandwidth(let speed): profile.speed = profile.speed.map { LinkSpeed.slower($0, speed) } ?? speed
        case .cut(let cut): profile.cut = profile.cut == .loud ? .loud : cut
        }
    }

    /// Exact where one of them is 0, so that a single fault has the rate that was asked for.
    private func either(_ a: Double, _ b: Double) -> Double { a == 0 ? b : b == 0 ? a : 1 - (1 - a) * (1 - b) }
}
