package import LabCore

/// Explains bytes as a frame of a meter, and makes such frames from names (charging-protocols.md 5.4).
package enum DLT645Report {
    private static let source = "charging-protocols.md 5.4"

    package static func explain(_ bytes: [UInt8]) -> FrameReport {
        var report = FrameReport(protocolName: "dlt645", length: bytes.count)
        let start = bytes.prefix { $0 == 0xfe }.count
        let end = bytes.count > start + 9 ? start + DLT645Frame.overhead + Int(bytes[start + 9]) : .max
        if end <= bytes.count {
            report.checksum = FrameChecksum(
                rule: "sum from the first 68 to the data, 8 bits", expected: UInt32(bytes[start..<end - 2].reduce(0, &+)),
                found: UInt32(bytes[end - 2]), size: 1)
        }
        do {
            explain(try DLT645Frame(bytes), bytes, start, in: &report)
        } catch {
            report.problems.append(FrameProblem(.refusal, at: error.offset, error.description))
        }
        return report
    }

    private static func explain(_ frame: DLT645Frame, _ bytes: [UInt8], _ start: Int, in report: inout FrameReport) {
        func field(_ name: String, _ offset: Int, _ size: Int, _ value: FieldValue, _ unit: String = "", _ meaning: String = "") {
            let raw = bytes[offset..<offset + size]
            report.fields.append(FrameField(name: name, offset: offset, bytes: raw, value: value, unit: unit, meaning: meaning, source: source))
        }
        report.command = hexadecimal(frame.control)
        report.commandName = frame.message.name
        report.direction = frame.control & 0x80 == 0 ? .hostToDevice : .deviceToPlatform
        if start > 0 { field("preamble", 0, start, .integer(Int64(start)), "", "bytes that wake the meter") }
        field("head", start, 1, .text("68"))
        field("address", start + 1, 6, .text(frame.address), "", "lowest byte first on the wire")
        field("control", start + 8, 1, .text(report.command), "", frame.message.name)
        field("length", start + 9, 1, .integer(Int64(frame.data.count)))
        let data = start + 10
        switch frame.message {
        case .read(let item):
            field("item", data, 4, .text(hexadecimal(item.rawValue)), "", item.facts?.name ?? "")
            if frame.data.count > 4 { field("rest", data + 4, frame.data.count - 4, .bytes(Array(frame.data[4...]))) }
        case .value(let item, let value):
            field("item", data, 4, .text(hexadecimal(item.rawValue)), "", item.facts?.name ?? "")
            let unit = item.facts?.unit ?? ""
            let number = DLT645Number.read(value).map { FieldValue.integer($0) }
            let shown = number.map { FieldReader.scaled($0, unit) } ?? ""
            field("value", data + 4, value.count, item.facts == nil ? .bytes(value) : number ?? .bytes(value), unit, shown)
        case .refusal(let code):
            field("error", data, 1, .integer(Int64(code)))
        case .address, .readAddress, .other:
            if !frame.data.isEmpty { field("data", data, frame.data.count, .bytes(frame.data), "", "without the 33 that the wire adds") }
        }
        field("checksum", bytes.count - 2, 1, .text(hexadecimal(bytes[bytes.count - 2])))
        field("tail", bytes.count - 1, 1, .text("16"))
    }

    /// Makes a frame from names and values: `address`, and `item` with `value`, or `data`.
    ///
    /// - Parameter command: the control byte, two hexadecimal digits.
    package static func frame(_ command: String, values: Fields) throws(FieldFault) -> [UInt8] {
        func fault(_ field: String, _ text: String) -> FieldFault { FieldFault(.value(text), field: field, offset: 0) }
        guard let control = UInt8(command, radix: 16) else { throw fault("control", "'\(command)' is no control byte; write two hexadecimal digits") }
        let known = ["preamble", "head", "address", "control", "length", "item", "value", "error", "data", "rest", "checksum", "tail"]
        if let unknown = values.first(where: { !known.contains($0.name) }) { throw fault(unknown.name, "such a frame has no such field") }
        let address = values["address"].flatMap { FieldFiller.words($0) } ?? DLT645Frame.anyAddress
        var data = values["data"].flatMap { FieldFiller.bytes($0) } ?? []
        if let text = values["item"].flatMap({ FieldFiller.words($0) }) {
            guard let raw = UInt32(text, radix: 16) else { throw fault("item", "8 hexadecimal digits are allowed") }
            let item = DLT645Item(rawValue: raw)
            data = (0..<4).map { UInt8(truncatingIfNeeded: raw >> (8 * UInt32($0))) } + data
            if let value = values["value"] {
                if let number = FieldFiller.number(value), let size = item.facts?.size {
                    data += DLT645Number.write(number, size: size)
                } else if let bytes = FieldFiller.bytes(value) {
                    data += bytes
                } else {
                    throw fault("value", "a whole number for a known item, bytes for others")
                }
            }
        }
        if let code = values["error"].flatMap({ FieldFiller.number($0) }) { data.append(UInt8(truncatingIfNeeded: code)) }
        data += values["rest"].flatMap { FieldFiller.bytes($0) } ?? []
        let preamble = values["preamble"].flatMap { FieldFiller.number($0) }.map { Int(clamping: $0) } ?? (control & 0x80 == 0 ? 4 : 0)
        do {
            return try DLT645Frame(preamble: preamble, address: address, control: control, data: data).encoded()
        } catch { throw fault("frame", error.description) }
    }
}
