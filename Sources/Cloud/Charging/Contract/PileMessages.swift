package import LabCore

/// What the pile gateway tells the rest of the cloud, and what it is told to do, in terms that no wire protocol owns.
///
/// Units everywhere: energy in dWh (0.1 Wh = 1e-4 kWh), power in dW (0.1 W), money in fen, times as Unix milliseconds of the
/// cloud's clock unless a field says that it is the pile's own. Ports count from 1, whatever the wire does.
package enum PileProtocol: String, Sendable, Hashable, CaseIterable {
    /// AP3000 "DNY" (charging-protocols.md 4).
    case dny
    /// BKV, also called GN (2, 3).
    case bkv
    /// EE/66 through a serial bridge (5.1).
    case ee66
}

/// What a pile says of itself when it comes.
package struct PileFacts: Sendable, Equatable {
    package var wire: PileProtocol
    package var ports: Int
    /// As printed: `6.40`, `200.1.17`; empty where the pile has not said it.
    package var firmware: String
    /// The protocol's word for the model; empty where unknown.
    package var model: String
    /// The SIM's number; empty where unknown.
    package var iccid: String

    package init(wire: PileProtocol, ports: Int, firmware: String = "", model: String = "", iccid: String = "") {
        self.wire = wire
        self.ports = ports
        self.firmware = firmware
        self.model = model
        self.iccid = iccid
    }
}

package enum PortState: String, Sendable, Hashable, CaseIterable {
    case idle, charging
    /// A plug is in, nothing runs.
    case plugged
    case full, fault
}

/// Why a pile ended a charge, in the words of the lab; each protocol has its table for them.
package enum StopReason: String, Sendable, Hashable, CaseIterable {
    case full, time, energy, unplugged, overload, remote, user
    case overTemperature = "over_temperature"
    case overCurrent = "over_current"
    case powerTooSmall = "power_too_small"
    case noPower = "no_power"
    case powerLoss = "power_loss"
    case relayStuck = "relay_stuck"
    case relayOpen = "relay_open"
    case shortCircuit = "short_circuit"
    case water, smoke, door, card
    case overVoltage = "over_voltage"
    case underVoltage = "under_voltage"
    case memory, unknown
}

/// What a pile answers to a start.
package enum StartAnswer: String, Sendable, Hashable, CaseIterable {
    case started
    case notPlugged = "not_plugged"
    case busy, fault, refused
}

package enum StopAnswer: String, Sendable, Hashable, CaseIterable {
    case stopped
    /// The pile knows the order and it is over already.
    case over
    /// The pile has never run this order, or does not know it.
    case unknown
}

/// A look at one port while an order runs. The pile's readings of energy are of this order, from 0.
package struct PileSample: Sendable, Equatable {
    package var pile: String
    package var port: Int
    /// The order's number; `nil` where the wire has none and the gateway knows none.
    package var order: String?
    /// When the cloud received it.
    package var receivedAt: Int64
    /// The pile's own clock, Unix seconds; `nil` where the frame has none.
    package var pileTime: Int64?
    package var energy: Int64
    package var power: Int64
    /// Seconds since the start, as the pile counts them; may have wrapped.
    package var seconds: Int64
    package var state: PortState

    package init(
        pile: String, port: Int, order: String?, receivedAt: Int64, pileTime: Int64? = nil, energy: Int64, power: Int64, seconds: Int64,
        state: PortState = .charging
    ) {
        self.pile = pile
        self.port = port
        self.order = order
        self.receivedAt = receivedAt
        self.pileTime = pileTime
        self.energy = energy
        self.power = power
        self.seconds = seconds
        self.state = state
    }
}

/// The pile's settlement of one charge. It stays in the pile's memory until it is acknowledged.
package struct PileBill: Sendable, Equatable {
    package var pile: String
    package var port: Int
    /// The order's number as on the wire, made text; for wires without one, what the gateway's table says, or `nil`.
    package var order: String?
    package var receivedAt: Int64
    /// The pile's own clock when it sent this, Unix seconds.
    package var pileTime: Int64?
    package var energy: Int64
    package var seconds: Int64
    /// Start and end by the pile's clock, Unix seconds, where the frame has them.
    package var started: Int64?
    package var ended: Int64?
    package var maximumPower: Int64
    package var reason: StopReason
    /// The card that started it offline.
    package var card: String?
    /// What the port's own meter showed at the start and at the end, dWh, where the wire has it: the audit of registers (I16) uses it.
    package var registerStart: Int64?
    package var registerEnd: Int64?
    /// Started minutes that the plug stayed after the end, where the wire has them.
    package var idleMinutes: Int64
    /// SHA-256 of what identifies the content: not the message id, not the time of sending.
    package var contentHash: [UInt8]
    /// The frame, for quarantine and for people.
    package var frame: [UInt8]
    package var messageID: UInt32

    package init(
        pile: String, port: Int, order: String?, receivedAt: Int64, pileTime: Int64? = nil, energy: Int64, seconds: Int64,
        started: Int64? = nil, ended: Int64? = nil, maximumPower: Int64 = 0, reason: StopReason, card: String? = nil,
        registerStart: Int64? = nil, registerEnd: Int64? = nil, idleMinutes: Int64 = 0, contentHash: [UInt8], frame: [UInt8] = [], messageID: UInt32 = 0
    ) {
        self.pile = pile
        self.port = port
        self.order = order
        self.receivedAt = receivedAt
        self.pileTime = pileTime
        self.energy = energy
        self.seconds = seconds
        self.started = started
        self.ended = ended
        self.maximumPower = maximumPower
        self.reason = reason
        self.card = card
        self.registerStart = registerStart
        self.registerEnd = registerEnd
        self.idleMinutes = idleMinutes
        self.contentHash = contentHash
        self.frame = frame
        self.messageID = messageID
    }
}

/// What became of a bill. All but `failed` are acknowledged to the pile, after the commit.
package enum BillOutcome: Sendable, Equatable {
    case settled(order: String)
    /// The same content as before: nothing changed.
    case repeated(order: String)
    /// Kept and not booked: `reason` is `already_settled`, `unknown_order`, `foreign_order`, `implausible`, `unknown_card`.
    case refused(order: String?, reason: String)
    /// Nothing is durable: the pile must keep it.
    case failed
}

package enum AlarmKind: String, Sendable, Hashable, CaseIterable {
    case powerCut = "power_cut"
    case water, smoke, heat, door
    case overCurrent = "over_current"
    case overTemperature = "over_temperature"
    case relayStuck = "relay_stuck"
    case portFault = "port_fault"
    case other
}

/// Everything a pile can tell. `Sendable` values; the order of calls is the order of frames.
package enum PileEvent: Sendable, Equatable {
    /// A session begins; also after a newer login took over an older one.
    case online(pile: String, PileFacts)
    case offline(pile: String, reason: String)
    case startAnswered(pile: String, port: Int, order: String, StartAnswer)
    case stopAnswered(pile: String, port: Int, order: String, StopAnswer)
    /// No answer to a start or stop after the protocol's resends.
    case unanswered(pile: String, port: Int, order: String, command: String)
    case sample(PileSample)
    case ports(pile: String, [PortState])
    case alarm(pile: String, port: Int?, AlarmKind, isOn: Bool)
    /// A card at a port; `port` is `nil` when only the balance is asked.
    case card(pile: String, port: Int?, card: String)
    /// How `setParameters`, `restart` or `upgrade` ended; exactly one for each that `send` has taken, or `offline` before it.
    case serviced(pile: String, PileService, PileServiceResult)
    /// Parameters as the pile has them, by the names of `setParameters`.
    case parameters(pile: String, Fields)
    /// It has said more of itself since it came online: its firmware, its model, its SIM.
    case described(pile: String, PileFacts)
}

/// What a pile is told besides charging.
package enum PileService: String, Sendable, Hashable, CaseIterable {
    case setParameters = "set_parameters"
    case restart, upgrade
}

package enum PileServiceResult: Sendable, Equatable {
    case done
    /// In a few words of the protocol's: `result 3`, `unknown_parameter`.
    case refused(String)
    /// No answer after the protocol's resends.
    case unanswered
}

/// What a pile is told. The gateway paces, numbers, sends again and reports the answers as `PileEvent`s.
package enum PileCommand: Sendable, Equatable {
    /// - Parameters:
    ///   - limitEnergy: dWh; `nil` for none.
    ///   - limitSeconds: `nil` for none.
    ///   - limitPower: dW; `nil` for the pile's own.
    case start(order: String, port: Int, limitEnergy: Int64?, limitSeconds: Int64?, limitPower: Int64?)
    case stop(order: String, port: Int)
    /// Asks for the state of all ports, and for stored records where the protocol can.
    case query
    /// Parameters by the names of stations (`heartbeat_interval`, `overload_power`, …), each a whole number.
    case setParameters(Fields)
    case restart
    /// An upgrade in packets of the protocol's size.
    case upgrade(image: [UInt8], version: String)
    case answerCard(card: String, port: Int?, isAccepted: Bool, balance: Int64)
}
