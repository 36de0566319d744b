package import LabCore
import Synchronization

// Organisations, piles, ports, tariffs: each change is one commit, and memory follows it.
extension StationService {
    // MARK: Organisations

    /// Adds an operator, a region or a site.
    ///
    /// - Parameters:
    ///   - code: of an operator its id; below one, the last part of the id.
    ///   - utcOffset: minutes; `nil` for that of the parent.
    /// - Throws: `ORGANISATION_KIND`, `ORGANISATION_EXISTS`, `INVALID_FIELD`, and the storage's errors.
    package func addOrganisation(
        _ kind: OrganisationKind, code: String, name: String? = nil, parent: String? = nil, utcOffset: Int? = nil, address: String? = nil,
        place: GeoPoint? = nil
    ) async throws -> Organisation {
        guard Organisation.isCode(code) else { throw APIError.invalidField("code", "'code' is wrong: \(Organisation.codeRule).") }
        let tree = tree
        if let refusal = tree.refusal(of: kind, below: parent) { throw APIError(.organisationKind, refusal) }
        let above = parent.flatMap { tree[$0] }
        let operatorID = above?.operatorID ?? code
        let offset = utcOffset ?? above?.utcOffset ?? 480
        guard (-840...840).contains(offset) else { throw APIError.invalidField("utc_offset", "'utc_offset' must be -840 to 840 minutes") }
        guard place == nil || kind == .site else { throw APIError.invalidField("latitude", "only a site has a place on the map") }
        var organisation = Organisation(
            id: above == nil ? code : "\(operatorID).\(code)", operatorID: operatorID, kind: kind, name: name ?? code, parent: parent,
            utcOffset: offset,
            address: address, createdAt: milliseconds)
        organisation.place = place
        let made = organisation
        let isNew = try await storage.commitPoint("organisation.add", ["organisation": .text(made.id)]) { db in
            try StationStore.insert(made, in: db)
        }
        guard isNew else { throw APIError(.organisationExists) }
        state.withLock { $0.tree.put(made) }
        return made
    }

    /// The operator or site of that code, made where it is not there: for scenarios, which begin with nothing.
    ///
    /// - Returns: the site's id.
    package func site(operatorID: String, code: String) async throws -> String {
        if tree[operatorID] == nil { _ = try await addOrganisation(.company, code: operatorID) }
        let id = "\(operatorID).\(code)"
        if tree[id] == nil { _ = try await addOrganisation(.site, code: code, parent: operatorID) }
        return id
    }

    package func changeOrganisation(_ id: String, name: String?, address: String?, place: GeoPoint? = nil) async throws -> Organisation {
        guard var organisation = tree[id] else { throw APIError(.organisationNotFound) }
        organisation.name = name ?? organisation.name
        organisation.address = address ?? organisation.address
        guard place == nil || organisation.kind == .site else { throw APIError.invalidField("latitude", "only a site has a place on the map") }
        organisation.place = place ?? organisation.place
        let changed = organisation
        try await storage.commitPoint("organisation.change", ["organisation": .text(id)]) { db in try StationStore.update(changed, in: db) }
        state.withLock { $0.tree.put(changed) }
        return changed
    }

    // MARK: Piles

    /// Enters piles of a site in one commit: all of them, or none.
    ///
    /// - Throws: `ORGANISATION_NOT_FOUND`, `ORGANISATION_KIND`, `INVALID_FIELD`, `PILE_EXISTS` with the id, and the storage's errors.
    package func enter(_ entries: [PileEntry], site: String) async throws {
        guard let place = tree[site] else { throw APIError(.organisationNotFound) }
        guard place.kind == .site else { throw APIError(.organisationKind) }
        for (index, entry) in entries.enumerated() {
            if let fault = entry.fault {
                throw APIError.invalidField("piles[\(index)]", "'piles[\(index)]' (\(entry.id.prefix(64))) is wrong: \(fault).")
            }
        }
        let now = milliseconds
        try await storage.commitPoint("pile.enter", ["site": .text(site), "count": .integer(Int64(entries.count))]) { db in
            for entry in entries where try !StationStore.insert(entry, operatorID: place.operatorID, site: site, at: now, in: db) {
                throw APIError(
                    .pileExists, "A pile '\(entry.id)' is entered already; nothing of this list was entered.",
                    details: ["pile": .text(entry.id)])
            }
        }
        state.withLock { state in
            for entry in entries {
                state.piles[entry.id] = PileState(
                    RegisteredPile(
                        id: entry.id, operatorID: place.operatorID, site: site, ports: entry.ports, ratedPower: entry.ratedPower,
                        utcOffset: place.utcOffset),
                    wire: entry.wire, name: entry.name)
            }
        }
    }

    /// Renames a pile, or moves it to another site of its operator.
    ///
    /// - Throws: `PILE_NOT_FOUND`, `ORGANISATION_NOT_FOUND` for a site of somebody else, `ORGANISATION_KIND`.
    package func changePile(_ id: String, name: String?, site: String?) async throws {
        guard let pile = snapshot(of: id) else { throw APIError(.pileNotFound) }
        let target = site ?? pile.registered.site
        guard let place = tree[target], place.operatorID == pile.registered.operatorID else { throw APIError(.organisationNotFound) }
        guard place.kind == .site else { throw APIError(.organisationKind) }
        let newName = name ?? pile.name
        try await storage.commitPoint("pile.change", ["pile": .text(id)]) { db in
            try StationStore.change(id, name: newName, site: target, in: db)
        }
        state.withLock { state in
            state.piles[id]?.name = newName
            state.piles[id]?.registered.site = target
            state.piles[id]?.registered.utcOffset = place.utcOffset
        }
    }

    // MARK: Ports

    /// Disables a port for new orders, or enables it again; what charges there goes on (F62).
    ///
    /// - Throws: `PILE_NOT_FOUND`, `PORT_NOT_FOUND`.
    package func setPort(_ port: Int, of id: String, isDisabled: Bool, reason: String = "", by who: String) async throws {
        guard let pile = pile(id) else { throw APIError(.pileNotFound) }
        guard (1...pile.ports).contains(port) else { throw APIError(.portNotFound) }
        let (name, now) = (isDisabled ? "port.disabled" : "port.enabled", milliseconds)
        try await storage.commitPoint(
            "port.change", ["pile": .text(id), "port": .integer(Int64(port))],
            body: { db in try StationStore.setDisabled(isDisabled, pile: pile, port: port, reason: reason, by: who, at: now, in: db) },
            notes: { _ in [CloudNote(name, ["pile": .text(id), "port": .integer(Int64(port)), "by": .text(who)])] })
        followPort(port, of: id, isDisabled: isDisabled)
    }

    func followPort(_ port: Int, of id: String, isDisabled: Bool) {
        state.withLock { state in
            guard var ports = state.piles[id]?.registered.disabledPorts else { return }
            ports.removeAll { $0 == port }
            if isDisabled { ports.append(port) }
            state.piles[id]?.registered.disabledPorts = ports.sorted()
        }
    }

    // MARK: Tariffs

    /// Adds a version of an organisation's tariff; orders that run keep theirs (F43), and no version ever changes (F61).
    ///
    /// - Parameter effectiveAt: Unix milliseconds, `nil` for now.
    /// - Throws: `ORGANISATION_NOT_FOUND`, `TARIFF_INVALID`, `TARIFF_RETROACTIVE`.
    package func setTariff(_ rules: Fields, organisation: String, effectiveAt: Int64? = nil, by who: String) async throws -> TariffVersion {
        guard let place = tree[organisation] else { throw APIError(.organisationNotFound) }
        do { try checkTariff(rules) } catch { throw APIError(.tariffInvalid, "The tariff is wrong: \(error).") }
        let now = milliseconds
        guard (effectiveAt ?? now) >= now else { throw APIError(.tariffRetroactive) }
        let version = try await storage.commitPoint(
            "tariff.set", ["organisation": .text(organisation)],
            body: { db in
                let version = TariffVersion(
                    organisation: organisation, version: try TariffStore.next(of: organisation, in: db), name: rules["name"]?.text ?? "",
                    rules: rules,
                    effectiveAt: effectiveAt ?? now, createdAt: now, createdBy: who)
                try TariffStore.insert(version, operatorID: place.operatorID, in: db)
                return version
            },
            notes: { version in
                [CloudNote("tariff.changed", ["organisation": .text(organisation), "tariff": .text(version.label), "by": .text(who)])]
            })
        state.withLock { $0.tariffs.add(version) }
        return version
    }

    package func tariffs(of organisation: String) -> [TariffVersion] { state.withLock { $0.tariffs.versions(of: organisation) } }

    // MARK: Alarms

    /// Notes that somebody takes care of an alarm; with `clears`, that it is over though the pile does not say so.
    package func acknowledge(_ alarm: StationAlarm, by who: String, clears: Bool) async throws {
        let now = milliseconds
        try await storage.commitPoint("alarm.acknowledge", ["pile": .text(alarm.pile), "kind": .text(alarm.kind)]) { db in
            try AlarmStore.acknowledge(alarm.id, by: who, at: now, in: db)
        }
        if clears, alarm.clearedAt == nil { clear(pile: alarm.pile, port: alarm.port, kind: alarm.kind) }
    }
}
