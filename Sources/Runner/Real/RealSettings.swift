import LabCore
package import Transports

/// How a world on real media is set up.
package struct RealSettings: Sendable, Equatable {
    /// Seconds of the run for each real second, 1 to 1,000. Emulators, cloud and embedded broker share the run's clock; what
    /// takes real time, such as a system call, seems longer by this factor.
    package var speed: Double
    package var broker: BrokerChoice
    /// Where cloud and broker listen.
    package var listening: Listening
    /// The folder for the names of emulated serial ports; a temporary one where it is `nil`.
    package var portFolder: String?
    package var cloud = CloudSettings()
    package var bench = BenchSettings()
    /// The payment services of lab.yaml, for clouds that want real ones; `nil` where there are none.
    package var payments: RealPayments?

    package init(speed: Double = 1, broker: BrokerChoice = .embedded, listening: Listening = Listening(), portFolder: String? = nil) {
        self.speed = speed
        self.broker = broker
        self.listening = listening
        self.portFolder = portFolder
    }

    /// What a served cloud can have otherwise, for those who measure it.
    package struct CloudSettings: Sendable, Equatable {
        /// A file for its database, made where there is none; `nil` for one in memory.
        package var database: String?
        /// Callers are held back at their limits.
        package var limitsRates = true
        /// Processor time that each request costs on top, to see whether a comparison notices.
        package var extraCost = Duration.zero
        package init() {}
    }
}

/// The addresses of a world's servers. Port 0 takes any free one; `nil` leaves a server out.
package struct Listening: Sendable, Equatable {
    package var host: String
    package var http: Int
    package var https: Int?
    package var mqtt: Int
    package var mqtts: Int?
    package var webSocket: Int?
    /// For charging piles.
    package var piles: Int
    /// For the servers with TLS.
    package var identity: StreamIdentity?

    package init(
        host: String = "127.0.0.1", http: Int = 0, https: Int? = nil, mqtt: Int = 0, mqtts: Int? = nil, webSocket: Int? = nil, piles: Int = 0,
        identity: StreamIdentity? = nil
    ) {
        self.host = host
        self.http = http
        self.https = https
        self.mqtt = mqtt
        self.mqtts = mqtts
        self.webSocket = webSocket
        self.piles = piles
        self.identity = identity
    }

    /// - Throws: `StreamFailure` where TLS is wanted and there is no certificate.
    func security(for what: String) throws(StreamFailure) -> ServerSecurity {
        guard let identity else {
            throw StreamFailure(.certificate, what, "there is no certificate", remedy: "name certificate and key, or let the lab make one")
        }
        return ServerSecurity(identity)
    }
}

/// Which broker carries a world's messages.
package enum BrokerChoice: Sendable, Equatable {
    /// The lab's own, with packet faults and transcripts.
    case embedded
    /// Eclipse Mosquitto, spawned with a generated configuration.
    case mosquitto
    /// One that runs already.
    case external(ExternalBroker)
}

/// A broker that is none of ours: `mqtt://user:password@host:1883`, `mqtts://…`.
package struct ExternalBroker: Sendable, Equatable {
    package var host: String
    package var port: Int
    package var usesTLS: Bool
    package var username: String?
    package var password: String?

    package init(host: String, port: Int, usesTLS: Bool = false, username: String? = nil, password: String? = nil) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
        self.username = username
        self.password = password
    }
}
