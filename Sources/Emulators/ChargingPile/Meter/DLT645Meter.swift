package import LabCore
import WireProtocols

/// A DL/T 645 meter at a pile's mains, on a serial line of its own: 8E1, commonly 2400 bit/s (charging-protocols.md 5.4).
///
/// It answers reads of energy, voltage, current and power, and the question for its address; other data with the error "no such data".
/// Its energy is what really went through all ports, which no fault of a port's own register changes.
package struct DLT645Meter: Sendable {
    /// 12 digits.
    package let address: String
    /// From a question to its answer. The standard allows 20 to 500 ms.
    package var answerTime = Duration.milliseconds(50)
    private var decoder = DLT645StreamDecoder()
    private var answers: [[UInt8]] = []
    private(set) var isOpen = false

    package init(address: String) { self.address = address }

    /// What it measures.
    struct Reading: Sendable, Equatable {
        /// dWh
        var energy: Int64
        /// 0.1 V
        var voltage: Int64
        /// dW
        var power: Int64
    }

    mutating func opened(_ isOpen: Bool) {
        self.isOpen = isOpen
        decoder = DLT645StreamDecoder()
        answers = []
    }

    /// - Returns: true where an answer has to go after `answerTime`.
    mutating func received(_ bytes: [UInt8], _ reading: Reading) -> Bool {
        decoder.append(bytes)
        while let item = decoder.next() {
            guard case .frame(let frame, _, _) = item, let answer = answer(to: frame, reading), let bytes = try? answer.encoded() else { continue }
            answers.append(bytes)
        }
        return !answers.isEmpty
    }

    mutating func takeAnswers() -> [[UInt8]] {
        defer { answers = [] }
        return answers
    }

    private func answer(to frame: DLT645Frame, _ reading: Reading) -> DLT645Frame? {
        guard frame.address == address || frame.address == DLT645Frame.anyAddress else { return nil }
        switch frame.message {
        case .readAddress: return DLT645Frame(.address, address: address)
        case .read(let item):
            guard let value = value(item, reading), let size = item.facts?.size else { return DLT645Frame(.refusal(0x02), address: address) }
            return DLT645Frame(.value(item, DLT645Number.write(value, size: size)), address: address)
        case .value, .refusal, .address, .other: return nil
        }
    }

    private func value(_ item: DLT645Item, _ reading: Reading) -> Int64? {
        switch item {
        case .forwardEnergy: reading.energy / 100
        case .voltageA: reading.voltage
        // 0.1 W by 0.1 V are A; in mA.
        case .currentA: reading.power * 1_000 / max(1, reading.voltage)
        // 0.1 W in units of 0.1 W.
        case .power: reading.power
        default: nil
        }
    }
}

/// A pile with a meter beside it: two serial lines, one power.
package struct MeteredPile: Device {
    package internal(set) var pile: ChargingPile
    package internal(set) var meter: DLT645Meter

    package init(_ pile: ChargingPile, _ meter: DLT645Meter) {
        self.pile = pile
        self.meter = meter
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .link(.meter, .opened): meter.opened(true)
        case .link(.meter, .closed): meter.opened(false)
        case .link(.meter, .bytes(let bytes)):
            guard pile.power.isOn, meter.received(bytes, reading(at: now)) else { return }
            effects.append(.startTimer(.meterAnswer, after: meter.answerTime))
        case .timerFired(.meterAnswer):
            guard pile.power.isOn, meter.isOpen else { return }
            for answer in meter.takeAnswers() { effects.append(.link(.meter, .send(answer))) }
        default:
            let wasOn = pile.power.isOn
            pile.handle(input, at: now, &effects)
            if pile.power.isOn, !wasOn { effects.append(.link(.meter, .open)) }
            if !pile.power.isOn, wasOn { meter.opened(false) }
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        pile.answer(query, arguments, at: now)
    }

    private func reading(at now: RunInstant) -> DLT645Meter.Reading {
        var core = pile.unit.core
        var energy: Int64 = 0
        var power: Int64 = 0
        for port in core.ports.indices {
            core.count(port, at: now)
            energy += PileEnergy.deciwattHours(core.ports[port].meter.truth)
            power += core.ports[port].power / 100
        }
        return DLT645Meter.Reading(energy: energy, voltage: core.setup.voltage, power: power)
    }
}

extension LinkName {
    /// A meter's own serial line.
    package static let meter = LinkName(rawValue: 2)
}

extension TimerName {
    static let meterAnswer = TimerName(rawValue: 5)
}
