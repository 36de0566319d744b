package import LabCore
import Synchronization

/// One life of the IoT cloud, from its start to its crash: the services behind one gateway, over one database.
///
/// It has no clock, no sockets and no chance of its own; all of that is in the environment (architecture.md §5).
/// A restart is a new value over the same `Storage`.
package final class Cloud: Sendable {
    package let configuration: CloudConfiguration
    package let environment: CloudEnvironment
    /// This life's session of the database.
    package let storage: Storage
    package let gateway: Gateway
    package let devices: DeviceService
    package let firmware: FirmwareService
    package let charging: ChargingService
    package let users: UserStore
    package let tokens: TokenAuthority
    package let metrics: MetricsRegistry
    package let audit: AuditLog
    private let feed: EventFeed

    /// Starts the cloud: brings the schema up to date, makes the first administrator, takes up the devices.
    ///
    /// - Parameter storage: the disk, shared by all lives of this cloud.
    /// - Throws: `ConfigurationError`, `StorageError`.
    package init(configuration: CloudConfiguration, environment: CloudEnvironment, storage: Storage) throws {
        let feed = EventFeed(environment: environment)
        // What happens is told to those who wait for it as well.
        var environment = environment
        let note = environment.note
        environment.note = { name, fields in
            note(name, fields)
            feed.append(name, fields)
        }
        let session = storage.session(environment)
        let parts = try GatewayParts(configuration: configuration, environment: environment, storage: session)
        let devices = try DeviceService(
            settings: configuration.devices, environment: environment, storage: session, tokens: parts.tokens, nonces: parts.nonces)
        devices.addMetrics(to: parts.metrics)
        let firmware = try FirmwareService(configuration: configuration, environment: environment, storage: session, devices: devices)
        firmware.addMetrics(to: parts.metrics)
        devices.setObserver(firmware)
        let charging = try ChargingService(
            settings: configuration.charging, bugs: configuration.bugs, environment: environment, storage: session,
            partnerMaster: configuration.devices.deviceMasterKey, audit: parts.audit)
        charging.addMetrics(to: parts.metrics)
        let chargingAPI = ChargingAPI(stations: charging.stations, backend: charging, users: parts.users, environment: environment)
        gateway = try parts.gateway(services: [devices, firmware, charging, chargingAPI, feed], keys: devices, partners: charging.stations)
        self.feed = feed
        parts.metrics.gauge("http_requests_held", "Requests that wait for the next event.") { Double(feed.waiting) }
        self.firmware = firmware
        self.charging = charging
        self.configuration = configuration
        self.environment = environment
        self.storage = session
        self.devices = devices
        users = parts.users
        tokens = parts.tokens
        metrics = parts.metrics
        audit = parts.audit
        try devices.start()
        try firmware.start()
        try charging.start()
    }

    /// Requests that wait for the next event.
    package var heldRequests: Int { feed.waiting }

    // MARK: REST

    /// Answers one HTTP call, on the executor of the caller.
    ///
    /// - Parameter peer: the address of the other end; in memory, the name of the node. Callers who have not proven who
    ///   they are share the rate limits of their address.
    /// - Returns: `.unreachable` from a cloud that has crashed, `.interrupted` where it crashes while it answers.
    package func respond(to call: HTTPCall, from peer: String = "local") async -> Result<HTTPAnswer, HTTPFailure> {
        if storage.isCrashed { return .failure(.unreachable) }
        if let struck = await firmware.strike(call, answeredBy: { await self.answer(to: $0, from: peer) }) { return struck }
        return await answer(to: call, from: peer)
    }

    private func answer(to call: HTTPCall, from peer: String) async -> Result<HTTPAnswer, HTTPFailure> {
        do {
            let answer = try await gateway.respond(to: call, from: peer)
            // Of the storage's other errors the answer knows already, or they concern its line in the audit, which the storage tells of.
            do { try await storage.settled() } catch is StorageError {}
            // What was under way when the cloud fell is lost, even where the answer was nearly there.
            return storage.isCrashed ? .failure(.interrupted) : .success(answer)
        } catch { return .failure(.interrupted) }
    }

    /// A token for the lab itself, which acts as a user `lab-<role>` without a password.
    ///
    /// - Throws: `APIError` for the role `device`; the storage's errors.
    package func operatorToken(role: UserRole) throws -> String {
        let name = "lab-\(role.rawValue)"
        try users.createOperator(name: name, role: role)
        let epoch = try users.find(name)?.epoch ?? 1
        return try tokens.issue(user: name, role: role, epoch: epoch, tenant: configuration.devices.tenant).token
    }

    // MARK: MQTT

    /// Takes a message that a device published.
    ///
    /// - Parameter delivery: for QoS 1 and 2: given to `environment.acknowledge` when the content is committed.
    package func received(topic: String, payload: [UInt8], clientID: String, quality: UInt8, delivery: UInt64?) {
        devices.received(topic: topic, payload: payload, clientID: clientID, quality: quality, delivery: delivery)
    }

    package func clientConnected(clientID: String) { devices.clientConnected(clientID: clientID) }
    package func clientDisconnected(clientID: String, reason: String) {
        devices.clientDisconnected(clientID: clientID, reason: reason)
    }
    package func clientTakenOver(clientID: String) { devices.clientTakenOver(clientID: clientID) }

    package func authenticateMQTT(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
        devices.authenticateMQTT(clientID: clientID, username: username, password: password)
    }
    package func mayPublish(deviceID: String, topic: String) -> Bool { devices.mayPublish(deviceID: deviceID, topic: topic) }
    package func maySubscribe(deviceID: String, filter: String) -> Bool { devices.maySubscribe(deviceID: deviceID, filter: filter) }

    // MARK: Piles

    /// A connection to the pile gateway is open.
    ///
    /// - Parameter connection: the host's number for it, never used again.
    package func pileConnected(_ connection: UInt64, peer: String) { charging.pileConnected(connection, peer: peer) }
    package func pileReceived(_ connection: UInt64, _ bytes: [UInt8]) { charging.pileReceived(connection, bytes) }
    package func pileClosed(_ connection: UInt64) { charging.pileClosed(connection) }

    // MARK: The end

    /// The process dies: memory is lost, requests under way end without an answer, what is committed stays.
    package func crash() {
        storage.crash()
        feed.crash()
        devices.crash()
        firmware.crash()
        charging.crash()
    }
}
