package import Bench
package import LabCore

/// How the world uses a bench.
package struct BenchSettings: Sendable, Equatable {
    /// What `--node` says: a role or a kind, and whether it is real or emulated.
    package var sides: [(word: String, side: WorldKind)]

    /// The name under which real devices reach the cloud; the lab's own where it is nil.
    package var cloudName: String?

    /// The key of the factory of real devices, 32 bytes; from the seed where it is nil.
    package var factoryKey: [UInt8]?
    /// The places of labgrid that the case holds.
    package var places: LabgridHoldings?

    package init(sides: [(word: String, side: WorldKind)] = []) { self.sides = sides }

    package static func == (left: Self, right: Self) -> Bool {
        left.cloudName == right.cloudName && left.factoryKey == right.factoryKey && left.places === right.places && left.sides.elementsEqual(right.sides) { $0 == $1 }
    }

    /// Whether a role is to be filled by a real device. Cloud and payment services are the lab's own in every world.
    package func isReal(_ role: Role, in world: WorldKind) -> Bool {
        guard role.kind != "cloud", role.kind != "payments" else { return false }
        return (sides.last { $0.word == role.name || $0.word == role.kind }?.side ?? world) == .hw
    }
}
