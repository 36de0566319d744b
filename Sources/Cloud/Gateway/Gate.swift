import LabCore

/// Decides whether a request reaches its endpoint: who asks, how often, and whether they may (security.md 4.2).
struct Gate: Sendable {
    var configuration: CloudConfiguration
    var environment: CloudEnvironment
    var keys: any DeviceKeys
    /// Without one no partner is known.
    var partners: (any PartnerKeys)?
    var users: UserStore
    var tokens: TokenAuthority
    var signatures: SignatureChecker
    /// By who has proven to be somebody.
    var limiter: RateLimiter
    /// By address, apart from the others: what anybody can invent must not push out those who are known.
    var strangers: RateLimiter

    /// - Returns: the identity, once everything but the fields is right.
    /// - Throws: `APIError`, and the storage's errors.
    func admit(_ endpoint: Endpoint, _ call: ReadCall, parameters: Fields, trace: RequestTrace) throws -> Identity {
        try checkForm(endpoint, call)
        let tenant = try readTenant(call)
        trace.update { $0.tenant = tenant }
        let identity: Identity
        do { identity = try authenticate(endpoint, call, tenant: tenant, trace: trace) } catch let error as APIError
        where error.code.status == 401 {
            let decision = strangers.take(key: "failures|\(trace.peer)", limit: configuration.rateLimits.failures, at: environment.now())
            throw decision.isAllowed ? error : decision.refusal()
        }
        trace.update { $0.identity = identity }
        try takeRate(endpoint, identity, trace: trace)
        try authorise(endpoint.access, identity, parameters: parameters)
        return identity
    }

    // MARK: Form

    private func checkForm(_ endpoint: Endpoint, _ call: ReadCall) throws(APIError) {
        let limit = endpoint.bodyLimit ?? configuration.limits.bodyBytes
        if call.body.count > limit { throw CallReader.tooLarge(limit) }
        if !configuration.acceptedHosts.isEmpty {
            let host = call.header("host")?.lowercased() ?? ""
            guard configuration.acceptedHosts.contains(where: { $0.lowercased() == host }) else { throw APIError(.wrongHost) }
        }
        guard !call.body.isEmpty else { return }
        if call.header("content-encoding") != nil {
            throw APIError(.unsupportedMediaType, "Bodies are taken without content-encoding only.")
        }
        guard let type = call.header("content-type") else { throw APIError(.unsupportedMediaType) }
        if endpoint.takesBytes {
            guard type.lowercased().prefix(while: { $0 != ";" && $0 != " " }) == endpoint.bytesType else {
                throw APIError(.unsupportedMediaType, "The body is taken as content-type: \(endpoint.bytesType) only.")
            }
        } else if !Self.isJSON(type) {
            throw APIError(.unsupportedMediaType)
        }
    }

    private static func isJSON(_ type: String) -> Bool {
        // What nearly everybody writes.
        if type == "application/json" || type == "application/json; charset=utf-8" { return true }
        let parts = type.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" } }
        return parts.first == "application/json" && parts.dropFirst().allSatisfy { $0 == "charset=utf-8" }
    }

    private func readTenant(_ call: ReadCall) throws(APIError) -> String {
        guard let tenant = call.header("x-tenant") else { return "default" }
        guard (1...64).contains(tenant.utf8.count), tenant.utf8.allSatisfy({ Characters.isBase64URL($0) || $0 == UInt8(ascii: ".") }) else {
            throw APIError(.malformedRequest, "The header x-tenant must hold 1 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_'.")
        }
        return tenant
    }

    // MARK: Who asks

    private func authenticate(_ endpoint: Endpoint, _ call: ReadCall, tenant: String, trace: RequestTrace) throws -> Identity {
        switch endpoint.access {
        case .open:
            return .anonymous
        case .factory:
            if configuration.devices.allowsOpenRegistration, call.header("x-signature") == nil {
                guard isServed(tenant) else { throw APIError(.tenantMismatch) }
                return .anonymous
            }
            let signature = try readCanonical(call, trace: trace)
            let key = isServed(tenant) ? try keys.factoryKey(serial: signature.deviceID) : nil
            try signatures.check(signature, of: call, key: key, tenant: tenant, scope: "factory ", peer: trace.peer)
            return .factory(serial: signature.deviceID)
        case .deviceSecret:
            let signature = try readCanonical(call, trace: trace)
            let key = isServed(tenant) ? try keys.deviceKey(id: signature.deviceID) : nil
            try signatures.check(signature, of: call, key: key?.secret, tenant: tenant, scope: "", peer: trace.peer)
            return .device(id: signature.deviceID, epoch: key?.epoch ?? 0)
        case .partner:
            let signature = try readCanonical(call, trace: trace)
            let key = isServed(tenant) ? try partners?.partnerKey(id: signature.deviceID) : nil
            try signatures.check(signature, of: call, key: key?.secret, tenant: tenant, scope: "partner ", peer: trace.peer)
            return .partner(id: signature.deviceID, operatorID: key?.operatorID ?? "")
        case .permission, .anyDevice:
            let claims = try readToken(call, trace: trace)
            if claims.typ == TokenUse.device.rawValue { trace.update { $0.device = claims.sub } }
            guard claims.tenant == tenant, isServed(tenant) else { throw APIError(.tenantMismatch) }
            return claims.typ == TokenUse.device.rawValue
                ? try device(claims, call, tenant: tenant, trace: trace) : try user(claims)
        }
    }

    /// A tenant that is not served has no devices: its names go the way of unknown ones.
    private func isServed(_ tenant: String) -> Bool { tenant == configuration.devices.tenant }

    /// Registration and token renewal take the canonical form only.
    private func readCanonical(_ call: ReadCall, trace: RequestTrace) throws -> RequestSignature {
        let signature = try RequestSignature.read(call)
        trace.update { $0.device = signature.deviceID }
        guard signature.version == .canonical else {
            throw APIError(.signatureInvalid, "This request must be signed in version 1: x-signature: v1:sha256:<digits>.")
        }
        return signature
    }

    private func readToken(_ call: ReadCall, trace: RequestTrace) throws -> TokenClaims {
        guard let text = call.header("authorization") else { throw APIError(.authenticationRequired) }
        let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map(Substring.init)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw APIError(.authenticationRequired, "The header authorization must be 'Bearer <token>'.")
        }
        do throws(TokenRefusal) { return try tokens.verify(String(parts[1]), for: [.user, .device]) } catch {
            trace.update { $0.detail = error.description }
            if case .expired = error { throw APIError(.tokenExpired) }
            throw APIError(.tokenInvalid)
        }
    }

    private func user(_ claims: TokenClaims) throws -> Identity {
        // The role is the table's: a token tells who somebody is, not what they may.
        guard let user = try users.find(claims.sub), user.isActive, user.epoch == claims.epoch else { throw APIError(.tokenRevoked) }
        return .user(name: user.name, role: user.role)
    }

    private func device(_ claims: TokenClaims, _ call: ReadCall, tenant: String, trace: RequestTrace) throws -> Identity {
        let signature = try RequestSignature.read(call, fallbackID: claims.sub)
        guard signature.deviceID == claims.sub else {
            throw APIError(.tokenInvalid, "The token belongs to another device than the signature.")
        }
        guard signature.version == .canonical || configuration.acceptsVersion0 else {
            throw APIError(.signatureInvalid, "Signatures of version 0 are switched off: send x-signature: v1:sha256:<digits>.")
        }
        let key = isServed(tenant) ? try keys.deviceKey(id: claims.sub) : nil
        if let key, key.epoch != claims.epoch { throw APIError(.tokenRevoked) }
        try signatures.check(signature, of: call, key: key?.secret, tenant: tenant, scope: "", peer: trace.peer)
        return .device(id: claims.sub, epoch: claims.epoch)
    }

    // MARK: How often

    private func takeRate(_ endpoint: Endpoint, _ identity: Identity, trace: RequestTrace) throws(APIError) {
        let limits = configuration.rateLimits
        let (caller, name, limit): (String, String, RateLimit) =
            switch (identity, endpoint.rateClass) {
            case (.anonymous, let rateClass): ("address \(trace.peer)", rateClass.rawValue, limits.limit(of: rateClass))
            case (_, .registration): (identity.label, "registration", limits.registration)
            case (.user, _): (identity.label, "user", limits.user)
            case (.partner, _): (identity.label, "partner", limits.user)
            case (_, _): (identity.label, "device", limits.device)
            }
        let bucket = identity == .anonymous ? strangers : limiter
        let decision = bucket.take(key: "\(name)|\(caller)", limit: limit, at: environment.now())
        trace.update { $0.rateHeaders = decision.headers }
        guard decision.isAllowed else {
            var refusal = decision.refusal()
            // The three headers are on every answer by way of the trace.
            refusal.headers.removeAll { $0.name.hasPrefix("ratelimit-") }
            throw refusal
        }
    }

    // MARK: Whether they may

    private func authorise(_ access: Access, _ identity: Identity, parameters: Fields) throws(APIError) {
        if case .anyDevice(let userPermission) = access {
            if case .device = identity { return }
            if case .user(_, let role) = identity, let userPermission, role.has(userPermission) { return }
            throw APIError(.permissionDenied, details: ["permission": .text((userPermission ?? .writeOwnData).rawValue)])
        }
        guard case .permission(let permission, let owner) = access else { return }
        let denied = APIError(.permissionDenied, details: ["permission": .text(permission.rawValue)])
        switch identity {
        case .user(_, let role):
            guard role.has(permission) else { throw denied }
        case .device(let id, _):
            guard let owner, UserRole.device.has(permission) else { throw denied }
            // Before anything is looked up: whether the other device exists is not for this one to know.
            guard parameters[owner]?.text == id else { throw APIError(.notOwner) }
        case .anonymous, .factory, .partner:
            throw denied
        }
    }
}

extension RateLimits {
    func limit(of rateClass: RateClass) -> RateLimit {
        switch rateClass {
        case .login: login
        case .registration: registration
        case .device: device
        case .user: user
        case .open: open
        case .ota: ota
        case .notices: notices
        }
    }
}
