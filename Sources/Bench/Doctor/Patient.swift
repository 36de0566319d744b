package import LabCore

/// A node of lab.yaml as the doctor sees it.
package struct Patient: Sendable, Hashable {
    package var name: String
    /// `rg500q`, `pile`, `badge`.
    package var kind: String
    package var facts: Fields
    package var hardware: HardwareSide

    package init(name: String, kind: String, facts: Fields = [:], hardware: HardwareSide) {
        self.name = name
        self.kind = kind
        self.facts = facts
        self.hardware = hardware
    }
}

/// What of the machine the doctor uses, and how patient it is; tests put their own in its place.
package struct DoctorSurroundings: Sendable {
    package struct Limits: Sendable, Hashable {
        /// To open a port that is busy or not ready yet.
        package var opening = Duration.seconds(3)
        /// `AT`s that may stay unanswered, a second each: the first after a start often does (rg500q.md §5.4).
        package var firstAnswers = 3
        /// For a device to be back after a reset. Source: rg500q.md §5.4.
        package var returning = Duration.seconds(180)
        /// For a pile to say something by itself; `nil` for its protocol's heartbeat and a tenth.
        package var heartbeat: Duration?
        /// For a fixture to greet.
        package var greeting = Duration.seconds(10)
        /// For a port to vanish when the power of its device goes.
        package var vanishing = Duration.seconds(5)
        /// From off to on in a reset through the authorized flag.
        package var resetPause = Duration.seconds(1)

        package init() {}
    }

    package var power: PowerSurroundings
    /// The path of a port; `nil` for one of another machine.
    package var path: @Sendable (PortSource) throws(StreamFailure) -> String?
    /// What the system tells of the port at a path, where it tells something.
    package var record: @Sendable (String) -> PortRecord?
    /// The folder below which `proc`, `run` and `sys` are.
    package var root: String
    package var limits: Limits
    /// Asked while the doctor waits; a stop ends the wait, never a switching that has begun.
    package var isStopped: @Sendable () -> Bool = { false }

    package init(
        power: PowerSurroundings = .machine, root: String = "", limits: Limits = Limits(),
        path: @escaping @Sendable (PortSource) throws(StreamFailure) -> String?, record: @escaping @Sendable (String) -> PortRecord? = { _ in nil }
    ) {
        self.power = power
        self.path = path
        self.record = record
        self.root = root
        self.limits = limits
    }

    package static let machine = machine(holding: nil)

    /// - Parameter places: of labgrid, that the caller has acquired.
    package static func machine(holding places: LabgridHoldings?) -> DoctorSurroundings {
        DoctorSurroundings(
            power: PowerSurroundings { source, reactor throws(StreamFailure) in try LocalPorts.stream(to: source, on: reactor, places: places) },
            path: { source throws(StreamFailure) in try LocalPorts.path(of: source) }, record: { LocalPorts.record(of: $0) })
    }
}
