package import LabCore
package import MQTTBroker
package import Transports

/// A broker of its own on real sockets: for `lab serve --broker-only`, tests and benchmarks.
///
/// It lives on the sockets' event loop; its clock is the machine's monotonic one, counted from its beginning, unless another
/// is given. Start it once.
package final class BrokerService: Sendable {
    private let settings: BrokerServiceSettings
    private let loop: StreamLoop
    private let engine: BrokerEngine
    private let server: StreamServer

    /// - Parameters:
    ///   - authorizer: who may do what; nil for the users and rights of the settings.
    ///   - clock: asked on the event loop's thread.
    ///   - observer: told on the event loop's thread what the broker notes.
    /// - Throws: `BrokerSettingsError`.
    package init(
        _ settings: BrokerServiceSettings, on loop: StreamLoop, authorizer: (any MQTTAuthorizer)? = nil,
        clock: (@Sendable () -> RunInstant)? = nil, observer: (@Sendable (BrokerNote, RunInstant) -> Void)? = nil
    ) throws(BrokerSettingsError) {
        self.settings = settings
        self.loop = loop
        let authorizer: any MQTTAuthorizer = if let authorizer { authorizer } else { try settings.authorizer() }
        engine = BrokerEngine(
            Broker(try settings.configuration(), authorizer: authorizer), on: loop, clock: clock ?? StreamLoop.clock(), observer: observer)
        server = StreamServer(on: loop, handler: engine, congestion: settings.congestion)
        for listener in settings.listeners { _ = try settings.streamListener(listener) }
    }

    /// Opens the listeners. Not on the event loop: it waits for it.
    ///
    /// - Returns: the listeners with the ports that they got, in the order of the settings.
    /// - Throws: what keeps a listener from opening; then none is open.
    package func start() throws(StreamFailure) -> [BrokerServiceSettings.Listener] {
        loop.run { self.engine.start(with: self.server) }
        var opened: [BrokerServiceSettings.Listener] = []
        do {
            for var listener in settings.listeners {
                listener.address = try server.listen(settings.streamListener(listener))
                opened.append(listener)
            }
        } catch {
            stop()
            throw error as? StreamFailure ?? StreamFailure(.unsupported, "broker", "\(error)")
        }
        return opened
    }

    /// Tells clients of MQTT 5.0 that the broker goes down, and closes everything. Not on the event loop: it waits for it.
    package func stop() {
        loop.run { self.engine.stop() }
        server.stop()
    }

    /// What the broker counted since it began; nil when the loop has been stopped. Not on the event loop: it waits for it.
    package var statistics: BrokerStatistics? { loop.run { self.engine.counters } }

    /// Gives the broker an input, such as a publish from inside the process or a client to be disconnected.
    package func handle(_ input: BrokerInput) { loop.post { self.engine.handle(input) } }
}
