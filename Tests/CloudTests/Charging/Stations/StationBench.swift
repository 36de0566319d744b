import Cloud
import LabCore
import Synchronization

/// Stations on a clock that the test moves, with piles that say what the test wants.
final class StationBench: Sendable {
    let clock: StationClock
    let disk: Storage
    let piles = RecordedPiles()
    private let current: Mutex<StationService>
    private let settings: StationService.Settings

    init(settings: StationService.Settings = StationService.Settings(), checkTariff: @escaping @Sendable (Fields) throws -> Void = { _ in })
        throws
    {
        let (clock, disk) = (StationClock(), try Storage(path: nil))
        self.clock = clock
        self.disk = disk
        self.settings = settings
        let made = try StationService(
            settings: settings, environment: clock.environment, storage: disk.session(clock.environment),
            partnerMaster: [UInt8](repeating: 0x55, count: 32),
            checkTariff: checkTariff)
        current = Mutex(made)
        made.setCommander(piles)
        try made.start()
    }

    /// Around stations that somebody else made.
    init(clock: StationClock, disk: Storage, stations: StationService) throws {
        self.clock = clock
        self.disk = disk
        settings = stations.settings
        current = Mutex(stations)
        stations.setCommander(piles)
        try stations.start()
    }

    var stations: StationService { current.withLock { $0 } }

    /// The cloud dies and starts again over the same disk.
    func restart() throws {
        let old = stations
        old.crash()
        let next = try StationService(
            settings: settings, environment: clock.environment, storage: disk.session(clock.environment),
            partnerMaster: [UInt8](repeating: 0x55, count: 32))
        current.withLock { $0 = next }
        next.setCommander(piles)
        try next.start()
    }

    /// Two operators with two sites each, and piles `00000001` … at the first.
    func withTwoOperators(piles count: Int = 3) async throws {
        for code in ["acme", "bolt"] {
            _ = try await stations.addOrganisation(.company, code: code, name: code.uppercased())
            _ = try await stations.addOrganisation(.region, code: "east", parent: code)
            _ = try await stations.addOrganisation(.site, code: "depot", parent: "\(code).east")
            _ = try await stations.addOrganisation(.site, code: "mall", parent: code)
        }
        try await stations.enter((1...count).map { PileEntry(id: Self.pile($0), wire: .dny, ports: 2) }, site: "acme.depot")
    }

    static func pile(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    func come(_ numbers: Int..., firmware: String = "6.40") {
        for number in numbers {
            piles.setOnline(Self.pile(number), true)
            stations.received(.online(pile: Self.pile(number), PileFacts(wire: .dny, ports: 2, firmware: firmware)))
        }
    }

    func go(_ number: Int) {
        piles.setOnline(Self.pile(number), false)
        stations.received(.offline(pile: Self.pile(number), reason: "closed"))
    }
}

/// A gateway that only remembers what it was told to send.
final class RecordedPiles: PileCommander {
    private let state = Mutex<(online: Set<String>, sent: [(pile: String, command: PileCommand)])>(([], []))

    func setOnline(_ pile: String, _ isOnline: Bool) {
        state.withLock { if isOnline { $0.online.insert(pile) } else { $0.online.remove(pile) } }
    }

    func send(_ command: PileCommand, to pile: String) -> Bool {
        state.withLock {
            guard $0.online.contains(pile) else { return false }
            $0.sent.append((pile, command))
            return true
        }
    }

    func isOnline(_ pile: String) -> Bool { state.withLock { $0.online.contains(pile) } }
    func sent(to pile: String) -> [PileCommand] { state.withLock { $0.sent.filter { $0.pile == pile }.map(\.command) } }
    var count: Int { state.withLock { $0.sent.count } }
}

/// A clock that runs the jobs that become due while it is moved, in their order.
final class StationClock: Sendable {
    /// 2026-01-01T00:00:00Z.
    static let epoch: Int64 = 1_767_225_600
    private struct State {
        var now = RunInstant.start
        var jobs: [(at: RunInstant, number: Int, body: @Sendable () -> Void)] = []
        var number = 0
        var chance = SeededGenerator(seed: 11, purpose: "station tests")
        var events: [(name: String, fields: Fields)] = []
    }
    private let state = Mutex(State())

    func advance(_ duration: Duration) {
        let end = state.withLock { $0.now.advanced(by: duration) }
        while let job = state.withLock({ state -> (@Sendable () -> Void)? in
            guard let next = state.jobs.filter({ $0.at <= end }).min(by: { ($0.at, $0.number) < ($1.at, $1.number) }) else { return nil }
            state.jobs.removeAll { $0.number == next.number }
            state.now = max(state.now, next.at)
            return next.body
        }) { job() }
        state.withLock { $0.now = end }
    }

    func events(_ name: String) -> [Fields] { state.withLock { $0.events.filter { $0.name == name }.map(\.fields) } }
    var allEvents: String { state.withLock { $0.events.map { $0.name + JSONWriter.text(.record($0.fields)) }.joined(separator: "\n") } }
    var milliseconds: Int64 { Self.epoch * 1000 + state.withLock { $0.now.nanoseconds } / 1_000_000 }

    var environment: CloudEnvironment {
        CloudEnvironment(
            now: { self.state.withLock { $0.now } }, epoch: Self.epoch,
            randomBytes: { count in self.state.withLock { $0.chance.bytes(count) } }, sleep: { _ in },
            schedule: { at, body in
                self.state.withLock {
                    $0.number += 1
                    $0.jobs.append((at, $0.number, body))
                }
            },
            note: { name, fields in self.state.withLock { $0.events.append((name, fields)) } }, publish: { _ in }, acknowledge: { _ in },
            disconnect: { _, _ in })
    }
}
