import CZlib

/// Deflate streams without a wrapper (RFC 1951), as zip files hold them.
package enum RawDeflate {
    /// Decompresses the stream at `range`, which must have exactly `length` bytes then and use up the range.
    ///
    /// Never more than `length` bytes of memory are asked for, whatever the stream says.
    /// - Returns: `nil` for a stream that is damaged, or longer or shorter than promised.
    package static func inflate(_ bytes: [UInt8], _ range: Range<Int>, to length: Int) -> [UInt8]? {
        guard bytes.indices.contains(range), length >= 0, length < Int(UInt32.max) - 1, range.count < Int(UInt32.max) else { return nil }
        var stream = unsafe z_stream()
        // Negative: no header and no checksum around the stream.
        guard unsafe inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { unsafe inflateEnd(&stream) }
        var status = Z_OK
        let output = unsafe [UInt8](unsafeUninitializedCapacity: length + 1) { room, count in
            status = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe stream.next_in = unsafe UnsafeMutablePointer(mutating: input.baseAddress.map { unsafe $0 + range.lowerBound })
                unsafe stream.avail_in = UInt32(range.count)
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(length + 1)
                return unsafe CZlib.inflate(&stream, Z_FINISH)
            }
            count = Int(unsafe stream.total_out)
        }
        guard status == Z_STREAM_END, output.count == length, unsafe stream.avail_in == 0 else { return nil }
        return output
    }
}
