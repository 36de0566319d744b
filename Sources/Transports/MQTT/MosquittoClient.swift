import CMosquitto
import Glibc
package import LabCore

/// An MQTT 3.1.1 client of a device through libmosquitto, driven by a reactor.
///
/// It connects when the device says so and never by itself. It behaves as `MQTTClientSession` does in memory: messages
/// with quality 1 and 2 wait for a connection, and a session that is not clean keeps what is unacknowledged. The library
/// keeps what it has been given; what waits for its turn is kept here, so that messages of one topic stay in order.
package final class MosquittoClient: MessageClient {
    package var onNotice: ((MQTTNotice) -> Void)?
    private let clients: MosquittoClients
    private let address: () -> StreamAddress
    private var handle: MosquittoHandle?
    private var number: Int?
    private var watch: (id: Reactor.WatchID, socket: Int32, interest: Reactor.Interest)?
    private var phase = Phase.idle
    private var options: MQTTConnection?
    private var messages = OutgoingMessages()
    /// Filters whose SUBACK is awaited, by the library's numbers; before CONNACK, what is to be sent then.
    private var subscriptions: [Int32: String] = [:]
    private var requests: [Request] = []
    private var lastHeard = RunInstant.start
    /// What happened and is not told yet: nothing is told from inside a call.
    private var notices: [MQTTNotice] = []
    private var isTelling = false
    private var isErrandPosted = false
    /// Counts lives: what belongs to an earlier one is not told.
    private var life = 0

    private enum Phase { case idle, connecting, connected }
    private enum Request {
        case subscribe(String, UInt8)
        case unsubscribe(String)
    }

    /// As a session in memory waits.
    private static let connackTimeout = Duration.seconds(30)
    private static let pingTimeout = Duration.seconds(10)
    /// The library refuses less.
    private static let leastKeepAlive = 5

    init(_ clients: MosquittoClients, at address: @escaping () -> StreamAddress) {
        self.clients = clients
        self.address = address
    }

    deinit { release() }

    package var isConnected: Bool { phase == .connected }
    private var reactor: Reactor { clients.reactor }

    // MARK: Commands

    package func perform(_ command: MQTTCommand) {
        switch command {
        case .connect(let options): connect(options)
        case .publish(let topic, let payload, let quality, let retain, let token):
            publish(OutgoingMessage(topic: topic, payload: payload, quality: quality, retain: retain, token: token))
        case .subscribe(let filter, let quality): request(.subscribe(filter, quality))
        case .unsubscribe(let filter): request(.unsubscribe(filter))
        case .disconnect: disconnect()
        }
        attend()
        tellLater()
    }

    package func vanish() {
        life += 1
        release()
        phase = .idle
        options = nil
        messages = OutgoingMessages()
        (subscriptions, requests, notices) = ([:], [], [])
    }

    private func release() {
        // Before the library closes the socket.
        if let watch { reactor.unwatch(watch.id) }
        watch = nil
        handle = nil
        if let number { clients.remove(number) }
        number = nil
    }

    // MARK: Connecting

    private func connect(_ options: MQTTConnection) {
        guard phase == .idle else { return }
        if options.isClean || options.clientID != self.options?.clientID || self.options?.isClean != false {
            // A session begins anew, so the library must not repeat under old identifiers; what was not complete is sent again.
            release()
            messages.beginSession()
        }
        self.options = options
        phase = .connecting
        lastHeard = reactor.now
        do throws(StreamFailure) {
            try begin(options)
        } catch {
            phase = .idle
            notices.append(.disconnected(error.detail))
        }
    }

    private func begin(_ options: MQTTConnection) throws(StreamFailure) {
        let address = address()
        try clients.check(address)
        let handle = try handle(for: options)
        var code = handle.prepare(options)
        if code == 0 {
            // The library closes a socket of an earlier connection, whose number may come back at once.
            if let watch { reactor.unwatch(watch.id) }
            watch = nil
            code = handle.connect(to: address, keepAlive: keepAlive(options))
        }
        let systemError = errno
        // It may have told of the failure already.
        guard code == 0 || phase == .idle else {
            throw StreamFailure(.failed, "mqtt \(address)", MosquittoText.reason(code, systemError: systemError))
        }
    }

    private func handle(for options: MQTTConnection) throws(StreamFailure) -> MosquittoHandle {
        if let handle { return handle }
        guard let made = MosquittoHandle(id: options.clientID, isClean: options.isClean, observer: self) else {
            throw StreamFailure(.unsupported, "mqtt", "the client identifier cannot be used")
        }
        if let security = clients.security {
            let code = made.secure(security)
            guard code == 0 else { throw StreamFailure(.certificate, "mqtt", MosquittoText.reason(code, systemError: errno)) }
        }
        number = try clients.add(self)
        handle = made
        return made
    }

    /// In real seconds, since the library lives by the machine's clock.
    private func keepAlive(_ options: MQTTConnection) -> Int {
        guard options.keepAlive > 0 else { return 0 }
        return max(Self.leastKeepAlive, Int((Double(options.keepAlive) / reactor.speed).rounded(.up)))
    }

    private func disconnect() {
        guard phase != .idle else { return }
        let wasConnected = phase == .connected
        end("requested")
        if wasConnected { handle?.disconnect() } else { hangUp() }
    }

    /// Closes the socket without a word to the other side.
    private func hangUp() {
        guard let handle, handle.socket >= 0 else { return }
        _ = shutdown(handle.socket, Int32(SHUT_RDWR))
        handle.read()
    }

    private func end(_ reason: String) {
        guard phase != .idle else { return }
        phase = .idle
        (subscriptions, requests) = ([:], [])
        notices.append(.disconnected(reason))
    }

    // MARK: Messages

    private func publish(_ message: OutgoingMessage) {
        if phase == .connected, messages.canGo(message) { return give(message) }
        // Quality 0 does not wait for a connection.
        if message.quality > 0 || phase == .connected { messages.wait(message) }
    }

    private func give(_ message: OutgoingMessage) {
        guard let handle, let id = handle.publish(message.topic, message.payload, quality: message.quality, retain: message.retain) else {
            return
        }
        if message.quality > 0 { messages.given(message, as: id) }
    }

    private func giveWaiting() {
        while phase == .connected, let message = messages.next() { give(message) }
    }

    private func request(_ request: Request) {
        switch (phase, request) {
        case (.idle, _): break
        case (.connecting, _): requests.append(request)
        case (.connected, .subscribe(let filter, let quality)):
            if let id = handle?.subscribe(filter, quality: quality) { subscriptions[id] = filter }
        case (.connected, .unsubscribe(let filter)): handle?.unsubscribe(filter)
        }
    }

    // MARK: The loop

    /// Watches the library's socket for what it wants now.
    private func attend() {
        let socket = handle?.socket ?? -1
        if let watch, watch.socket != socket {
            reactor.forget(watch.id)
            self.watch = nil
        }
        guard socket >= 0, let handle else { return }
        let interest: Reactor.Interest = handle.wantsToWrite ? [.reading, .writing] : .reading
        if let watch {
            if watch.interest != interest { reactor.modify(watch.id, interest) }
            self.watch?.interest = interest
            return
        }
        do throws(StreamFailure) {
            watch = (try reactor.watch(socket, interest) { [weak self] ready in self?.isReady(ready) }, socket, interest)
        } catch {
            end(error.detail)
            hangUp()
        }
    }

    private func isReady(_ ready: Reactor.Readiness) {
        if ready.contains(.writable) { handle?.write() }
        if !ready.isDisjoint(with: [.readable, .hangup, .error]) {
            lastHeard = reactor.now
            handle?.read()
        }
        giveWaiting()
        attend()
        tell()
    }

    /// About once a second: keep-alive, and what the library has no time limit for.
    func tick(_ now: RunInstant) {
        handle?.tick()
        let silence = lastHeard.duration(to: now)
        if phase == .connecting, silence >= Self.connackTimeout {
            end("the server did not answer CONNECT")
            hangUp()
        } else if phase == .connected, let options, options.keepAlive > 0 {
            // The library waits as long as the keep-alive time for an answer; by then it has asked.
            let limit = Duration.seconds(Double(keepAlive(options)) * reactor.speed) + Self.pingTimeout
            if silence >= limit {
                end("the server did not answer PINGREQ")
                hangUp()
            }
        }
        attend()
        tell()
    }

    private func tell() {
        guard !isTelling else { return }
        isTelling = true
        defer { isTelling = false }
        let life = life
        while life == self.life, !notices.isEmpty {
            let told = notices
            notices = []
            for notice in told where life == self.life { onNotice?(notice) }
        }
    }

    private func tellLater() {
        guard !notices.isEmpty, !isTelling, !isErrandPosted else { return }
        isErrandPosted = true
        let errand = Errand { [weak self] in
            self?.isErrandPosted = false
            self?.tell()
        }
        reactor.post { errand.run() }
    }
}

extension MosquittoClient: MosquittoObserver {
    func connackArrived(code: Int32, isSessionPresent: Bool) {
        guard phase == .connecting else { return }
        guard code == 0 else {
            // CONNACK codes that MQTT 3.1.1 does not know end as a broken protocol (table 3.1).
            guard (1...5).contains(code) else { return }
            phase = .idle
            requests = []
            return notices.append(.refused(code: UInt8(code)))
        }
        phase = .connected
        notices.append(.connected(sessionPresent: isSessionPresent))
        let early = requests
        requests = []
        for request in early { self.request(request) }
    }

    func connectionEnded(code: Int32, systemError: Int32) { end(MosquittoText.reason(code, systemError: systemError)) }

    func published(_ id: Int32) {
        if let token = messages.complete(id) { notices.append(.acknowledged(token)) }
    }

    func subscribed(_ id: Int32, codes: [UInt8]) {
        guard let filter = subscriptions.removeValue(forKey: id), let code = codes.first else { return }
        notices.append(.subscribed(filter: filter, code: code))
    }

    func received(topic: String, payload: [UInt8], quality: UInt8, isRetained: Bool) {
        guard phase == .connected else { return }
        notices.append(.message(topic: topic, payload: payload, quality: quality, isRetained: isRetained))
    }
}
