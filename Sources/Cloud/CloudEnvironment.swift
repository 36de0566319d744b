package import LabCore

/// Everything that the cloud gets from outside: time, chance, the broker, the event log.
///
/// In `sim` these are the kernel's; the cloud has no clock, timer or randomness of its own, so that a run repeats.
package struct CloudEnvironment: Sendable {
    /// The run's clock.
    package var now: @Sendable () -> RunInstant
    /// The wall-clock time of `RunInstant.start`, in Unix seconds.
    package var epoch: Int64
    /// Random bytes for tokens, nonces and ids.
    package var randomBytes: @Sendable (Int) -> [UInt8]
    /// Suspends the calling task for a time of the run's clock.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Calls a job at a time of the run's clock. Jobs cannot be cancelled: they look whether they are still wanted.
    package var schedule: @Sendable (RunInstant, @escaping @Sendable () -> Void) -> Void
    /// Writes an event of the kind `cloud` into the run's log.
    package var note: @Sendable (String, Fields) -> Void
    /// Whether events of traffic, such as each frame of a pile with its bytes, are wanted; where nobody reads them they are not made.
    package var recordsTraffic = true
    /// Whether what several requests write at one moment is committed together. For a clock that runs by itself: there a moment is all that came
    /// while the disk was busy.
    package var commitsTogether = false
    /// Hands a message to the broker.
    package var publish: @Sendable (CloudMessage) -> Void
    /// Tells the broker that a delivery (QoS 1 or 2) is committed.
    package var acknowledge: @Sendable (UInt64) -> Void
    /// Ends a client's connection.
    package var disconnect: @Sendable (_ clientID: String, _ reason: String) -> Void
    /// Sends bytes to a pile's connection, by the number that the host gave it; dropped where it is closed.
    package var sendToPile: @Sendable (_ connection: UInt64, _ bytes: [UInt8]) -> Void
    /// Ends a pile's connection.
    package var closePile: @Sendable (_ connection: UInt64, _ reason: String) -> Void
    /// Sends a request to another service, such as a payment service, by the name that the configuration has for it.
    package var request: @Sendable (_ service: String, _ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure>
    /// Begins asynchronous work on the executor of this cloud's life; the name is for messages about work that does not end.
    package var start: @Sendable (_ name: String, _ work: @escaping @Sendable () async -> Void) -> Void

    package init(
        now: @escaping @Sendable () -> RunInstant, epoch: Int64, randomBytes: @escaping @Sendable (Int) -> [UInt8],
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        schedule: @escaping @Sendable (RunInstant, @escaping @Sendable () -> Void) -> Void,
        note: @escaping @Sendable (String, Fields) -> Void, publish: @escaping @Sendable (CloudMessage) -> Void,
        acknowledge: @escaping @Sendable (UInt64) -> Void, disconnect: @escaping @Sendable (String, String) -> Void,
        sendToPile: @escaping @Sendable (UInt64, [UInt8]) -> Void = { _, _ in }, closePile: @escaping @Sendable (UInt64, String) -> Void = { _, _ in },
        request: @escaping @Sendable (String, HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> = { _, _ in .failure(.unreachable) },
        start: @escaping @Sendable (String, @escaping @Sendable () async -> Void) -> Void = { _, _ in }
    ) {
        self.now = now
        self.epoch = epoch
        self.randomBytes = randomBytes
        self.sleep = sleep
        self.schedule = schedule
        self.note = note
        self.publish = publish
        self.acknowledge = acknowledge
        self.disconnect = disconnect
        self.sendToPile = sendToPile
        self.closePile = closePile
        self.request = request
        self.start = start
    }

    /// The time of the run's clock as Unix seconds.
    package var unixSeconds: Int64 { epoch + now().nanoseconds / 1_000_000_000 }
}

/// A message from or to the broker.
package struct CloudMessage: Sendable, Equatable {
    package var topic: String
    package var payload: [UInt8]
    package var quality: UInt8
    package var retain: Bool
    package init(topic: String, payload: [UInt8], quality: UInt8, retain: Bool = false) {
        self.topic = topic
        self.payload = payload
        self.quality = quality
        self.retain = retain
    }
}
