import DequeModule
import LabCore

/// Finds items again where their way leaves the task that began them: at the broker, at the cloud's front, at the acknowledgement.
///
/// A message is known by its topic and payload, a request by what makes it unique, because on sockets nothing else comes along.
/// The kernel's thread only.
final class LoadTracer {
    private struct Message: Hashable {
        var topic: String
        var payload: [UInt8]
    }

    private struct Acknowledgement: Hashable {
        var node: String
        var token: Token
    }

    private let moment: () -> RunInstant
    var now: RunInstant { moment() }
    /// Sent, and not at the cloud yet; equal ones in the order of sending.
    private var sent: [Message: [ItemTrace]] = [:]
    /// At the cloud already, to find those that come once more; the oldest are forgotten.
    private var known: [Message: ItemTrace] = [:]
    private var knownOrder: Deque<Message> = []
    private var acknowledgements: [Acknowledgement: ItemTrace] = [:]
    private var deliveries: [UInt64: ItemTrace] = [:]
    private var calls: [String: ItemTrace] = [:]
    private var remote: [GeneratedItem: ItemTrace] = [:]

    private struct GeneratedItem: Hashable {
        var load: LoadRun.Number
        var index: Int
    }

    /// The highest index of each sender that is at the far end.
    private var latest: [Sender: Int] = [:]
    /// What the cloud is taking in this moment.
    private var receiving: ItemTrace?

    private struct Sender: Hashable {
        var load: LoadRun.Number
        var member: Int
    }

    private static let knownLimit = 100_000

    init(moment: @escaping () -> RunInstant) { self.moment = moment }

    // MARK: Messages

    /// A device hands a message over.
    func sends(_ command: MQTTCommand, by node: String) {
        guard let trace = ItemTrace.current, case .publish(let topic, let payload, let quality, _, let token) = command else { return }
        trace.pass(.sent, at: moment())
        trace.expectAnswer()
        sent[Message(topic: topic, payload: payload), default: []].append(trace)
        if quality > 0 { acknowledgements[Acknowledgement(node: node, token: token)] = trace }
    }

    /// A device sees the acknowledgement.
    func sees(_ notice: MQTTNotice, at node: String) {
        guard !acknowledgements.isEmpty, case .acknowledged(let token) = notice,
            let trace = acknowledgements.removeValue(forKey: Acknowledgement(node: node, token: token))
        else { return }
        trace.end(.good, at: moment())
    }

    /// The broker has it for the cloud.
    func accepts(topic: String, payload: [UInt8], delivery: UInt64?) -> ItemTrace? {
        guard !sent.isEmpty || !known.isEmpty else { return nil }
        let message = Message(topic: topic, payload: payload)
        guard var waiting = sent[message], let trace = waiting.first else {
            known[message]?.repeats()
            return nil
        }
        waiting.removeFirst()
        sent[message] = waiting.isEmpty ? nil : waiting
        trace.pass(.accepted, at: moment())
        remember(message, trace)
        if let delivery { deliveries[delivery] = trace }
        return trace
    }

    /// The cloud takes it; what it notes meanwhile concerns it.
    func handles(_ trace: ItemTrace?, delivery: UInt64?, _ body: () -> Void) {
        guard let trace else { return body() }
        trace.pass(.handled, at: moment())
        arrives(trace)
        receiving = trace
        body()
        receiving = nil
        // Quality 0 has no acknowledgement: its way ends where the cloud has taken it.
        if delivery == nil { trace.end(.good, at: moment()) }
    }

    /// A commit of the task's own has returned.
    func commits() { ItemTrace.current?.pass(.committed, at: moment()) }

    /// The cloud did not take what it was given.
    func refuses(_ reason: String) { receiving?.refuse(reason) }

    /// The cloud has it for good: the broker acknowledges.
    func acknowledges(_ delivery: UInt64) {
        guard !deliveries.isEmpty, let trace = deliveries.removeValue(forKey: delivery) else { return }
        let now = moment()
        trace.pass(.committed, at: now)
        trace.pass(.answered, at: now)
    }

    private func remember(_ message: Message, _ trace: ItemTrace) {
        if known.updateValue(trace, forKey: message) == nil { knownOrder.append(message) }
        if knownOrder.count > Self.knownLimit { known[knownOrder.removeFirst()] = nil }
    }

    // MARK: Requests

    /// What of a request nobody else's has: its nonce, or the number that the lab gave it.
    private static func key(of call: HTTPCall) -> String? { call.header("x-nonce") ?? call.header("x-request-id") }

    func sends(_ call: HTTPCall) {
        guard let trace = ItemTrace.current, let key = Self.key(of: call) else { return }
        trace.pass(.sent, at: moment())
        calls[key] = trace
    }

    /// The cloud's front has it; `nil` for what is none of a load.
    func accepts(_ call: HTTPCall) -> ItemTrace? {
        if let name = call.header("x-request-id"), let trace = generatedTrace(name) { return trace }
        guard !calls.isEmpty, let key = Self.key(of: call) else { return ItemTrace.current }
        return calls.removeValue(forKey: key) ?? ItemTrace.current
    }

    // MARK: The far end

    func arrives(_ trace: ItemTrace) {
        guard !trace.item.hasArrived else { return trace.repeats() }
        let sender = Sender(load: trace.load, member: trace.item.member)
        let isLate = latest[sender].map { trace.item.index < $0 } ?? false
        if !isLate { latest[sender] = trace.item.index }
        trace.arrived(outOfOrder: isLate && trace.item.member > 0)
    }

    // MARK: Requests of a generator

    /// By what the name of a request of a generator begins.
    private static let generated = "load-"

    /// The name of a request that a generator sends, by which its item is found again.
    static func requestName(_ load: LoadRun.Number, _ index: Int) -> String { "\(generated)\(load)-\(index)" }

    /// An item that only the generator knows, seen from the cloud's side.
    private func generatedTrace(_ name: String) -> ItemTrace? {
        guard name.hasPrefix(Self.generated) else { return nil }
        let parts = name.dropFirst(Self.generated.count).split(separator: "-")
        guard parts.count == 2, let load = Int(parts[0]), let index = Int(parts[1]) else { return nil }
        let trace = ItemTrace(load: load, item: LoadItem(index: index, planned: now), onEnd: { _ in }, onRepeat: { _ in })
        remote[GeneratedItem(load: load, index: index)] = trace
        return trace
    }

    /// What was noted of it on the cloud's side, once.
    func marks(_ load: LoadRun.Number, _ index: Int) -> LoadItem? { remote.removeValue(forKey: GeneratedItem(load: load, index: index))?.item }

    /// The run that an item belongs to is over.
    func forget(_ load: LoadRun.Number) {
        remote = remote.filter { $0.key.load != load }
        sent = sent.compactMapValues { traces in
            let rest = traces.filter { $0.load != load }
            return rest.isEmpty ? nil : rest
        }
        acknowledgements = acknowledgements.filter { $0.value.load != load }
        deliveries = deliveries.filter { $0.value.load != load }
        calls = calls.filter { $0.value.load != load }
    }
}
