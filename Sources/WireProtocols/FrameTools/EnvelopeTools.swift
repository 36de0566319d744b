package import LabCore

/// `ykc`.
package struct YKCTool: FrameTool {
    package let name = "ykc"
    package let aliases = ["ykc-1.6"]
    package let about = "云快充 1.6 of car piles, frames only"

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        SearchExplainer(EnvelopeFormat(envelope: .ykc), name: name) { EnvelopeReport.explain($0, .ykc) }
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try EnvelopeReport.frame(command, .ykc, values: values)
    }
}

/// `juy`.
package struct JUYTool: FrameTool {
    package let name = "juy"
    package let aliases = ["juy-5aa5"]
    package let about = "JUY (5AA5) of ten-port piles, frames only"

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        SearchExplainer(EnvelopeFormat(envelope: .juy), name: name) { EnvelopeReport.explain($0, .juy) }
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try EnvelopeReport.frame(command, .juy, values: values)
    }
}

/// `modbus`: silence parts its frames, so that everything which is given at once is one.
package struct ModbusTool: FrameTool {
    package let name = "modbus"
    package let aliases = ["modbus-rtu"]
    package let about = "Modbus RTU, one frame at a time"

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer { ModbusExplainer() }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try EnvelopeReport.frame(command, .modbus, values: values)
    }
}

struct ModbusExplainer: FrameExplainer {
    private var bytes: [UInt8] = []
    private var position = 0
    private var base = 0
    private var isFinished = false

    mutating func append(_ more: [UInt8]) {
        bytes.removeFirst(position)
        base += position
        position = 0
        bytes += more
    }

    mutating func finish() { isFinished = true }

    mutating func next() -> FrameReport? {
        // What is longer than any frame is none, and need not be kept.
        let longest = EnvelopeKind.modbusSizes.upperBound
        let rest = bytes[position...]
        guard isFinished ? !rest.isEmpty : rest.count > longest else { return nil }
        let part = Array(rest.prefix(longest))
        let offset = base + position
        var report = EnvelopeReport.explain(part, .modbus)
        if offset > 0 || rest.count > longest {
            report = FrameTools.garbage(part, at: offset, "modbus")
            let text = "a frame has at most \(longest) bytes; silence parts frames, which a stream does not have"
            report.problems = [FrameProblem(.refusal, at: 0, text)]
        }
        report.streamOffset = offset
        position += part.count
        return report
    }
}
