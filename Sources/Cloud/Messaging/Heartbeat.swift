import LabCore

/// What a heartbeat says (luna-badge-cloud.md, "设备心跳"). Everything but the status may be missing.
struct Heartbeat: Sendable, Equatable {
    /// Unix seconds by the device's own clock.
    var timestamp: Int64?
    var status: String
    /// %
    var cpuUsage: Double?
    /// %
    var memoryUsage: Double?
    /// °C
    var temperature: Double?
    /// What a module measured, with its temperature; `nil` for badges.
    var measurement: Fields?
}

/// Reads heartbeats. They are nearly all of the traffic, so the usual form is read without building a value for each field.
///
/// The fast way knows a flat record of the five fields, each once, without escapes or exponents, with the status `online`,
/// and leaves everything else to the strict reader: it never accepts what that one would refuse.
struct HeartbeatReader: Sendable {
    private let online = Array("online".utf8)
    private let keys: [[UInt8]] = ["timestamp", "status", "cpu_usage", "memory_usage", "temperature"].map { Array($0.utf8) }
    private static let powersOfTen: [Double] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]

    func read(_ payload: [UInt8], device: String, form: DeviceForm = .luna) throws(TelemetryRefusal) -> Heartbeat {
        // Modules are few, and their measurements are kept as they came.
        if form == .luna, let heartbeat = readFast(payload) { return heartbeat }
        return try readStrictly(payload, device: device, form: form)
    }

    func readStrictly(_ payload: [UInt8], device: String, form: DeviceForm = .luna) throws(TelemetryRefusal) -> Heartbeat {
        let reader = try TelemetryRecord(payload, device: device)
        var heartbeat = Heartbeat(
            timestamp: try reader.timestamp(), status: try reader.word("status", maximum: 16),
            cpuUsage: try reader.number("cpu_usage", in: 0...100), memoryUsage: try reader.number("memory_usage", in: 0...100),
            temperature: try reader.number("temperature", in: -100...300))
        if form == .quectel { heartbeat.measurement = try ModuleMeasurement.read(reader) }
        return heartbeat
    }

    /// `nil` for every payload that is not of the usual form, right or wrong.
    func readFast(_ payload: [UInt8]) -> Heartbeat? {
        guard payload.count <= 512 else { return nil }
        let bytes = payload.span
        var cursor = Cursor(index: 0)
        var heartbeat = Heartbeat(status: "")
        var seen: UInt8 = 0
        guard cursor.take(UInt8(ascii: "{"), in: bytes) else { return nil }
        while true {
            guard cursor.take(UInt8(ascii: "\""), in: bytes), let key = self.key(at: &cursor, in: bytes), seen & (1 << key) == 0,
                cursor.take(UInt8(ascii: ":"), in: bytes)
            else { return nil }
            seen |= 1 << key
            switch key {
            case 0:
                guard cursor.take(UInt8(ascii: "\""), in: bytes), let time = Timestamp.unixSeconds(in: bytes, from: cursor.index) else { return nil }
                heartbeat.timestamp = time
                cursor.index += 20
                guard cursor.take(UInt8(ascii: "\""), in: bytes) else { return nil }
            case 1:
                guard cursor.take(UInt8(ascii: "\""), in: bytes), cursor.take(online, in: bytes), cursor.take(UInt8(ascii: "\""), in: bytes)
                else { return nil }
                heartbeat.status = "online"
            case 2:
                guard let value = number(at: &cursor, in: bytes), (0...100).contains(value) else { return nil }
                heartbeat.cpuUsage = value
            case 3:
                guard let value = number(at: &cursor, in: bytes), (0...100).contains(value) else { return nil }
                heartbeat.memoryUsage = value
            default:
                guard let value = number(at: &cursor, in: bytes), (-100...300).contains(value) else { return nil }
                heartbeat.temperature = value
            }
            if cursor.take(UInt8(ascii: ","), in: bytes) { continue }
            guard cursor.take(UInt8(ascii: "}"), in: bytes), cursor.index == bytes.count, seen & 2 != 0 else { return nil }
            return heartbeat
        }
    }

    private struct Cursor {
        var index: Int

        mutating func take(_ byte: UInt8, in bytes: borrowing Span<UInt8>) -> Bool {
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        mutating func take(_ word: [UInt8], in bytes: borrowing Span<UInt8>) -> Bool {
            guard bytes.count - index >= word.count else { return false }
            for offset in 0..<word.count where bytes[index + offset] != word[offset] { return false }
            index += word.count
            return true
        }
    }

    /// The number of the key whose text and closing quote come next.
    private func key(at cursor: inout Cursor, in bytes: borrowing Span<UInt8>) -> Int? {
        for number in 0..<keys.count {
            var next = cursor
            if next.take(keys[number], in: bytes), next.take(UInt8(ascii: "\""), in: bytes) {
                cursor = next
                return number
            }
        }
        return nil
    }

    /// A number of at most 15 digits. A whole number and a power of ten below 2^53 are exact,
    /// so their quotient is the same as the strict reader's.
    private func number(at cursor: inout Cursor, in bytes: borrowing Span<UInt8>) -> Double? {
        let isNegative = cursor.take(UInt8(ascii: "-"), in: bytes)
        let start = cursor.index
        var digits: Int64 = 0
        var point: Int?
        while cursor.index < bytes.count, cursor.index - start <= 16 {
            let byte = bytes[cursor.index]
            if byte == UInt8(ascii: "."), point == nil, cursor.index > start {
                point = cursor.index
            } else if Characters.isDigit(byte) {
                digits = digits * 10 + Int64(byte - UInt8(ascii: "0"))
            } else {
                break
            }
            cursor.index += 1
        }
        let whole = (point ?? cursor.index) - start
        let decimals = point.map { cursor.index - $0 - 1 } ?? 0
        guard whole >= 1, whole + decimals <= 15, point == nil || decimals >= 1, whole == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        let value = Double(digits) / Self.powersOfTen[decimals]
        return isNegative ? -value : value
    }
}
