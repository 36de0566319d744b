import LabCore

/// Piles that speak BKV, and boards that speak EE/66.
extension PileFactory {
    /// A gateway whose id is the fact `pile`, such as `82241218000382-1`; two ports to a socket. In a fleet the gateway counts up.
    static func bkv(_ facts: Fields, node: String, epoch: Int64, line: PileLine.Kind) throws(ActionFailure) -> ChargingPile {
        guard line != .bus else { throw ActionFailure("bad_fact", "BKV has no bus; line is tcp or serial.") }
        let (first, socket) = try gateway(facts["pile"]?.text, node)
        let gateway = String(repeating: "0", count: 14 - String(first).count) + String(first)
        var setup = try setup(facts, id: "\(gateway)-\(socket)", epoch: epoch)
        if setup.ports > 2 { setup.id = gateway }
        var settings = BKVPileSettings(gateway: gateway)
        if let firmware = facts["firmware"]?.text {
            guard firmware.utf8.count <= 8, firmware.utf8.allSatisfy({ $0 < 128 }) else {
                throw ActionFailure("bad_fact", "firmware of bkv has at most 8 characters, not '\(firmware)'.")
            }
            settings.firmware = firmware
        }
        if let time = facts["heartbeat"]?.durationNanoseconds { settings.heartbeat = .nanoseconds(max(1_000_000_000, time)) }
        if let time = facts["report"]?.durationNanoseconds { settings.status = time > 0 ? .nanoseconds(max(1_000_000_000, time)) : nil }
        if let word = facts["query_answer"]?.text, let answer = BKVPileSettings.QueryAnswer(rawValue: word) {
            settings.queryAnswer = answer
        }
        if let time = facts["start_answer"]?.durationNanoseconds { settings.startAnswer = .nanoseconds(max(0, time)) }
        if facts["dialect"]?.text == "iot-server-cdz" { settings.acceptsMiddlewareAcknowledgement = true }
        return ChargingPile(PileUnit(PileCore(setup), BKVPile(settings, firstSocket: UInt8(clamping: socket)), PileLine(line)))
    }

    /// The board at its serial line; with the fact `meter` a DL/T 645 meter on a second one.
    static func ee66(_ facts: Fields, node: String, epoch: Int64) throws(ActionFailure) -> any Device {
        guard facts["line"]?.text == "serial" else {
            throw ActionFailure("bad_fact", "An ee66 board has a serial line only: line: serial.")
        }
        var settings = EE66PileSettings()
        if let word = facts["unit"]?.text, let unit = EE66PileSettings.Unit(rawValue: word) { settings.unit = unit }
        if let error = facts["power_error"]?.integer {
            guard (-50...50).contains(error) else { throw ActionFailure("bad_fact", "power_error is -50 to 50 per cent, not \(error).") }
            settings.powerError = error
        }
        let setup = try setup(facts, id: facts["pile"]?.text ?? node, epoch: epoch)
        let pile = ChargingPile(PileUnit(PileCore(setup), EE66Pile(settings), PileLine(.serial)))
        guard let address = facts["meter"]?.text else { return pile }
        try checkMeter(address)
        return MeteredPile(pile, DLT645Meter(address: address))
    }

    private static func gateway(_ fact: String?, _ node: String) throws(ActionFailure) -> (UInt64, Int) {
        let member = UInt64(clamping: node.split(separator: "#").dropFirst().first.flatMap { Int($0) } ?? 1)
        let offset = member > 0 ? member - 1 : 0
        if let fact {
            guard let (gateway, socket) = BKVPileSettings.parse(fact), let number = UInt64(gateway) else {
                throw ActionFailure(
                    "bad_fact", "pile of bkv is a gateway of 14 digits and a socket such as 82241218000382-1, not '\(fact)'.")
            }
            return ((number + offset) % 100_000_000_000_000, socket)
        }
        var generator = SeededGenerator(seed: 0, purpose: "id of pile \(node.prefix { $0 != "#" })")
        return (82_000_000_000_000 + generator.integer(below: 900_000_000_000) + offset, 1)
    }
}
