import LabCore

/// Logging in, the tokens of devices, and the users that administrators keep.
package struct UserService: CloudService {
    let environment: CloudEnvironment
    let users: UserStore
    let tokens: TokenAuthority
    let audit: AuditLog
    let loginGuard = LoginGuard()

    package var endpoints: [Endpoint] { [login, deviceToken, listUsers, createUser, deleteUser, listAudit] }

    private static let tokenFields = [
        FieldKind("token", .text, required: true, "a JWT for the header authorization"),
        FieldKind("token_expires_at", .integer, unit: "s", required: true, "Unix seconds"),
    ]

    // MARK: Tokens

    private var login: Endpoint {
        Endpoint(
            "POST", "/api/v1/auth/login", "Gives a user a token for a password.", access: .open, rateClass: .login,
            body: [FieldKind("username", .text, required: true), FieldKind("password", .text, required: true)],
            answer: Self.tokenFields + [FieldKind("role", Self.shownRoles, required: true)], statuses: [200, 401]
        ) { try await logIn($0) }
    }

    private func logIn(_ request: CloudRequest) async throws -> APIAnswer {
        let (name, password) = (request.body["username"]?.text ?? "", request.body["password"]?.text ?? "")
        let shown = UserRules.isName(name) ? name : "?"
        let now = environment.unixSeconds
        let wait = loginGuard.wait(name: shown, peer: request.peer, at: now)
        if wait > 0 {
            environment.note(
                "auth.login.failed", ["user": .text(shown), "reason": "delayed", "peer": .text(request.peer)])
            throw APIError(
                .loginDelayed, details: ["retry_after": .integer(wait)], headers: [HTTPCall.Header("retry-after", String(wait))])
        }
        // Longer ones can be nobody's password and would only cost time.
        let isPossible = UserRules.isName(name) && password.utf8.count <= 128 && request.tenant == users.tenant
        let found = try users.authenticate(name: isPossible ? name : "", password: isPossible ? password : "")
        guard let user = found else {
            let failures = loginGuard.failed(name: shown, peer: request.peer, at: now)
            environment.note(
                "auth.login.failed",
                ["user": .text(shown), "reason": "wrong", "failures": .integer(Int64(failures)), "peer": .text(request.peer)])
            throw APIError(.loginFailed)
        }
        loginGuard.succeeded(name: shown, peer: request.peer)
        environment.note("auth.login", ["user": .text(user.name), "role": .text(user.role.rawValue), "peer": .text(request.peer)])
        let (token, expiry) = try tokens.issue(user: user.name, role: user.role, epoch: user.epoch, tenant: users.tenant)
        return APIAnswer(data: ["token": .text(token), "token_expires_at": .integer(expiry), "role": .text(user.role.rawValue)])
    }

    private var deviceToken: Endpoint {
        Endpoint(
            "POST", "/api/v1/auth/device/token", "Gives a device a new token for a signature with its secret.", access: .deviceSecret,
            rateClass: .device, body: [], answer: Self.tokenFields
        ) { request in
            guard case .device(let id, let epoch) = request.identity else { throw APIError(.signatureRequired) }
            let (token, expiry) = try tokens.issue(device: id, epoch: epoch, tenant: request.tenant)
            return APIAnswer(data: ["token": .text(token), "token_expires_at": .integer(expiry)])
        }
    }

    // MARK: Users

    private static let roles = FieldType.choice(["admin", "user", "guest"])
    /// Riders register themselves, and operators make their staff: nobody is given these roles here.
    private static let shownRoles = FieldType.choice(UserRole.allCases.filter { $0 != .device }.map(\.rawValue))
    private static let userFields = [
        FieldKind("username", .text, required: true), FieldKind("email", .text, required: true),
        FieldKind("role", shownRoles, required: true),
        FieldKind("is_active", .bool, required: true), FieldKind("created_at", .text, required: true), FieldKind("last_login", .any),
    ]
    static let pages = [
        FieldKind("page", .integer, "from 1"), FieldKind("limit", .integer, "rows of a page, 1 to 100; 20 where absent"),
    ]

    private static func fields(of user: User) -> FieldValue {
        [
            "username": .text(user.name), "email": .text(user.email), "role": .text(user.role.rawValue), "is_active": .bool(user.isActive),
            "created_at": .text(user.createdAt), "last_login": user.lastLogin.map { .text($0) } ?? .null,
        ]
    }

    static func list(_ items: [FieldValue], page: Int, limit: Int, total: Int) -> FieldValue {
        [
            "items": .list(items), "page": .integer(Int64(page)), "limit": .integer(Int64(limit)), "total": .integer(Int64(total)),
        ]
    }

    private static func listFields(_ item: [FieldKind]) -> [FieldKind] {
        [
            FieldKind("items", .list(.record(item)), required: true), FieldKind("page", .integer, required: true),
            FieldKind("limit", .integer, required: true), FieldKind("total", .integer, required: true),
        ]
    }

    private var listUsers: Endpoint {
        Endpoint(
            "GET", "/api/v1/users", "Lists the users.", access: .permission(.manage, owner: nil), rateClass: .user, query: Self.pages,
            answer: Self.listFields(Self.userFields)
        ) { request in
            let page = try request.integer("page", in: 1...100_000, else: 1)
            let limit = try request.integer("limit", in: 1...100, else: 20)
            let (items, total) = try users.list(page: page, limit: limit)
            return APIAnswer(data: Self.list(items.map(Self.fields), page: page, limit: limit, total: total))
        }
    }

    private var createUser: Endpoint {
        Endpoint(
            "POST", "/api/v1/users", "Adds a user.", access: .permission(.manage, owner: nil), rateClass: .user,
            body: [
                FieldKind("username", .text, required: true, UserRules.nameRule), FieldKind("email", .text, required: true),
                FieldKind("password", .text, required: true, UserRules.passwordRule), FieldKind("role", Self.roles, required: true),
            ], answer: Self.userFields, statuses: [201, 409]
        ) { request in
            let name = try request.text("username", maximum: 64) ?? ""
            try users.create(
                name: name, email: try request.text("email"), password: request.body["password"]?.text ?? "",
                role: request.body["role"]?.text.flatMap(UserRole.init(rawValue:)) ?? .guest)
            guard let user = try users.find(name) else { throw APIError(.internalError) }
            return APIAnswer(status: 201, data: Self.fields(of: user))
        }
    }

    private var deleteUser: Endpoint {
        Endpoint(
            "DELETE", "/api/v1/users/{username}", "Switches a user off and ends the user's tokens.",
            access: .permission(.manage, owner: nil), rateClass: .user, answer: Self.userFields, statuses: [200, 404]
        ) { request in
            let name = request.parameter("username")
            guard try users.deactivate(name), let user = try users.find(name) else { throw APIError(.userNotFound) }
            return APIAnswer(data: Self.fields(of: user))
        }
    }

    // MARK: Audit

    private var listAudit: Endpoint {
        Endpoint(
            "GET", "/api/v1/audit", "Lists who did what, the newest first.", access: .permission(.manage, owner: nil), rateClass: .user,
            query: Self.pages,
            answer: Self.listFields([
                FieldKind("at", .text, required: true), FieldKind("request_id", .text, required: true),
                FieldKind("caller", .text, required: true), FieldKind("peer", .text, required: true),
                FieldKind("method", .text, required: true), FieldKind("route", .text, required: true),
                FieldKind("target", .text, required: true), FieldKind("status", .integer, required: true), FieldKind("error", .any),
            ])
        ) { request in
            let page = try request.integer("page", in: 1...100_000, else: 1)
            let limit = try request.integer("limit", in: 1...100, else: 20)
            let (entries, total) = try audit.entries(tenant: request.tenant, page: page, limit: limit)
            let items = entries.map { entry -> FieldValue in
                [
                    "at": .text(Timestamp.text(unixSeconds: entry.at)), "request_id": .text(entry.requestID), "caller": .text(entry.caller),
                    "peer": .text(entry.peer), "method": .text(entry.method), "route": .text(entry.route), "target": .text(entry.target),
                    "status": .integer(Int64(entry.status)), "error": entry.error.map { .text($0) } ?? .null,
                ]
            }
            return APIAnswer(data: Self.list(items, page: page, limit: limit, total: total))
        }
    }
}
