import LabCore

/// What can be said about a delta without its base.
enum DeltaInspector {
    static func inspect(_ bytes: [UInt8]) -> ImageReport {
        var report = ImageReport(.delta)
        do throws(DeltaRefusal) {
            let header = try DeltaImage.header(bytes)
            report.state("base", "\(header.baseLength) bytes, sha256 \(Hexadecimal.text(header.baseSHA256))")
            report.state("result", "\(header.resultLength) bytes, sha256 \(Hexadecimal.text(header.resultSHA256))")
            report.state("delta", "\(bytes.count) bytes, \(percent(bytes.count, of: header.resultLength)) of the result")
            for (name, stream) in [("control", header.control), ("difference", header.difference), ("literals", header.literals)] {
                report.state(name, "\(stream.length) bytes, compressed \(stream.range.count) at \(HexText.offset(stream.range.lowerBound))")
            }
            try DeltaImage.refuseDamage(header, bytes)
            if bytes.count >= header.resultLength {
                report.find(
                    .warning, "larger_than_image", "the delta is not smaller than the image that it makes",
                    bootloader: "is not asked: the cloud offers the image instead")
            }
        } catch {
            report.find(
                .error, error.reason.rawValue, at: error.offset, error.text,
                bootloader: "is not asked: the update agent takes the whole image instead")
        }
        return report
    }

    /// Tenths of a percent, rounded up.
    private static func percent(_ part: Int, of whole: Int) -> String {
        let tenths = (part * 1_000 + whole - 1) / whole
        return "\(tenths / 10).\(tenths % 10) %"
    }
}

extension DeltaImage {
    /// Decompresses the streams and walks through the steps as far as that goes without the base.
    static func refuseDamage(_ header: Header, _ bytes: [UInt8]) throws(DeltaRefusal) {
        let control = try inflate(header.control, of: bytes, "control")
        _ = try inflate(header.difference, of: bytes, "difference")
        _ = try inflate(header.literals, of: bytes, "literals")
        var steps = DeltaSteps(control, streamOffset: header.control.range.lowerBound)
        var position = 0
        var made = (differences: 0, literals: 0)
        while let step = try steps.next() {
            guard Bounds.holds(header.baseLength, position, step.copy), Bounds.holds(header.difference.length, made.differences, step.copy),
                Bounds.holds(header.literals.length, made.literals, step.insert)
            else { throw steps.refusal("a step leaves the base or its stream") }
            made.differences += step.copy
            made.literals += step.insert
            position += step.copy + step.move
        }
        guard made.differences == header.difference.length, made.literals == header.literals.length else {
            throw steps.refusal("the steps do not use up their streams")
        }
    }
}
