import LabCore

/// What each node of a lab.yaml has for itself: ports, relay channels, names at the broker. Two nodes with one of them is a mistake that
/// would show as a device that answers for another one.
struct BenchClaims {
    enum Thing: Hashable {
        case port(PortSource.Place)
        case relay(String, channel: Int)
        case hub(String, port: Int)
        case usbDevice(String)
        case client(String)
    }

    private struct Claim {
        var thing: Thing
        /// `'serial' of modem_1`
        var title: String
        var owner: String
        var location: SourceLocation
    }

    /// Comparisons of matches with one another, so that a hostile file costs bounded time.
    private static let comparisons = 1_000_000

    private let log: DiagnosticLog
    private var claims: [Claim] = []

    init(log: DiagnosticLog) { self.log = log }

    mutating func add(_ thing: Thing, _ title: String, _ owner: String, _ location: SourceLocation) {
        claims.append(Claim(thing: thing, title: title, owner: owner, location: location))
    }

    /// Reports everything that two have, at both places.
    func compare() {
        var groups: [Thing: [Claim]] = [:]
        for claim in claims { groups[key(of: claim.thing), default: []].append(claim) }
        // The log sorts what it is told.
        for group in groups.values where group.count > 1 {
            for (index, claim) in group.enumerated() {
                let other = group.indices.first { $0 != index && areOne(claim, group[$0]) }
                guard let other = other.map({ group[$0] }) else { continue }
                log.error(at: claim.location, "\(noun(of: claim.thing)) is also \(other.title) (\(other.location)); each needs its own")
            }
        }
        compareMatches()
    }

    /// The same for everything that is the same thing: the address of a host without case, a place of labgrid without its resource.
    private func key(of thing: Thing) -> Thing {
        switch thing {
        case .port(.path(let path)): .port(.path(FilePath.normalized(path)))
        // One server of a port does not serve two, whatever is spoken.
        case .port(.rfc2217(let host, let port)), .port(.tcp(let host, let port)): .port(.tcp(host: host.lowercased(), port: port))
        case .port(.labgrid(let place, _)): .port(.labgrid(place: place, resource: nil))
        default: thing
        }
    }

    /// A place of labgrid is acquired as a whole: one node may have several of its ports, two nodes may not.
    private func areOne(_ claim: Claim, _ other: Claim) -> Bool { claim.owner != other.owner || claim.thing == other.thing }

    private func noun(of thing: Thing) -> String {
        switch thing {
        case .port(let place): "this port (\(place))"
        case .relay(let relay, let channel): "channel \(channel) of \(relay)"
        case .hub(let hub, let port): "port \(port) of hub \(hub)"
        case .usbDevice(let device): "the USB device \(device)"
        case .client(let name): "the client identifier \(name)"
        }
    }

    /// A match that says less than another one holds for the other one's port, too.
    private func compareMatches() {
        var matches: [(claim: Claim, conditions: Set<PortRecord.Property>)] = []
        var frequency: [PortRecord.Property: Int] = [:]
        for claim in claims {
            guard case .port(.match(let match)) = claim.thing else { continue }
            matches.append((claim, Set(match.conditions)))
            for condition in match.conditions { frequency[condition, default: 0] += 1 }
        }
        // By its rarest condition each is compared with few others.
        var buckets: [PortRecord.Property: [Int]] = [:]
        for (index, match) in matches.enumerated() {
            let rarest = match.conditions.min { (frequency[$0] ?? 0, $0.name, $0.value) < (frequency[$1] ?? 0, $1.name, $1.value) }
            if let rarest { buckets[rarest, default: []].append(index) }
        }
        var left = Self.comparisons
        var told: Set<Int> = []
        for (index, narrow) in matches.enumerated() {
            for condition in narrow.conditions.sorted(by: { ($0.name, $0.value) < ($1.name, $1.value) }) {
                for other in buckets[condition] ?? [] where other != index && left > 0 {
                    left -= 1
                    let wide = matches[other]
                    guard wide.conditions.isStrictSubset(of: narrow.conditions) else { continue }
                    report(wide.claim, narrow.claim, first: told.insert(other).inserted)
                }
            }
        }
    }

    /// - Parameter first: of the narrow ones; one is enough to say what is wrong with the wide one.
    private func report(_ wide: Claim, _ narrow: Claim, first: Bool) {
        guard case .port(.match(let all)) = wide.thing else { return }
        if first {
            log.error(at: wide.location, "every port that is \(narrow.title) (\(narrow.location)) is also \(all); say more, so that they differ")
        }
        log.error(at: narrow.location, "this port is also \(all), which is \(wide.title) (\(wide.location)); they must differ")
    }
}
