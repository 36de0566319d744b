package import LabCore
import WireProtocols

/// Makes the program at a pile's serial port from the facts of a scenario or of `lab.yaml`.
package enum PileDriverFactory {
    /// - Parameters:
    ///   - facts: `protocol`, `line`, `driver`, `physical_id`, `pile`, `ports`, `slaves`, `unit`, `meter`, `iccid`, `baud`.
    ///   - node: the node's name.
    ///   - epoch: Unix seconds at the start of the run.
    /// - Throws: `bad_fact` with the fact and what it may be.
    package static func make(_ facts: Fields, node: String, epoch: Int64) throws(ActionFailure) -> any Device {
        let wire = facts["protocol"]?.text ?? "dny"
        let usual = facts["line"]?.text == "bus" ? "bus" : (wire == "ee66" ? "ee66" : "bridge")
        let iccid = facts["iccid"]?.text ?? "89860400000000000001"
        guard iccid.utf8.count == 20 else { throw ActionFailure("bad_fact", "iccid has 20 characters, not '\(iccid)'.") }
        switch facts["driver"]?.text ?? usual {
        case "bridge":
            return PileBridge(wire == "dny" ? .dny(iccid: iccid) : .bkv)
        case "bus":
            let id = try physicalID(facts, node, code: .host)
            var settings = RS485HostSettings(physicalID: id, slaves: Int(clamping: facts["slaves"]?.integer ?? 2), iccid: iccid)
            if let baud = facts["baud"]?.integer { settings.baud = baud > 0 ? UInt32(clamping: baud) : nil }
            return RS485Host(settings, epoch: epoch)
        case "ee66":
            let ports = Int(clamping: facts["ports"]?.integer ?? 2)
            let id = try physicalID(facts, node, code: ports == 10 ? .tenPorts : .double)
            var settings = EE66HostSettings(physicalID: id, ports: ports, iccid: iccid)
            if let unit = facts["unit"]?.text.flatMap({ EE66HostSettings.Unit(rawValue: $0) }) { settings.unit = unit }
            // A board that counts energy down measures it itself.
            if settings.unit == .minutes { settings.meter = facts["meter"]?.text }
            return EE66Host(settings, epoch: epoch)
        case let word: throw ActionFailure("bad_fact", "There is no driver '\(word)'; there are bridge, ee66 and bus.")
        }
    }

    private static func physicalID(_ facts: Fields, _ node: String, code: DNYDeviceCode) throws(ActionFailure) -> UInt32 {
        if let text = facts["physical_id"]?.text {
            guard let id = DNYPhysicalID(text) else { throw ActionFailure("bad_fact", "physical_id has 8 hexadecimal digits such as 04ceaa40, not '\(text)'.") }
            return id.rawValue
        }
        var generator = SeededGenerator(seed: 0, purpose: "id of driver \(node)")
        return DNYPhysicalID(code, number: UInt32(truncatingIfNeeded: generator.next()) & 0xff_ffff).rawValue
    }
}
