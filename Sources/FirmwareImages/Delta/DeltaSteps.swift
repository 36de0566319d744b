/// The steps of a delta, out of its control stream and into it.
struct DeltaSteps {
    struct Step: Hashable {
        /// Bytes from the base.
        var copy: Int
        /// Bytes from the literals after them.
        var insert: Int
        /// How far to move in the base, after the copied bytes.
        var move: Int
    }

    private let bytes: [UInt8]
    private var position = 0
    /// Where the compressed stream is in the file, for refusals.
    private let streamOffset: Int

    init(_ bytes: [UInt8], streamOffset: Int) {
        self.bytes = bytes
        self.streamOffset = streamOffset
    }

    func refusal(_ text: String) -> DeltaRefusal {
        DeltaRefusal(.badStream, at: streamOffset, "the control stream, byte \(position) of \(bytes.count) when decompressed: \(text)")
    }

    /// The next step; nil at the end.
    mutating func next() throws(DeltaRefusal) -> Step? {
        if position == bytes.count { return nil }
        let copy = try number()
        let insert = try number()
        let move = try number()
        return Step(copy: Int(copy), insert: Int(insert), move: Int(bitPattern: move >> 1) ^ -Int(bitPattern: move & 1))
    }

    /// LEB128, at most 35 bits: file offsets have 32, and one is the sign.
    private mutating func number() throws(DeltaRefusal) -> UInt {
        var value: UInt = 0
        for shift in stride(from: UInt(0), to: 35, by: 7) {
            guard position < bytes.count else { throw refusal("it ends in a number") }
            let byte = bytes[position]
            position += 1
            value |= UInt(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw refusal("a number is too long")
    }

    static func append(_ step: Step, to output: inout [UInt8]) {
        append(UInt(step.copy), to: &output)
        append(UInt(step.insert), to: &output)
        append(UInt(bitPattern: step.move << 1 ^ step.move >> (Int.bitWidth - 1)), to: &output)
    }

    private static func append(_ number: UInt, to output: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
}
