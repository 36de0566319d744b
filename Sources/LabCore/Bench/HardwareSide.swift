/// How a bench reaches a real device: `hw` of a node in lab.yaml (scenario-language.md, `lab.yaml`).
package struct HardwareSide: Sendable, Hashable {
    /// Its serial ports by what they are for.
    package var ports: [NamedPort]
    package var power: PowerSource?
    /// Badges: the client identifier under which the device is on the broker.
    package var client: String?
    /// A program that does to the device what the lab cannot do itself, and sees what it cannot see.
    package var fixture: FixtureSource?
    package var health: HealthExpectation
    /// Where `hw` stands.
    package var location: SourceLocation

    package struct NamedPort: Sendable, Hashable {
        package var purpose: PortPurpose
        package var source: PortSource
        package init(_ purpose: PortPurpose, _ source: PortSource) { (self.purpose, self.source) = (purpose, source) }
    }

    package init(
        ports: [NamedPort] = [], power: PowerSource? = nil, client: String? = nil, fixture: FixtureSource? = nil,
        health: HealthExpectation = HealthExpectation(), location: SourceLocation
    ) {
        self.ports = ports
        self.power = power
        self.client = client
        self.fixture = fixture
        self.health = health
        self.location = location
    }

    package func port(_ purpose: PortPurpose) -> PortSource? { ports.first { $0.purpose == purpose }?.source }
}

/// What a serial port of a node is for; also its key under `hw`.
package enum PortPurpose: String, Sendable, Hashable, CaseIterable {
    /// The port that the driver speaks through: AT commands of a module, frames of a pile.
    case serial
    /// A log for people: its lines are recorded with times.
    case console
    /// A DL/T 645 meter beside a pile's board.
    case meter
}

/// A serial port, wherever it is.
package struct PortSource: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        /// A port of this machine that is what the match says.
        case match(PortMatch)
        /// A port of this machine by its path; a link such as /dev/serial/by-id/… stays true when ports are renumbered.
        case path(String)
        /// A port of another machine by RFC 2217: line settings and modem lines go over the network, too.
        case rfc2217(host: String, port: Int)
        /// A port of another machine as a bare TCP connection.
        case tcp(host: String, port: Int)
        /// A place of labgrid, acquired with its own client; the name of the resource where the place has several ports.
        case labgrid(place: String, resource: String?)
    }

    package var place: Place
    /// Bits in a second.
    package var baud: UInt32
    /// Data bits, parity, stop bits: `8N1`.
    package var framing: String
    package var location: SourceLocation

    package init(_ place: Place, baud: UInt32 = 115_200, framing: String = "8N1", location: SourceLocation) {
        self.place = place
        self.baud = baud
        self.framing = framing
        self.location = location
    }
}

extension PortSource.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .match(let match): "\(match)"
        case .path(let path): path
        case .rfc2217(let host, let port): "rfc2217://\(host):\(port)"
        case .tcp(let host, let port): "tcp://\(host):\(port)"
        case .labgrid(let place, let resource): "labgrid place \(place)\(resource.map { " (\($0))" } ?? "")"
        }
    }
}

/// What switches the power of a device.
package struct PowerSource: Sendable, Hashable {
    package enum Switch: Sendable, Hashable {
        /// A channel, from 1, of a relay board at a serial port.
        case relay(RelayBoard, channel: Int)
        /// A port of a USB hub that can switch power: `uhubctl -l 1-1.4 -p 2`.
        case hubPort(hub: String, port: Int)
        /// The `authorized` flag of a USB device in sysfs: the driver goes, the power stays.
        case authorized(device: String)
        /// Programs that do it; `state` prints `on` or `off`.
        case command(on: [String], off: [String], state: [String]?)
    }

    package var kind: Switch
    /// How long it stays off in a power cycle.
    package var pause: Duration
    package var location: SourceLocation

    package init(_ kind: Switch, pause: Duration = .seconds(2), location: SourceLocation) {
        self.kind = kind
        self.pause = pause
        self.location = location
    }
}

/// A relay board at a serial port: an entry of `relays` in lab.yaml.
package struct RelayBoard: Sendable, Hashable {
    package enum Wire: String, Sendable, Hashable, CaseIterable {
        /// LCUS boards (CH340): A0, channel, state, sum of the three; no answer.
        case lcus
        /// Modbus RTU coils, function 5 at unit 1, with an answer.
        case modbus
    }

    package var name: String
    package var wire: Wire
    package var port: PortSource

    package init(name: String, wire: Wire, port: PortSource) {
        self.name = name
        self.wire = wire
        self.port = port
    }
}

/// A program of the bench that handles a device: a SIM multiplexer, an attenuator, an electronic load, a camera. It speaks lines of JSON with the lab.
package struct FixtureSource: Sendable, Hashable {
    package var command: [String]
    /// What it offers of the kind's vocabulary, by name; `nil` for all of it.
    package var offers: [String]?
    package var location: SourceLocation

    package init(command: [String], offers: [String]? = nil, location: SourceLocation) {
        self.command = command
        self.offers = offers
        self.location = location
    }

    package func offers(_ name: String) -> Bool { offers?.contains(name) ?? true }
}

/// What `lab doctor` expects of a device beyond that it answers.
package struct HealthExpectation: Sendable, Hashable {
    /// The firmware as the device says it; `nil` for any.
    package var firmware: String?
    /// The serial number that the device says of itself (IMEI of a module); `nil` for any. Another one is a swapped device.
    package var identity: String?
    /// dBm, the weakest signal that will do; `nil` where it does not matter.
    package var signal: Int?
    /// A SIM must be in and ready.
    package var needsSIM: Bool

    package init(firmware: String? = nil, identity: String? = nil, signal: Int? = nil, needsSIM: Bool = false) {
        self.firmware = firmware
        self.identity = identity
        self.signal = signal
        self.needsSIM = needsSIM
    }
}

/// The emulated side of a node: `emu` in lab.yaml.
package struct EmulatedSide: Sendable, Equatable {
    /// A recording that answers in place of the emulator (`lab twin`): its path and its bytes.
    package var script: PlanFile?
    package var location: SourceLocation

    package init(script: PlanFile? = nil, location: SourceLocation) {
        self.script = script
        self.location = location
    }
}
