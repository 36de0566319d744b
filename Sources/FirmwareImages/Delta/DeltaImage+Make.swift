import Crypto

extension DeltaImage {
    /// A delta that makes `target` from `base`. The same inputs give the same bytes.
    ///
    /// Finds parts that both have in common by a rolling hash over windows of the base, extends them while at least half of the bytes fit,
    /// and takes the rest as literals. Time grows with the lengths, memory with 32 MB at most beside the images.
    ///
    /// - Precondition: both are shorter than 4 GiB, and `target` is not empty.
    package static func make(from base: [UInt8], to target: [UInt8]) -> [UInt8] {
        precondition(base.count < UInt32.max && target.count < UInt32.max && !target.isEmpty, "a delta is for images of 1 byte to 4 GiB")
        let steps = DeltaMatcher(base, target).steps()
        var control: [UInt8] = []
        var difference: [UInt8] = []
        var literals: [UInt8] = []
        var position = 0
        var made = 0
        for step in steps {
            DeltaSteps.append(step, to: &control)
            for index in 0..<step.copy { difference.append(target[made + index] &- base[position + index]) }
            made += step.copy
            literals.append(contentsOf: target[made..<made + step.insert])
            made += step.insert
            position += step.copy + step.move
        }
        let streams = [control, difference, literals]
        let compressed = streams.map { Zlib.deflate($0) }
        var end = headerLength
        var places: [Stream] = []
        for (stream, bytes) in zip(streams, compressed) {
            places.append(Stream(length: stream.count, range: end..<(end + bytes.count)))
            end += bytes.count
        }
        let header = Header(
            baseLength: base.count, resultLength: target.count, baseSHA256: Array(SHA256.hash(data: base)),
            resultSHA256: Array(SHA256.hash(data: target)), control: places[0], difference: places[1], literals: places[2])
        return header.encoded() + compressed.flatMap { $0 }
    }
}
