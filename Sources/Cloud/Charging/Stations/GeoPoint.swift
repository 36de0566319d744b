import Foundation
import Synchronization

/// A place on the earth, in degrees; all places of one cloud are of one system, as the maps of its apps use it.
package struct GeoPoint: Sendable, Equatable {
    package var latitude: Double
    package var longitude: Double

    /// - Returns: `nil` beyond the poles, beyond 180 degrees, and for what is no number.
    package init?(latitude: Double, longitude: Double) {
        guard (-90.0...90.0).contains(latitude), (-180.0...180.0).contains(longitude) else { return nil }
        self.latitude = latitude
        self.longitude = longitude
    }

    /// Metres along the ground, on a sphere of the earth's mean radius (6,371,008.8 m, IUGG): off by half a percent at most.
    package func distance(to other: GeoPoint) -> Double {
        let degree = Double.pi / 180
        let (north, east) = ((other.latitude - latitude) * degree, (other.longitude - longitude) * degree)
        let chord = sin(north / 2) * sin(north / 2) + cos(latitude * degree) * cos(other.latitude * degree) * sin(east / 2) * sin(east / 2)
        return 2 * 6_371_008.8 * asin(min(1, chord.squareRoot()))
    }
}

/// A site near somebody, with what is free there.
package struct NearbySite: Sendable, Equatable {
    package var site: Organisation
    package var place: GeoPoint
    /// Metres.
    package var distance: Double
    package var piles = 0
    package var ports = 0
    /// Ports at which a charge could begin.
    package var freePorts = 0
}

extension StationService {
    /// The sites with a place within so many metres, the nearest first; with piles only.
    package func sites(near point: GeoPoint, within metres: Double, limit: Int) -> [NearbySite] {
        state.withLock { state in
            let near = state.tree.all.compactMap { site -> NearbySite? in
                guard site.kind == .site, let place = site.place else { return nil }
                let distance = point.distance(to: place)
                return distance <= metres ? NearbySite(site: site, place: place, distance: distance) : nil
            }.sorted { ($0.distance, $0.site.id) < ($1.distance, $1.site.id) }
            var found = near
            var places: [String: Int] = [:]
            for (index, entry) in near.enumerated() { places[entry.site.id] = index }
            // Sums of whole numbers: in whatever order the piles come.
            for pile in state.piles.values {
                guard let index = places[pile.registered.site] else { continue }
                found[index].piles += 1
                found[index].ports += pile.ports.count
                guard pile.isOnline else { continue }
                for (place, port) in pile.ports.enumerated() where port != .charging && port != .fault {
                    let number = place + 1
                    if pile.registered.disabledPorts.contains(number) || state.alarms.block(pile: pile.registered.id, port: number) != nil { continue }
                    found[index].freePorts += 1
                }
            }
            return Array(found.filter { $0.piles > 0 }.prefix(limit))
        }
    }
}
