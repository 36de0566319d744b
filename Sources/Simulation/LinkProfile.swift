import LabCore

/// How one direction of a link behaves, faults included.
package struct LinkProfile: Sendable, Hashable {
    /// Time from the end of sending to the arrival, 0 or more.
    package var delay: Duration = .zero
    /// Added to the delay: evenly spread between 0 and this.
    package var jitter: Duration = .zero
    /// `nil`: bytes take no time.
    package var speed: LinkSpeed?
    /// Shares of units (see `LinkCharacter`) that suffer it, 0 to 1.
    package var loss: Double = 0
    package var duplicate: Double = 0
    package var reorder: Double = 0
    package var corrupt: Double = 0
    /// How long a reordered message is held back, so that later ones overtake it.
    package var reorderHold: Duration = .milliseconds(50)
    /// Bytes arrive in pieces of at most this many, 1 or more.
    package var splitSize: Int?
    /// Bytes that arrive within this time arrive as one piece at its end.
    package var glue: Duration = .zero
    package var cut: LinkCut?

    package init(delay: Duration = .zero, jitter: Duration = .zero, speed: LinkSpeed? = nil) {
        self.delay = delay
        self.jitter = jitter
        self.speed = speed
    }
}

/// A profile that many links share, so that a calm link costs a reference.
package final class SharedProfile: Sendable {
    package let profile: LinkProfile
    /// The delay in nanoseconds.
    let delay: Int64
    /// Whether nothing is left to chance, so that no numbers need be drawn.
    let isCertain: Bool
    /// Whether bytes arrive in the pieces in which they were sent.
    let keepsPieces: Bool

    package init(_ profile: LinkProfile) {
        self.profile = profile
        delay = max(0, profile.delay.nanoseconds)
        isCertain =
            profile.loss == 0 && profile.duplicate == 0 && profile.reorder == 0 && profile.corrupt == 0 && profile.jitter <= .zero
        keepsPieces = profile.splitSize == nil && profile.glue <= .zero
    }
}

/// How many bytes pass in a second.
package struct LinkSpeed: Sendable, Hashable {
    package let bitsPerSecond: Int64
    /// 8; on a serial line with the start, parity and stop bits, such as 10 for 8N1.
    package let bitsPerByte: Int64

    /// - Parameter bytesPerSecond: 1 or more; smaller values count as 1.
    package static func bytesPerSecond(_ rate: Int64) -> LinkSpeed {
        LinkSpeed(bitsPerSecond: max(1, min(rate, .max / 8)) * 8, bitsPerByte: 8)
    }

    /// A serial line. 8N1 has 10 bits for each byte.
    package static func serial(baud: UInt32, bitsPerByte: Int64 = 10) -> LinkSpeed {
        LinkSpeed(bitsPerSecond: max(1, Int64(baud)), bitsPerByte: max(1, bitsPerByte))
    }

    private init(bitsPerSecond: Int64, bitsPerByte: Int64) {
        self.bitsPerSecond = bitsPerSecond
        self.bitsPerByte = bitsPerByte
    }

    /// Time on the wire, rounded up, at most 292 years.
    func nanoseconds(for count: Int) -> Int64 {
        let (bits, overflow) = Int64(count).multipliedReportingOverflow(by: bitsPerByte)
        if overflow { return .max }
        let product = UInt64(bits).multipliedFullWidth(by: 1_000_000_000)
        guard product.high < UInt64(bitsPerSecond) else { return .max }
        let (quotient, remainder) = UInt64(bitsPerSecond).dividingFullWidth(product)
        return Int64(clamping: remainder == 0 ? quotient : quotient &+ 1)
    }

    /// The slower of the two.
    static func slower(_ left: LinkSpeed, _ right: LinkSpeed) -> LinkSpeed {
        let a = left.bitsPerSecond.multipliedFullWidth(by: right.bitsPerByte)
        let b = right.bitsPerSecond.multipliedFullWidth(by: left.bitsPerByte)
        return (a.high, a.low) <= (b.high, b.low) ? left : right
    }
}

/// How a link is interrupted.
package enum LinkCut: Sendable, Hashable {
    /// The connection breaks, and both ends see it.
    case loud
    /// Bytes vanish, and nobody is told: a black hole.
    case silent
}

/// What a link does with what a fault does to it.
package enum LinkCharacter: Sendable, Hashable {
    /// Like TCP: all bytes arrive, once and in order, or the connection breaks. The unit is a segment of at most
    /// 1,460 bytes. A lost segment is sent again after 200 ms, then after twice that, and so on; after 8 losses in a
    /// row the connection breaks. Doubling and reordering only cost time. A corrupted byte is really changed,
    /// as a broken middlebox does that mends the checksum.
    case stream
    /// Units are really lost, doubled, reordered and changed.
    case raw(Unit)

    package enum Unit: Sendable, Hashable {
        /// A serial line. Order is kept but for reordered bytes, which change places with the next one.
        case byte
        /// Datagrams: what is sent in one piece.
        case message
    }
}

/// The two ends of a link.
package enum LinkSide: UInt8, Sendable, Hashable, CaseIterable {
    /// The device's end.
    case near
    /// The other end: the cloud, or the device at the other end of a cable.
    case far

    package var other: LinkSide { self == .near ? .far : .near }
}
