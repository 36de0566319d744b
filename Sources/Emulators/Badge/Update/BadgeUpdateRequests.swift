import CloudClient
import LabCore

/// The requests of the update agent: with the badge's token and signature, but for downloads, whose address is their permission.
extension Badge {
    /// The version that the badge says it runs (O4).
    var reportedVersion: String {
        if settings.bugs.contains(.reportsWantedVersion), let wanted = ram.update.attempt?.version ?? ram.update.result?.version { return wanted }
        return runningVersion
    }

    /// Sends a request for which there is a token now.
    mutating func send(_ request: UpdateMemory.Request, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch request {
        case .check, .probe: send(request, "GET", checkPath, at: now, &effects)
        case .root(let number): send(request, "GET", "/api/v1/firmware/roots/\(number)", at: now, &effects)
        case .manifest: send(request, "GET", ram.update.offer?.manifest ?? "", at: now, &effects)
        case .report:
            guard let report = ram.update.sentReport else { return }
            let (path, body) = reportCall(report)
            send(request, "POST", path, body: body, at: now, &effects)
        case .block: break
        }
    }

    private mutating func send(
        _ request: UpdateMemory.Request, _ method: String, _ path: String, body: [UInt8] = [], at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) {
        guard let credentials else { return }
        let token = nextToken()
        let nonce = Base64URL.text(chance.bytes(16))
        let call = signing(credentials).call(method, path, body: body, bearer: ram.token, timestamp: clock(at: now), nonce: nonce)
        ram.exchanges.append(Memory.Exchange(token: token, purpose: .update(request), nonce: nonce))
        transmit(token, call, &effects)
    }

    /// - Parameter token: `nil` where the request was never sent, for want of a token.
    mutating func updateAnswered(
        _ request: UpdateMemory.Request, _ token: Token?, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        switch request {
        case .check: try checkAnswered(CloudAnswer(result), at: now, &effects)
        case .probe: try probeAnswered(CloudAnswer(result), at: now, &effects)
        case .root(let number): try rootAnswered(number, result, at: now, &effects)
        case .manifest: try manifestAnswered(result, at: now, &effects)
        case .report: try reportAnswered(CloudAnswer(result), at: now, &effects)
        case .block: if let token { try blockAnswered(token, result, at: now, &effects) }
        }
    }
}

extension CloudAnswer {
    /// For requests that could not be sent because there is no token: the answer that the badge would get without one.
    var asFailure: Result<HTTPAnswer, HTTPFailure> {
        if status == 0 { return .failure(.unreachable) }
        // Not the status itself: what the token's route says of the token says nothing of a manifest or of an execution.
        return .success(HTTPAnswer(status: status >= 500 || status == 429 ? status : 401))
    }
}
