import LabCore
import WireProtocols

/// The parameters that piles have, by the names of `PileCommand.setParameters` (charging-protocols.md 2.10, 4.7).
package struct WireParameter: Sendable, Equatable {
    package var name: String
    package var unit: String
    /// What the field on the wire can hold.
    package var range: ClosedRange<Int64>
    /// The vendor's default, where it says one.
    package var standard: Int64?

    private init(_ name: String, _ unit: String, _ range: ClosedRange<Int64>, _ standard: Int64? = nil) {
        self.name = name
        self.unit = unit
        self.range = range
        self.standard = standard
    }

    private static let byte: ClosedRange<Int64> = 0...255
    private static let word: ClosedRange<Int64> = 0...65_535

    /// 83: charging.
    static let dnyCharge = [
        WireParameter("unplug_power", "0.1 W", word, 3), WireParameter("unplug_seconds", "s", byte, 10),
        WireParameter("float_percent", "%", byte, 20),
        WireParameter("float_detect_seconds", "s", word, 1_800), WireParameter("float_seconds", "s", word, 3_600),
        WireParameter("heartbeat_interval", "s", 10...600, 180),
    ]
    /// 85: limits. The highest power depends on the model; 2,000 W is that of piles with two ports.
    static let dnyLimits = [
        WireParameter("maximum_seconds", "s", word, 36_000), WireParameter("overload_power", "0.1 W", word, 20_000),
        WireParameter("over_voltage", "0.1 V", word, 2_700), WireParameter("under_voltage", "0.1 V", word, 1_000),
    ]
    /// 1011, with the key of each.
    static let bkv: [(parameter: WireParameter, key: BKVKey)] = [
        (WireParameter("full_top_up", "s", word), .fullTopUp), (WireParameter("no_load_delay", "s", word), .noLoadDelay),
        (WireParameter("full_threshold", "0.1 W", word), .fullThreshold),
        (WireParameter("no_load_threshold", "0.1 W", word), .noLoadThreshold),
        (WireParameter("high_temperature", "°C", byte), .highTemperature), (WireParameter("overload_power", "0.1 W", word), .powerLimit),
        (WireParameter("maximum_minutes", "min", 1...900), .maximumMinutes),
    ]

    /// What a pile of this protocol can be set to.
    package static func all(_ wire: PileProtocol) -> [WireParameter] {
        switch wire {
        case .dny: dnyCharge + dnyLimits
        case .bkv: bkv.map(\.parameter)
        case .ee66: []
        }
    }

    /// Why these values cannot be set, in the words of `PileServiceResult.refused`; `nil` if they can.
    static func refusal(_ values: Fields, _ wire: PileProtocol) -> String? {
        let known = all(wire)
        if values.isEmpty { return "no_parameters" }
        for entry in values {
            guard let parameter = known.first(where: { $0.name == entry.name }) else { return "unknown_parameter \(entry.name)" }
            guard let value = entry.value.integer, parameter.range.contains(value) else { return "impossible_value \(entry.name)" }
        }
        return nil
    }
}
