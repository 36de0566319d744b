import LabCore

/// The modelled times of a cloud in `sim`: workers for requests, and one for messages, so that a sender's messages stay in order.
struct CloudService: Sendable {
    private var requests: ServiceModel
    private var messages: ServiceModel

    /// - Parameter facts: what the scenario wants of its cloud: `workers` and `service`.
    init(plan: Plan, facts: Fields) {
        let workers = facts["workers"]?.integer.map { Int(clamping: $0) } ?? ServiceModel.defaultWorkers
        let time = facts["service"]?.durationNanoseconds.map { Duration.nanoseconds($0) } ?? ServiceModel.defaultTime
        requests = ServiceModel(workers: workers, time: time, seed: plan.seed, purpose: "requests")
        // A message costs the cloud about a tenth of a request: no gateway, no answer, a shared commit.
        messages = ServiceModel(workers: 1, time: time / 10, seed: plan.seed, purpose: "messages")
    }

    mutating func turnOfRequest(at now: RunInstant) -> (begins: RunInstant, ends: RunInstant) { requests.turn(at: now) }
    mutating func turnOfMessage(at now: RunInstant) -> (begins: RunInstant, ends: RunInstant) { messages.turn(at: now) }
}
