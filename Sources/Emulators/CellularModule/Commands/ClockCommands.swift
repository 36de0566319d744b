import LabCore
import WireProtocols

/// Clocks (specs/rg500q.md §2.8).
enum ClockCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+QLTS") { module, call, _ in networkTime(module, call) },
        CommandEntry("+CCLK") { module, call, _ in clock(&module, call) },
        CommandEntry("+CTZU", keeps: [0...3], default: [0], test: "(0,1)"), CommandEntry("+CTZR", keeps: [0...2], default: [0]),
    ]

    /// The time of the network: 0 as it was told, 1 GMT now, 2 local time now; all the same in zone 0. Without a network there is none.
    private static func networkTime(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QLTS: (0-2)")
        case .read: return .wrongForm
        case .execute, .write: break
        }
        guard call.number(0, in: 0...2, default: 0) != nil else { return .wrongValue }
        guard module.ram.registration.isRegistered else { return .ok("+QLTS: \"\"") }
        let time = CivilTime(unix: module.clock(at: call.now))
        return .ok("+QLTS: \"\(time.year)/\(time.month.digits(2))/\(time.day.digits(2)),\(time.time)+00,0\"")
    }

    /// 1980-01-06, at which the clock of a new module begins.
    private static let firstMoment: Int64 = 315_964_800

    private static func clock(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let networkClock = module.clock(at: call.now)
        switch call.form {
        case .test: return .ok
        case .execute: return .wrongForm
        case .read:
            let shown: Int64 =
                if let offset = module.ram.clockOffset {
                    networkClock &+ offset
                } else if module.ram.registration.isRegistered {
                    networkClock
                } else {
                    firstMoment + call.now.nanoseconds / 1_000_000_000
                }
            let time = CivilTime(unix: shown)
            return .ok("+CCLK: \"\(time.shortDate),\(time.time)+00\"")
        case .write:
            guard let text = call[0].text, let unix = moment(text) else { return .wrongValue }
            module.ram.clockOffset = unix - networkClock
            return .ok
        }
    }

    /// `26/01/31,23:59:58+04`: the zone in quarters of an hour, which the clock does not keep.
    private static func moment(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 17 || bytes.count == 20, bytes[2] == UInt8(ascii: "/"), bytes[5] == UInt8(ascii: "/"),
            bytes[8] == UInt8(ascii: ","),
            bytes[11] == UInt8(ascii: ":"), bytes[14] == UInt8(ascii: ":")
        else { return nil }
        let values = [0, 3, 6, 9, 12, 15].compactMap { Int(String(decoding: bytes[$0..<($0 + 2)], as: UTF8.self)) }
        guard values.count == 6 else { return nil }
        return CivilTime.unix(
            year: 2_000 + values[0], month: values[1], day: values[2], hour: values[3], minute: values[4], second: values[5])
    }
}
