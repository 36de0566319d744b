import GRDB
package import LabCore

/// The charging cloud: stations, the piles' gateway, orders with their money, and payments, each knowing the others by their borders only.
///
/// The stations answer for piles; the gateway tells stations and orders what piles say, and hands bills to the orders; the orders
/// tell the gateway what piles have to do.
package final class ChargingService: CloudService, ChargingBackend {
    package let stations: StationService
    package let gateway: PileGateway
    package let orders: OrderEngine
    package let payments: Payments
    package let environment: CloudEnvironment
    package let storage: Storage
    package let bugs: Set<SeededBug>
    let crowd = OrderCrowd()
    /// Piles that are online now.
    package var pilesOnline: Int { stations.pilesOnline }

    /// - Parameters:
    ///   - storage: the session of this life of the cloud.
    ///   - partnerMaster: 32 bytes or more, which make the partners' secrets.
    ///   - audit: where the stations write who did what.
    /// - Throws: `ConfigurationError` for keys of payment services that cannot be used; `StorageError` if a schema cannot be brought up to date.
    package init(
        settings: ChargingSettings = ChargingSettings(), bugs: Set<SeededBug> = [], environment: CloudEnvironment, storage: Storage,
        partnerMaster: [UInt8], audit: AuditLog? = nil
    ) throws {
        self.environment = environment
        self.storage = storage
        self.bugs = bugs
        stations = try StationService(
            settings: settings.stations, environment: environment, storage: storage, audit: audit, partnerMaster: partnerMaster,
            checkTariff: { rules in _ = try Tariff(fields: rules) })
        gateway = try PileGateway(settings: settings.gateway, environment: environment, storage: storage)
        orders = try OrderEngine(policies: settings.orders, bugs: bugs, environment: environment, storage: storage, desk: stations)
        payments = try Payments(settings: settings.payments, bugs: bugs, environment: environment, storage: storage)
        stations.setCommander(gateway)
        orders.connect(commander: gateway, payments: payments)
        payments.connect(orders: orders, debts: orders)
        let registry = stations
        orders.setCounting { turnover, db in
            guard let pile = registry.pile(turnover.pile) else { return }
            let energy = turnover.segments.map { (at: $0.from, dwh: $0.energy) }
            try StationStatistics.add(
                SettledCharge(
                    settledAt: turnover.at, fen: turnover.fen, seconds: turnover.seconds, sessions: turnover.isCorrection ? 0 : 1,
                    energy: energy),
                pile: pile, in: db)
        }
        gateway.serve(registry: stations, listeners: [stations, orders], keeper: orders)
    }

    /// What payment services call. The riders' and operators' side is `ChargingAPI`, over this as its backend.
    package var endpoints: [Endpoint] { payments.endpoints }

    /// Takes up what was under way in the database.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`.
    package func start() throws {
        try stations.start()
        // First those who make and answer refunds, then those who hand them over again.
        try payments.start()
        try orders.start()
    }

    /// Loses what is only in memory; nothing is sent or acknowledged any more.
    package func crash() {
        gateway.crash()
        orders.crash()
        payments.crash()
        stations.crash()
    }

    package func addMetrics(to registry: MetricsRegistry) {
        orders.addMetrics(to: registry)
        gateway.addMetrics(to: registry)
    }

    // MARK: Piles' connections

    package func pileConnected(_ connection: UInt64, peer: String) { gateway.connected(connection, peer: peer) }
    package func pileReceived(_ connection: UInt64, _ bytes: [UInt8]) { gateway.received(connection, bytes) }
    package func pileClosed(_ connection: UInt64) { gateway.closed(connection) }
}
