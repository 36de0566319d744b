import CMosquitto
import Glibc
package import LabCore

/// One MQTT 3.1.1 client through libmosquitto.
///
/// The library keeps the session state between connections; what is published with quality 1 or 2 before there is a
/// connection waits here. Reconnecting is the device's decision.
///
/// `@safe`: the library's object is used by this class only, and not after `destroy`.
@safe package final class MosquittoClient: MessageClient {
    package var onNotice: ((MQTTNotice) -> Void)?

    private struct Publish {
        var topic: String
        var payload: [UInt8]
        var quality: UInt8
        var retain: Bool
        var token: Token
    }

    private let owner: MosquittoClients
    private let host: String
    private let port: Int
    private let authority: String?
    private var library: OpaquePointer?
    private var options: MQTTConnection?
    private var watch: Reactor.WatchID?
    private var interest: Reactor.Interest = []
    private var isConnected = false
    /// A connection is being made or is there.
    private var isBusy = false
    private var isRefused = false
    private var waiting: [Publish] = []
    private var tokens: [Int32: Token] = [:]
    private var filters: [Int32: String] = [:]
    /// What the library told; handed out when it has returned.
    private var notices: [MQTTNotice] = []
    private var isHandingPosted = false
    /// Counts lives: what an earlier one told is dropped.
    private var life = 0

    private static let queueLimit = 1_000
    /// The library refuses shorter keep-alive times.
    private static let shortestKeepAlive: UInt16 = 5

    init(_ owner: MosquittoClients, host: String, port: Int, authority: String?) {
        self.owner = owner
        self.host = host
        self.port = port
        self.authority = authority
    }

    deinit {
        destroy()
        owner.forget(ObjectIdentifier(self))
    }

    package func perform(_ command: MQTTCommand) {
        switch command {
        case .connect(let options): connect(options)
        case .publish(let topic, let payload, let quality, let retain, let token):
            publish(Publish(topic: topic, payload: payload, quality: quality, retain: retain, token: token))
        case .subscribe(let filter, let quality): subscribe(filter, quality)
        case .unsubscribe(let filter): if isConnected { _ = unsafe mosquitto_unsubscribe(library, nil, filter) }
        case .disconnect: disconnect()
        }
        update()
    }

    package func vanish() {
        destroy()
        life += 1
        (options, waiting, tokens, filters, notices) = (nil, [], [:], [:], [])
    }

    // MARK: The library's object

    private func connect(_ options: MQTTConnection) {
        guard !isBusy else { return }
        if unsafe library == nil || options.clientID != self.options?.clientID || options.isClean != self.options?.isClean { make(options) }
        self.options = options
        guard configure(options) else { return lost("the client library refused the settings") }
        let keepAlive = options.keepAlive == 0 ? 0 : max(Self.shortestKeepAlive, options.keepAlive)
        isBusy = true
        let code = unsafe mosquitto_connect_async(library, host, Int32(port), Int32(keepAlive))
        guard code == MOSQ_ERR_SUCCESS.code else {
            isBusy = false
            return lost(Self.text(of: code))
        }
        startWatching()
    }

    private func make(_ options: MQTTConnection) {
        destroy()
        unsafe library = mosquitto_new(options.clientID, options.isClean, Unmanaged.passUnretained(self).toOpaque())
        unsafe mosquitto_int_option(library, MOSQ_OPT_TCP_NODELAY, 1)
        unsafe mosquitto_connect_with_flags_callback_set(library) { _, client, code, flags in
            unsafe MosquittoClient.of(client)?.connected(Int(code), sessionPresent: flags & 1 != 0)
        }
        unsafe mosquitto_disconnect_callback_set(library) { _, client, code in unsafe MosquittoClient.of(client)?.disconnected(code) }
        unsafe mosquitto_publish_callback_set(library) { _, client, id in unsafe MosquittoClient.of(client)?.published(id) }
        unsafe mosquitto_subscribe_callback_set(library) { _, client, id, count, granted in
            guard count > 0, let granted = unsafe granted else { return }
            unsafe MosquittoClient.of(client)?.subscribed(id, code: UInt8(truncatingIfNeeded: granted[0]))
        }
        unsafe mosquitto_message_callback_set(library) { _, client, message in
            guard let message = unsafe message?.pointee, let topic = unsafe message.topic else { return }
            let payload = unsafe [UInt8](UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen)))
            unsafe MosquittoClient.of(client)?.notices.append(
                .message(
                    topic: String(cString: topic), payload: payload, quality: UInt8(truncatingIfNeeded: message.qos), isRetained: message.retain))
        }
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> MosquittoClient? {
        unsafe pointer.map { unsafe Unmanaged<MosquittoClient>.fromOpaque($0).takeUnretainedValue() }
    }

    private func configure(_ options: MQTTConnection) -> Bool {
        let password = options.password.map { String(decoding: $0, as: UTF8.self) }
        guard unsafe mosquitto_username_pw_set(library, options.username, password) == MOSQ_ERR_SUCCESS.code else { return false }
        if let authority, unsafe mosquitto_tls_set(library, authority, nil, nil, nil, nil) != MOSQ_ERR_SUCCESS.code { return false }
        unsafe mosquitto_will_clear(library)
        guard let will = options.will else { return true }
        return unsafe mosquitto_will_set(
            library, will.topic, Int32(will.payload.count), will.payload, Int32(will.quality), will.retain) == MOSQ_ERR_SUCCESS.code
    }

    private func destroy() {
        stopWatching()
        if unsafe library != nil { unsafe mosquitto_destroy(library) }
        unsafe library = nil
        (isConnected, isBusy) = (false, false)
    }

    private static func text(of code: Int32) -> String { unsafe String(cString: mosquitto_strerror(code)) }

    // MARK: Commands

    private func disconnect() {
        guard isBusy else { return }
        if isConnected { _ = unsafe mosquitto_disconnect(library) }
        guard isBusy else { return }
        // A connection that is only being made has nothing to say goodbye to.
        stopWatching()
        let options = options
        destroy()
        self.options = options
        notices.append(.disconnected("requested"))
        unsafe library = nil
    }

    private func publish(_ publish: Publish) {
        guard isConnected else {
            if publish.quality > 0, waiting.count < Self.queueLimit { waiting.append(publish) }
            return
        }
        var id: Int32 = 0
        let code = unsafe mosquitto_publish(
            library, &id, publish.topic, Int32(publish.payload.count), publish.payload, Int32(publish.quality), publish.retain)
        guard code == MOSQ_ERR_SUCCESS.code || code == MOSQ_ERR_NO_CONN.code, publish.quality > 0 else { return }
        tokens[id] = publish.token
    }

    private func subscribe(_ filter: String, _ quality: UInt8) {
        guard isConnected else { return }
        var id: Int32 = 0
        if unsafe mosquitto_subscribe(library, &id, filter, Int32(quality)) == MOSQ_ERR_SUCCESS.code { filters[id] = filter }
    }

    // MARK: What the library tells

    private func connected(_ code: Int, sessionPresent: Bool) {
        guard code == 0 else {
            isRefused = true
            return notices.append(.refused(code: UInt8(clamping: code)))
        }
        isConnected = true
        notices.append(.connected(sessionPresent: sessionPresent))
    }

    /// The library has closed the descriptor already; it must not be touched any more.
    private func disconnected(_ code: Int32) {
        stopWatching()
        (isConnected, isBusy) = (false, false)
        filters = [:]
        // After a refusal the device is not told that the connection is gone too.
        if isRefused { return isRefused = false }
        notices.append(.disconnected(code == 0 ? "requested" : code == MOSQ_ERR_KEEPALIVE.code ? "the server did not answer PINGREQ" : "connection lost"))
    }

    private func published(_ id: Int32) { if let token = tokens.removeValue(forKey: id) { notices.append(.acknowledged(token)) } }
    private func subscribed(_ id: Int32, code: UInt8) { if let filter = filters.removeValue(forKey: id) { notices.append(.subscribed(filter: filter, code: code)) } }

    private func lost(_ reason: String) { notices.append(.disconnected(reason)) }

    /// Told from the loop, never from inside a call of the device.
    private func update() {
        watchAgain()
        guard !notices.isEmpty, !isHandingPosted else { return }
        isHandingPosted = true
        let errand = Errand { [weak self] in
            self?.isHandingPosted = false
            self?.hand()
        }
        owner.reactor.post { errand.run() }
    }

    private func hand() {
        let told = notices
        notices = []
        let life = life
        for notice in told where life == self.life {
            if case .connected = notice { sendWaiting() }
            onNotice?(notice)
        }
        watchAgain()
    }

    /// In the order in which it was published, and before what the device publishes because it is connected.
    private func sendWaiting() {
        let messages = waiting
        waiting = []
        for message in messages { publish(message) }
    }

    // MARK: The descriptor

    private func startWatching() {
        let descriptor = unsafe mosquitto_socket(library)
        guard descriptor >= 0 else { return }
        interest = [.reading, .writing]
        do throws(StreamFailure) {
            watch = try owner.reactor.watch(descriptor, interest) { [weak self] ready in self?.isReady(ready) }
        } catch {
            destroy()
            lost(error.description)
        }
    }

    private func stopWatching() {
        if let watch { owner.reactor.unwatch(watch) }
        watch = nil
    }

    private func watchAgain() {
        guard let watch, unsafe library != nil else { return }
        let wanted: Reactor.Interest = unsafe mosquitto_want_write(library) || !isConnected ? [.reading, .writing] : .reading
        guard wanted != interest else { return }
        interest = wanted
        owner.reactor.modify(watch, wanted)
    }

    private func isReady(_ ready: Reactor.Readiness) {
        if ready.contains(.writable), unsafe library != nil { _ = unsafe mosquitto_loop_write(library, 1) }
        if !ready.isDisjoint(with: [.readable, .hangup, .error]), watch != nil { _ = unsafe mosquitto_loop_read(library, 1) }
        // What waits for CONNACK has nothing to write; without this the descriptor would always be ready.
        if let watch, ready.contains(.writable), unsafe library != nil, unsafe !mosquitto_want_write(library), interest != .reading {
            interest = .reading
            owner.reactor.modify(watch, .reading)
        }
        hand()
    }

    func tick() {
        guard isBusy, unsafe library != nil else { return }
        _ = unsafe mosquitto_loop_misc(library)
        hand()
    }
}

extension mosq_err_t {
    fileprivate var code: Int32 { Int32(rawValue) }
}
