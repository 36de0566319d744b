import LabCore

/// A node of the bench as the world makes it.
enum RealNode {
    /// Its facts, with what its hardware side says of them.
    static func facts(of node: NamedNode, _ side: HardwareSide) -> Fields {
        var facts = node.facts
        if let port = side.port(.serial) {
            // A pile with a serial port is driven through it, unless the facts say what else its line is.
            if node.kind == "pile", facts["line"] == nil { facts["line"] = "serial" }
            facts["baud"] = .integer(Int64(port.baud))
        }
        return facts
    }
}
