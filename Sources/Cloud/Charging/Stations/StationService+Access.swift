import LabCore
import Synchronization

// Who of an operator's staff may do what, and which systems of other companies may ask.
extension StationService {
    /// What a caller may do.
    package func scope(of user: String, isPlatform: Bool) -> StaffScope {
        StaffScope(user: user, isPlatform: isPlatform, grants: state.withLock { $0.grants[user] ?? [] })
    }

    package func grants(of user: String) -> [StaffGrant] { state.withLock { $0.grants[user] ?? [] } }

    /// Everybody with a role at one of the operators, by name.
    package func staff(operators: [String]?) -> [(user: String, grants: [StaffGrant])] {
        state.withLock { state in
            state.grants.compactMap { user, grants in
                let shown = grants.filter { operators?.contains($0.operatorID) ?? true }
                return shown.isEmpty ? nil : (user, shown)
            }.sorted { $0.user < $1.user }
        }
    }

    package func roles(operators: [String]?) -> [StaffRole] {
        let own = state.withLock { state in
            state.roles.filter { operators?.contains($0.key) ?? true }.flatMap { $0.value.values }
        }
        return StaffRole.builtIn + own.sorted { ($0.operatorID, $0.name) < ($1.operatorID, $1.name) }
    }

    package func role(_ name: String, operatorID: String) -> StaffRole? { state.withLock { $0.role(name, operatorID: operatorID) } }

    /// - Throws: `INVALID_FIELD`, `STAFF_ROLE_EXISTS`.
    package func addRole(_ role: StaffRole) async throws {
        guard Organisation.isCode(role.name) else { throw APIError.invalidField("name", "'name' is wrong: \(StaffRole.nameRule).") }
        if StaffRole.builtIn.contains(where: { $0.name == role.name }) { throw APIError(.staffRoleExists) }
        let now = milliseconds
        let isNew = try await storage.commitPoint("role.add", ["role": .text(role.name)]) { db in
            try AccessStore.insert(role, at: now, in: db)
        }
        guard isNew else { throw APIError(.staffRoleExists) }
        state.withLock { $0.roles[role.operatorID, default: [:]][role.name] = role }
    }

    /// Gives somebody a role for an organisation and all below it.
    ///
    /// - Throws: `ORGANISATION_NOT_FOUND`, `STAFF_ROLE_NOT_FOUND`.
    package func grant(_ role: String, at organisation: String, to user: String, by who: String) async throws {
        guard let place = tree[organisation] else { throw APIError(.organisationNotFound) }
        guard let known = self.role(role, operatorID: place.operatorID) else { throw APIError(.staffRoleNotFound) }
        let grant = StaffGrant(
            user: user, role: role, organisation: organisation, operatorID: place.operatorID, permissions: known.permissions)
        let now = milliseconds
        try await storage.commitPoint(
            "staff.grant", ["user": .text(user)], body: { db in try AccessStore.insert(grant, by: who, at: now, in: db) },
            notes: { _ in
                [
                    CloudNote(
                        "staff.granted", ["user": .text(user), "role": .text(role), "organisation": .text(organisation), "by": .text(who)])
                ]
            })
        state.withLock { state in
            if !(state.grants[user] ?? []).contains(grant) { state.grants[user, default: []].append(grant) }
        }
    }

    /// Takes roles away.
    ///
    /// - Returns: whether the user has none left.
    package func revoke(_ grants: [StaffGrant], of user: String, by who: String) async throws -> Bool {
        try await storage.commitPoint(
            "staff.revoke", ["user": .text(user)], body: { db in try AccessStore.remove(grants, in: db) },
            notes: { _ in [CloudNote("staff.revoked", ["user": .text(user), "by": .text(who)])] })
        return state.withLock { state in
            state.grants[user]?.removeAll { grants.contains($0) }
            if state.grants[user]?.isEmpty == true { state.grants[user] = nil }
            return state.grants[user] == nil
        }
    }

    // MARK: Partners

    /// Makes a key for another company's system.
    ///
    /// - Returns: the key with its secret, which nobody can ask for again.
    package func addPartnerKey(operatorID: String, name: String) async throws -> (key: PartnerKey, secret: [UInt8]) {
        let key = PartnerKey(
            id: "pk-" + Hexadecimal.text(environment.randomBytes(8)), operatorID: operatorID, name: name, createdAt: milliseconds,
            withdrawnAt: nil)
        try await storage.commitPoint("partner.key", ["key": .text(key.id)]) { db in try AccessStore.insertKey(key, in: db) }
        return (key, secret(of: key.id))
    }

    package func withdrawPartnerKey(_ id: String) async throws {
        let now = milliseconds
        try await storage.commitPoint("partner.key", ["key": .text(id)]) { db in try AccessStore.withdrawKey(id, at: now, in: db) }
    }

    // MARK: Other tenants

    /// Writes down that somebody asked for what is another tenant's (I13). The caller is told that it is not there.
    package func noteForeign(_ request: CloudRequest, owner: String, what: String) {
        environment.note(
            "security.foreign_tenant",
            [
                "caller": .text(request.identity.label), "owner": .text(owner), "what": .text(what), "method": .text(request.method),
                "request_id": .text(request.id),
            ])
        attempt("audit") {
            try audit?.record(
                AuditEntry(
                    at: environment.unixSeconds, requestID: request.id, tenant: request.tenant, caller: request.identity.label,
                    peer: request.peer,
                    method: request.method, route: "security.foreign_tenant", target: request.path, status: 404, error: "FOREIGN_TENANT"))
        }
    }
}
