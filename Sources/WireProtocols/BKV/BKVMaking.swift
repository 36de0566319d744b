package import LabCore

/// Makes BKV frames from names and values, under the names that reports use.
package enum BKVMaking {
    /// - Parameters:
    ///   - command: `0000`, `0015/07`, `1000/1017`; in the native form the command alone: `1001`.
    ///   - values: `gateway` (14 digits), `sequence` (8 hexadecimal digits), and the message's own fields. For 1000 the names of keys,
    ///     `key_5a` for one without a name; `socket_status` and `port_status` are lists of records.
    /// - Returns: the frame's bytes.
    package static func frame(
        _ command: String, isFromDevice: Bool, isNative: Bool = false, values: Fields, settings: BKVSettings = .vendor
    ) throws(FieldFault) -> [UInt8] {
        var values = values.nested
        let parts = command.split(separator: "/", maxSplits: 1)
        let gateway = try take("gateway", from: &values) ?? String(repeating: "0", count: 14)
        guard gateway.utf8.count == 14, Hexadecimal.bytes(gateway) != nil else { throw fault("gateway", "14 digits are allowed") }
        let sequenceText = try take("sequence", from: &values) ?? "0"
        guard let sequence = UInt64(sequenceText, radix: 16), isNative || sequence <= UInt32.max else {
            throw fault("sequence", "at most \(isNative ? 16 : 8) hexadecimal digits are allowed")
        }
        for name in ["head", "length", "direction", "inner_length", "checksum", "tail", "command", "sub_command", "pair_command", "pair_sequence", "pair_gateway"] { values[name] = nil }
        guard let first = parts.first, let outer = UInt16(first, radix: 16), parts.count == 1 || UInt16(parts[1], radix: 16) != nil else {
            throw fault("command", "'\(command)' is no command; write 0000, 0015/07 or 1000/1017")
        }
        do {
            if isNative {
                return try BKVNativeFrame(isFromDevice: isFromDevice, record: record(outer, sequence, gateway, values)).encoded()
            }
            let message = try message(outer, parts.count == 2 ? UInt16(parts[1], radix: 16) : nil, isFromDevice, sequence, gateway, values)
            let (known, extra) = message
            return try BKVFrame(known, isFromDevice: isFromDevice, gateway: gateway, sequence: UInt32(truncatingIfNeeded: sequence), settings: settings, extra: extra).encoded()
        } catch let error as FieldFault {
            throw error
        } catch {
            throw fault("frame", "\(error)")
        }
    }

    private static func message(
        _ outer: UInt16, _ inner: UInt16?, _ isFromDevice: Bool, _ sequence: UInt64, _ gateway: String, _ values: Fields
    ) throws(FieldFault) -> (BKVMessage, [UInt8]) {
        if outer == BKVFrame.Command.record {
            guard let inner else { throw fault("command", "1000 needs the command inside: 1000/1017") }
            return (.record(try record(inner, sequence, gateway, values)), [])
        }
        let hasInner = outer == BKVFrame.Command.network || outer == BKVFrame.Command.control
        guard hasInner == (inner != nil) else {
            throw fault("command", hasInner ? "0005 and 0015 need a sub-command: 0015/07" : "only 0005, 0015 and 1000 have something behind the /")
        }
        guard inner.map({ $0 < 256 }) ?? true else { throw fault("command", "a sub-command has two digits") }
        // The middleware's 0F is the one form that only its size tells; it has a result and no socket.
        let size = values["socket"] == nil && values["rest"] == nil ? 1 : 2
        var message = BKVMessage.blank(command: outer, sub: inner.map { UInt8($0) }, isFromDevice: isFromDevice, size: size)
        var filler = FieldFiller(values)
        try message.walk(&filler)
        var extra: [UInt8] = []
        if case .unknown = message {} else { try filler.rest(&extra) }
        if let name = filler.unusedName { throw fault(name, "\(message.name.isEmpty ? "this command" : message.name) has no such field") }
        return (message, extra)
    }

    private static func record(_ command: UInt16, _ sequence: UInt64, _ gateway: String, _ values: Fields) throws(FieldFault) -> BKVRecord {
        BKVRecord(command: command, sequence: sequence, gateway: gateway, pairs: try pairs(values))
    }

    private static func pairs(_ values: Fields) throws(FieldFault) -> [BKVPair] {
        var pairs: [BKVPair] = []
        for entry in values {
            guard let key = BKVKey(name: entry.name) else { throw fault(entry.name, "no key has this name; write key_ and two hexadecimal digits") }
            if key.facts?.kind == .container {
                for record in entry.value.list ?? [entry.value] {
                    guard let record = record.record else { throw fault(entry.name, "a list of records is allowed") }
                    pairs.append(BKVPair(key, BKVPairs.encode(try Self.pairs(record))))
                }
            } else if case .list(let items) = entry.value {
                for item in items { pairs.append(try pair(key, item)) }
            } else {
                pairs.append(try pair(key, entry.value))
            }
        }
        return pairs
    }

    private static func pair(_ key: BKVKey, _ value: FieldValue) throws(FieldFault) -> BKVPair {
        if key.facts?.kind == .number, let number = FieldFiller.number(value) {
            let size = key.size ?? 1
            guard number >= 0, size == 8 || number < Int64(1) << (8 * size) else { throw fault(key.name, "\(number) does not fit into \(size) bytes") }
            return BKVPair(key, number: UInt64(number))
        }
        // Numbers may be written as bytes, where a device sends them in another size than the table has.
        guard let bytes = FieldFiller.bytes(value), key.facts?.kind == .number || key.size.map({ $0 == bytes.count }) ?? true else {
            throw fault(key.name, "\(key.size.map { "\($0) bytes" } ?? "bytes") in hexadecimal are allowed")
        }
        return BKVPair(key, bytes)
    }

    private static func take(_ name: String, from values: inout Fields) throws(FieldFault) -> String? {
        guard let value = values[name] else { return nil }
        values[name] = nil
        guard let words = FieldFiller.words(value) else { throw fault(name, "digits are allowed") }
        return words
    }

    private static func fault(_ field: String, _ text: String) -> FieldFault { FieldFault(.value(text), field: field, offset: 0) }
}
