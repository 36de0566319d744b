import HTTPTypes
import Hummingbird
package import LabCore
import Logging

/// The REST surface: one Hummingbird router, made from the services' endpoints, called without a socket.
///
/// It runs on whatever executor its caller has, waits for nothing but what a service waits for, and has no clock.
package final class Gateway: Sendable {
    /// All that is routed, the gateway's own entries included.
    package let endpoints: [Endpoint]

    private let environment: CloudEnvironment
    private let responder: RouterResponder<GatewayContext>
    /// Hummingbird wants a logger; what there is to say goes into the run's events.
    private let logger = Logger(label: "cloud.gateway", factory: { _ in SwiftLogNoOpLogHandler() })

    init(
        services: [any CloudService], gate: Gate, storage: Storage, audit: AuditLog, metrics: MetricsRegistry, environment: CloudEnvironment
    ) throws {
        self.environment = environment
        let bare = services.flatMap(\.endpoints) + SystemService(storage: storage, metrics: metrics, document: []).endpoints
        let document = JSONWriter.bytes(OpenAPI.document(of: bare, hostName: gate.configuration.hostName))
        let endpoints =
            services.flatMap(\.endpoints) + SystemService(storage: storage, metrics: metrics, document: document).endpoints
        let methods = try Self.methods(of: endpoints)
        let limits = gate.configuration.limits
        let router = Router(context: GatewayContext.self)
        router.add(
            middleware: AnswerMiddleware(
                environment: environment,
                reader: CallReader(limits: limits, largestBody: max(limits.bodyBytes, endpoints.compactMap(\.bodyLimit).max() ?? 0)),
                audit: audit, metrics: metrics, methods: methods))
        for endpoint in endpoints { Self.add(endpoint, to: router, gate: gate, storage: storage) }
        for entry in methods { Self.addOptions(entry.path, entry.methods, to: router, gate: gate) }
        responder = router.buildResponder()
        self.endpoints = endpoints
    }

    /// Answers a call. Everything that is wrong with it gives an answer too.
    ///
    /// - Throws: `CloudCrashed` only.
    package func respond(to call: HTTPCall, from peer: String) async throws(CloudCrashed) -> HTTPAnswer {
        let trace = RequestTrace(
            id: "req-" + Hexadecimal.text(environment.randomBytes(8)), peer: String(peer.prefix(64)), startedAt: environment.now())
        let context = GatewayContext(source: GatewaySource(logger: logger, call: call, trace: trace))
        // What a path or a method must not contain is refused by the first middleware; it only has to get there.
        let isRoutable = call.path.utf8.allSatisfy(Characters.isPath)
        let head = HTTPRequest(
            method: HTTPRequest.Method(call.method) ?? .get, scheme: "http", authority: nil, path: isRoutable ? call.path : "/")
        do {
            _ = try await responder.respond(to: Request(head: head, body: RequestBody(buffer: .init())), context: context)
            if let answer = trace.takeAnswer() { return answer }
        } catch let crash as CloudCrashed {
            throw crash
        } catch {
            // The middleware answers every other error; what follows is here so that a mistake in it ends no run.
        }
        return Envelope.answer(APIError(.internalError), requestID: trace.id)
    }

    // MARK: Routes

    /// Each path with its methods, as `allow` lists them.
    private static func methods(of endpoints: [Endpoint]) throws(ConfigurationError) -> [(path: String, methods: [String])] {
        var entries: [(path: String, methods: [String])] = []
        for endpoint in endpoints {
            guard ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(endpoint.method), endpoint.path.hasPrefix("/") else {
                throw ConfigurationError(setting: "endpoints", reason: "'\(endpoint.method) \(endpoint.path)' is no route")
            }
            let index = entries.firstIndex { $0.path == endpoint.path } ?? entries.endIndex
            if index == entries.endIndex { entries.append((endpoint.path, ["OPTIONS"])) }
            guard !entries[index].methods.contains(endpoint.method) else {
                throw ConfigurationError(setting: "endpoints", reason: "'\(endpoint.method) \(endpoint.path)' occurs twice")
            }
            entries[index].methods.append(endpoint.method)
            if endpoint.method == "GET" { entries[index].methods.append("HEAD") }
        }
        // Paths without parameters first, as the router takes them: '/devices/register' before '/devices/{device_id}'.
        let fixed = entries.filter { !$0.path.contains("{") }
        return (fixed + entries.filter { $0.path.contains("{") }).map { ($0.path, $0.methods.sorted()) }
    }

    private static func add(_ endpoint: Endpoint, to router: Router<GatewayContext>, gate: Gate, storage: Storage) {
        let methods: [HTTPRequest.Method] = endpoint.method == "GET" ? [.get, .head] : [HTTPRequest.Method(endpoint.method) ?? .post]
        for method in methods {
            router.on(RouterPath(endpoint.path), method: method) { _, context in
                try await Self.answer(endpoint, context, gate: gate, storage: storage)
            }
        }
    }

    private static func answer(_ endpoint: Endpoint, _ context: GatewayContext, gate: Gate, storage: Storage) async throws -> Response {
        guard let call = context.read else { throw APIError(.malformedRequest) }
        let trace = context.trace
        let parameters = try FieldValidation.pathParameters(endpoint.path, path: call.path)
        let identity = try gate.admit(endpoint, call, parameters: parameters, trace: trace)
        let query = try FieldValidation.query(call.query, endpoint.query)
        let body = try FieldValidation.body(call.body, of: endpoint, limits: gate.configuration.limits)
        let request = CloudRequest(
            method: call.method, path: call.path, pathParameters: parameters, query: query, body: body, rawBody: call.body,
            headers: call.headers, identity: identity, tenant: trace.current.tenant, at: gate.environment.now(), id: trace.id,
            peer: trace.peer)
        trace.update { $0.isAdmitted = true }
        try storage.checkAlive()
        let answer = Envelope.answer(try await endpoint.handle(request))
        trace.update { $0.answer = answer }
        return Response(status: .ok)
    }

    private static func addOptions(_ path: String, _ methods: [String], to router: Router<GatewayContext>, gate: Gate) {
        let allow = HTTPCall.Header("allow", methods.joined(separator: ", "))
        let endpoint = Endpoint("OPTIONS", path, "", access: .open, rateClass: .open) { _ in APIAnswer(status: 204, headers: [allow]) }
        router.on(RouterPath(path), method: .options) { _, context in
            guard let call = context.read else { throw APIError(.malformedRequest) }
            _ = try gate.admit(endpoint, call, parameters: [:], trace: context.trace)
            context.trace.update { $0.isAdmitted = true }
            context.trace.update { $0.answer = Envelope.answer(APIAnswer(status: 204, headers: [allow])) }
            return Response(status: .ok)
        }
    }
}
