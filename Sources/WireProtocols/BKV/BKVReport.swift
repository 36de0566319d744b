import LabCore

/// Explains bytes as a BKV frame of either form, refused ones as far as they can be read (charging-protocols.md 2).
package enum BKVReport {
    private static let frameSource = "charging-protocols.md 2.2"
    private static let pairSource = "charging-protocols.md 2.10"

    /// - Parameter bytes: one frame; what is behind it is a problem.
    package static func explain(_ bytes: [UInt8], settings: BKVSettings = .vendor) -> FrameReport {
        var report = FrameReport(protocolName: "bkv", length: bytes.count)
        let isNative = BKVNativeFrame.begins(bytes[...])
        if isNative { report.protocolName = "bkv-native" }
        note(envelopeOf: bytes, isNative: isNative, in: &report)
        do {
            if isNative {
                let (_, pairs, size) = try BKVNativeFrame.decode(bytes[...])
                if size < bytes.count { throw BKVFrameError.trailing(extra: bytes.count - size, offset: size) }
                explain(pairs: pairs, in: &report)
            } else {
                let frame = try BKVFrame(bytes)
                explain(frame, bytes: bytes, settings: settings, in: &report)
            }
        } catch let error as BKVFrameError {
            report.problems.append(FrameProblem(.refusal, at: error.offset, error.description))
        } catch {
            report.problems.append(FrameProblem(.refusal, at: 0, "\(error)"))
        }
        report.fields.sort { $0.offset < $1.offset }
        return report
    }

    private static func note(envelopeOf bytes: [UInt8], isNative: Bool, in report: inout FrameReport) {
        func field(_ name: String, _ range: Range<Int>, _ value: FieldValue, _ meaning: String = "") {
            guard range.upperBound <= bytes.count else { return }
            let source = isNative ? "charging-protocols.md 2.16" : frameSource
            report.fields.append(FrameField(name: name, offset: range.lowerBound, bytes: bytes[range], value: value, meaning: meaning, source: source))
        }
        guard bytes.count >= 4, bytes[0] == BKVEnvelope.mark else { return }
        let isFromDevice = bytes[1] == BKVEnvelope.fromDevice
        guard isFromDevice || bytes[1] == BKVEnvelope.fromPlatform else { return }
        report.direction = isFromDevice ? .deviceToPlatform : .platformToDevice
        field("head", 0..<2, .text(Hexadecimal.text(bytes[0..<2])), isFromDevice ? "device to platform" : "platform to device")
        let length = Int(bytes[...].bigEndian16(at: 2))
        field("length", 2..<4, .integer(Int64(length)), "bytes from the command to the tail")
        if !isNative, bytes.count >= 18 {
            report.command = hexadecimal(bytes[...].bigEndian16(at: 4))
            field("command", 4..<6, .text(report.command))
            field("sequence", 6..<10, .text(Hexadecimal.text(bytes[6..<10])))
            field("direction", 10..<11, .integer(Int64(bytes[10])))
            field("gateway", 11..<18, .text(Hexadecimal.text(bytes[11..<18])))
            if bytes[10] != (isFromDevice ? 1 : 0) {
                report.problems.append(FrameProblem(.warning, at: 10, "direction \(bytes[10]) contradicts the head, which is taken"))
            }
        }
        let end = length + 4
        guard length >= (isNative ? 4 : 17), end <= bytes.count else { return }
        let expected = BKVEnvelope.sum(bytes[2..<end - 3])
        report.checksum = FrameChecksum(
            rule: "sum of all bytes from the length to the data, 8 bits", expected: UInt32(expected), found: UInt32(bytes[end - 3]), size: 1)
        field("checksum", end - 3..<end - 2, .text(hexadecimal(bytes[end - 3])))
        field("tail", end - 2..<end, .text(Hexadecimal.text(bytes[end - 2..<end])))
    }

    private static func explain(_ frame: BKVFrame, bytes: [UInt8], settings: BKVSettings, in report: inout FrameReport) {
        let data = bytes[18..<bytes.count - 3]
        if frame.command == BKVFrame.Command.record {
            if settings.dialect == .gnMiddleware { return explain(tagLengthValue: data, in: &report) }
            return explain(pairs: data, in: &report)
        }
        var payload = data
        if frame.command == BKVFrame.Command.network || frame.command == BKVFrame.Command.control {
            guard let inner = BKVInnerFrame(data) else {
                let fault = BKVContentFault.noInnerFrame(found: data.count)
                return report.problems.append(FrameProblem(.refusal, at: 18, fault.description))
            }
            report.command += "/" + hexadecimal(inner.sub)
            let source = "charging-protocols.md 2.3"
            report.fields.append(FrameField(name: "inner_length", offset: 18, bytes: bytes[18..<20], value: .integer(Int64(inner.declared)), source: source))
            report.fields.append(FrameField(name: "sub_command", offset: 20, bytes: bytes[20..<21], value: .text(hexadecimal(inner.sub)), source: source))
            if let warning = inner.warning { report.problems.append(FrameProblem(.warning, at: 18, warning)) }
            payload = inner.payload
        }
        var message = BKVMessage.blank(command: frame.command, sub: frame.inner?.sub, isFromDevice: frame.isFromDevice, size: payload.count)
        var reader = FieldReader(noting: payload, source: message.source)
        do {
            try message.walk(&reader)
            var extra: [UInt8] = []
            try reader.rest(&extra)
            report.commandName = message.name
        } catch {
            report.problems.append(FrameProblem(.refusal, at: payload.startIndex + error.offset, error.description))
        }
        report.fields += reader.noted
    }

    // MARK: - Pairs

    /// - Parameter slice: the pairs, with the indices of the frame.
    private static func explain(pairs slice: ArraySlice<UInt8>, in report: inout FrameReport) {
        do {
            let record = try BKVRecord(slice)
            report.command += (report.command.isEmpty ? "" : "/") + hexadecimal(record.command)
            report.commandName = record.name
        } catch {
            report.problems.append(FrameProblem(.refusal, at: slice.startIndex + error.offset, error.description))
        }
        var numbers: [String: Int] = [:]
        walk(slice, prefix: report.protocolName == "bkv" ? "pair_" : "", depth: 0, &numbers, &report)
    }

    private static func walk(_ slice: ArraySlice<UInt8>, prefix: String, depth: Int, _ numbers: inout [String: Int], _ report: inout FrameReport) {
        var position = slice.startIndex
        while position < slice.endIndex {
            guard let placed = try? BKVPairs.next(slice, &position) else { return }
            let end = placed.valueStart + placed.pair.value.count
            guard case .number(let raw) = placed.pair.key else {
                let name = prefix + name(placed.pair.key)
                note(name, slice[placed.valueStart..<end], .bytes(placed.pair.value), "", "", &report)
                continue
            }
            let key = BKVKey(raw)
            let isContainer = key.facts?.kind == .container && depth < 2
            // Only the first three pairs have the names of fields of the frame.
            var name = (raw <= 3 || depth > 0 ? prefix : "") + key.name
            let index = numbers[name, default: 0]
            numbers[name] = index + 1
            if isContainer || key == .feeTier || key == .tierUse || index > 0 { name += "[\(index)]" }
            if isContainer {
                walk(slice[placed.valueStart..<end], prefix: name + ".", depth: depth + 1, &numbers, &report)
            } else {
                note(name, slice[placed.valueStart..<end], value(placed.pair, key), key.facts?.unit ?? "", meaning(placed.pair, key), &report)
            }
        }
    }

    private static func note(_ name: String, _ bytes: ArraySlice<UInt8>, _ value: FieldValue, _ unit: String, _ meaning: String, _ report: inout FrameReport) {
        report.fields.append(
            FrameField(
                name: name, offset: bytes.startIndex, bytes: bytes, value: value, unit: unit,
                meaning: meaning.isEmpty ? FieldReader.scaled(value, unit) : meaning, source: pairSource))
    }

    private static func name(_ key: BKVPair.Key) -> String {
        switch key {
        case .number(let number): BKVKey(number).name
        case .long(let bytes): "key_" + Hexadecimal.text(bytes)
        case .text(let bytes): "\"" + String(decoding: bytes, as: UTF8.self) + "\""
        }
    }

    private static func value(_ pair: BKVPair, _ key: BKVKey) -> FieldValue {
        switch key.facts?.kind {
        case .digits: .text(Hexadecimal.text(pair.value))
        case .number where key == .command || key == .sequence: .text(Hexadecimal.text(pair.value))
        case .number where pair.value.count == key.size: pair.number.map { .integer(Int64(clamping: $0)) } ?? .bytes(pair.value)
        default: .bytes(pair.value)
        }
    }

    private static func meaning(_ pair: BKVPair, _ key: BKVKey) -> String {
        if key == .status || key.name.hasSuffix("_status"), let raw = pair.value.first, pair.value.count == 1 {
            return "\(hexadecimal(raw)): \(BKVStatus(rawValue: raw).text)"
        }
        if key.facts?.kind == .feeTier, let tier = BKVFeeTier(pair.value) {
            return "until \(tier.endHour):\(tier.endMinute): electricity \(tier.electricity), service \(tier.service) (0.01 yuan per kWh)"
        }
        return key.facts == nil ? "not explained by any source" : ""
    }

    private static func explain(tagLengthValue slice: ArraySlice<UInt8>, in report: inout FrameReport) {
        report.protocolName = "gn-middleware"
        do {
            var position = slice.startIndex
            for pair in try BKVRecord(tagLengthValue: slice, gateway: "").pairs {
                let start = position + 2
                position = start + pair.value.count
                note(name(pair.key), slice[start..<position], .bytes(pair.value), "", "", &report)
            }
        } catch {
            report.problems.append(FrameProblem(.refusal, at: slice.startIndex + error.offset, error.description))
        }
    }
}
