import CZlib

/// zlib streams (RFC 1950) of known length, in one go.
enum Zlib {
    struct Failure: Error, Hashable {
        /// In the array that holds the stream.
        var offset: Int
        var text: String
    }

    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            UInt32(truncatingIfNeeded: unsafe crc32_z(0, buffer.baseAddress, buffer.count))
        }
    }

    /// Decompresses the stream at `range`, which must have exactly `length` bytes then and use up the range.
    ///
    /// Never more than `length` bytes of memory are asked for, whatever the stream says.
    static func inflate(_ bytes: [UInt8], _ range: Range<Int>, to length: Int) throws(Failure) -> [UInt8] {
        // One byte more, so that a stream that is longer than promised is told from one that fits.
        let result = try decompress(bytes, range, room: length + 1)
        guard result.status == Z_STREAM_END else {
            let isLong = result.output.count > length
            let isCut = result.status == Z_BUF_ERROR || result.status == Z_OK
            throw Failure(
                offset: result.position, text: isLong ? "it is longer than the header says" : isCut ? "it is cut" : "it is damaged")
        }
        guard result.output.count == length, result.position == range.upperBound else {
            throw Failure(offset: result.position, text: "its length is not what the header says")
        }
        return result.output
    }

    /// - Returns: zlib's last word, what came out, and where in `bytes` the reading ended.
    private static func decompress(_ bytes: [UInt8], _ range: Range<Int>, room: Int) throws(Failure) -> (
        status: Int32, output: [UInt8], position: Int
    ) {
        guard room < Int(UInt32.max), range.count < Int(UInt32.max) else { throw Failure(offset: range.lowerBound, text: "it is too long") }
        var stream = unsafe z_stream()
        guard unsafe inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw Failure(offset: range.lowerBound, text: "zlib has no memory left")
        }
        defer { unsafe inflateEnd(&stream) }
        var status = Z_OK
        let output = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            status = unsafe bytes.withUnsafeBufferPointer { input in unsafe run(&stream, from: input, range, to: buffer, count: room) }
            count = Int(unsafe stream.total_out)
        }
        return (status, output, range.lowerBound + Int(unsafe stream.total_in))
    }

    private static func run(
        _ stream: inout z_stream, from input: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, to room: UnsafeMutableBufferPointer<UInt8>,
        count: Int
    ) -> Int32 {
        unsafe stream.next_in = unsafe UnsafeMutablePointer(mutating: input.baseAddress.map { unsafe $0 + range.lowerBound })
        unsafe stream.avail_in = UInt32(range.count)
        unsafe stream.next_out = room.baseAddress
        unsafe stream.avail_out = UInt32(count)
        return unsafe CZlib.inflate(&stream, Z_FINISH)
    }

    /// Decompresses the stream at `range`, which must use up the range, to at most `limit` bytes.
    static func inflate(_ bytes: [UInt8], _ range: Range<Int>, atMost limit: Int) throws(Failure) -> [UInt8] {
        let result = try decompress(bytes, range, room: limit + 1)
        guard result.status == Z_STREAM_END, result.output.count <= limit, result.position == range.upperBound else {
            throw Failure(offset: result.position, text: result.output.count > limit ? "it has more than \(limit) bytes" : "it is damaged")
        }
        return result.output
    }

    /// Compresses with the best level.
    static func deflate(_ bytes: [UInt8]) -> [UInt8] {
        var length = compressBound(UInt(bytes.count))
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(length)) { room, count in
            let status = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe compress2(room.baseAddress, &length, input.baseAddress, UInt(input.count), Z_BEST_COMPRESSION)
            }
            // Fails only without memory, or without the room that compressBound asks for.
            precondition(status == Z_OK, "zlib has no memory left")
            count = Int(length)
        }
    }
}
