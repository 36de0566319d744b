import LabCore
import WireProtocols

/// The conversation with the DL/T 645 meter beside a board: one question at a time (charging-protocols.md 5.4).
struct BoardMeter: Sendable {
    /// 12 digits.
    let address: String
    private(set) var isOpen = false
    /// A question is on its way.
    private(set) var isAsking = false
    /// The last question had no answer; told once.
    var isSilent = false
    private var decoder = DLT645StreamDecoder()

    init(address: String) { self.address = address }

    mutating func opened(_ isOpen: Bool) {
        self.isOpen = isOpen
        isAsking = false
        decoder = DLT645StreamDecoder()
    }

    /// The bytes that ask for the register; `nil` while an answer is waited for, or nothing is there to ask.
    mutating func question() -> [UInt8]? {
        guard isOpen, !isAsking, let bytes = try? DLT645Frame(.read(.forwardEnergy), address: address).encoded() else { return nil }
        isAsking = true
        return bytes
    }

    mutating func timedOut() {
        isAsking = false
        decoder = DLT645StreamDecoder()
    }

    /// - Returns: the register in 0.01 kWh, where this is the answer.
    mutating func received(_ bytes: [UInt8]) -> Int64? {
        decoder.append(bytes)
        var register: Int64?
        while let item = decoder.next() {
            guard isAsking, case .frame(let frame, _, _) = item, frame.address == address, case .value(.forwardEnergy, let digits) = frame.message,
                let value = DLT645Number.read(digits)
            else { continue }
            isAsking = false
            register = value
        }
        return register
    }
}

/// Where the meter's register can stand, by what it has shown and what the board has told since.
///
/// The register shows whole steps of 0.01 kWh, so a reading leaves a step of room, and what the board told is right as long as it ends in
/// it. A reading that disproves it puts what was counted into the middle of the step that is shown, which is wrong by half a step at most.
struct MeterSpan: Sendable, Equatable {
    /// mWs of 0.01 kWh.
    static let step: Int64 = 36_000_000

    /// As it was read last, in 0.01 kWh.
    private(set) var register: Int64
    /// Unix seconds of that.
    private(set) var readAt: Int64
    /// mWs: where it stands by what was counted, and between what it can be.
    private var counted: Int64
    private var low: Int64
    private var high: Int64

    init(_ register: Int64, at time: Int64) {
        (self.register, readAt) = (register, time)
        low = register * Self.step
        high = low + Self.step
        counted = low + Self.step / 2
    }

    /// - Parameter energy: mWs that the board told of.
    mutating func flowed(_ energy: Int64) {
        counted += energy
        low += energy
        high += energy
    }

    /// - Returns: mWs that must be added to what was counted; 0 where the register can show this.
    mutating func read(_ register: Int64, at time: Int64) -> Int64 {
        let shown = MeterSpan(register, at: time)
        guard low < shown.high, high > shown.low else {
            let correction = shown.counted - counted
            self = shown
            return correction
        }
        (self.register, readAt) = (register, time)
        low = max(low, shown.low)
        high = min(high, shown.high)
        return 0
    }
}
