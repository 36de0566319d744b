import Crypto
package import LabCore

/// Who sends the request of a scenario: the words of `as`. Whoever is in the database under such a word goes first.
enum ScenarioCaller: Equatable {
    case nobody
    /// A user of the lab's own with a role of the cloud.
    case lab(UserRole)
    /// A member of the staff of the lab's own, with a role at an organisation; without one, at the only operator.
    case staff(role: String, organisation: String?)

    /// `nil` for a word that can only be somebody's name.
    init?(_ word: String) {
        let parts = word.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let role = parts[0] == "operator" ? "manager" : parts[0]
        if word == "nobody" {
            self = .nobody
        } else if parts.count == 2 {
            self = .staff(role: role, organisation: parts[1])
        } else if StaffRole.builtIn.contains(where: { $0.name == role }) {
            self = .staff(role: role, organisation: nil)
        } else if let role = UserRole(rawValue: word), role != .device, role != .staff {
            self = .lab(role)
        } else {
            return nil
        }
    }

    static let about =
        "a user's name, a device's id, a partner's key; admin (where absent), user, guest, rider; manager or operator, technician, support, finance, viewer of the only operator, or of an organisation as in viewer@acme.depot; nobody"
}

/// What proves to the gateway who asks.
private enum ScenarioProof {
    case none
    case token(String)
    /// A signature in version 1, with the token of a device, without one of a partner.
    case signature(id: String, key: [UInt8], token: String?)
}

/// The action `request`: a call that passes the whole gateway, as one that came through a socket.
extension Cloud {
    /// - Throws: `ActionFailure` with `unknown_caller` for an `as` that names nobody, `unreachable` or `interrupted` without an answer.
    func request(_ arguments: Fields) async throws -> Fields {
        switch await respond(to: try await preparedCall(arguments).call, from: "operator") {
        case .success(let answer): return CloudScenario.fields(of: answer)
        case .failure(let failure): throw ActionFailure(failure.rawValue, "The cloud gave no answer: \(failure.rawValue).")
        }
    }

    /// The call that the action `request` sends for these arguments.
    ///
    /// - Returns: with it, whether it is signed, so that it can be sent only once and as it is.
    /// - Throws: `ActionFailure` as `request`.
    package func preparedCall(_ arguments: Fields) async throws -> (call: HTTPCall, isSigned: Bool) {
        let proof = try await proof(of: arguments["as"]?.text ?? "admin")
        let given = try Self.headers(arguments["headers"])
        var call = HTTPCall(try CloudScenario.text("method", in: arguments), try CloudScenario.text("path", in: arguments))
        call.headers = [HTTPCall.Header("host", configuration.hostName)]
        if tenant != "default" { call.headers.append(HTTPCall.Header("x-tenant", tenant)) }
        if let body = arguments["body"] {
            call.headers.append(HTTPCall.Header("content-type", "application/json"))
            call.body = body.text.map { Array($0.utf8) } ?? JSONWriter.bytes(body)
        }
        // What is signed is what is sent: the scenario's own headers come first, and its own proof stays.
        Self.lay(given, over: &call.headers)
        call.headers += headers(of: proof, for: call)
        Self.lay(given, over: &call.headers)
        if case .signature = proof { return (call, true) }
        return (call, false)
    }

    // MARK: Headers

    /// By name in lower case; `nil` takes away what would be sent.
    private static func headers(_ value: FieldValue?) throws(ActionFailure) -> [(name: String, text: String?)] {
        guard let value, value != .null else { return [] }
        guard let record = value.record else { throw ActionFailure("invalid_field", "'headers' must be a record of names and texts.") }
        return record.entries.map { entry in
            let text: String? = entry.value == .null ? nil : entry.value.text ?? JSONWriter.text(entry.value)
            return (entry.name.lowercased(), text)
        }
    }

    private static func lay(_ given: [(name: String, text: String?)], over headers: inout [HTTPCall.Header]) {
        for header in given {
            headers.removeAll { $0.name == header.name }
            if let text = header.text { headers.append(HTTPCall.Header(header.name, text)) }
        }
    }

    private func headers(of proof: ScenarioProof, for call: HTTPCall) -> [HTTPCall.Header] {
        switch proof {
        case .none: return []
        case .token(let token): return [HTTPCall.Header("authorization", "Bearer \(token)")]
        case .signature(let id, let key, let token):
            let signature = RequestSignature(
                version: .canonical, deviceID: id, timestamp: environment.unixSeconds, nonce: Hexadecimal.text(environment.randomBytes(16)),
                digest: [])
            let split = call.path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let read = ReadCall(
                method: call.method, path: split[0], query: split.count > 1 ? split[1] : "", headers: call.headers, body: call.body)
            let signed = signature.signedBytes(of: read, tenant: read.header("x-tenant") ?? "default")
            let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: key))
            var headers = [
                HTTPCall.Header("x-device-id", id), HTTPCall.Header("x-timestamp", String(signature.timestamp)),
                HTTPCall.Header("x-nonce", signature.nonce), HTTPCall.Header("x-signature", "v1:sha256:" + Hexadecimal.text(code)),
            ]
            if let token { headers.append(HTTPCall.Header("authorization", "Bearer \(token)")) }
            return headers
        }
    }

    // MARK: Who

    private func proof(of word: String) async throws -> ScenarioProof {
        let caller = ScenarioCaller(word)
        if caller == .nobody { return .none }
        if let proof = try proof(ofNamed: word) { return proof }
        switch caller {
        case .nobody: return .none
        case .lab(let role): return .token(try operatorToken(role: role))
        case .staff(let role, let organisation): return .token(try await staffToken(role: role, organisation: organisation))
        case nil:
            throw ActionFailure(
                "unknown_caller", "There is no '\(word)' for 'as'. It can be: \(ScenarioCaller.about).", ["as": .text(word)])
        }
    }

    /// A user, a device, a partner, or who has a wallet by `wallet.top_up` and never registered.
    private func proof(ofNamed name: String) throws -> ScenarioProof? {
        if let user = try users.find(name) { return .token(try token(of: user)) }
        if let key = try devices.deviceKey(id: name) {
            return .signature(id: name, key: key.secret, token: try tokens.issue(device: name, epoch: key.epoch, tenant: tenant).token)
        }
        if let key = try charging.stations.partnerKey(id: name) { return .signature(id: name, key: key.secret, token: nil) }
        guard UserRules.isName(name) else { return nil }
        let wallet = try charging.orders.wallet(name)
        guard wallet.balance != 0 || wallet.held != 0 || wallet.due != 0 else { return nil }
        try users.createOperator(name: name, role: .rider)
        guard let user = try users.find(name) else { return nil }
        return .token(try token(of: user))
    }

    private func token(of user: User) throws -> String {
        try tokens.issue(user: user.name, role: user.role, epoch: user.epoch, tenant: tenant).token
    }

    private func staffToken(role: String, organisation: String?) async throws -> String {
        let stations = charging.stations
        let place: String
        if let organisation {
            place = organisation
        } else {
            let operators = stations.tree.all.filter { $0.kind == .company }.map(\.id)
            guard operators.count == 1, let only = operators.first else {
                throw ActionFailure(
                    "unknown_caller",
                    "'as: \(role)' is for one operator, and there are \(operators.count). Write \(role)@ORGANISATION, such as \(role)@\(operators.first ?? "acme").")
            }
            place = only
        }
        guard stations.tree[place] != nil else { throw ActionFailure("unknown_caller", "There is no organisation '\(place)' for 'as: \(role)@\(place)'.") }
        let name = "lab-\(role)-\(place)"
        try users.createOperator(name: name, role: .staff)
        guard let user = try users.find(name) else { throw APIError(.userNotFound) }
        if !stations.grants(of: name).contains(where: { $0.role == role && $0.organisation == place }) {
            try await stations.grant(role, at: place, to: name, by: "lab")
        }
        return try token(of: user)
    }
}
