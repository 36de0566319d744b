import LabCore

/// What a pile is built with. Shared by all piles of a fleet but for its identity.
package struct PileSetup: Sendable, Equatable {
    /// The id that the cloud knows it by: for DNY the physical ID as 8 hexadecimal digits.
    package var id: String
    /// 1 to 20.
    package var ports: Int
    /// Unix seconds at the start of the run.
    package var epoch: Int64
    /// dW; also the overload limit where nothing else is set.
    package var ratedPower: Int64 = 20_000
    /// dW of all ports together; `nil` without a limit.
    package var totalPower: Int64?
    /// 0.1 V.
    package var voltage: Int64 = 2_200
    /// °C around the pile.
    package var ambient: Int64 = 25
    /// mW that each port draws by itself and its meter counts.
    package var idlePower: Int64 = 0
    /// dWh on each register when it comes out of the box.
    package var register: Int64 = 0
    /// From a start command to the closed relay. Source: chosen.
    package var relayTime = Duration.milliseconds(500)
    /// From power to a firmware that runs. Source: chosen, so that 1,000 piles can be back within 5 s (charging-orders.md F27).
    package var bootTime = Duration.milliseconds(1_500)
    /// A charge goes on after a power cut where the plug stayed in (charging-protocols.md 4.12); else it is settled.
    package var resumes = true
    /// Parts in a million that the clock runs fast.
    package var drift: Int64 = 0
    /// Notes `charge.metered` at each half hour of civil time.
    package var metersHalfHours = true

    package init(id: String, ports: Int, epoch: Int64) {
        self.id = id
        self.ports = min(max(ports, 1), 20)
        self.epoch = epoch
    }

    /// Unix seconds of the world.
    func unix(_ now: RunInstant) -> Int64 { epoch &+ now.nanoseconds / 1_000_000_000 }
}

/// What the pile's firmware watches over. The defaults are those of charging-protocols.md 4.7.
package struct PileProtection: Sendable, Equatable {
    /// dW below which nothing is plugged in any more, for this many seconds.
    package var unplugPower: Int64 = 3
    package var unplugSeconds: Int64 = 10
    /// Percent of the highest power at and below which a battery is full, for this many seconds, and the float after that.
    package var floatPercent: Int64 = 20
    package var floatDetectSeconds: Int64 = 1_800
    package var floatSeconds: Int64 = 3_600
    package var maximumSeconds: Int64 = 36_000
    /// dW.
    package var overload: Int64
    /// °C.
    package var ambientAlarm: Int64 = 80
    package var portAlarm: Int64 = 80
    /// Seconds from the start in which the second maximum is taken.
    package var secondMaximumSeconds: Int64 = 300

    package init(overload: Int64) { self.overload = overload }
}

/// How a port stands, for the protocols and for people.
package enum PortCondition: String, Sendable, Hashable, CaseIterable {
    case idle, charging, plugged, full, float, fault
}

/// What one look at a port gives.
package struct PortReading: Sendable, Equatable {
    package var condition: PortCondition
    package var isPlugged: Bool
    package var order: PileOrder
    package var starter: ChargeStarter
    /// Seconds of the charge by the pile's clock.
    package var seconds: Int64
    /// dWh of the charge as the chip shows them.
    package var energy: Int64
    /// dW.
    package var power: Int64
    package var maximumPower: Int64
    package var secondMaximum: Int64
    /// mA.
    package var current: Int64
    /// 0.1 V.
    package var voltage: Int64
    /// °C.
    package var temperature: Int64
    /// dWh on the register as the chip shows it.
    package var register: Int64
    package var tag: UInt32
}

/// What a personality has reported of a charge since the last time.
package struct PeriodReading: Sendable, Equatable {
    /// dW.
    package var maximum: Int64
    package var minimum: Int64
    package var average: Int64
    /// pJ.
    package var energy: Int128
}

package enum PileAlarm: String, Sendable, Hashable, CaseIterable {
    case powerCut = "power_cut"
    case water, smoke, heat
    case overCurrent = "over_current"
    case relayStuck = "relay_stuck"
    case door
    case memory
}

/// What happened in the core, in its order; ports from 0.
package enum PileHappening: Sendable, Equatable {
    case plugged(Int)
    case unplugged(Int)
    case started(Int)
    /// The charge goes on after power was away.
    case resumed(Int)
    /// Phase or power changed while it charges.
    case changed(Int)
    /// A charge is over and its bill is in flash.
    case ended(ChargeBill)
    /// The truth of a charge: dWh, and Unix seconds of the world.
    case truth(port: Int, order: PileOrder, energy: Int64, started: Int64, ended: Int64, registers: ClosedRange<Int64>)
    /// dWh of the running charge at a half hour of the world.
    case metered(port: Int, order: PileOrder, energy: Int64, at: Int64)
    case acknowledged(ChargeBill)
    case alarm(PileAlarm, port: Int?, isRaised: Bool)
    case swiped(port: Int?, card: UInt64)
    case temperatureChanged
}
