import Hummingbird
import LabCore
import Logging
import Synchronization

/// Where Hummingbird's context of a request comes from: the call itself, without any channel.
struct GatewaySource: RequestContextSource {
    var logger: Logger
    var call: HTTPCall
    var trace: RequestTrace
}

/// The request on its way through the router.
struct GatewayContext: RequestContext {
    typealias Source = GatewaySource

    var coreContext: CoreRequestContextStorage
    let call: HTTPCall
    let trace: RequestTrace
    /// The call in its checked form, from the first middleware on.
    var read: ReadCall?

    init(source: GatewaySource) {
        coreContext = CoreRequestContextStorage(source: source)
        call = source.call
        trace = source.trace
    }
}

/// What is found out about a request while it is answered: for the event, the audit, the metrics and the rate headers,
/// also where it ends with an error.
final class RequestTrace: Sendable {
    struct State: Sendable {
        /// The path's template.
        var route = "unmatched"
        var identity = Identity.anonymous
        var tenant = "default"
        /// The device that the request names, proven or not.
        var device: String?
        var rateHeaders: [HTTPCall.Header] = []
        /// Why a token was not believed: for the log only.
        var detail: String?
        /// The request has reached its service.
        var isAdmitted = false
        /// What is answered. It goes past Hummingbird's response, whose types would be made of it and taken apart again.
        var answer: HTTPAnswer?
    }

    let id: String
    let peer: String
    let startedAt: RunInstant
    private let state = Mutex(State())

    init(id: String, peer: String, startedAt: RunInstant) {
        self.id = id
        self.peer = peer
        self.startedAt = startedAt
    }

    var current: State { state.withLock { $0 } }
    func takeAnswer() -> HTTPAnswer? { state.withLock { $0.answer.take() } }
    func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
}
