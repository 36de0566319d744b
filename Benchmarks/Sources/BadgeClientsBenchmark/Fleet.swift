import BenchTable
import LabCore
import Transports

/// Badges in one process: libmosquitto clients on one reactor that register and report, and the cloud's client that hears them.
final class Fleet {
    struct Outcome {
        /// From the first CONNECT to the last SUBACK.
        var registeringSeconds: Double
        /// From the first report to the last acknowledgement and the last delivery.
        var reportingSeconds: Double
        /// Resident bytes of this process for each client, when all are registered.
        var bytesPerClient: Int
        var acknowledged: Int
        /// Different reports that the cloud's client has heard.
        var delivered: Int
    }

    /// As long as a status report of a badge.
    static let payloadBytes = 200
    /// Clients between CONNECT and SUBACK at a time: what a listening port holds back.
    private static let window = 200
    private static let timeout = Duration.seconds(120)

    private let reactor: Reactor
    private let clients: MosquittoClients
    private let port: Int
    private let count: Int
    private let reports: Int
    private var badges: [MosquittoClient] = []
    private var started = 0
    private var registered = 0
    private var acknowledged = 0
    private var heard: [Bool]
    private var delivered = 0
    private var isCloudReady = false
    private var problem: Problem?

    init(port: Int, count: Int, reports: Int) throws {
        reactor = try Reactor()
        clients = try MosquittoClients(on: reactor)
        self.port = port
        self.count = count
        self.reports = reports
        heard = [Bool](repeating: false, count: count * reports)
    }

    func run(memory: () -> Int) throws -> Outcome {
        let cloud = clients.client(host: "127.0.0.1", port: port)
        cloud.onNotice = { [unowned self, unowned cloud] notice in hear(notice, cloud) }
        cloud.perform(.connect(connection("cloud")))
        try wait("the cloud's client is ready") { isCloudReady }

        let before = memory()
        var start = reactor.now
        badges.reserveCapacity(count)
        while started < min(count, Self.window) { startBadge() }
        try wait("all badges are registered") { registered == count }
        let registering = seconds(since: start)
        let used = memory() - before

        start = reactor.now
        for number in 0..<count { report(number, 0) }
        try wait("all reports are acknowledged and delivered") { acknowledged == count * reports && delivered == count * reports }
        let reporting = seconds(since: start)
        for badge in badges { badge.perform(.disconnect) }
        cloud.perform(.disconnect)
        return Outcome(
            registeringSeconds: registering, reportingSeconds: reporting, bytesPerClient: used / count, acknowledged: acknowledged,
            delivered: delivered)
    }

    private func seconds(since start: RunInstant) -> Double { Double(reactor.now.nanoseconds - start.nanoseconds) * 1e-9 }

    private func wait(_ what: String, _ condition: () -> Bool) throws {
        let isMet = reactor.run(until: { problem != nil || condition() }, timeout: Self.timeout)
        if let problem { throw problem }
        if !isMet {
            throw Problem(
                "waited in vain until \(what): \(registered) of \(count) registered, \(acknowledged) acknowledged, \(delivered) delivered")
        }
    }

    private func connection(_ name: String) -> MQTTConnection {
        MQTTConnection(clientID: name, username: Account.user, password: Array(Account.password.utf8), isClean: true, keepAlive: 600)
    }

    // MARK: Badges

    private func startBadge() {
        let number = started
        started += 1
        let badge = clients.client(host: "127.0.0.1", port: port)
        badge.onNotice = { [unowned self] notice in handle(notice, number) }
        badges.append(badge)
        badge.perform(.connect(connection("badge-\(number)")))
    }

    private func handle(_ notice: MQTTNotice, _ number: Int) {
        switch notice {
        case .connected: badges[number].perform(.subscribe(filter: "bench/\(number)/commands", quality: 1))
        case .subscribed(_, let code) where code <= 2:
            registered += 1
            if started < count { startBadge() }
        case .acknowledged(let token):
            acknowledged += 1
            let next = Int(token.rawValue) + 1
            if next < reports { report(number, next) }
        case .refused(let code): problem = Problem("badge \(number) was refused with code \(code)")
        case .disconnected(let reason): problem = Problem("badge \(number) was disconnected: \(reason)")
        case .subscribed(_, let code): problem = Problem("badge \(number) may not subscribe: \(code)")
        case .message: problem = Problem("badge \(number) got a message that is for nobody")
        }
    }

    /// The report tells its own place, so that each is counted once.
    private func report(_ badge: Int, _ number: Int) {
        let place = badge * reports + number
        var payload = (0..<4).map { UInt8(truncatingIfNeeded: place >> (8 * $0)) }
        payload += [UInt8](repeating: UInt8(ascii: "r"), count: Self.payloadBytes - payload.count)
        badges[badge].perform(
            .publish(topic: "bench/\(badge)/report", payload: payload, quality: 1, retain: false, token: Token(rawValue: UInt32(number))))
    }

    // MARK: The cloud

    private func hear(_ notice: MQTTNotice, _ cloud: MosquittoClient) {
        switch notice {
        case .connected: cloud.perform(.subscribe(filter: "bench/+/report", quality: 1))
        case .subscribed(_, let code) where code <= 2: isCloudReady = true
        case .message(_, let payload, _, _):
            let place = payload.prefix(4).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
            guard payload.count == Self.payloadBytes, heard.indices.contains(place) else {
                problem = Problem("a report arrived that nobody sent")
                return
            }
            if !heard[place] { delivered += 1 }
            heard[place] = true
        default: problem = Problem("the cloud's client: \(notice)")
        }
    }
}
