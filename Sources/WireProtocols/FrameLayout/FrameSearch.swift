/// A kind of frame that can be looked for in a stream; as a value, so that a dialect can be part of it.
package protocol FrameFormat: Sendable {
    associatedtype Frame: Sendable
    associatedtype Fault: Error, Sendable

    /// Whether the bytes of a frame are given beside it; false saves a copy of each where nobody wants them.
    static var givesBytes: Bool { get }

    /// What the bytes, of which there is at least one, begin with. Must not look behind the longest frame, so that the work is bounded.
    ///
    /// - Parameter sight: where in the stream they stand.
    func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<Frame, Fault>
}

extension FrameFormat {
    package static var givesBytes: Bool { true }
}

/// What is known of the bytes that are looked at.
package struct FrameSight: Sendable {
    /// So many of the first bytes were told as part of a refused frame already.
    package var refused: Int
    /// No more bytes will come.
    package var hasEnded: Bool
}

package enum FrameLook<Frame: Sendable, Fault: Error>: Sendable {
    /// A frame in the first `size` bytes.
    case frame(Frame, size: Int)
    /// What looks like a frame of `size` bytes and is none.
    case refused(Fault, size: Int)
    /// No frame begins here.
    case nothing
    /// It depends on bytes that have not come.
    case more
}

/// Finds frames in what comes over a line, however it was cut.
///
/// Whatever is no frame costs one byte, and the search goes on behind it: a false head never takes a good frame with it. What comes
/// out does not depend on how the bytes were split. Kept are at most one frame, 512 other bytes, and what was appended last;
/// the work for a byte is bounded.
package struct FrameSearch<Format: FrameFormat>: Sendable {
    package enum Item: Sendable {
        /// `bytes` is empty where the format does not give them.
        case frame(Format.Frame, bytes: [UInt8], offset: Int)
        /// What looked like a frame. Only its first byte is dropped; good frames inside it are given after it.
        case refused(Format.Fault, bytes: [UInt8], offset: Int)
        /// Bytes that belong to nothing, at most 512 at once, and where they stood in all that came.
        case skipped([UInt8], offset: Int)
    }

    package let format: Format
    private var buffer: [UInt8] = []
    private var position = 0
    /// The first of the bytes that were passed over and not told yet.
    private var skippedFrom: Int?
    /// What lies before it was told as refused.
    private var refusedEnd = 0
    /// Bytes that were taken out of the buffer.
    private var base = 0
    private var held: Item?
    private var hasEnded = false

    package init(_ format: Format) { self.format = format }

    /// Bytes that wait for the rest of a frame.
    package var pending: Int { buffer.count - position }

    /// Bytes that are in no item yet: those, and what was passed over before them.
    package var untold: Int { buffer.count - (skippedFrom ?? position) }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        hasEnded = false
        // Bytes that lie together are copied at once, also where this is called from another module as it is.
        if bytes.withContiguousStorageIfAvailable({ unsafe buffer.append(contentsOf: $0) }) == nil { buffer.append(contentsOf: bytes) }
    }

    /// Nothing more will come, or a silence ended what was there: `next` gives what is left.
    package mutating func finish() { hasEnded = true }

    package mutating func next() -> Item? {
        if let item = held {
            held = nil
            return item
        }
        while position < buffer.count {
            let refused = max(0, refusedEnd - position)
            switch format.look(buffer[position...], FrameSight(refused: refused, hasEnded: hasEnded)) {
            case .frame(let frame, let size):
                let bytes = Format.givesBytes ? Array(buffer[position..<position + size]) : []
                return give(.frame(frame, bytes: bytes, offset: base + position), passing: size)
            // A wrong frame that lies by more than half in bytes that were refused already tells nothing new. So no byte is given more
            // than about twice, whatever heads somebody sends.
            case .refused(let fault, let size) where refused * 2 <= size:
                let item = Item.refused(fault, bytes: Array(buffer[position..<position + size]), offset: base + position)
                refusedEnd = position + size
                return give(item, passing: 1)
            case .more where !hasEnded:
                compact()
                return nil
            case .refused, .nothing, .more:
                if let item = pass() { return item }
            }
        }
        let item = hasEnded ? tellSkipped() : nil
        compact()
        return item
    }

    /// Goes on by one byte.
    private mutating func pass() -> Item? {
        if position >= refusedEnd, skippedFrom == nil { skippedFrom = position }
        position += 1
        return position - (skippedFrom ?? position) >= 512 ? tellSkipped() : nil
    }

    /// What was skipped first, then the item.
    private mutating func give(_ item: Item, passing size: Int) -> Item {
        let skipped = tellSkipped()
        position += size
        compact()
        guard let skipped else { return item }
        held = item
        return skipped
    }

    private mutating func tellSkipped() -> Item? {
        guard let first = skippedFrom else { return nil }
        skippedFrom = nil
        return first < position ? .skipped(Array(buffer[first..<position]), offset: base + first) : nil
    }

    /// Forgets what was told once it is the larger part, so that bytes are moved less often than they are read.
    private mutating func compact() {
        let done = skippedFrom ?? position
        guard done > 0, done * 2 >= buffer.count else { return }
        buffer.removeFirst(done)
        base += done
        position -= done
        refusedEnd = max(0, refusedEnd - done)
        if skippedFrom != nil { skippedFrom = 0 }
    }
}
