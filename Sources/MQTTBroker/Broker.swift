package import LabCore
import DequeModule
import HeapModule
import WireProtocols

/// A broker for MQTT 3.1.1 and 5.0 as a value, without I/O, clock or chance of its own (architecture.md §4).
///
/// Connections, time and consumers in the process are inputs; what it does about them are effects, in the order
/// in which they must be performed. All bytes that one input writes to one connection are one `.send`.
/// Clause numbers stand at the lines that obey them: those of the OASIS standard of 3.1.1, 29 October 2014, and where
/// "5.0" stands before them those of 5.0, 7 March 2019.
package struct Broker: Sendable {
    package let configuration: BrokerConfiguration
    let authorizer: any MQTTAuthorizer

    var connections: [Connection] = []
    var freeConnections: [Int] = []
    var connectionSlots: [ConnectionID: Int] = [:]

    var sessions: [Session] = []
    var freeSessions: [Int] = []
    var sessionSlots: [ExactText: Int] = [:]
    var lastOrdinal: UInt32 = 0
    var lastAssignedID: UInt64 = 0

    var subscriptions = TopicTree<[Subscriber]>()
    /// Slots of `groups` by their filter without `$share/name/`.
    var sharedSubscriptions = TopicTree<[Int]>()
    var groups: [ShareGroup] = []
    var freeGroups: [Int] = []
    var router = Router()
    var retained = RetainedStore()
    var consumers: [InlineConsumer] = []
    var owedWills: [OwedWill] = []

    var deadlines = Heap<Deadline>()
    var deadlineSequence: UInt64 = 0
    var requestedWake = RunInstant.distantFuture

    var faults: FaultTable
    var transcript = TranscriptScope.off
    var system = SystemTopics()
    var statistics = BrokerStatistics()

    // What is in work during one input; empty between inputs.
    var now = RunInstant.start
    var effects: [BrokerEffect] = []
    var dirtyConnections: [Int] = []
    var resumable = Deque<ConnectionID>()
    var freedSessions: [Int] = []
    var freedConsumers: [Int] = []
    var condemnedSessions: [Int] = []
    var cutConnections: [ConnectionID] = []
    var forms = SharedForms()

    package init(_ configuration: BrokerConfiguration = BrokerConfiguration(), authorizer: any MQTTAuthorizer) {
        self.configuration = configuration
        self.authorizer = authorizer
        faults = FaultTable(seed: configuration.faultSeed)
    }

    package mutating func handle(_ input: BrokerInput, at now: RunInstant, _ effects: inout [BrokerEffect]) {
        self.now = now
        swap(&self.effects, &effects)
        switch input {
        case .received(let id, let bytes): received(id, bytes)
        case .consumer(let id, let input): consumer(id, input)
        case .publish(let publish): publishInline(publish)
        case .timerFired: timerFired()
        case .opened(let id, let peer, let subject): opened(id, peer: peer, certificateSubject: subject)
        case .closed(let id, let reason):
            if let slot = connectionSlots[id] { lost(slot, .closedByPeer(reason)) }
        case .congested(let id, let isCongested): congested(id, isCongested)
        case .started: started()
        case .disconnect(let clientID, let reason, let endsSession): disconnect(clientID, reason, endsSession: endsSession)
        case .rightsChanged(let clientID): rightsChanged(clientID)
        case .setFaults(let list): faults.replace(list)
        case .setTranscript(let scope): setTranscript(scope)
        case .stop: stop()
        }
        settle()
        swap(&self.effects, &effects)
    }

    /// Finishes an input: publishers that waited go on, sessions that must go are ended, bytes are sent.
    private mutating func settle() {
        while hasUnsettled {
            let condemned = condemnedSessions
            condemnedSessions = []
            for slot in condemned where sessions[slot].isCondemned { endCondemned(slot) }
            retryPublishers()
            closeCutConnections()
        }
        for slot in dirtyConnections where connections[slot].id != nil { flush(slot) }
        dirtyConnections.removeAll(keepingCapacity: true)
        requestWake()
    }

    private var hasUnsettled: Bool {
        !condemnedSessions.isEmpty || !cutConnections.isEmpty || !resumable.isEmpty || !freedSessions.isEmpty || !freedConsumers.isEmpty
    }

    /// Turns what was written to a connection into one effect.
    mutating func flush(_ slot: Int) {
        guard let id = connections[slot].id, !connections[slot].output.isEmpty else { return }
        statistics.bytesSent += connections[slot].output.count
        var output: [UInt8] = []
        swap(&output, &connections[slot].output)
        effects.append(.send(id, output))
    }

    mutating func note(_ note: BrokerNote) { effects.append(.note(note)) }

    // MARK: What others ask

    package func isConnected(clientID: String) -> Bool {
        sessionSlots[ExactText(clientID)].map { sessions[$0].isConnected } ?? false
    }

    package func hasSession(clientID: String) -> Bool { sessionSlots[ExactText(clientID)] != nil }

    /// Messages that wait for a client or are on their way to it.
    package func backlog(clientID: String) -> Int {
        sessionSlots[ExactText(clientID)].map { sessions[$0].queue.count + sessions[$0].inflight.count } ?? 0
    }

    /// Identifiers of the connected clients, in the order of their sessions' beginning.
    package var connectedClients: [String] {
        sessions.filter { $0.isConnected }.sorted { $0.ordinal < $1.ordinal }.map(\.clientID)
    }

    package var retainedCount: Int { retained.count }
    package var sessionCount: Int { sessionSlots.count }
}
