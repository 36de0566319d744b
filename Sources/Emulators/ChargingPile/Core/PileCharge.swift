package import LabCore

/// Why a charge ended. The words are those of the cloud's stop reasons; each protocol has its own numbers for them.
package enum ChargeEnd: UInt8, Sendable, Hashable, CaseIterable {
    case full = 1
    case maximumTime, time, energy, unplugged, overload, remote, dynamicOverload, powerTooSmall, ambientTooHot, portTooHot, overCurrent
    case noPower, relayOpen, shortCircuit, water, smokeHere, smokeElsewhere, door, user, card, memory, overVoltage, underVoltage, powerLoss
    case relayStuck

    package var word: String {
        switch self {
        case .full: "full"
        case .maximumTime, .time: "time"
        case .energy: "energy"
        case .unplugged: "unplugged"
        case .overload, .dynamicOverload: "overload"
        case .remote: "remote"
        case .powerTooSmall: "power_too_small"
        case .ambientTooHot, .portTooHot: "over_temperature"
        case .overCurrent: "over_current"
        case .noPower: "no_power"
        case .relayOpen: "relay_open"
        case .shortCircuit: "short_circuit"
        case .water: "water"
        case .smokeHere, .smokeElsewhere: "smoke"
        case .door: "door"
        case .user: "user"
        case .card: "card"
        case .memory: "memory"
        case .overVoltage: "over_voltage"
        case .underVoltage: "under_voltage"
        case .powerLoss: "power_loss"
        case .relayStuck: "relay_stuck"
        }
    }
}

package enum ChargeStarter: UInt8, Sendable, Hashable {
    case card = 0
    case server = 1
    case code = 3
}

package enum ChargeLimit: Sendable, Hashable {
    case untilFull
    /// Seconds by the pile's own clock.
    case seconds(Int64)
    /// dWh by the meter chip.
    case energy(Int64)
}

/// What a charge is started with.
package struct ChargeRequest: Sendable, Equatable {
    /// From 0; `nil` lets the pile choose.
    package var port: Int?
    package var order: PileOrder
    package var starter: ChargeStarter
    package var card: UInt64
    package var limit: ChargeLimit
    /// Seconds after which a charge without a time limit ends; 0 takes the pile's setting.
    package var maximumSeconds: Int64
    /// dW; 0 takes the pile's setting.
    package var overload: Int64
    /// A time limit goes on when the battery is full, unless this is set.
    package var stopsWhenFull: Bool
    /// Seconds of float after full; `nil` takes the pile's setting, 0 is none.
    package var floatSeconds: Int64?
    /// dW at and below which a battery counts as full; 0 takes the pile's percentage.
    package var fullPower: Int64
    /// Seconds of that; 0 takes the pile's setting.
    package var fullSeconds: Int64

    package init(
        port: Int?, order: PileOrder, starter: ChargeStarter = .server, card: UInt64 = 0, limit: ChargeLimit, maximumSeconds: Int64 = 0,
        overload: Int64 = 0,
        stopsWhenFull: Bool = false, floatSeconds: Int64? = nil, fullPower: Int64 = 0, fullSeconds: Int64 = 0
    ) {
        self.port = port
        self.order = order
        self.starter = starter
        self.card = card
        self.limit = limit
        self.maximumSeconds = maximumSeconds
        self.overload = overload
        self.stopsWhenFull = stopsWhenFull
        self.floatSeconds = floatSeconds
        self.fullPower = fullPower
        self.fullSeconds = fullSeconds
    }
}

/// What became of a start.
package enum ChargeStart: Sendable, Equatable {
    case started(port: Int)
    /// It runs although something is wrong with the port (results 3 and 9 of charging-protocols.md 4.6).
    case startedWithFault(port: Int, ChargeRefusal)
    case refused(ChargeRefusal, port: Int?)
    /// Power went in the middle of it: nothing is answered.
    case lost
}

package enum ChargeRefusal: Sendable, Hashable {
    case notPlugged, busy
    /// The order has run here and is over.
    case finished
    case portFault, noSuchPort
    /// Several chargers wait and the pile was to choose; their ports as bits.
    case severalWaiting(UInt16)
    case totalPower, memory, relay, relayStuck, shortCircuit, smoke, overVoltage, underVoltage
    /// A fault of the scenario: this number of the protocol.
    case code(UInt8)

    package var word: String {
        switch self {
        case .notPlugged: "not_plugged"
        case .busy: "busy"
        case .finished: "finished"
        case .portFault: "port_fault"
        case .noSuchPort: "no_such_port"
        case .severalWaiting: "several_waiting"
        case .totalPower: "total_power"
        case .memory: "memory"
        case .relay: "relay"
        case .relayStuck: "relay_stuck"
        case .shortCircuit: "short_circuit"
        case .smoke: "smoke"
        case .overVoltage: "over_voltage"
        case .underVoltage: "under_voltage"
        case .code(let number): "code_\(number)"
        }
    }
}

/// A charge that runs, as the firmware has it in RAM.
package struct PileCharge: Sendable, Equatable {
    package enum Phase: UInt8, Sendable { case charging, full, float }

    /// Counts the pile's charges, so that a bill and the charge that it closes know one another.
    package internal(set) var number: UInt32
    package internal(set) var order: PileOrder
    package internal(set) var starter: ChargeStarter
    package internal(set) var card: UInt64
    package internal(set) var limit: ChargeLimit
    var maximumSeconds: Int64
    /// dW.
    package internal(set) var overload: Int64
    var stopsWhenFull: Bool
    var floatSeconds: Int64
    var fullPower: Int64
    var fullSeconds: Int64
    /// Unix seconds by the pile's clock.
    package internal(set) var startedClock: Int64
    /// pJ on the chip.
    var startShown: Int128
    /// Since when it runs without a break.
    var began: RunInstant
    /// ns by the pile's clock that it ran before power went.
    var ranBefore: Int64 = 0
    package internal(set) var phase = Phase.charging
    /// mW; the second is of the first five minutes.
    package internal(set) var maximumPower: Int64 = 0
    package internal(set) var secondMaximum: Int64 = 0
    var lowSince: RunInstant?
    var powerlessSince: RunInstant?
    /// Since the personality last reported it.
    var period = Period()
    /// What a personality remembers of it; kept in flash.
    package internal(set) var tag: UInt32 = 0

    struct Period: Sendable, Equatable {
        var since = RunInstant.start
        var shown: Int128 = 0
        var minimum: Int64 = .max
        var maximum: Int64 = 0
    }
}

/// The settlement of a charge. It stays in the pile's flash until somebody acknowledges it.
package struct ChargeBill: Sendable, Equatable {
    /// Counts the bills of this pile.
    package internal(set) var serial: UInt32 = 0
    package var number: UInt32
    package var port: Int
    package var order: PileOrder
    package var starter: ChargeStarter
    package var card: UInt64
    package var end: ChargeEnd
    /// By the pile's clock.
    package var seconds: Int64
    /// dWh as the chip shows them.
    package var energy: Int64
    /// dW.
    package var maximumPower: Int64
    package var secondMaximum: Int64
    /// Unix seconds by the pile's clock.
    package var started: Int64
    package var ended: Int64
    package var tag: UInt32
}

/// What really happened at a port, kept outside of the pile: only the lab reads it.
package struct ChargeTruth: Sendable, Equatable {
    package internal(set) var order: PileOrder
    var number: UInt32
    /// pJ at the start.
    package internal(set) var register: Int128
    package internal(set) var started: RunInstant
}
