import HTTPTypes
import Hummingbird
import LabCore

/// The outermost layer: reads the call, turns every error into the envelope, and writes down what happened.
struct AnswerMiddleware: RouterMiddleware {
    typealias Context = GatewayContext

    var environment: CloudEnvironment
    var reader: CallReader
    var audit: AuditLog
    var metrics: MetricsRegistry
    /// Path templates with their methods, for `allow`.
    var methods: [(path: String, methods: [String])]

    func handle(
        _ request: Request, context: GatewayContext, next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let trace = context.trace
        if let route = context.endpointPath, route != "NotFound" { trace.update { $0.route = route } }
        var context = context
        var answer: HTTPAnswer
        var failure: APIError?
        do {
            context.read = try reader.read(context.call)
            _ = try await next(request, context)
            guard let given = trace.takeAnswer() else { throw APIError(.internalError) }
            answer = given
        } catch let crash as CloudCrashed {
            throw crash
        } catch {
            let known = apiError(for: error, context: context)
            failure = known
            answer = Envelope.answer(known, requestID: trace.id)
        }
        answer.headers += trace.current.rateHeaders + [HTTPCall.Header("x-request-id", trace.id)]
        try record(context.call, status: answer.status, failure: failure, trace: trace)
        if answer.status != 204 { answer.headers.append(HTTPCall.Header("content-length", String(answer.body.count))) }
        if context.call.method == "HEAD" { answer.body = [] }
        trace.update { $0.answer = answer }
        return Response(status: .ok)
    }

    // MARK: Errors

    private func apiError(for error: any Error, context: GatewayContext) -> APIError {
        switch error {
        case let error as APIError: return error
        case let error as HTTPError where error.status == .notFound: return unmatched(context.read?.path ?? "")
        case StorageError.full: return APIError(.databaseFull)
        default:
            // The caller is told nothing about the inside; the log is.
            environment.note(
                "request.failed",
                [
                    "route": .text(context.trace.current.route), "request_id": .text(context.trace.id),
                    "reason": .text(String("\(error)".prefix(200))),
                ])
            return APIError(.internalError)
        }
    }

    /// No route: the path is wrong, or only the method is (RFC 9110 §15.5.6 wants `allow` then).
    private func unmatched(_ path: String) -> APIError {
        guard let entry = methods.first(where: { PathTemplate.matches($0.path, path) }) else { return APIError(.routeNotFound) }
        let allowed = entry.methods.joined(separator: ", ")
        return APIError(
            .methodNotAllowed, "\(entry.path) has the methods \(allowed).", headers: [HTTPCall.Header("allow", allowed)])
    }

    // MARK: Records

    private func record(_ call: HTTPCall, status: Int, failure: APIError?, trace: RequestTrace) throws {
        let state = trace.current
        // Anything may stand where the method should be: words of our own keep logs and metrics small.
        let method = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"].contains(call.method) ? call.method : "OTHER"
        metrics.count("http_requests_total", [("method", method), ("route", state.route), ("status", String(status))])
        metrics.observe(
            "http_request_duration_seconds", [("method", method), ("route", state.route)], trace.startedAt.duration(to: environment.now()))
        if let failure, !state.isAdmitted {
            metrics.count("http_requests_refused_total", [("reason", failure.code.name.lowercased())])
        }
        let isChange = !["GET", "HEAD", "OPTIONS"].contains(method) && state.isAdmitted
        if state.route != "unmatched", isChange || status == 401 || status == 403 {
            try writeAudit(call, method: method, status: status, failure: failure, trace: trace)
        }
        note(method: method, status: status, failure: failure, state: state, id: trace.id)
    }

    private func writeAudit(_ call: HTTPCall, method: String, status: Int, failure: APIError?, trace: RequestTrace) throws {
        let state = trace.current
        let entry = AuditEntry(
            at: environment.unixSeconds, requestID: trace.id, tenant: state.tenant, caller: state.identity.label, peer: trace.peer,
            method: method, route: state.route, target: String(Substring(call.path.utf8.prefix { $0 != UInt8(ascii: "?") })), status: status, error: failure?.code.name)
        do { try audit.record(entry) } catch let crash as CloudCrashed { throw crash } catch {
            // What was asked for is done; that it is not in the audit is said where somebody looks.
            environment.note("audit.failed", ["request_id": .text(trace.id), "reason": .text(String("\(error)".prefix(200)))])
        }
    }

    private func note(method: String, status: Int, failure: APIError?, state: RequestTrace.State, id: String) {
        var fields: Fields = [
            "method": .text(method), "route": .text(state.route), "status": .integer(Int64(status)), "caller": .text(state.identity.label),
        ]
        switch state.identity {
        case .device(let device, _): fields["device"] = .text(device)
        case .user(let user, _): fields["user"] = .text(user)
        case .anonymous, .factory, .partner: break
        }
        if let failure { fields["error"] = .text(failure.code.name) }
        fields["request_id"] = .text(id)
        environment.note("http.request", fields)
        if let failure, !state.isAdmitted { noteRefusal(failure, method: method, state: state, id: id) }
    }

    private func noteRefusal(_ failure: APIError, method: String, state: RequestTrace.State, id: String) {
        var fields: Fields = [
            "reason": .text(failure.code.name.lowercased()), "status": .integer(Int64(failure.code.status)), "method": .text(method),
            "route": .text(state.route),
        ]
        if let device = state.device { fields["device"] = .text(device) }
        if case .user(let user, _) = state.identity { fields["user"] = .text(user) }
        if let detail = state.detail { fields["detail"] = .text(detail) }
        fields["request_id"] = .text(id)
        environment.note("request.refused", fields)
    }
}

/// Paths with parameters in braces.
enum PathTemplate {
    static func matches(_ template: String, _ path: String) -> Bool {
        let names = template.split(separator: "/", omittingEmptySubsequences: false)
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        return names.count == segments.count && zip(names, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}
