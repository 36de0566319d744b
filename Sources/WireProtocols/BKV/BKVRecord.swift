import LabCore

/// The content of command 1000, and of a native frame: a command, a sequence, a device, and pairs (charging-protocols.md 2.9).
package struct BKVRecord: Sendable, Hashable {
    /// 1017, 1004, 1007, … as numbers: `0x1017`.
    package var command: UInt16
    /// 0 in what a device starts; else its low 4 bytes are the frame's.
    package var sequence: UInt64
    /// 14 digits: the gateway, in the native form the device.
    package var gateway: String
    /// What follows the first three pairs, in the order of the wire; unknown keys stay.
    package var pairs: [BKVPair]

    package init(command: UInt16, sequence: UInt64 = 0, gateway: String, pairs: [BKVPair] = []) {
        self.command = command
        self.sequence = sequence
        self.gateway = gateway
        self.pairs = pairs
    }

    /// Reads the pairs; 01, 02 and 03 come first on the wire, and are found wherever they are.
    ///
    /// - Throws: for bytes that are no pairs, or pairs without a command.
    package init(_ bytes: ArraySlice<UInt8>) throws(BKVPairFault) { try self.init(taking: try BKVPairs.decode(bytes)) }

    /// Reads the dialect of the removed GN package: tag, length, value. Nobody is known to send it (3).
    ///
    /// There is no command in it; the record has 0.
    package init(tagLengthValue bytes: ArraySlice<UInt8>, gateway: String) throws(BKVPairFault) {
        self.init(command: 0, gateway: gateway)
        var position = bytes.startIndex
        while position < bytes.endIndex {
            let left = bytes.endIndex - position - 2
            guard left >= 0, Int(bytes[position + 1]) <= left else {
                let length = left >= 0 ? Int(bytes[position + 1]) : 2
                throw BKVPairFault(.truncated(length: length, left: max(0, left)), offset: position - bytes.startIndex)
            }
            let end = position + 2 + Int(bytes[position + 1])
            pairs.append(BKVPair(.number(bytes[position]), Array(bytes[position + 2..<end])))
            position = end
        }
    }

    private init(taking all: [BKVPair]) throws(BKVPairFault) {
        self.init(command: 0, gateway: "", pairs: all)
        func take(_ key: BKVKey) -> BKVPair? {
            pairs.firstIndex { $0.key == .number(key.rawValue) }.map { pairs.remove(at: $0) }
        }
        guard let name = take(.command) else { throw BKVPairFault(.missing(key: 0x01), offset: 0) }
        guard name.value.count == 2, let number = name.number else {
            throw BKVPairFault(.size(key: 0x01, found: name.value.count, expected: 2), offset: 0)
        }
        command = UInt16(truncatingIfNeeded: number)
        sequence = take(.sequence)?.number ?? 0
        gateway = take(.gateway).map { Hexadecimal.text($0.value) } ?? ""
    }

    /// The pairs' bytes: 01, 02, 03, then the others.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        BKVPair(.command, number: UInt64(command)).append(to: &bytes)
        BKVPair(.sequence, number: sequence).append(to: &bytes)
        BKVPair(.gateway, Hexadecimal.bytes(gateway) ?? []).append(to: &bytes)
        for pair in pairs { pair.append(to: &bytes) }
        return bytes
    }

    /// The first pair with that key.
    package func value(_ key: BKVKey) -> [UInt8]? { pairs.value(key) }
    /// The first pair with that key as a number.
    package func number(_ key: BKVKey) -> UInt64? { pairs.number(key) }

    /// What people call the command.
    package var name: String { Self.names[command] ?? "" }

    private static let names: [UInt16: String] = [
        0x1001: "native heartbeat", 0x1002: "native status", 0x1003: "native status query", 0x1004: "charge end", 0x1007: "start or stop",
        0x1008: "native upgrade", 0x1009: "native card swipe", 0x100a: "native card end", 0x100b: "native set parameters",
        0x100c: "native query parameters", 0x1010: "exception", 0x1011: "set parameters", 0x1012: "query parameters",
        0x1013: "connected (1013, not explained)", 0x1017: "status",
    ]
}

extension [BKVPair] {
    package func value(_ key: BKVKey) -> [UInt8]? { first { $0.key == .number(key.rawValue) }?.value }
    package func number(_ key: BKVKey) -> UInt64? { first { $0.key == .number(key.rawValue) }?.number }

    /// A number that has to be there and to fit.
    func need<I: FixedWidthInteger & UnsignedInteger>(_ key: BKVKey) throws(BKVPairFault) -> I {
        guard let number = number(key), let fitting = I(exactly: number) else { throw BKVPairFault(.missing(key: key.rawValue), offset: 0) }
        return fitting
    }

    func optional<I: FixedWidthInteger & UnsignedInteger>(_ key: BKVKey) -> I { number(key).flatMap { I(exactly: $0) } ?? 0 }
}
