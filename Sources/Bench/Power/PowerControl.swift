package import LabCore
package import Transports

/// What of the machine power switches use; tests put their own in its place.
package struct PowerSurroundings: Sendable {
    /// Makes the stream to a port, wherever it is; it is opened by who asked.
    package var find: @Sendable (PortSource, Reactor) throws(StreamFailure) -> any ByteStream
    /// The folder below which `sys/bus/usb/devices` is.
    package var root: String
    /// The program that switches ports of hubs: a path, or a name to be searched.
    package var hubProgram: String
    /// What a program of the bench may take.
    package var commandLimit: Duration
    /// What a relay board may take to answer, and a device to leave the bus when its power is gone.
    package var answerLimit: Duration

    package init(
        root: String = "", hubProgram: String = "uhubctl", commandLimit: Duration = .seconds(30), answerLimit: Duration = .seconds(2),
        find: @escaping @Sendable (PortSource, Reactor) throws(StreamFailure) -> any ByteStream
    ) {
        self.find = find
        self.root = root
        self.hubProgram = hubProgram
        self.commandLimit = commandLimit
        self.answerLimit = answerLimit
    }

    package static let machine = PowerSurroundings { source, reactor throws(StreamFailure) in try LocalPorts.stream(to: source, on: reactor) }
}

/// Switches the power of one device.
///
/// Every call blocks until it is done, at most about as long as the switch may take; callers bring their own thread. What can be read
/// back is read back: a switch that says that it switched, and did not, is a failure.
package final class PowerControl {
    private let source: PowerSource
    private let node: String
    private let surroundings: PowerSurroundings

    package init(_ source: PowerSource, of node: String) {
        self.source = source
        self.node = node
        surroundings = .machine
    }

    package init(_ source: PowerSource, of node: String, in surroundings: PowerSurroundings) {
        self.source = source
        self.node = node
        self.surroundings = surroundings
    }

    /// For messages: `channel 3 of relay_1`.
    package var name: String { source.kind.description }

    /// Whether the switch can be asked; an LCUS board and a command without `state` cannot.
    package var tellsState: Bool {
        switch source.kind {
        case .relay(let board, _): board.wire == .modbus
        case .hubPort, .authorized: true
        case .command(_, _, let state): state != nil
        }
    }

    /// Switches, and makes sure that it did as far as the switch tells.
    package func set(_ on: Bool) throws(StreamFailure) {
        switch source.kind {
        case .relay(let board, let channel): try RelaySwitch(board, channel, of: node, surroundings).set(on)
        case .hubPort(let hub, let port): try HubSwitch(hub, port, of: node, surroundings).set(on)
        case .authorized(let device): try AuthorizedFlag(device, of: node, root: surroundings.root).set(on)
        case .command(let onCommand, let offCommand, let state):
            let programs = CommandSwitch(node, surroundings.commandLimit)
            try programs.run(on ? onCommand : offCommand)
            guard let state, try programs.state(state) != on else { return }
            throw StreamFailure(
                .failed, "power of \(node)", "`\(CommandSwitch.text(on ? onCommand : offCommand))` ended well, and `\(CommandSwitch.text(state))` still says \(on ? "off" : "on")",
                remedy: "run both by hand; if the program is right, check the switch")
        }
    }

    /// Off, the pause, and on again.
    package func cycle() throws(StreamFailure) {
        try set(false)
        Waiting.block(source.pause)
        do throws(StreamFailure) { try set(true) } catch {
            throw StreamFailure(
                error.reason, error.medium, "\(error.detail); the device is without power now",
                remedy: error.remedy.isEmpty ? "switch it on by hand" : "\(error.remedy); then `lab power \(node) on`")
        }
    }

    /// Whether the device has power; `nil` where the switch does not tell.
    package func state() throws(StreamFailure) -> Bool? {
        switch source.kind {
        case .relay(let board, let channel): try RelaySwitch(board, channel, of: node, surroundings).state()
        case .hubPort(let hub, let port): try HubSwitch(hub, port, of: node, surroundings).state()
        case .authorized(let device): try AuthorizedFlag(device, of: node, root: surroundings.root).state()
        case .command(_, _, let state):
            if let state { try CommandSwitch(node, surroundings.commandLimit).state(state) } else { nil }
        }
    }
}

extension PowerSource.Switch: CustomStringConvertible {
    package var description: String {
        switch self {
        case .relay(let board, let channel): "channel \(channel) of \(board.name)"
        case .hubPort(let hub, let port): "port \(port) of USB hub \(hub)"
        case .authorized(let device): "the authorized flag of USB device \(device)"
        case .command(let on, _, _): "`\(CommandSwitch.text(on))`"
        }
    }
}
