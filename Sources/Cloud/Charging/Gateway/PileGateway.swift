import LabCore
import Synchronization

/// The door of the piles: what comes over their connections becomes `PileEvent`s and bills, commands become frames.
///
/// All calls come on the thread of the cloud's clock and return without waiting. What has been decided is carried out after
/// the lock is given back, in order, so that whoever is told may call again at once.
package final class PileGateway: PileCommander, Sendable {
    private struct Others: Sendable {
        var listeners: [any PileListener] = []
        var keeper: (any BillKeeper)?
    }

    private let environment: CloudEnvironment
    private let business: BusinessTable
    private let core: Mutex<GatewayCore>
    private let others = Mutex(Others())

    /// Brings the schema up to date. Piles are refused until `serve` has been called.
    ///
    /// - Throws: `StorageError`, `CloudCrashed`.
    package init(settings: PileGatewaySettings = PileGatewaySettings(), environment: CloudEnvironment, storage: Storage) throws {
        let table = try BusinessTable(storage)
        self.environment = environment
        business = table
        core = Mutex(GatewayCore(settings: settings, epochSeconds: environment.epoch, business: table, recordsFrames: environment.recordsTraffic))
    }

    /// Names those who answer for piles, are told of them, and book their bills. Listeners are told in this order.
    package func serve(registry: any PileRegistry, listeners: [any PileListener], keeper: any BillKeeper) {
        core.withLock { $0.registry = registry }
        others.withLock { $0 = Others(listeners: listeners, keeper: keeper) }
    }

    // MARK: Connections

    /// - Parameters:
    ///   - connection: a number that is never used again.
    ///   - peer: the other end's address, with or without port.
    package func connected(_ connection: UInt64, peer: String) { run { $0.connected(connection, peer: peer) } }

    package func received(_ connection: UInt64, _ bytes: [UInt8]) { run { $0.received(connection, bytes) } }

    package func closed(_ connection: UInt64) { run { $0.closed(connection) } }

    // MARK: Commands

    @discardableResult
    package func send(_ command: PileCommand, to pile: String) -> Bool { run { $0.send(command, to: pile) } ?? false }

    package func isOnline(_ pile: String) -> Bool { core.withLock { $0.byName[pile]?.isOnline ?? false } }

    /// Ends a pile's session, as after it was taken out of service; its connection closes if nobody else uses it.
    package func disconnect(_ pile: String, reason: String) { run { $0.disconnect(pile, reason) } }

    /// What is known of a pile; `nil` for one that never came in this life of the cloud.
    package func look(at pile: String) -> PileView? { core.withLock { $0.view(of: pile) } }

    /// Piles that are online, and connections that are open.
    package var population: (piles: Int, connections: Int) {
        core.withLock { core in (core.byName.values.count { $0.isOnline }, core.connections.count) }
    }

    // MARK: The end

    /// Loses what is only in memory; nothing is sent any more.
    package func crash() {
        core.withLock { $0.isStopped = true }
        others.withLock { $0 = Others() }
    }

    // MARK: Carrying out

    @discardableResult
    private func run<Result: Sendable>(_ body: (inout GatewayCore) -> Result) -> Result? {
        let now = environment.now()
        let (result, actions) = core.withLock { core -> (Result?, [GatewayAction]) in
            guard !core.isStopped else { return (nil, []) }
            core.now = now
            let result = body(&core)
            core.tick()
            let actions = core.actions
            core.actions.removeAll(keepingCapacity: true)
            return (result, actions)
        }
        for action in actions { perform(action) }
        return result
    }

    private func perform(_ action: GatewayAction) {
        switch action {
        case .send(let connection, let bytes): environment.sendToPile(connection, bytes)
        case .close(let connection, let reason): environment.closePile(connection, reason)
        case .event(let event): tell(event)
        case .bill(let bill, let ticket): book(bill, ticket)
        case .bind(let binding, let event): keep(binding, event)
        case .billed(let binding, let hash): try? business.bill(binding, hash: hash)
        // Without it a cloud that falls before the answer learns the number later, or a person does: no reason not to start.
        case .intend(let binding): try? business.intend(binding)
        case .forgetIntention(let binding): try? business.forgetIntention(binding)
        case .note(let name, let fields): environment.note(name, fields)
        case .frame(let isReceived, let pile, let wire, let command, let bytes):
            environment.note(
                isReceived ? "frame.received" : "frame.sent",
                ["pile": .text(pile), "protocol": .text(wire.rawValue), "command": .integer(Int64(command)), "bytes": .bytes(bytes)])
        case .wake(let time):
            environment.schedule(time) { [weak self] in self?.wake(at: time) }
        }
    }

    private func wake(at time: RunInstant) {
        run { core in
            if core.wakesAt == time { core.wakesAt = nil }
        }
    }

    private func tell(_ event: PileEvent) {
        for listener in others.withLock({ $0.listeners }) { listener.received(event) }
    }

    private func book(_ bill: PileBill, _ ticket: BillTicket) {
        guard let keeper = others.withLock({ $0.keeper }) else {
            run { $0.billEnded(ticket, .failed) }
            return
        }
        // The pile hears of it only when `done` says that the bill is durable.
        keeper.received(bill) { [weak self] outcome in self?.run { $0.billEnded(ticket, outcome) } }
    }

    /// A start counts when it is durable which order the socket's number means: without that its bill would have no owner.
    private func keep(_ binding: BusinessBinding, _ event: PileEvent) {
        do {
            try business.keep(binding)
            tell(event)
        } catch is CloudCrashed {
            return
        } catch {
            environment.schedule(environment.now().advanced(by: .seconds(1))) { [weak self] in self?.keep(binding, event) }
        }
    }

    // MARK: Metrics

    package func addMetrics(to registry: MetricsRegistry) {
        registry.gauge("lab_piles_online", "Piles that are online.") { [weak self] in Double(self?.population.piles ?? 0) }
        registry.gauge("lab_pile_connections", "Open connections of piles.") { [weak self] in Double(self?.population.connections ?? 0) }
        let series: [(String, String, @Sendable (GatewayCounters) -> [MetricsRegistry.Series])] = [
            ("lab_pile_frames_received_total", "Whole frames from piles.", { GatewayCounters.frames($0.received) }),
            ("lab_pile_frames_sent_total", "Frames to piles.", { GatewayCounters.frames($0.sent) }),
            ("lab_pile_frames_refused_total", "Frames from piles that were not taken.", { GatewayCounters.refusals($0.refused) }),
            ("lab_pile_connections_closed_total", "Connections that the gateway closed.", { GatewayCounters.words($0.closed, "reason") }),
            ("lab_pile_garbage_bytes_total", "Bytes that belonged to no frame.", { [MetricsRegistry.Series([], $0.garbage)] }),
            ("lab_pile_bills_total", "Bills by what became of them.", { GatewayCounters.words($0.bills, "outcome") }),
            ("lab_pile_commands_total", "Commands to piles.", { GatewayCounters.words($0.commands, "what") }),
            (
                "lab_pile_takeovers_total", "Logins that took a pile over from another connection.",
                { [MetricsRegistry.Series([], $0.takeovers)] }
            ),
        ]
        for (name, help, values) in series {
            registry.series(name, help) { [weak self] in self.map { values($0.counters) } ?? [] }
        }
    }

    var counters: GatewayCounters { core.withLock { $0.counters } }
}

/// A pile as the gateway sees it.
package struct PileView: Sendable, Equatable {
    package var isOnline: Bool
    package var facts: PileFacts
    package var ports: [PortState]
    /// Unix milliseconds of its last frame.
    package var lastHeard: Int64
    /// Seconds that its clock is ahead; `nil` where it has not told a plausible time.
    package var clockOffset: Int64?
}
