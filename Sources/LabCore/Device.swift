/// A device as a value: everything that it does follows from its inputs (architecture.md §4).
///
/// No clock, no I/O, no randomness of its own: the time is an argument, and a `SeededGenerator` made from
/// (seed, purpose) is part of its state. What must survive a power cut is in its flash; `powerLost` drops the rest.
/// The same value runs in memory, behind real ptys and sockets, or beside a real device as its shadow.
package protocol Device: Sendable {
    /// Takes one input and appends what the device does about it.
    mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect])

    /// Answers one of the kind's queries from the state; costs no time and changes nothing.
    func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure>
}

/// A device's name for one of its timers.
package struct TimerName: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// A device's name for one of its byte links (a serial line, a TCP connection).
package struct LinkName: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// A number that a device, or its host, gives to something that will be answered later.
package struct Token: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
}

package enum DeviceInput: Sendable, Equatable {
    /// Power is there: the device boots from flash.
    case poweredOn
    /// Power is gone: everything outside the flash is lost. No effect of this input is performed but notes.
    case powerLost
    case timerFired(TimerName)
    case mqtt(MQTTNotice)
    case answered(Token, Result<HTTPAnswer, HTTPFailure>)
    case link(LinkName, LinkInput)
    /// Somebody asks this node, which is a service of its own, by HTTP; exactly one `.serve` with the token answers it.
    case served(Token, HTTPCall)
    /// A scenario asks for an action of the device's kind; exactly one `.finish` with the token answers it.
    case action(Token, String, Fields)
    /// A fault of the device's kind begins or ends. Power and link faults are not seen here: their effects are.
    case fault(String, Fields, isActive: Bool)
}

package enum DeviceEffect: Sendable, Equatable {
    /// Starts the timer, or starts it anew if it runs.
    case startTimer(TimerName, after: Duration)
    case cancelTimer(TimerName)
    case mqtt(MQTTCommand)
    /// One HTTP request to the cloud; answered with the same token.
    case request(Token, HTTPCall)
    case link(LinkName, LinkCommand)
    /// The answer to a request that was served; a failure is a connection that breaks.
    case serve(Token, Result<HTTPAnswer, HTTPFailure>)
    /// An event of the device's kind.
    case note(String, Fields)
    /// The answer to an action.
    case finish(Token, Result<Fields, ActionFailure>)
    /// The device resets itself: the host drops its links and timers and gives it `.poweredOn` after the time.
    case reboot(after: Duration)
}

package enum LinkInput: Sendable, Equatable {
    case opened
    case bytes([UInt8])
    case closed
}

package enum LinkCommand: Sendable, Equatable {
    case open
    case send([UInt8])
    case close
}

/// Why an action or a query did not do what was asked, for `fails:` and for people.
package struct ActionFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// A short word that scenarios can match: `unknown_device`, `powered_off`, `refused`.
    package var reason: String
    /// A sentence: what failed and what to do.
    package var message: String
    /// Further fields, such as the HTTP status or the error code.
    package var fields: Fields

    package init(_ reason: String, _ message: String, _ fields: Fields = [:]) {
        self.reason = reason
        self.message = message
        self.fields = fields
    }

    /// What `fails:` matches: reason, message and the further fields.
    package var asFields: Fields { (["reason": .text(reason), "message": .text(message)] as Fields).merging(fields) }
    package var description: String { "\(reason): \(message)" }
}

/// An HTTP request as it goes over the link. Header names are lower case.
package struct HTTPCall: Sendable, Hashable {
    package var method: String
    /// Path with its query, percent-encoded as sent.
    package var path: String
    package var headers: [Header]
    package var body: [UInt8]

    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(_ method: String, _ path: String, headers: [Header] = [], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// The first header of that name (lower case).
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

package struct HTTPAnswer: Sendable, Hashable {
    package var status: Int
    package var headers: [HTTPCall.Header]
    package var body: [UInt8]

    package init(status: Int, headers: [HTTPCall.Header] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// Why there was no answer.
package enum HTTPFailure: String, Error, Sendable, Hashable {
    /// No connection: cut link, or nobody listens.
    case unreachable
    /// The connection broke before the answer was complete; the request may have taken effect.
    case interrupted
    /// No answer in time; the request may have taken effect.
    case timedOut = "timed_out"
}

/// What a device asks of its MQTT client. Delivery, acknowledgement and retries are the client's business.
package enum MQTTCommand: Sendable, Equatable {
    case connect(MQTTConnection)
    case publish(topic: String, payload: [UInt8], quality: UInt8, retain: Bool, token: Token)
    case subscribe(filter: String, quality: UInt8)
    case unsubscribe(filter: String)
    case disconnect
}

package struct MQTTConnection: Sendable, Equatable {
    package struct Will: Sendable, Equatable {
        package var topic: String
        package var payload: [UInt8]
        package var quality: UInt8
        package var retain: Bool
        package init(topic: String, payload: [UInt8], quality: UInt8, retain: Bool) {
            self.topic = topic
            self.payload = payload
            self.quality = quality
            self.retain = retain
        }
    }

    package var clientID: String
    package var username: String?
    package var password: [UInt8]?
    package var isClean: Bool
    /// Seconds; 0 switches it off.
    package var keepAlive: UInt16
    package var will: Will?

    package init(
        clientID: String, username: String? = nil, password: [UInt8]? = nil, isClean: Bool, keepAlive: UInt16, will: Will? = nil
    ) {
        self.clientID = clientID
        self.username = username
        self.password = password
        self.isClean = isClean
        self.keepAlive = keepAlive
        self.will = will
    }
}

/// What a device's MQTT client tells it.
package enum MQTTNotice: Sendable, Equatable {
    case connected(sessionPresent: Bool)
    /// CONNACK with a return code other than 0 (MQTT 3.1.1 table 3.1).
    case refused(code: UInt8)
    /// The connection is gone, with the reason in a few words.
    case disconnected(String)
    case message(topic: String, payload: [UInt8], quality: UInt8, isRetained: Bool)
    /// A publish with quality 1 or 2 is acknowledged.
    case acknowledged(Token)
    case subscribed(filter: String, code: UInt8)
}
