import LabCore
import WireProtocols

/// Unsolicited result codes: where they go, and when (specs/rg500q.md §5.2).
extension CellularModule {
    /// A line that is not typed on for so long no longer holds URCs back. Source: chosen.
    private static let typingTime = Duration.seconds(1)

    /// The ports of `AT+QURCCFG="urcport"`; URCs for the main UART are seen on no port of USB.
    var unsolicitedPorts: [Int] {
        switch ram.settings.text("QURCCFG urcport") ?? "usbat" {
        case "usbat": [0]
        case "usbmodem": [1]
        case "all": [0, 1]
        default: []
        }
    }

    mutating func unsolicited(_ text: String, _ effects: inout [DeviceEffect]) {
        for index in unsolicitedPorts { unsolicited(text, on: index, &effects) }
    }

    mutating func unsolicited(_ text: String, on index: Int, _ effects: inout [DeviceEffect]) {
        let name = ram.atPorts[index].name
        guard ram.openPorts.contains(name), !ram.isHung else { return }
        let isTaking = if case .input = ram.atPorts[index].phase { true } else { false }
        guard isTaking || ram.atPorts[index].editor.isBusy || !ram.atPorts[index].heldBack.isEmpty else {
            return send(ModuleRendering.unsolicited(text), on: index, &effects)
        }
        if ram.atPorts[index].heldBack.isEmpty, !isTaking { effects.append(.startTimer(.heldBack.on(name), after: Self.typingTime)) }
        ram.atPorts[index].heldBack.append(text)
        if ram.atPorts[index].heldBack.count > ATPort.heldBackLimit { ram.atPorts[index].heldBack.removeFirst() }
    }

    /// Sends what waited, unless the port takes text or bytes.
    mutating func releaseHeldBack(on name: LinkName, _ effects: inout [DeviceEffect]) {
        guard let index = ram.portIndex(name), !ram.atPorts[index].heldBack.isEmpty else { return }
        if case .input = ram.atPorts[index].phase { return }
        let texts = ram.atPorts[index].heldBack
        ram.atPorts[index].heldBack = []
        effects.append(.cancelTimer(.heldBack.on(name)))
        for text in texts { send(ModuleRendering.unsolicited(text), on: index, &effects) }
    }
}
