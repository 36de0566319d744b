import ChargingOracles
import LabCore

/// The oracles that judge every case beside its own steps, laws and limits.
enum Oracles {
    static let all: [any RunOracle] = [OrderOracle()]
}
