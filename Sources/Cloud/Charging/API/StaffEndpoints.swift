import LabCore

// Staff, their roles, and the keys of partners.
extension ChargingAPI {
    var staffEndpoints: [Endpoint] {
        [listRoles, addRole, listStaff, addStaff, grantRole, removeStaff, listPartnerKeys, addPartnerKey, withdrawPartnerKey]
    }

    private static let permissions = FieldType.list(.choice(StaffPermission.allCases.map(\.rawValue)))
    private static let roleFields = [
        FieldKind("name", .text, required: true), FieldKind("operator", .text, "absent for the roles that every operator has"),
        FieldKind("permissions", permissions, required: true),
    ]

    private static func show(_ role: StaffRole) -> Fields {
        var fields: Fields = ["name": .text(role.name)]
        if !role.operatorID.isEmpty { fields["operator"] = .text(role.operatorID) }
        fields["permissions"] = .list(role.permissions.map(\.rawValue).sorted().map { .text($0) })
        return fields
    }

    private var listRoles: Endpoint {
        staff(
            "GET", "/roles", "The roles that can be given.", .manageStaff, query: ChargingForms.pages,
            answer: ChargingForms.listFields(Self.roleFields)
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let roles = stations.roles(operators: scope.isPlatform ? nil : scope.operators)
            return ChargingForms.list(roles.dropFirst(page.offset).prefix(page.limit).map(Self.show), page, total: roles.count)
        }
    }

    private var addRole: Endpoint {
        staff(
            "POST", "/roles", "Makes a role of an operator's own, with no more than the caller may do.", .manageStaff,
            body: [
                FieldKind("name", .text, required: true, StaffRole.nameRule), FieldKind("permissions", Self.permissions, required: true),
                FieldKind("operator", .text, "the caller's own where absent"),
            ], answer: Self.roleFields, statuses: [201, 404, 409]
        ) { request, scope in
            let operatorID = try wholeOperator(.manageStaff, scope, request, named: try request.text("operator", maximum: 32))
            let words = request.body["permissions"]?.list?.compactMap { $0.text.flatMap(StaffPermission.init) } ?? []
            guard !words.isEmpty else { throw APIError.invalidField("permissions", "'permissions' must hold one or more") }
            let role = StaffRole(name: try request.text("name", maximum: 64) ?? "", operatorID: operatorID, permissions: Set(words))
            try checkWidth(role.permissions, at: operatorID, scope)
            try await stations.addRole(role)
            return APIAnswer(status: 201, data: .record(Self.show(role)))
        }
    }

    /// Nobody gives what they do not have there.
    private func checkWidth(_ permissions: Set<StaffPermission>, at organisation: String, _ scope: StaffScope) throws(APIError) {
        let tree = stations.tree
        let missing = StaffPermission.allCases.filter { permissions.contains($0) && !scope.allows($0, at: organisation, in: tree) }
        if let first = missing.first { throw APIError(.grantTooWide, details: ["permission": .text(first.rawValue)]) }
    }

    // MARK: People

    private static let grantFields = [FieldKind("role", .text, required: true), FieldKind("organisation", .text, required: true)]
    private static let memberFields = [
        FieldKind("username", .text, required: true), FieldKind("phone", .text, "masked"), FieldKind("is_active", .bool, required: true),
        FieldKind("roles", .list(.record(grantFields)), required: true),
    ]

    private func show(_ name: String, _ grants: [StaffGrant]) throws -> Fields {
        let user = try users.find(name)
        var fields: Fields = ["username": .text(name)]
        if let phone = user?.phone { fields["phone"] = .text(Phone.masked(phone)) }
        fields["is_active"] = .bool(user?.isActive ?? false)
        fields["roles"] = .list(grants.map { ["role": .text($0.role), "organisation": .text($0.organisation)] })
        return fields
    }

    private var listStaff: Endpoint {
        staff(
            "GET", "/staff", "Who has which role where, by name.", .manageStaff, query: ChargingForms.pages,
            answer: ChargingForms.listFields(Self.memberFields)
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let tree = stations.tree
            let all = stations.staff(operators: scope.isPlatform ? nil : scope.operators).compactMap {
                member -> (user: String, grants: [StaffGrant])? in
                let shown = member.grants.filter { scope.allows(.manageStaff, at: $0.organisation, in: tree) }
                return shown.isEmpty ? nil : (member.user, shown)
            }
            let items = try all.dropFirst(page.offset).prefix(page.limit).map { try show($0.user, $0.grants) }
            return ChargingForms.list(items, page, total: all.count)
        }
    }

    private var addStaff: Endpoint {
        staff(
            "POST", "/staff", "Makes a member of the staff with a role.", .manageStaff,
            body: [
                FieldKind("username", .text, required: true, UserRules.nameRule),
                FieldKind("password", .text, required: true, UserRules.passwordRule),
                FieldKind("email", .text), FieldKind("phone", .text, Phone.rule),
            ] + Self.grantFields, answer: Self.memberFields, statuses: [201, 404, 409]
        ) { request, scope in
            let (role, place) = try grant(in: request, scope)
            let name = try request.text("username", maximum: 64) ?? ""
            let phone = try request.text("phone", maximum: 20)
            if let phone, !Phone.isNumber(phone) { throw APIError.invalidField("phone", "'phone' is wrong: \(Phone.rule).") }
            try users.create(
                name: name, email: try request.text("email"), phone: phone.map { Phone.canonical($0) },
                password: request.body["password"]?.text ?? "",
                role: .staff)
            try await stations.grant(role.name, at: place.id, to: name, by: request.identity.label)
            return APIAnswer(status: 201, data: .record(try show(name, stations.grants(of: name))))
        }
    }

    /// The role and the organisation of a body: within reach, and not wider than the caller's own.
    private func grant(in request: CloudRequest, _ scope: StaffScope) throws -> (StaffRole, Organisation) {
        let place = try organisation(try request.text("organisation", maximum: 65) ?? "", .manageStaff, scope, request)
        guard let role = stations.role(try request.text("role", maximum: 32) ?? "", operatorID: place.operatorID) else {
            throw APIError(.staffRoleNotFound)
        }
        try checkWidth(role.permissions, at: place.id, scope)
        return (role, place)
    }

    /// The grants of a member that the caller reaches.
    private func member(_ request: CloudRequest, _ scope: StaffScope) throws(APIError) -> (name: String, grants: [StaffGrant]) {
        let name = request.parameter("username")
        let all = stations.grants(of: name)
        let tree = stations.tree
        let own = all.filter { scope.allows(.manageStaff, at: $0.organisation, in: tree) }
        guard let first = all.first else { throw APIError(.staffNotFound) }
        guard !own.isEmpty else {
            stations.noteForeign(request, owner: first.operatorID, what: "staff \(name)")
            throw APIError(.staffNotFound)
        }
        return (name, own)
    }

    private var grantRole: Endpoint {
        staff(
            "POST", "/staff/{username}/roles", "Gives a member of the staff one more role.", .manageStaff, body: Self.grantFields,
            answer: Self.memberFields, statuses: [200, 404]
        ) { request, scope in
            let member = try member(request, scope)
            let (role, place) = try grant(in: request, scope)
            try await stations.grant(role.name, at: place.id, to: member.name, by: request.identity.label)
            return APIAnswer(data: .record(try show(member.name, try self.member(request, scope).grants)))
        }
    }

    private var removeStaff: Endpoint {
        staff(
            "DELETE", "/staff/{username}", "Takes a member's roles away, as far as the caller reaches; without any, the account ends.",
            .manageStaff,
            answer: Self.memberFields, statuses: [200, 404]
        ) { request, scope in
            let member = try member(request, scope)
            for grant in member.grants { try checkWidth(grant.permissions, at: grant.organisation, scope) }
            if try await stations.revoke(member.grants, of: member.name, by: request.identity.label) {
                _ = try users.deactivate(member.name)
            }
            let tree = stations.tree
            let left = stations.grants(of: member.name).filter { scope.allows(.manageStaff, at: $0.organisation, in: tree) }
            return APIAnswer(data: .record(try show(member.name, left)))
        }
    }

    // MARK: Partners' keys

    private static let keyFields = [
        FieldKind("key", .text, required: true, "for the header x-device-id"), FieldKind("operator", .text, required: true),
        FieldKind("name", .text, required: true),
        FieldKind("secret", .text, "64 hexadecimal digits; in the answer that makes it, and never again"), FieldKind("created_at", .text),
        FieldKind("withdrawn_at", .text),
    ]

    private static func show(_ key: PartnerKey) -> Fields {
        var fields: Fields = [
            "key": .text(key.id), "operator": .text(key.operatorID), "name": .text(key.name),
            "created_at": ChargingForms.time(key.createdAt),
        ]
        if let moment = key.withdrawnAt { fields["withdrawn_at"] = ChargingForms.time(moment) }
        return fields
    }

    private var listPartnerKeys: Endpoint {
        staff(
            "GET", "/partner-keys", "The keys that were given to other companies' systems.", .managePartners, query: ChargingForms.pages,
            answer: ChargingForms.listFields(Self.keyFields)
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let operators = scope.isPlatform ? nil : scope.wholeOperators(.managePartners)
            let found = try stations.storage.read { db in
                try AccessStore.keys(operators: operators, limit: page.limit, offset: page.offset, in: db)
            }
            return ChargingForms.list(found.items.map(Self.show), page, total: found.total)
        }
    }

    private var addPartnerKey: Endpoint {
        staff(
            "POST", "/partner-keys", "Makes a key with which another company's system signs its requests.", .managePartners,
            body: [FieldKind("name", .text, required: true), FieldKind("operator", .text, "the caller's own where absent")],
            answer: Self.keyFields,
            statuses: [201, 404]
        ) { request, scope in
            let operatorID = try wholeOperator(.managePartners, scope, request, named: try request.text("operator", maximum: 32))
            let made = try await stations.addPartnerKey(operatorID: operatorID, name: try request.text("name") ?? "")
            return APIAnswer(status: 201, data: .record(Self.show(made.key).merging(["secret": .text(Hexadecimal.text(made.secret))])))
        }
    }

    private var withdrawPartnerKey: Endpoint {
        staff(
            "DELETE", "/partner-keys/{key}", "Makes a key worthless at once.", .managePartners, answer: Self.keyFields,
            statuses: [200, 404]
        ) { request, scope in
            let id = request.parameter("key")
            guard let key = try stations.storage.read({ db in try AccessStore.key(id, in: db) }) else {
                throw APIError(.partnerKeyNotFound)
            }
            try reach(key.operatorID, .managePartners, scope, request, what: "key \(id)", else: .partnerKeyNotFound)
            try await stations.withdrawPartnerKey(id)
            let now = try stations.storage.read { db in try AccessStore.key(id, in: db) }
            return APIAnswer(data: .record(Self.show(now ?? key)))
        }
    }
}
