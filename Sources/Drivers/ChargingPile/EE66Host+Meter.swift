import LabCore
import WireProtocols

/// The meter beside the board: it measures what the board does not.
extension EE66Host {
    /// The standard gives a meter 500 ms; a frame of 20 bytes takes 0.1 s at 2400 bit/s.
    private static let answerTime = Duration.seconds(1)
    /// W that a port can carry at most; a register that runs faster is not this meter's. Source: chosen, 16 A at 220 V.
    private static let largestPortPower: Int64 = 3_520

    mutating func meterLine(_ event: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened:
            meter?.opened(true)
            askMeter(&effects)
        case .closed:
            meter?.opened(false)
            meterWasSilent(&effects)
            effects += [.cancelTimer(.meterAnswer), .startTimer(.meterReopen, after: PileDriverLink.reopenPause)]
        case .bytes(let bytes):
            guard let register = meter?.received(bytes) else { return }
            effects.append(.cancelTimer(.meterAnswer))
            meter?.isSilent = false
            read(register, at: now, &effects)
        }
    }

    mutating func askMeter(_ effects: inout [DeviceEffect]) {
        guard let question = meter?.question() else { return }
        effects.append(.link(PileDriverLink.meter, .send(question)))
        effects.append(.startTimer(.meterAnswer, after: Self.answerTime))
    }

    mutating func meterTimedOut(_ effects: inout [DeviceEffect]) {
        meter?.timedOut()
        meterWasSilent(&effects)
    }

    /// Without the meter, what the board tells is all there is.
    private mutating func meterWasSilent(_ effects: inout [DeviceEffect]) {
        guard let meter, !meter.isSilent else { return }
        self.meter?.isSilent = true
        effects.append(.note("meter.silent", ["meter": .text(meter.address)]))
    }

    private mutating func read(_ register: Int64, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let time = unix(now)
        for place in disk.orders.indices where disk.orders[place].counted > 0 && isHeard(disk.orders[place], at: time) {
            count(place, remaining: nil, at: now)
        }
        defer { for place in disk.orders.indices { disk.orders[place].sinceMeter = 0 } }
        effects.append(.note("meter.read", ["energy": .integer(register * 100)]))
        guard var span = disk.meter, canBe(register, after: span, at: time) else {
            if let known = disk.meter { effects.append(.note("meter.jumped", ["from": .integer(known.register * 100), "energy": .integer(register * 100)])) }
            disk.meter = MeterSpan(register, at: time)
            return
        }
        let correction = span.read(register, at: time)
        let running = disk.orders.indices.filter { disk.orders[$0].counted > 0 }
        // What flows without a charge is the board's own.
        disk.meter = running.isEmpty ? MeterSpan(register, at: time) : span
        guard correction != 0, !running.isEmpty else { return }
        correct(running, by: correction, &effects)
    }

    private func canBe(_ register: Int64, after span: MeterSpan, at time: Int64) -> Bool {
        let most = Int64(settings.ports) * Self.largestPortPower * 1_000 * max(settings.poll.nanoseconds / 1_000_000_000, time - span.readAt)
        return register >= span.register && (register - span.register - 1) * MeterSpan.step <= most
    }

    /// Charges share it as they shared what the board told of; where it told nothing, alike.
    private mutating func correct(_ running: [Int], by correction: Int64, _ effects: inout [DeviceEffect]) {
        let weights = running.map { max(0, disk.orders[$0].sinceMeter) }
        let sum = weights.reduce(0, +)
        var rest = correction
        for (number, place) in running.enumerated() {
            let left = running.count - number
            let part =
                left == 1 ? rest : sum > 0 ? Int64(Int128(correction) * Int128(weights[number]) / Int128(sum)) : correction / Int64(running.count)
            rest -= part
            disk.orders[place].energy = max(0, disk.orders[place].energy + part)
            effects.append(
                .note("meter.corrected", ["port": Self.number(disk.orders[place].port), "order": .text(disk.orders[place].order.description), "energy": .integer(part / 360_000)]))
        }
    }
}

extension TimerName {
    static let meterAnswer = TimerName(rawValue: 16)
    static let meterReopen = TimerName(rawValue: 17)
}
