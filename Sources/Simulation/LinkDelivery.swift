package import LabCore

/// What comes out of one direction of a link.
package struct LinkDelivery: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case bytes([UInt8])
        /// The sender has closed its end; nothing follows.
        case end
        /// The connection breaks; nothing follows.
        case broken
    }

    package var at: RunInstant
    package var content: Content
    /// The bytes belong to the piece that was delivered before for the same moment: glue.
    package var joinsPrevious: Bool

    package init(at: RunInstant, _ content: Content, joinsPrevious: Bool = false) {
        self.at = at
        self.content = content
        self.joinsPrevious = joinsPrevious
    }
}

/// What becomes of one message of a request and answer exchange.
package enum MessageFate: Sendable, Equatable {
    /// The whole message is there. `corruptions` is empty but for a corrupting link.
    case arrives(at: RunInstant, corruptions: [ByteCorruption])
    /// The connection breaks before the message is there.
    case broken(at: RunInstant)
    /// Nothing gets through at the moment; the sender tries again after a while.
    case swallowed
}

/// One byte that is changed on the way.
package struct ByteCorruption: Sendable, Equatable {
    package var offset: Int
    /// What is flipped, not 0.
    package var mask: UInt8

    package func apply(to bytes: inout [UInt8]) {
        if bytes.indices.contains(offset) { bytes[offset] ^= mask }
    }
}

/// How often something was done to a direction's units.
package struct LinkCounts: Sendable, Equatable {
    package var units: UInt32 = 0
    package var lost: UInt32 = 0
    package var doubled: UInt32 = 0
    package var reordered: UInt32 = 0
    package var corrupted: UInt32 = 0
}
