/// Finds BKV frames in a stream of bytes that comes in pieces (charging-protocols.md 1, 2.2).
///
/// A frame is cut by its length, since `FCEE`, `FCFE` and `FCFF` occur in data. Where a candidate fails, one byte is dropped and the
/// search goes on at the next, so that a false head cannot take a good frame with it. Both forms may occur on one stream.
/// Memory is bounded by the longest frame and the piece that was appended last; time is linear in the bytes.
package struct BKVStreamDecoder: Sendable {
    package enum Item: Sendable, Equatable {
        case frame(BKVFrame, bytes: [UInt8], offset: Int)
        /// A frame of the native form whose pairs could be read.
        case native(BKVNativeFrame, bytes: [UInt8], offset: Int)
        /// A head with a possible length whose tail or checksum is wrong, with its bytes for the report.
        /// Only the first of them is dropped: a good frame may begin among the others.
        case refused(BKVFrameError, bytes: [UInt8], offset: Int)
        /// The envelope is right and the pairs in it are not.
        case malformed(BKVPairFault, bytes: [UInt8], offset: Int)
        /// Bytes between frames that belong to none.
        case skipped([UInt8], offset: Int)
    }

    private var buffer: [UInt8] = []
    private var position = 0
    /// Where in the stream the buffer's first byte was.
    private var base = 0
    /// The first of the bytes that were passed over and not told yet.
    private var skippedFrom: Int?
    private var waiting: Item?
    private var isFinished = false

    package init() {}

    /// Bytes that wait for the rest of a frame.
    package var pending: Int { buffer.count - position }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        isFinished = false
        buffer.append(contentsOf: bytes)
    }

    /// The next thing in the stream; `nil` when more bytes must come.
    package mutating func next() -> Item? {
        if let item = waiting {
            waiting = nil
            return item
        }
        while position < buffer.count {
            switch look() {
            case .found(let item, let size):
                return deliver(item, size: size)
            case .drop(let refusal):
                if skippedFrom == nil { skippedFrom = position }
                position += 1
                if let refusal { return deliver(refusal, size: 0) }
                // What is skipped is told in pieces, so that endless garbage needs no memory.
                if position - (skippedFrom ?? position) >= 512 { return tellSkipped() }
            case .wait:
                if !isFinished {
                    compact()
                    return nil
                }
                if skippedFrom == nil { skippedFrom = position }
                position += 1
            }
        }
        defer { compact() }
        return isFinished || position - (skippedFrom ?? position) > 0 ? tellSkipped() : nil
    }

    /// Nothing more will come, or a silence ended what was there: what cannot be a frame any more is given up.
    /// `next()` tells what is left, and frames behind a head that only seemed to be one.
    package mutating func finish() { isFinished = true }

    private enum Look {
        case found(Item, size: Int)
        case drop(Item?)
        case wait
    }

    private func look() -> Look {
        let bytes = buffer[position...]
        let offset = base + position
        let isNative = bytes.count >= 7 && BKVNativeFrame.begins(bytes[(position + 4)...])
        do {
            if isNative {
                let (isFromDevice, pairs, size) = try BKVNativeFrame.decode(bytes)
                let whole = Array(bytes.prefix(size))
                do {
                    let frame = BKVNativeFrame(isFromDevice: isFromDevice, record: try BKVRecord(pairs))
                    return .found(.native(frame, bytes: whole, offset: offset), size: size)
                } catch {
                    return .found(.malformed(error, bytes: whole, offset: offset), size: size)
                }
            }
            let (frame, size) = try BKVFrame.decode(bytes)
            return .found(.frame(frame, bytes: Array(bytes.prefix(size)), offset: offset), size: size)
        } catch {
            switch error {
            case .truncated:
                return .wait
            case .length(let found, _, _) where BKVNativeFrame.lengths.contains(found) && bytes.count < 7:
                return .wait
            case .tail, .checksum:
                let size = 4 + Int(bytes.bigEndian16(at: position + 2))
                return .drop(.refused(error, bytes: Array(bytes.prefix(size)), offset: offset))
            default:
                return .drop(nil)
            }
        }
    }

    /// Tells what was skipped first, then the item.
    private mutating func deliver(_ item: Item, size: Int) -> Item {
        let isRefusal = size == 0
        guard !isRefusal else { return item }
        let skipped = tellSkipped()
        position += size
        compact()
        guard let skipped else { return item }
        waiting = item
        return skipped
    }

    private mutating func tellSkipped() -> Item? {
        guard let first = skippedFrom else { return nil }
        skippedFrom = nil
        return first < position ? .skipped(Array(buffer[first..<position]), offset: base + first) : nil
    }

    /// Forgets what has been told, once that is the larger part, so that bytes are moved less often than read.
    private mutating func compact() {
        let done = skippedFrom ?? position
        guard done > 0, done * 2 >= buffer.count else { return }
        buffer.removeFirst(done)
        base += done
        position -= done
        if skippedFrom != nil { skippedFrom = 0 }
    }
}
