import LabCore
import Synchronization

/// Orders of a crowd: riders who come one after another, each to the next port that is free.
///
/// For loads, where a scenario speaks of so many users and not of each of them.
final class OrderCrowd: Sendable {
    private struct State: Sendable {
        var rider = 0
        var port = 0
        var funded: Set<String> = []
        /// What was online when it was looked at last, and for how many orders it still counts.
        var ports: [(pile: String, port: Int)] = []
        var looks = 0
    }

    private let state = Mutex(State())

    /// What a rider has when he comes, fen; topped up where he has less than a tenth of it.
    private static let funds: Int64 = 1_000_000
    private static let ordersOfOneLook = 500
    /// How long one of them charges where nothing else is said: short, so that a small crowd can keep coming.
    static let seconds: Int64 = 15
    /// Ports that one order tries.
    private static let tries = 200

    /// - Parameters:
    ///   - users: riders `rider-1` to `rider-<users>`, in turn.
    ///   - request: user, pile and port are filled in.
    /// - Throws: `pile_offline` where no pile is online; what the engine refuses otherwise.
    func create(
        users: Int, _ request: OrderRequest, tariff: Tariff?, orders: OrderEngine, stations: StationService
    ) async throws -> Order {
        let rider = state.withLock { state in
            defer { state.rider += 1 }
            return "rider-\(state.rider % users + 1)"
        }
        try await fund(rider, orders)
        let ports = ports(of: stations)
        guard !ports.isEmpty else { throw APIError(.pileOffline) }
        var request = request
        request.user = rider
        for attempt in 1...Self.tries {
            let place = state.withLock { state in
                defer { state.port += 1 }
                return ports[state.port % ports.count]
            }
            (request.pile, request.port) = (place.pile, place.port)
            do { return try await orders.create(request, tariff: tariff) } catch let error as APIError
                where error.code == .portBusy && attempt < min(Self.tries, ports.count) {
                continue
            }
        }
        throw APIError(.portBusy)
    }

    private func ports(of stations: StationService) -> [(pile: String, port: Int)] {
        let known = state.withLock { state in
            state.looks -= 1
            return state.looks > 0 ? state.ports : []
        }
        guard known.isEmpty else { return known }
        let ports = stations.onlinePorts
        state.withLock { state in
            state.ports = ports
            state.looks = Self.ordersOfOneLook
        }
        return ports
    }

    private func fund(_ rider: String, _ orders: OrderEngine) async throws {
        guard try orders.wallet(rider).balance < Self.funds / 10 else { return }
        let number = state.withLock { $0.funded.insert(rider).inserted ? 1 : 2 }
        let key = number == 1 ? "crowd \(rider)" : "crowd \(rider) \(try orders.wallet(rider).balance)"
        _ = try await orders.topUp(rider, fen: Self.funds, key: key)
    }
}
