package import LabCore
import Synchronization

/// The places of labgrid that a run has: all are acquired before it begins, and given back in the end, however it ends.
///
/// Calls block while labgrid's client runs; they may come from any thread.
package final class LabgridHoldings: Sendable {
    private struct Key: Hashable {
        var place: String
        var resource: String?
    }

    private struct State {
        var ports: [Key: LabgridPlace.Port] = [:]
        /// In the order in which they were acquired.
        var places: [LabgridPlace] = []
    }

    private let coordinator: String?
    private let program: String
    private let state = Mutex(State())

    /// - Parameters: as of `LabgridPlace`.
    package init(coordinator: String? = nil, program: String = "labgrid-client") {
        self.coordinator = coordinator
        self.program = program
    }

    /// Acquires what of the sources is in places of labgrid; does nothing for others, and for those that it has.
    ///
    /// - Throws: as `LabgridPlace.acquire`; everything that this object held is given back then.
    package func acquire(_ sources: [PortSource]) throws(StreamFailure) {
        for source in sources {
            guard case .labgrid(let name, let resource) = source.place, port(of: source) == nil else { continue }
            let place = LabgridPlace(name: name, resource: resource, coordinator: coordinator, program: program)
            do throws(StreamFailure) {
                let port = try place.acquire()
                state.withLock { state in
                    state.ports[Key(place: name, resource: resource)] = port
                    if !state.places.contains(where: { $0.name == name }) { state.places.append(place) }
                }
            } catch {
                release()
                throw error
            }
        }
    }

    /// Where a source is served; nil where it is no place of labgrid, or was not acquired.
    package func port(of source: PortSource) -> LabgridPlace.Port? {
        guard case .labgrid(let place, let resource) = source.place else { return nil }
        return state.withLock { $0.ports[Key(place: place, resource: resource)] }
    }

    /// Gives everything back; does nothing the second time.
    ///
    /// - Returns: what could not be given back, with what to do.
    @discardableResult
    package func release() -> [StreamFailure] {
        let places = state.withLock { state in
            defer { state = State() }
            return state.places
        }
        var failures: [StreamFailure] = []
        for place in places.reversed() {
            do throws(StreamFailure) { try place.release() } catch {
                failures.append(
                    StreamFailure(
                        error.reason, error.medium, "it was not given back: \(error.detail)",
                        remedy: "`labgrid-client -p \(place.name) release --kick` does, when no run uses it"))
            }
        }
        return failures
    }
}
