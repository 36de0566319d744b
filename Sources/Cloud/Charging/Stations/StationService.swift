import Crypto
import GRDB
package import LabCore
import Synchronization

/// The stations: who operates which piles where, at which prices, in which state.
///
/// It answers the gateway and the orders from memory, which follows the database and what piles say. Every change of a
/// row is one commit; what piles say of themselves is written with the next commit of a second's worth of it.
package final class StationService: StationDesk, PileListener, PartnerKeys {
    package struct Settings: Sendable, Equatable {
        /// How long a pile may be gone before that is an alarm.
        package var offlineGrace: Duration = .seconds(300)
        /// Piles of one batch that are told at the same time.
        package var batchWidth = 200
        /// The largest image for piles, in bytes.
        package var imageBytes = 4_194_304
        package init() {}
    }

    struct State: Sendable {
        var tree = OrganisationTree()
        var piles: [String: PileState] = [:]
        var tariffs = TariffBook()
        var alarms = AlarmBoard()
        /// The operators' own roles by operator and name.
        var roles: [String: [String: StaffRole]] = [:]
        /// By user.
        var grants: [String: [StaffGrant]] = [:]
        var batches: [Int64: RunningBatch] = [:]
        /// Which batch has told a pile to do something and waits for the answer.
        var services: [ServiceKey: Int64] = [:]
        /// Piles whose row is older than what is known.
        var changed: Set<String> = []
        var isFlushScheduled = false
        /// Piles that went, with the time at which that becomes an alarm, in that order.
        var leavers: [(pile: String, due: RunInstant)] = []
        var isSweepScheduled = false
        var isStopped = false
    }

    struct ServiceKey: Hashable, Sendable {
        var pile: String
        var service: PileService
    }

    package let settings: Settings
    let environment: CloudEnvironment
    let storage: Storage
    let audit: AuditLog?
    /// Makes the partners' secrets.
    private let partnerSecrets: KeyDerivation
    /// Says whether a tariff can be calculated with.
    let checkTariff: @Sendable (Fields) throws -> Void
    let state = Mutex(State())
    private let commander = Mutex(CommanderBox())

    private struct CommanderBox: Sendable { weak var value: (any PileCommander)? }

    /// - Parameters:
    ///   - storage: the session of this life of the cloud.
    ///   - partnerMaster: 32 bytes or more, from the cloud's configuration.
    ///   - checkTariff: throws where a tariff's record is none; its description is told to the caller.
    /// - Throws: `StorageError` if the schema cannot be brought up to date.
    package init(
        settings: Settings = Settings(), environment: CloudEnvironment, storage: Storage, audit: AuditLog? = nil, partnerMaster: [UInt8],
        checkTariff: @escaping @Sendable (Fields) throws -> Void = { _ in }
    ) throws {
        self.settings = settings
        self.environment = environment
        self.storage = storage
        self.audit = audit
        partnerSecrets = KeyDerivation(master: partnerMaster, salt: "lab partner v1")
        self.checkTariff = checkTariff
        try storage.migrate(service: "stations", StationSchema.migrations)
        try load()
    }

    /// Set once, before `start`; held weakly, since the gateway asks this one about piles.
    package func setCommander(_ value: any PileCommander) { commander.withLock { $0.value = value } }
    var piles: (any PileCommander)? { commander.withLock { $0.value } }

    var milliseconds: Int64 { environment.epoch * 1000 + environment.now().nanoseconds / 1_000_000 }

    /// Takes up everything of the database.
    private func load() throws {
        let (organisations, tariffs, roles, grants, alarms) = try storage.read { db in
            (
                try StationStore.organisations(in: db), try TariffStore.all(in: db), try AccessStore.roles(in: db),
                try AccessStore.grants(in: db),
                try AlarmStore.allOpen(in: db)
            )
        }
        let offsets = Dictionary(organisations.map { ($0.id, $0.utcOffset) }) { $1 }
        let piles = try storage.read { db in try StationStore.piles(utcOffsets: offsets, in: db) }
        state.withLock { state in
            for organisation in organisations { state.tree.put(organisation) }
            state.piles.reserveCapacity(piles.count)
            for pile in piles { state.piles[pile.registered.id] = pile }
            state.tariffs = TariffBook(tariffs)
            for role in roles { state.roles[role.operatorID, default: [:]][role.name] = role }
            for alarm in alarms {
                state.alarms.put(
                    AlarmKey(pile: alarm.pile, port: alarm.port ?? 0, kind: alarm.kind), id: alarm.id, count: alarm.count, wasFault: true)
            }
            for grant in grants { state.grants[grant.user, default: []].append(state.completed(grant)) }
        }
    }

    /// Takes up what was under way when the cloud stopped.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`.
    package func start() throws {
        let now = environment.now()
        let leavers = state.withLock { state -> Bool in
            let known = state.piles.values.filter { $0.lastSeen != nil && !$0.isOnline }.map(\.registered.id).sorted()
            state.leavers = known.map { ($0, now.advanced(by: settings.offlineGrace)) }
            return !known.isEmpty
        }
        if leavers { scheduleSweep() }
        try resumeBatches()
    }

    /// Loses what is only in memory.
    package func crash() { state.withLock { $0.isStopped = true } }

    // MARK: What the gateway and the orders ask

    package func pile(_ id: String) -> RegisteredPile? { state.withLock { $0.piles[id]?.registered } }

    package func condition(pile: String, port: Int) -> PortCondition? {
        state.withLock { state in
            guard let known = state.piles[pile], known.ports.indices.contains(port - 1) else { return nil }
            let shown = known.ports[port - 1]
            return PortCondition(
                isOnline: known.isOnline, isDisabled: known.registered.disabledPorts.contains(port),
                fault: state.alarms.block(pile: pile, port: port) ?? (shown == .fault ? AlarmKind.portFault.rawValue : nil), state: shown)
        }
    }

    package func tariff(pile: String, at moment: Int64) -> TariffVersion? {
        state.withLock { state in
            guard let site = state.piles[pile]?.registered.site else { return nil }
            return state.tariffs.version(on: state.tree.line(from: site), at: moment)
        }
    }

    package func tariffStarts(pile: String, after first: Int64, through last: Int64) -> [Int64] {
        state.withLock { state in
            guard let site = state.piles[pile]?.registered.site else { return [] }
            return state.tariffs.starts(on: state.tree.line(from: site), after: first, through: last)
        }
    }

    var pilesOnline: Int { state.withLock { $0.piles.values.count(where: \.isOnline) } }

    /// Every port of every pile that is online, in the order of their names.
    var onlinePorts: [(pile: String, port: Int)] {
        state.withLock { state in
            state.piles.values.filter(\.isOnline).map { ($0.registered.id, $0.ports.count) }.sorted { $0 < $1 }
        }.flatMap { pile in (1...max(1, pile.1)).map { (pile.0, $0) } }
    }

    package func snapshot(of pile: String) -> PileState? { state.withLock { $0.piles[pile] } }
    package var tree: OrganisationTree { state.withLock { $0.tree } }

    // MARK: Partners

    package func partnerKey(id: String) throws -> (secret: [UInt8], operatorID: String)? {
        guard let key = try storage.read({ db in try AccessStore.key(id, in: db) }), key.withdrawnAt == nil else { return nil }
        return (secret(of: id), key.operatorID)
    }

    /// The secret of a key, 32 bytes; shown once, when the key is made.
    func secret(of id: String) -> [UInt8] { partnerSecrets.key(id) }

    // MARK: Working

    /// Does a piece of work that must not end the caller's: a crash ends it silently, a failing disk is noted.
    func attempt(_ what: String, _ body: () throws -> Void) {
        do { try body() } catch is CloudCrashed {
        } catch {
            environment.note("stations.failed", ["what": .text(what), "reason": .text(String("\(error)".prefix(200)))])
        }
    }
}

extension StationService.State {
    func role(_ name: String, operatorID: String) -> StaffRole? {
        StaffRole.builtIn.first { $0.name == name } ?? roles[operatorID]?[name]
    }

    func completed(_ grant: StaffGrant) -> StaffGrant {
        var grant = grant
        grant.permissions = role(grant.role, operatorID: grant.operatorID)?.permissions ?? []
        return grant
    }
}
