/// One end of something that carries bytes in order: a serial port, a pseudo terminal, a TCP or TLS connection, an end of a
/// link in memory.
///
/// A stream belongs to the thread of one loop; it is used there, and tells there what happens. It can be opened again after
/// it was closed or lost, as a port that vanishes and comes back.
package protocol ByteStream: AnyObject {
    /// For messages and logs: `/dev/ttyUSB2`, `tcp 127.0.0.1:1883`.
    var name: String { get }
    var isOpen: Bool { get }
    /// Called with everything that happens, in order, on the loop's thread, never from inside a call to the stream.
    var onEvent: ((ByteStreamEvent) -> Void)? { get set }

    /// Opens it; `.opened` or `.closed` with the reason follows. Does nothing while it is open or being opened.
    func open()
    /// Sends the bytes in order; what the medium does not take now waits. Dropped unless it is open.
    func send(_ bytes: [UInt8])
    /// Closes it, after what was sent before has been handed to the medium as far as that goes without waiting.
    /// No event follows. Does nothing if it is closed.
    func close()
    /// Who uses it has lost its power: it is closed on this side, and the other one is not told where the medium allows that.
    func vanish()
}

extension ByteStream {
    package func vanish() { close() }
}

package enum ByteStreamEvent: Sendable, Equatable {
    case opened
    /// Bytes with the time at which they were read from the medium.
    case bytes([UInt8], at: RunInstant)
    /// Opening failed, the other side closed (`.ended`), or the medium went away. It can be opened again.
    case closed(StreamFailure)
}

/// Why a medium did not open, or went away: what, where, and what to do.
package struct StreamFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The other side closed in order.
        case ended
        /// No such port, file or host name.
        case notFound = "not_found"
        /// Somebody else uses it.
        case busy
        case permissionDenied = "permission_denied"
        /// It was there and is gone: unplugged, hung up, reset.
        case vanished
        /// Nobody listens there.
        case refused
        case unreachable
        case timedOut = "timed_out"
        /// The certificate, or the TLS version, is not acceptable.
        case certificate
        /// The other side broke the protocol of the medium.
        case malformed
        /// A setting that the medium cannot have.
        case unsupported
        case failed
    }

    package var reason: Reason
    /// The stream's name.
    package var medium: String
    /// What failed, in a sentence without the medium's name.
    package var detail: String
    /// What to do about it; empty where nothing helps.
    package var remedy: String

    package init(_ reason: Reason, _ medium: String, _ detail: String, remedy: String = "") {
        self.reason = reason
        self.medium = medium
        self.detail = detail
        self.remedy = remedy
    }

    package var description: String { remedy.isEmpty ? "\(medium): \(detail)" : "\(medium): \(detail); \(remedy)" }
}

/// An MQTT client with its connection; the sibling of `ByteStream` for media that carry messages.
///
/// It belongs to the thread of one loop, like a stream. Between connections it keeps the session state (MQTT 3.1.1 §4.1).
package protocol MessageClient: AnyObject {
    /// Called on the loop's thread, never from inside a call to the client.
    var onNotice: ((MQTTNotice) -> Void)? { get set }
    func perform(_ command: MQTTCommand)
    /// The device has lost its power: the session is forgotten, nothing is said to anybody, no notice follows.
    func vanish()
}

/// A way to send HTTP requests; the sibling of `ByteStream` for requests and answers.
package protocol HTTPRequester: AnyObject {
    /// Sends one request and calls back once on the loop's thread, never from inside this call.
    func send(_ call: HTTPCall, _ done: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void)
}
