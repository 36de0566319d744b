import Cloud
import ChargingOracles
import Emulators
import LabCore
import ServedCloud
import Simulation

/// One site's cloud and piles in virtual time: riders come and go by chance, every charge runs on an emulated pile and over the wire,
/// every order is judged by the oracles when its day is over.
///
/// `@unchecked Sendable`: all of it is on the kernel's thread.
final class MonthWorld: @unchecked Sendable {
    struct Settings {
        var seed: UInt64
        /// Orders of one day.
        var ordersPerDay: Int
        /// Ten ports each; a port serves some twenty charges a day.
        var piles: Int { max(1, (ordersPerDay + 199) / 200) }
    }

    struct Totals {
        var created = 0
        var settled = 0
        var judged = 0
        var violations: [String] = []
        var notJudged: [String: Int] = [:]
        var refused: [String: Int] = [:]
    }

    private static let ports = 10
    static let epoch: Int64 = 1_767_225_600
    private let settings: Settings
    private let kernel = Kernel()
    private var cloud: Cloud!
    private var random: SeededGenerator
    private var piles: [MonthPile] = []
    private var ids: [String] = []
    private(set) var totals = Totals()

    // What the oracles know: of the beginning of the world, and of the day.
    private var beginning: OrderJudge
    private var day: OrderJudge?
    private var sequence = 0
    private let plan: Plan

    init(_ settings: Settings) throws {
        self.settings = settings
        random = SeededGenerator(seed: settings.seed, purpose: "month")
        let place = SourceLocation(file: "month", line: 1, column: 1)
        plan = Plan(
            scenario: "month", file: "month", about: "A month of orders.", seed: settings.seed,
            roles: [
                Role(name: "piles", kind: "pile", count: settings.piles, location: place), Role(name: "cloud", kind: "cloud", location: place),
            ])
        beginning = OrderJudge(plan: plan, epoch: Self.epoch)
        let storage = try Storage(path: nil)
        cloud = try Cloud(configuration: Self.configuration(settings.seed), environment: environment(), storage: storage)
        try kernel.runBlocking("setup") { [self] in try await setUp() }
    }

    private static func configuration(_ seed: UInt64) -> CloudConfiguration {
        var secrets = SeededGenerator(seed: seed, purpose: "secrets")
        return CloudConfiguration(
            devices: DeviceSettings(factoryMasterKey: secrets.bytes(32), deviceMasterKey: secrets.bytes(32), tenantSalt: "month"),
            tokenKeys: [TokenKey(keyID: "month", secret: secrets.bytes(32))])
    }

    private func environment() -> CloudEnvironment {
        var environment = CloudEnvironment(
            now: { [kernel] in kernel.now }, epoch: Self.epoch, randomBytes: { [unowned self] in random.bytes($0) },
            sleep: { [kernel] in try await kernel.sleep(for: $0) },
            schedule: { [kernel] time, job in _ = kernel.schedule(at: time) { job() } },
            note: { [unowned self] name, fields in noteOfCloud(name, fields) }, publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in },
            sendToPile: { [unowned self] connection, bytes in piles[Int(connection)].receive(bytes) },
            closePile: { [unowned self] connection, _ in piles[Int(connection)].lose() },
            start: { [kernel] name, work in kernel.start(name) { await work() } })
        // The oracles do not read frames.
        environment.recordsTraffic = false
        return environment
    }

    // MARK: What is written down

    private func noteOfCloud(_ name: String, _ fields: Fields) {
        guard !name.hasPrefix("commit."), !name.hasPrefix("pile.frame") else { return }
        switch name {
        case "order.created": totals.created += 1
        case "order.settled": totals.settled += 1
        default: break
        }
        write("cloud", name, fields)
    }

    fileprivate func write(_ node: String, _ name: String, _ fields: Fields) {
        sequence += 1
        let event = RunEvent(sequence: sequence, at: kernel.now, node: node, name: name, fields: fields)
        // Read at once, so that no event is kept until the day is over.
        if day == nil { beginning.observe(event) } else { day?.observe(event) }
    }

    // MARK: The world

    private func setUp() async throws {
        _ = try await cloud.perform(
            "pile.provision", ["prefix": "05", "from": 0, "count": .integer(Int64(settings.piles)), "ports": .integer(Int64(Self.ports))]).get()
        // Day and night, electricity and service apart, at least ten fen: what the calculations have to agree on.
        let tariff: Fields = [
            "name": "month", "bands": [["from": "00:00", "band": "valley"], ["from": "08:00", "band": "peak"], ["from": "22:00", "band": "valley"]],
            "elec": ["peak": 74_000, "flat": 60_000, "valley": 38_000],
            "service": ["flat": 40_000], "minimum": 10,
        ]
        _ = try await cloud.perform("tariff.set", ["site": "depot", "tariff": .record(tariff)]).get()
        for number in 0..<settings.piles * Self.ports {
            _ = try await cloud.perform("wallet.top_up", ["user": .text("rider-\(number)"), "cents": 1_000_000]).get()
        }
        for number in 0..<settings.piles {
            let node = "piles#\(number + 1)"
            let facts: Fields = ["pile": "05000000", "ports": .integer(Int64(Self.ports)), "keep_alive": false, "report": "8m"]
            let pile = MonthPile(
                kernel, try PileFactory.make(facts, node: node, epoch: Self.epoch, recordsFrames: false), node: node, connection: UInt64(number), world: self)
            piles.append(pile)
            ids.append(pile.id)
            kernel.schedule(after: .milliseconds(180_000 * number / settings.piles)) { pile.handle(.poweredOn) }
        }
        try await kernel.sleep(for: .seconds(300))
    }

    fileprivate func opened(_ pile: MonthPile) { cloud.pileConnected(pile.connection, peer: pile.node) }
    fileprivate func received(_ bytes: [UInt8], from pile: MonthPile) { cloud.pileReceived(pile.connection, bytes) }
    fileprivate func closed(_ pile: MonthPile) { cloud.pileClosed(pile.connection) }

    // MARK: Days

    /// Lets a day pass, and judges its orders.
    func passDay() {
        day = beginning
        let begin = kernel.now
        // Riders come until an hour before the day ends, so that no charge goes on into the next.
        let open = Int64(23) * 3_600_000_000_000
        let ports = settings.piles * Self.ports
        let quota = settings.ordersPerDay
        for port in 0..<ports {
            let count = quota / ports + (port < quota % ports ? 1 : 0)
            let span = open / Int64(max(1, count))
            for number in 0..<count {
                // Each has a part of the day for itself; a charge and its bill are over before the next begins.
                let slack = max(0, span - 2_000_000_000_000)
                let start = begin.advanced(byNanoseconds: span * Int64(number) + random.nanoseconds(in: 0...slack))
                kernel.schedule(at: start) { [unowned self] in charge(port) }
            }
        }
        kernel.run(until: begin.advanced(by: .seconds(86_400)))
        judge()
    }

    private func charge(_ port: Int) {
        let pile = piles[port / Self.ports]
        let number = port % Self.ports + 1
        let watts = Int64(60 + random.integer(below: 900))
        pile.act("plug", ["port": .integer(Int64(number)), "watts": .integer(watts)])
        let seconds = Int64(600 + random.integer(below: 1_200))
        let isTimed = random.chance(0.5)
        kernel.start("order") { [self] in
            do {
                _ = try await cloud.charging.orders.create(
                    OrderRequest(
                        user: "rider-\(port)", pile: ids[port / Self.ports], port: number, clientKey: "\(sequence)", hold: 500,
                        limitSeconds: isTimed ? seconds : nil))
            } catch { totals.refused["\(error)", default: 0] += 1 }
        }
        // The others leave when they like; whoever has paid for a time leaves a little later.
        kernel.schedule(after: .seconds(seconds + (isTimed ? 60 : 0))) { pile.act("unplug", ["port": .integer(Int64(number))]) }
    }

    private func judge() {
        guard let report = day?.report else { return }
        totals.judged += report.judged
        for gap in report.gaps { totals.notJudged[gap.reason, default: 0] += gap.count }
        totals.violations += report.violations.prefix(10).map(\.sentence)
    }
}

/// An emulated pile of the month, 20 ms away from the gateway.
final class MonthPile: KernelParticipant {
    let node: String
    let connection: UInt64
    private let kernel: Kernel
    private unowned let world: MonthWorld
    private var device: any Device
    private var participant: ParticipantID?
    private var token: UInt32 = 0
    private var effects: [DeviceEffect] = []
    private var isOpen = false
    private static let way = Duration.milliseconds(20)

    init(_ kernel: Kernel, _ device: any Device, node: String, connection: UInt64, world: MonthWorld) {
        self.kernel = kernel
        self.device = device
        self.node = node
        self.connection = connection
        self.world = world
        participant = kernel.add(self)
    }

    var id: String { (try? device.answer("state", [:], at: .start).get())?["pile"]?.text ?? "" }

    func timerFired(_ timer: TimerName) { handle(.timerFired(timer)) }

    func act(_ name: String, _ arguments: Fields) {
        token &+= 1
        handle(.action(Token(rawValue: token), name, arguments))
    }

    func receive(_ bytes: [UInt8]) {
        kernel.schedule(after: Self.way) { [unowned self] in if isOpen { handle(.link(.gateway, .bytes(bytes))) } }
    }

    func lose() {
        isOpen = false
        kernel.schedule(after: Self.way) { [unowned self] in handle(.link(.gateway, .closed)) }
    }

    func handle(_ input: DeviceInput) {
        guard let participant else { return }
        var effects: [DeviceEffect] = []
        device.handle(input, at: kernel.now, &effects)
        for effect in effects {
            switch effect {
            case .startTimer(let name, let time): kernel.startTimer(name, of: participant, after: time)
            case .cancelTimer(let name): kernel.cancelTimer(name, of: participant)
            case .link(_, .open):
                isOpen = true
                kernel.schedule(after: Self.way) { [unowned self] in
                    world.opened(self)
                    handle(.link(.gateway, .opened))
                }
            case .link(_, .send(let bytes)): kernel.schedule(after: Self.way) { [unowned self] in world.received(bytes, from: self) }
            case .link(_, .close):
                isOpen = false
                kernel.schedule(after: Self.way) { [unowned self] in world.closed(self) }
            case .note(let name, let fields): world.write(node, name, fields)
            case .reboot(let time): kernel.schedule(after: time) { [unowned self] in handle(.poweredOn) }
            case .finish(_, .failure(let failure)): world.write(node, "failed", ["reason": .text(failure.reason)])
            case .finish, .mqtt, .request, .serve: break
            }
        }
    }
}
