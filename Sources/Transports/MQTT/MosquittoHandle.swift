import CLinux
import CMosquitto
import Glibc
import LabCore

/// What the library tells about one client; called from inside calls to the library.
protocol MosquittoObserver: AnyObject {
    func connackArrived(code: Int32, isSessionPresent: Bool)
    /// The connection is gone; may be told twice. `code` is one of the library's, `systemError` the system's where the code says so.
    func connectionEnded(code: Int32, systemError: Int32)
    /// A publish is complete; also told for quality 0.
    func published(_ id: Int32)
    func subscribed(_ id: Int32, codes: [UInt8])
    func received(topic: String, payload: [UInt8], quality: UInt8, isRetained: Bool)
}

/// Owns one client of the library.
///
/// The library calls back on the thread that called it; it gets the handle unretained, and the handle outlives it.
/// `@safe`: the pointer is used here only, and freed with its owner.
@safe final class MosquittoHandle {
    private let client: OpaquePointer
    private unowned let observer: any MosquittoObserver
    /// For each packet that it sends the library writes a byte into a pair of sockets, to wake a thread that it does not have
    /// here. Nobody reads it: measured with 2.0.11, 768 bytes of the system's memory a packet, up to 213 KB for each client.
    /// The pair is the first that the library opens, so its numbers are known; nil once it is as small as the system lets it be.
    private var wakeUps: (reading: Int32, writing: Int32)?

    /// - Returns: `nil` where the library does not take the client identifier, or has no memory.
    init?(id: String, isClean: Bool, observer: any MosquittoObserver) {
        // A session without a name lives only as long as its connection.
        var pair: (reading: Int32, writing: Int32) = (-1, -1)
        let isKnown = unsafe clinux_next_descriptors(&pair.reading, &pair.writing) == 0
        guard let client = unsafe mosquitto_new(id.isEmpty ? nil : id, isClean || id.isEmpty, nil) else { return nil }
        wakeUps = isKnown ? pair : nil
        unsafe self.client = unsafe client
        self.observer = observer
        unsafe mosquitto_user_data_set(client, Unmanaged.passUnretained(self).toOpaque())
        // Small packets, one at a time: the system must not wait for more.
        unsafe mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        setCallbacks()
    }

    deinit { unsafe mosquitto_destroy(client) }

    private static func observer(_ context: UnsafeMutableRawPointer?) -> (any MosquittoObserver)? {
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<MosquittoHandle>.fromOpaque(context).takeUnretainedValue().observer
    }

    private func setCallbacks() {
        unsafe mosquitto_connect_with_flags_callback_set(client) { _, context, code, flags in
            unsafe MosquittoHandle.observer(context)?.connackArrived(code: code, isSessionPresent: flags & 1 != 0)
        }
        unsafe mosquitto_disconnect_callback_set(client) { _, context, code in
            let systemError = errno
            unsafe MosquittoHandle.observer(context)?.connectionEnded(code: code, systemError: systemError)
        }
        unsafe mosquitto_publish_callback_set(client) { _, context, id in unsafe MosquittoHandle.observer(context)?.published(id) }
        unsafe mosquitto_subscribe_callback_set(client) { _, context, id, count, codes in
            let granted = unsafe UnsafeBufferPointer(start: codes, count: Int(count)).map { UInt8(truncatingIfNeeded: $0) }
            unsafe MosquittoHandle.observer(context)?.subscribed(id, codes: granted)
        }
        unsafe mosquitto_message_callback_set(client) { _, context, message in
            guard let message = unsafe message?.pointee, let topic = unsafe message.topic else { return }
            let payload = unsafe [UInt8](UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen)))
            unsafe MosquittoHandle.observer(context)?.received(
                topic: String(cString: topic), payload: payload, quality: UInt8(truncatingIfNeeded: message.qos), isRetained: message.retain
            )
        }
    }

    // MARK: Setting up

    func secure(_ security: MosquittoClients.Security) -> Int32 {
        let code = unsafe mosquitto_tls_set(client, security.authorities, nil, nil, nil, nil)
        guard code == Int32(MOSQ_ERR_SUCCESS.rawValue) else { return code }
        return unsafe mosquitto_tls_insecure_set(client, security.acceptsAnyHost)
    }

    /// Takes over what the next CONNECT says.
    func prepare(_ options: MQTTConnection) -> Int32 {
        var code = setCredentials(options.username, options.password)
        guard code == 0 else { return code }
        unsafe mosquitto_will_clear(client)
        if let will = options.will {
            code = unsafe will.payload.withUnsafeBytes {
                unsafe mosquitto_will_set(client, will.topic, Int32($0.count), $0.baseAddress, Int32(will.quality), will.retain)
            }
        }
        return code
    }

    /// The library takes a password as text that ends with 0; one that contains 0 cannot be given to it.
    private func setCredentials(_ username: String?, _ password: [UInt8]?) -> Int32 {
        guard let password else { return unsafe mosquitto_username_pw_set(client, username, nil) }
        guard !password.contains(0) else { return Int32(MOSQ_ERR_INVAL.rawValue) }
        let text = password.map { CChar(bitPattern: $0) } + [0]
        return unsafe mosquitto_username_pw_set(client, username, text)
    }

    // MARK: The connection

    /// - Parameter keepAlive: seconds, 0 or at least 5: less is not taken.
    func connect(to address: StreamAddress, keepAlive: Int) -> Int32 {
        let code = unsafe mosquitto_connect_async(client, address.host, Int32(address.port), Int32(keepAlive))
        let systemError = errno
        // CONNECT has left its byte there, so the pair can be told from other sockets.
        if code == 0, let pair = wakeUps, clinux_limit_unread(pair.reading, pair.writing) == 1 { wakeUps = nil }
        errno = systemError
        return code
    }

    func disconnect() { _ = unsafe mosquitto_disconnect(client) }
    /// -1 while there is none.
    var socket: Int32 { unsafe mosquitto_socket(client) }
    var wantsToWrite: Bool { unsafe mosquitto_want_write(client) }
    func read() { check(unsafe mosquitto_loop_read(client, 1)) }
    func write() { check(unsafe mosquitto_loop_write(client, 1)) }
    func tick() { check(unsafe mosquitto_loop_misc(client)) }

    /// Not every end is told by a callback: a TLS handshake that fails is not.
    private func check(_ code: Int32) {
        let systemError = errno
        if code != 0 { observer.connectionEnded(code: code, systemError: systemError) }
    }

    // MARK: Messages

    /// - Returns: the number under which the library tells that it is complete; `nil` if it did not take the message.
    func publish(_ topic: String, _ payload: [UInt8], quality: UInt8, retain: Bool) -> Int32? {
        var id: Int32 = 0
        let code = unsafe payload.withUnsafeBytes {
            unsafe mosquitto_publish(client, &id, topic, Int32($0.count), $0.baseAddress, Int32(quality), retain)
        }
        switch code {
        case Int32(MOSQ_ERR_SUCCESS.rawValue): return id
        // It keeps the message for the next connection.
        case Int32(MOSQ_ERR_NO_CONN.rawValue), Int32(MOSQ_ERR_CONN_LOST.rawValue), Int32(MOSQ_ERR_ERRNO.rawValue):
            return quality > 0 ? id : nil
        default: return nil
        }
    }

    func subscribe(_ filter: String, quality: UInt8) -> Int32? {
        var id: Int32 = 0
        return unsafe mosquitto_subscribe(client, &id, filter, Int32(quality)) == Int32(MOSQ_ERR_SUCCESS.rawValue) ? id : nil
    }

    func unsubscribe(_ filter: String) { _ = unsafe mosquitto_unsubscribe(client, nil, filter) }
}

/// The library's codes in a few words, as a device notes them.
enum MosquittoText {
    static func reason(_ code: Int32, systemError: Int32) -> String {
        switch code {
        case Int32(MOSQ_ERR_SUCCESS.rawValue), Int32(MOSQ_ERR_CONN_LOST.rawValue), Int32(MOSQ_ERR_NO_CONN.rawValue): "connection lost"
        case Int32(MOSQ_ERR_KEEPALIVE.rawValue): "the server did not answer PINGREQ"
        case Int32(MOSQ_ERR_TLS.rawValue): "the TLS handshake failed; check the server's certificate"
        case Int32(MOSQ_ERR_ERRNO.rawValue): reason(systemError)
        default: unsafe String(cString: mosquitto_strerror(code))
        }
    }

    private static func reason(_ systemError: Int32) -> String {
        switch systemError {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE, 0: "connection lost"
        case EMFILE, ENFILE: "too many open files; raise the limit with `ulimit -n`"
        default: unsafe String(cString: strerror(systemError))
        }
    }
}
