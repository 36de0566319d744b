import LabCore

/// The REST surface of charging: `/api/v1/charging/…`, the riders' side and the operators'.
///
/// It decides who may see and do what: riders their own orders and wallet, staff what lies within the scope of their roles.
/// What is beyond that is answered as if it were not there, and written down where it is another tenant's (I13).
package struct ChargingAPI: CloudService {
    static let root = "/api/v1/charging"
    /// Orders of one export.
    static let exportRows = 10_000

    let stations: StationService
    let backend: any ChargingBackend
    let users: UserStore
    let environment: CloudEnvironment

    package init(stations: StationService, backend: any ChargingBackend, users: UserStore, environment: CloudEnvironment) {
        self.stations = stations
        self.backend = backend
        self.users = users
        self.environment = environment
    }

    package var endpoints: [Endpoint] {
        riderEndpoints + walletEndpoints + organisationEndpoints + pileEndpoints + tariffEndpoints + batchEndpoints + alarmEndpoints
            + operatorOrderEndpoints
            + reportEndpoints + staffEndpoints + partnerEndpoints + nearbyEndpoints
    }

    // MARK: Riders

    /// An endpoint for whoever charges; the handler gets the user's name.
    func rider(
        _ method: String, _ path: String, _ summary: String, query: [FieldKind] = [], body: [FieldKind]? = nil, answer: [FieldKind] = [],
        plainAnswer: String? = nil, statuses: [Int] = [200], handle: @escaping @Sendable (CloudRequest, String) async throws -> APIAnswer
    ) -> Endpoint {
        Endpoint(
            method, Self.root + path, summary, access: .permission(.ride, owner: nil), rateClass: .user, query: query, body: body,
            answer: answer,
            plainAnswer: plainAnswer, statuses: statuses
        ) { request in
            guard case .user(let name, _) = request.identity else { throw APIError(.permissionDenied) }
            return try await handle(request, name)
        }
    }

    /// An order of this rider; anybody else's is not there.
    func ownOrder(_ request: CloudRequest, of user: String) throws -> OrderView {
        let number = request.parameter("order")
        guard let order = try backend.order(number) else { throw APIError(.orderNotFound) }
        guard order.user == user else {
            stations.noteForeign(request, owner: "user \(order.user)", what: "order \(number)")
            throw APIError(.orderNotFound)
        }
        return order
    }

    // MARK: Operators

    /// An endpoint for staff with a permission, somewhere at least; the handler asks where.
    func staff(
        _ method: String, _ path: String, _ summary: String, _ permission: StaffPermission, query: [FieldKind] = [],
        body: [FieldKind]? = nil,
        bodyLimit: Int? = nil, takesBytes: Bool = false, answer: [FieldKind] = [], plainAnswer: String? = nil, statuses: [Int] = [200],
        handle: @escaping @Sendable (CloudRequest, StaffScope) async throws -> APIAnswer
    ) -> Endpoint {
        Endpoint(
            method, Self.root + path, summary, access: .permission(.operate, owner: nil), rateClass: .user, query: query, body: body,
            bodyLimit: bodyLimit, takesBytes: takesBytes, answer: answer, plainAnswer: plainAnswer, statuses: statuses
        ) { [stations] request in
            guard case .user(let name, let role) = request.identity else { throw APIError(.permissionDenied) }
            let scope = stations.scope(of: name, isPlatform: role == .admin)
            guard scope.has(permission) else { throw APIError(.permissionDenied, details: ["permission": .text(permission.rawValue)]) }
            return try await handle(request, scope)
        }
    }

    /// Throws `code`, as for what is not there, unless the permission reaches the organisation.
    func reach(
        _ organisation: String, _ permission: StaffPermission, _ scope: StaffScope, _ request: CloudRequest, what: String,
        else code: ErrorCode
    ) throws(APIError) {
        let tree = stations.tree
        if scope.allows(permission, at: organisation, in: tree) { return }
        if let owner = tree[organisation]?.operatorID {
            // Whoever sees it already is told that this is not allowed; everybody else, that it is not there.
            if scope.allows(.readStations, at: organisation, in: tree) {
                throw APIError(.permissionDenied, details: ["permission": .text(permission.rawValue)])
            }
            stations.noteForeign(request, owner: owner, what: what)
        }
        throw APIError(code)
    }

    /// The organisation of a path or a body, within reach.
    func organisation(
        _ id: String, _ permission: StaffPermission, _ scope: StaffScope, _ request: CloudRequest
    ) throws(APIError) -> Organisation {
        guard let found = stations.tree[id] else { throw APIError(.organisationNotFound) }
        try reach(id, permission, scope, request, what: "organisation \(id)", else: .organisationNotFound)
        return found
    }

    /// The pile of an id, within reach.
    func pile(_ id: String, _ permission: StaffPermission, _ scope: StaffScope, _ request: CloudRequest) throws(APIError) -> PileState {
        guard let found = stations.snapshot(of: id) else { throw APIError(.pileNotFound) }
        try reach(found.registered.site, permission, scope, request, what: "pile \(id)", else: .pileNotFound)
        return found
    }

    /// The sites that a list is about: all within reach, or those below the organisation that the query names.
    func sites(_ permission: StaffPermission, _ scope: StaffScope, _ request: CloudRequest) throws(APIError) -> [String]? {
        let tree = stations.tree
        let allowed = scope.sites(permission, in: tree)
        guard let root = request.query["organisation"]?.text else { return allowed }
        guard tree[root] != nil else { throw APIError(.organisationNotFound) }
        let below = tree.subtree(of: root).filter { $0.kind == .site }.map(\.id)
        guard let allowed else { return below }
        let shown = below.filter { allowed.contains($0) }
        if shown.isEmpty { try reach(root, permission, scope, request, what: "organisation \(root)", else: .organisationNotFound) }
        return shown
    }

    static let byOrganisation = FieldKind("organisation", .text, "an operator, a region or a site: only what is below it")

    /// The operator for the whole of whom something is asked: the query's, or the only one the caller works for.
    func wholeOperator(_ permission: StaffPermission, _ scope: StaffScope, _ request: CloudRequest, named: String?) throws(APIError)
        -> String
    {
        let own = scope.wholeOperators(permission)
        guard let name = named ?? (own.count == 1 ? own.first : nil) else {
            throw APIError(
                .missingField, "The field 'operator' is missing: there is more than one, or none for the whole of which this is allowed.",
                details: ["field": "operator"])
        }
        guard let found = stations.tree[name], found.kind == .company else { throw APIError(.organisationNotFound) }
        try reach(name, permission, scope, request, what: "operator \(name)", else: .organisationNotFound)
        return name
    }
}
