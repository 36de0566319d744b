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
        /// A native frame whose envelope is right and whose pairs are not.
        case malformed(BKVPairFault, bytes: [UInt8], offset: Int)
        /// Bytes between frames that belong to none, at most 512 at once.
        case skipped([UInt8], offset: Int)
    }

    private var search = FrameSearch(BKVFormat())

    package init() {}

    /// Bytes that wait for the rest of a frame.
    package var pending: Int { search.pending }

    package mutating func append(_ bytes: some Sequence<UInt8>) { search.append(bytes) }

    /// The next thing in the stream; `nil` when more bytes must come.
    package mutating func next() -> Item? {
        switch search.next() {
        case .frame(.networked(let frame), let bytes, let offset): .frame(frame, bytes: bytes, offset: offset)
        case .frame(.native(let frame), let bytes, let offset): .native(frame, bytes: bytes, offset: offset)
        case .frame(.malformed(let fault), let bytes, let offset): .malformed(fault, bytes: bytes, offset: offset)
        case .refused(let error, let bytes, let offset): .refused(error, bytes: bytes, offset: offset)
        case .skipped(let bytes, let offset): .skipped(bytes, offset: offset)
        case nil: nil
        }
    }

    /// Nothing more will come, or a silence ended what was there: what cannot be a frame any more is given up.
    /// `next()` tells what is left, and frames behind a head that only seemed to be one.
    package mutating func finish() { search.finish() }
}

struct BKVFormat: FrameFormat {
    enum Frame: Sendable {
        case networked(BKVFrame)
        case native(BKVNativeFrame)
        case malformed(BKVPairFault)
    }

    func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<Frame, BKVFrameError> {
        do {
            if BKVNativeFrame.begins(bytes) {
                let (isFromDevice, pairs, size) = try BKVNativeFrame.decode(bytes)
                do {
                    return .frame(.native(BKVNativeFrame(isFromDevice: isFromDevice, record: try BKVRecord(pairs))), size: size)
                } catch {
                    return .frame(.malformed(error), size: size)
                }
            }
            let (frame, size) = try BKVFrame.decode(bytes)
            return .frame(.networked(frame), size: size)
        } catch {
            switch error {
            case .truncated:
                return .more
            case .length(let found, _, _) where BKVNativeFrame.lengths.contains(found) && bytes.count < 7 && BKVNativeFrame.mayBegin(bytes):
                return .more
            case .tail, .checksum:
                return .refused(error, size: 4 + Int(bytes.bigEndian16(at: bytes.startIndex + 2)))
            default:
                return .nothing
            }
        }
    }
}
