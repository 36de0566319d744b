import LabCore

/// What the DNY codec says about frames and about what stands between them.
package enum DNYReport {
    /// The word for the protocol in reports and on the command line.
    package static let protocolName = "dny"
    private static let source = "charging-protocols.md 4.2"
    private static let rule = "sum of all bytes before it, modulo 65536"

    /// Explains bytes that are to be one frame, whether they are or not.
    ///
    /// - Parameter sender: who sent it; `nil` decides by the length.
    package static func explain(_ bytes: [UInt8], from sender: DNYSender? = nil, _ settings: DNYSettings = .standard) -> FrameReport {
        var report = FrameReport(protocolName: protocolName, length: bytes.count)
        do throws(DNYFrameFault) {
            let frame = try DNYFrame.decode(bytes, settings)
            explainHead(bytes, settings, &report)
            explainData(frame, from: sender, offset: bytes.count - 2 - frame.data.count, settings, &report)
        } catch {
            explainHead(bytes, settings, &report)
            report.problems.append(FrameProblem(.refusal, at: offset(of: error, in: bytes), "\(error)"))
            explainRefused(bytes, from: sender, error, settings, &report)
            hint(bytes, settings, &report)
        }
        explainChecksum(bytes, settings, &report)
        return report
    }

    /// Explains an item of a stream; `offset` is where it began there, in problems only.
    package static func explain(_ item: DNYStreamDecoder.Item, from sender: DNYSender? = nil, _ settings: DNYSettings = .standard)
        -> FrameReport
    {
        switch item {
        case .frame(let frame):
            guard let bytes = try? frame.encoded(settings) else { return FrameReport(protocolName: protocolName, length: 0) }
            return explain(bytes, from: sender, settings)
        case .iccid(let text): return unframed("ICCID", text)
        case .link: return unframed("link", "link")
        case .garbage(let bytes, _):
            let field = FrameField(name: "garbage", offset: 0, bytes: bytes, value: .bytes(bytes), source: source)
            let problem = FrameProblem(.refusal, at: 0, "these bytes belong to no frame")
            return FrameReport(protocolName: protocolName, length: bytes.count, fields: [field], problems: [problem])
        case .refused(let fault, let bytes, _):
            var report = explain(bytes, from: sender, settings)
            // The head alone is there if its length was out of bounds.
            if !report.isRefused { report.problems.append(FrameProblem(.refusal, at: fault.offset, "\(fault)")) }
            return report
        }
    }

    private static func unframed(_ name: String, _ text: String) -> FrameReport {
        let field = FrameField(name: name.lowercased(), offset: 0, bytes: Array(text.utf8), value: .text(text), source: source)
        return FrameReport(
            protocolName: protocolName, commandName: name, direction: .deviceToPlatform, length: text.utf8.count, fields: [field])
    }

    private static func offset(of fault: DNYFrameFault, in bytes: [UInt8]) -> Int {
        switch fault {
        case .checksum: bytes.count - 2
        case .trailing(let count): bytes.count - count
        case .noMagic, .length, .truncated, .name: fault.offset
        }
    }

    /// Another dialect under which the bytes are a frame.
    private static func hint(_ bytes: [UInt8], _ settings: DNYSettings, _ report: inout FrameReport) {
        for dialect in DNYSettings.Dialect.allCases where dialect != settings.dialect {
            var other = settings
            other.dialect = dialect
            guard (try? DNYFrame.decode(bytes, other)) != nil else { continue }
            report.problems.append(FrameProblem(.warning, at: 3, "it is a frame of the dialect \(dialect.rawValue)"))
        }
    }

    // MARK: The frame around the data

    private static func explainHead(_ bytes: [UInt8], _ settings: DNYSettings, _ report: inout FrameReport) {
        let isVendor = settings.dialect == .vendor
        add("magic", 0, 3, bytes, &report) { .text(String(decoding: $0, as: UTF8.self)) }
        add("length", 3, 2, bytes, &report, unit: "bytes", meaning: isVendor ? "after this field" : "of the whole frame") { number($0) }
        var offset = DNYFrame.headSize
        if isVendor {
            add("physical_id", offset, 4, bytes, &report, meaning: identity(bytes.dropFirst(offset))) {
                .text(Hexadecimal.text($0.reversed()))
            }
            offset += 4
        } else {
            let size = bytes.count > offset ? Int(bytes[offset]) : 0
            add("name_size", offset, 1, bytes, &report, unit: "bytes") { number($0) }
            add("name", offset + 1, size, bytes, &report) { .text(String(decoding: $0, as: UTF8.self)) }
            offset += 1 + size
        }
        add("message_id", offset, 2, bytes, &report) { number($0) }
        guard bytes.count > offset + 2 else { return }
        let command = bytes[offset + 2]
        report.command = Hexadecimal.text([command])
        report.commandName = DNYCommand.name(command) ?? ""
        add("command", offset + 2, 1, bytes, &report, meaning: DNYCommand.name(command) ?? "unknown") { .text(Hexadecimal.text($0)) }
    }

    private static func add(
        _ name: String, _ offset: Int, _ size: Int, _ bytes: [UInt8], _ report: inout FrameReport, unit: String = "", meaning: String = "",
        value: (ArraySlice<UInt8>) -> FieldValue
    ) {
        guard size > 0, bytes.count >= offset + size else { return }
        let field = bytes[offset..<offset + size]
        report.fields.append(
            FrameField(name: name, offset: offset, bytes: field, value: value(field), unit: unit, meaning: meaning, source: source))
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> FieldValue {
        .integer(bytes.reversed().reduce(0) { $0 << 8 | Int64($1) })
    }

    private static func identity(_ bytes: ArraySlice<UInt8>) -> String {
        let id = DNYPhysicalID(bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
        if id.rawValue == 0 { return "" }
        return "\(id.code.name ?? "unknown kind"), number \(id.number)\(id.isFallback ? ", the fallback of a broken memory" : "")"
    }

    private static func explainChecksum(_ bytes: [UInt8], _ settings: DNYSettings, _ report: inout FrameReport) {
        guard let size = try? DNYFrame.size(bytes[...], settings), size <= bytes.count else { return }
        let found = UInt32(bytes[size - 2]) | UInt32(bytes[size - 1]) << 8
        let expected = UInt32(DNYFrame.checksum(bytes[..<(size - 2)]))
        report.checksum = FrameChecksum(rule: rule, expected: expected, found: found, size: 2)
        add("checksum", size - 2, 2, bytes, &report, meaning: found == expected ? "right" : "wrong") {
            .text(Hexadecimal.text($0.reversed()))
        }
        report.fields.sort { $0.offset < $1.offset }
    }

    // MARK: The data

    private static func explainData(
        _ frame: DNYFrame, from sender: DNYSender?, offset: Int, _ settings: DNYSettings, _ report: inout FrameReport
    ) {
        let decided = sender ?? DNYCommand.sender(of: frame.command, dataCount: frame.data.count)
        report.direction = direction(frame.command, decided)
        var message = DNYMessage.blank(frame.command, from: decided ?? .platform, dataCount: frame.data.count)
        // Offsets are those of the frame.
        let bytes = [UInt8](repeating: 0, count: offset) + frame.data
        var reader = FieldReader(noting: bytes[offset...], source: message.source, order: .littleEndian)
        do throws(FieldFault) {
            try message.walk(&reader)
        } catch {
            report.problems.append(FrameProblem(.refusal, at: offset + error.offset, "\(error.atOffset(offset + error.offset))"))
        }
        report.fields += reader.noted.map { said($0, frame.command, settings) }
        warn(frame, decided, message, &report)
    }

    /// Orders that are texts, cards as they are printed, and the units of 82 as the settings have them.
    private static func said(_ field: FrameField, _ command: UInt8, _ settings: DNYSettings) -> FrameField {
        var field = field
        switch field.name {
        case "overload_power" where command == DNYCommand.charge && settings.overloadPowerUnit == .watt:
            field.unit = "W"
            field.meaning = ""
        case "duration_or_energy" where field.unit == "0.01 kWh" && settings.energyUnit == .tenth:
            field.unit = "0.1 kWh"
            field.meaning = field.value.integer.map { FrameField.scaled($0, decimals: 1, "kWh") } ?? ""
        case "order": field.meaning = DNYOrder(field.bytes).text ?? ""
        case "card", "card_or_code": field.meaning = String(field.bytes.reduce(0 as UInt32) { $0 << 8 | UInt32($1) })
        default: break
        }
        return field
    }

    private static func direction(_ command: UInt8, _ sender: DNYSender?) -> FrameReport.Direction? {
        switch sender {
        case nil: nil
        case .device: .deviceToPlatform
        case .platform: command == DNYCommand.poll ? .hostToDevice : .platformToDevice
        }
    }

    private static func warn(_ frame: DNYFrame, _ sender: DNYSender?, _ message: DNYMessage, _ report: inout FrameReport) {
        let end = DNYFrame.dataOffset
        if DNYCommand.name(frame.command) == nil {
            report.problems.append(FrameProblem(.warning, at: end - 1, "no table has the command \(Hexadecimal.text([frame.command]))"))
        } else if case .bare = message, !frame.data.isEmpty {
            report.problems.append(FrameProblem(.warning, at: end, "no table describes these data"))
        } else if sender == nil, !frame.data.isEmpty {
            report.problems.append(
                FrameProblem(
                    .warning, at: end - 1,
                    "both ends send this command with \(frame.data.count) bytes; read as the platform's, name the sender"))
        } else if let rest = report["rest"] {
            report.problems.append(FrameProblem(.warning, at: rest.offset, "\(rest.size) bytes follow the fields that are known"))
        }
    }

    /// A frame with a wrong checksum, or with something behind it, is read all the same, so that one can see what it was to say.
    private static func explainRefused(
        _ bytes: [UInt8], from sender: DNYSender?, _ fault: DNYFrameFault, _ settings: DNYSettings, _ report: inout FrameReport
    ) {
        guard let size = try? DNYFrame.size(bytes[...], settings), size <= bytes.count else { return }
        var repaired = Array(bytes[..<(size - 2)])
        let sum = DNYFrame.checksum(repaired)
        repaired += [UInt8(truncatingIfNeeded: sum), UInt8(truncatingIfNeeded: sum >> 8)]
        guard let frame = try? DNYFrame.decode(repaired, settings) else { return }
        explainData(frame, from: sender, offset: size - 2 - frame.data.count, settings, &report)
    }
}

extension FieldFault {
    /// The same with an offset from the beginning of the frame.
    fileprivate func atOffset(_ offset: Int) -> FieldFault { FieldFault(reason, field: field, offset: offset) }
}
