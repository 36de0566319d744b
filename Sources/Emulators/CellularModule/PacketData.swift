import LabCore

/// Packet data contexts and their addresses (specs/rg500q.md §2.7).
extension CellularModule {
    /// Registration in LTE and 5G brings context 1 with it.
    mutating func activateDefaultContext() { activateContext(1) }

    mutating func activateContext(_ number: Int) {
        guard let defined = ram.settings.contexts[number], ram.contexts[number]?.isActive != true else { return }
        var context = ModuleMemory.PacketContext(isActive: true, accessPoint: defined.accessPoint)
        if defined.type == "IPV6" {
            context.address = (["32", "1", "13", "184"] + (0..<12).map { _ in String(generator.integer(below: 256)) }).joined(
                separator: ".")
        } else {
            context.address =
                "10.\(64 + generator.integer(below: 64)).\(generator.integer(below: 256)).\(1 + generator.integer(below: 254))"
        }
        ram.contexts[number] = context
        // Some traffic of the network itself, so that the counters are not bare zeros.
        ram.bytesSent += 328
        ram.bytesReceived += 560
    }

    mutating func deactivateContext(_ number: Int) { ram.contexts[number] = nil }

    mutating func deactivateContexts() { ram.contexts = [:] }
}
