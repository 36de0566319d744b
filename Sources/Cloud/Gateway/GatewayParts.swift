import LabCore

/// What the gateway is made of, and what it shares with the services: tokens, users, nonces, metrics, the audit.
package struct GatewayParts: Sendable {
    package let configuration: CloudConfiguration
    package let environment: CloudEnvironment
    package let storage: Storage
    package let metrics: MetricsRegistry
    package let audit: AuditLog
    package let nonces: NonceStore
    package let users: UserStore
    package let tokens: TokenAuthority
    package let limiter: RateLimiter
    package let strangers: RateLimiter

    /// - Parameter storage: the session of this life of the cloud.
    /// - Throws: `ConfigurationError`, and the storage's errors.
    package init(configuration: CloudConfiguration, environment: CloudEnvironment, storage: Storage) throws {
        try configuration.check()
        self.configuration = configuration
        self.environment = environment
        self.storage = storage
        metrics = MetricsRegistry()
        audit = try AuditLog(storage: storage, limits: configuration.limits)
        nonces = try NonceStore(environment: environment, storage: storage, limits: configuration.limits)
        users = try UserStore(configuration: configuration, environment: environment, storage: storage)
        tokens = TokenAuthority(configuration: configuration, environment: environment)
        limiter = RateLimiter(maximumCallers: configuration.rateLimits.maximumCallers)
        strangers = RateLimiter(maximumCallers: configuration.rateLimits.maximumCallers)
        declareMetrics()
    }

    private func declareMetrics() {
        metrics.declare("http_requests_total", "Requests answered, by method, route and status.")
        metrics.declare("http_requests_refused_total", "Requests that the gateway refused, by reason.")
        metrics.declare("http_request_duration_seconds", "Time from a request to its answer, on the run's clock.")
        let (nonces, limiter, strangers) = (nonces, limiter, strangers)
        metrics.gauge("gateway_nonces", "Nonces that are remembered.") { Double(nonces.count) }
        metrics.series("database_commits_total", "Commits, by whether they waited for the disk.") { [storage] in
            let commits = storage.commits
            return [.init([("durability", "flushed")], commits.flushed), .init([("durability", "buffered")], commits.all - commits.flushed)]
        }
        metrics.gauge("gateway_rate_limited_callers", "Callers whose requests are counted.") { Double(limiter.callers + strangers.callers) }
    }

    /// The gateway over the services, with the users' and its own beside them.
    package func gateway(services: [any CloudService], keys: any DeviceKeys, partners: (any PartnerKeys)? = nil) throws -> Gateway {
        let signatures = SignatureChecker(
            environment: environment, nonces: nonces, limiter: strangers, clockHelp: configuration.rateLimits.clockHelp,
            decoyMaster: configuration.devices.deviceMasterKey)
        let gate = Gate(
            configuration: configuration, environment: environment, keys: keys, partners: partners, users: users, tokens: tokens, signatures: signatures,
            limiter: limiter, strangers: strangers)
        let own: [any CloudService] = [UserService(environment: environment, users: users, tokens: tokens, audit: audit)]
        return try Gateway(
            services: own + services, gate: gate, storage: storage, audit: audit, metrics: metrics, environment: environment)
    }
}
