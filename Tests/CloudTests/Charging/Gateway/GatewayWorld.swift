import LabCore
import Synchronization
import Testing
import WireProtocols

@testable import Cloud

/// A pile gateway in a world with a clock that the test moves: a registry with the piles that it enters, somebody who books bills
/// as it is told, and everything that leaves the gateway written down.
final class GatewayWorld: PileRegistry, PileListener, BillKeeper, Sendable {
    struct Note: Sendable, Equatable, CustomStringConvertible {
        var name: String
        var fields: Fields
        var description: String { "\(name) \(JSONWriter.text(.record(fields)))" }
    }

    private struct State {
        var now = RunInstant.start
        var jobs: [(time: RunInstant, number: Int, job: @Sendable () -> Void)] = []
        var jobCount = 0
        var notes: [Note] = []
        var sent: [(connection: UInt64, bytes: [UInt8])] = []
        var closed: [(connection: UInt64, reason: String)] = []
        var events: [PileEvent] = []
        var bills: [PileBill] = []
        var waiting: [@Sendable (BillOutcome) -> Void] = []
        var booked: [[UInt8]: String] = [:]
        var piles: [String: RegisteredPile] = [:]
        var lookups = 0
        var connections: UInt64 = 0
        var keeping = Keeping.books
        var gateway: PileGateway?
        var onEvent: (@Sendable (PileEvent) -> Void)?
    }

    enum Keeping: Sendable {
        /// The same content again is repeated, everything else is settled.
        case books
        case answers(BillOutcome)
        /// Until the test says what becomes of them.
        case waits
    }

    let epoch: Int64
    let disk: Storage
    let settings: PileGatewaySettings
    private let state = Mutex(State())

    init(epoch: Int64 = 1_763_820_214, settings change: (inout PileGatewaySettings) -> Void = { _ in }) throws {
        self.epoch = epoch
        var settings = PileGatewaySettings()
        change(&settings)
        self.settings = settings
        disk = try Storage(path: nil)
        try start()
    }

    /// Starts the gateway over the database as it is.
    func start() throws {
        let environment = environment
        let gateway = try PileGateway(settings: settings, environment: environment, storage: disk.session(environment))
        gateway.serve(registry: self, listeners: [self], keeper: self)
        state.withLock { $0.gateway = gateway }
    }

    func restart() throws {
        try gateway.crash()
        try start()
    }

    var gateway: PileGateway {
        get throws { try #require(state.withLock { $0.gateway }) }
    }

    private var environment: CloudEnvironment {
        CloudEnvironment(
            now: { [unowned self] in now }, epoch: epoch, randomBytes: { Array(repeating: 7, count: $0) }, sleep: { _ in },
            schedule: { [unowned self] time, job in
                state.withLock {
                    $0.jobs.append((time, $0.jobCount, job))
                    $0.jobCount += 1
                }
            },
            note: { [unowned self] name, fields in
                if let kind = PileGatewayVocabulary.events.first(where: { $0.name == name }) {
                    for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
                        Issue.record("\(name) has no field \(field.name)")
                    }
                } else if !name.hasPrefix("commit.") {
                    Issue.record("\(name) is not in the vocabulary")
                }
                state.withLock { $0.notes.append(Note(name: name, fields: fields)) }
            },
            publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in },
            sendToPile: { [unowned self] connection, bytes in state.withLock { $0.sent.append((connection, bytes)) } },
            closePile: { [unowned self] connection, reason in state.withLock { $0.closed.append((connection, reason)) } })
    }

    // MARK: Time

    var now: RunInstant { state.withLock { $0.now } }
    var unixSeconds: Int64 { epoch + now.nanoseconds / 1_000_000_000 }

    func advance(_ time: Duration) {
        let target = now.advanced(by: time)
        while true {
            let job = state.withLock { state -> (@Sendable () -> Void)? in
                let next = state.jobs.indices.min {
                    (state.jobs[$0].time, state.jobs[$0].number) < (state.jobs[$1].time, state.jobs[$1].number)
                }
                guard let next, state.jobs[next].time <= target else {
                    state.now = target
                    return nil
                }
                let entry = state.jobs.remove(at: next)
                state.now = max(state.now, entry.time)
                return entry.job
            }
            guard let job else { return }
            job()
        }
    }

    // MARK: Connections

    func connect(_ peer: String = "10.0.0.1:4001") throws -> UInt64 {
        let number = state.withLock { state in
            state.connections += 1
            return state.connections
        }
        try gateway.connected(number, peer: peer)
        return number
    }

    func receive(_ bytes: [UInt8], on connection: UInt64) throws { try gateway.received(connection, bytes) }
    func receive(_ hex: String, on connection: UInt64) throws { try receive(try #require(Hexadecimal.bytes(hex)), on: connection) }

    /// What the gateway has sent on a connection since the last call, as hexadecimal digits.
    func sent(on connection: UInt64) -> [String] {
        state.withLock { state in
            let frames = state.sent.filter { $0.connection == connection }.map { Hexadecimal.text($0.bytes) }
            state.sent.removeAll { $0.connection == connection }
            return frames
        }
    }

    func sentDNY(on connection: UInt64) throws -> [DNYFrame] {
        try sent(on: connection).map { try DNYFrame.decode(Hexadecimal.bytes($0) ?? []) }
    }
    func sentBKV(on connection: UInt64) throws -> [BKVFrame] { try sent(on: connection).map { try BKVFrame(Hexadecimal.bytes($0) ?? []) } }

    func closedReason(of connection: UInt64) -> String? { state.withLock { $0.closed.first { $0.connection == connection }?.reason } }

    // MARK: What was told

    /// Events since the last call.
    func events() -> [PileEvent] {
        state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }

    func notes(_ name: String) -> [Fields] { state.withLock { $0.notes.filter { $0.name == name }.map(\.fields) } }
    var bills: [PileBill] { state.withLock { $0.bills } }
    var lookups: Int { state.withLock { $0.lookups } }
    func forgetNotes() { state.withLock { $0.notes = [] } }

    func onEvent(_ body: @escaping @Sendable (PileEvent) -> Void) { state.withLock { $0.onEvent = body } }

    // MARK: Roles

    func enter(_ id: String, ports: Int = 2, address: [UInt8] = []) {
        state.withLock { $0.piles[id] = RegisteredPile(id: id, operatorID: "acme", site: "yard", ports: ports, hardwareAddress: address) }
    }

    func keep(_ keeping: Keeping) { state.withLock { $0.keeping = keeping } }

    /// Ends the bill that has waited longest.
    func decide(_ outcome: BillOutcome) { state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }?(outcome) }

    func pile(_ id: String) -> RegisteredPile? {
        state.withLock { state in
            state.lookups += 1
            return state.piles[id]
        }
    }

    func sockets(of gateway: String) -> [Int] {
        state.withLock { state in
            state.lookups += 1
            return (1...250).filter { state.piles["\(gateway)-\($0)"] != nil }
        }
    }

    func received(_ event: PileEvent) {
        let body = state.withLock { state in
            state.events.append(event)
            return state.onEvent
        }
        body?(event)
    }

    func received(_ bill: PileBill, done: @escaping @Sendable (BillOutcome) -> Void) {
        let outcome = state.withLock { state -> BillOutcome? in
            state.bills.append(bill)
            switch state.keeping {
            case .books:
                guard let order = bill.order else { return .refused(order: nil, reason: "unknown_order") }
                if state.booked[bill.contentHash] != nil { return .repeated(order: order) }
                state.booked[bill.contentHash] = order
                return .settled(order: order)
            case .answers(let outcome): return outcome
            case .waits:
                state.waiting.append(done)
                return nil
            }
        }
        if let outcome { done(outcome) }
    }
}

/// Frames of the specification by their names there; `f36ca204` is the pile 04a26cf3.
enum Captured {
    static let iccid = Array("898604D9162390488297".utf8)
    static let pile = "04a26cf3"
    static let physicalID: UInt32 = 0x04a2_6cf3
    static let hostTime = "444e590900f36ca2040200120d03"  // ap3000-047
    static let registration = "444e590f00f36ca2044400208002020a31062804"  // ap3000-037
    static let registrationAnswer = "444e590a00f36ca204440020005e03"  // ap3000-042 with this message ID
    static let heartbeat = "444e591000f36ca204bc082171090202000064c704"  // ap3000-056
    static let heartbeatAnswer = "444e590a00f36ca204bc082100df03"  // the same for 21
    static let oldHeartbeat = "444e591d00f36ca204b8010180022b0902000000000000000000000a00315d001705"  // ap3000-052
    static let time = "444e590900f36ca204ba0122d603"  // ap3000-059
    static let settlement = "444e592c00f36ca20443000305000000000001010000000003544553545f30344132364346335f30300000231e5d689908"  // ap3000-038
    static let settlementAnswer = "444e590a00f36ca204430003004003"  // ap3000-039
    static let settlementAgain = "444e592c00f36ca2046e000305000000000001010000000003544553545f30344132364346335f3030000048255d68f008"  // ap3000-040
    static let settlementAgainAnswer = "444e590a00f36ca2046e0003006b03"  // ap3000-039 with this message ID
    static let order = "TEST_04A26CF3_00"

    static let gateway = "82241218000382"
    static let socket = "82241218000382-1"
    static let socketAddress: [UInt8] = [0x85, 0x41, 0x21, 0x80, 0x08, 0x89]
    static let bkv039 = "fcfe002e000000000000018224121800038238393836303835353130323444313938383139363230302e312e31371152fcee"
    static let bkv040 = "fcff001800000000000000822412180003822025112222033640fcee"
    static let bkv041 = "fcff001c00056921c2b80082241218000382000808010185412180088984fcee"
    static let bkv042 = "fcfe001500056921c2b80182241218000382000108017efcee"
    static let bkv045 = "fcfe001900156921c2bc01822412180003820005070101000009a3fcee"
    static let bkv046 =
        "fcfe0091100000000000018224121800038204010110170a010200000000000000000901038224121800038265019403014a0104013effff0301071d0301961e28015b030108000301098004010a000004019508f904010b000204010c000204010d000004010e000028015b030108010301098004010a000004019508f904010b000104010c000104010d000004010e00001efcee"
    static let bkv048 =
        "fcfe0091100000000000018224121800038204010110170a010200000000000000000901038224121800038265019403014a0104013effff0301071d0301961e28015b030108000301099004010a000904019508f704010b000404010c002a04010d000004010e000028015b030108010301098004010a000004019508f704010b000104010c000104010d000004010e00005dfcee"
    static let bkv049 = "fcff002f100000000000008224121800038204010110170a010200000000000000000901038224121800038203010f0144fcee"
    static let bkv050 = "fcfe0025001500000000018224121800038200110201ffff1d1e00b00009019401590000000186fcee"
    static let bkv051 = "fcff0016001500000000008224121800038200020c010190fcee"
    static let bkv052 =
        "fcfe0091100000000000018224121800038204010110170a010200000000000000000901038224121800038265019403014a0104013effff0301071d0301961e28015b030108000301098004010a000004019508f904010b001104010c003804010d000004010e000028015b030108010301098004010a000004019508f904010b000104010c000104010d000004010e000063fcee"
    static let bkv054 =
        "fcfe0042100000000000018224121800038204010110130a010200000000000000000901038224121800038203014a010301087f0901062025112411232504015a31119efcee"
    static let bkv057 = "fcfe0025001500000000018224121800038200110201ffff1d1e00b0000f0001000200000001a0fcee"
}

/// Frames that the specification does not have, made with the codec.
enum Made {
    static func dny(_ message: DNYMessage, _ messageID: UInt16, pile: UInt32 = Captured.physicalID) throws -> [UInt8] {
        try message.frame(to: pile, messageID: messageID).encoded()
    }

    static func bkv(_ message: BKVMessage, sequence: UInt32 = 0) throws -> [UInt8] {
        try BKVFrame(message, isFromDevice: true, gateway: Captured.gateway, sequence: sequence).encoded()
    }

    static func settlement(
        _ order: String, _ messageID: UInt16, port: UInt8 = 0, energy: UInt16 = 48, seconds: UInt16 = 3_600, time: UInt32 = 0
    ) throws -> [UInt8] {
        try dny(
            .settlement(
                DNYSettlement {
                    $0.order = DNYOrder(order)
                    $0.port = port
                    $0.energyCentikWh = energy
                    $0.durationSeconds = seconds
                    $0.stopReason = .setTime
                    $0.secondMaximumPowerDeciwatts = 0
                    $0.deviceTime = time
                }), messageID)
    }

    static func chargeAnswer(_ result: DNYStartResult, _ order: String, _ messageID: UInt16, port: UInt8 = 0) throws -> [UInt8] {
        try dny(
            .chargeAnswer(
                DNYChargeAnswer {
                    $0.result = result
                    $0.order = DNYOrder(order)
                    $0.port = port
                    $0.waitingPorts = 0
                }), messageID)
    }

    static func report(_ order: String, _ messageID: UInt16, port: UInt8 = 0, energy: UInt16 = 10, seconds: UInt16 = 60) throws -> [UInt8] {
        try dny(
            .powerHeartbeat(
                DNYPowerHeartbeat {
                    $0.order = DNYOrder(order)
                    $0.port = port
                    $0.energyCentikWh = energy
                    $0.durationSeconds = seconds
                    $0.powerDeciwatts = 1_800
                }), messageID)
    }

    static func status(port: UInt8 = 0, _ status: BKVStatus, business: UInt16, minutes: UInt16 = 0, energy: UInt16 = 0) throws -> [UInt8] {
        var one = BKVPortStatus()
        (one.port, one.status, one.business, one.minutes, one.energy, one.power) = (port, status, business, minutes, energy, 1_800)
        var socket = BKVSocketStatus()
        socket.ports = [one]
        return try bkv(.record(BKVRecord(status: [socket], gateway: Captured.gateway)))
    }

    static func end(business: UInt16, energy: UInt16 = 10, minutes: UInt16 = 1, status: BKVStatus = .timeUp, power: UInt16 = 404) throws
        -> [UInt8]
    {
        var end = BKVChargeEnd()
        (end.business, end.energy, end.minutes, end.status, end.power) = (business, energy, minutes, status, power)
        return try bkv(.chargeEnd(end))
    }
}

extension GatewayWorld {
    /// A connection on which the captured pile has registered; what was sent and told so far is forgotten.
    func loggedIn(_ peer: String = "10.0.0.1:4001") throws -> UInt64 {
        enter(Captured.pile)
        let connection = try connect(peer)
        try receive(Captured.iccid, on: connection)
        try receive(Captured.registration, on: connection)
        try receive(Captured.heartbeat, on: connection)
        _ = sent(on: connection)
        _ = events()
        return connection
    }

    /// A connection of the captured gateway with its one socket.
    func gatewayIn(_ peer: String = "10.0.0.2:4002", address: [UInt8] = []) throws -> UInt64 {
        enter(Captured.socket, address: address)
        let connection = try connect(peer)
        try receive(Captured.bkv039, on: connection)
        _ = sent(on: connection)
        _ = events()
        return connection
    }
}
