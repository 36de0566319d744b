import LabCore

// Tariffs of organisations: versions are added, and stay.
extension ChargingAPI {
    var tariffEndpoints: [Endpoint] { [listTariffs, addTariff, oneTariff] }

    private static let tariffFields = [
        FieldKind("tariff", .text, required: true, "what orders name: organisation@version"),
        FieldKind("organisation", .text, required: true),
        FieldKind("version", .integer, required: true), FieldKind("name", .text), FieldKind("rules", .record([]), required: true),
        FieldKind("effective_at", .text, required: true), FieldKind("created_at", .text), FieldKind("created_by", .text),
        FieldKind("is_in_force", .bool, required: true, "the version that new orders of the organisation get now"),
    ]

    private func show(_ version: TariffVersion, inForce: TariffVersion?) -> Fields {
        [
            "tariff": .text(version.label), "organisation": .text(version.organisation), "version": .integer(Int64(version.version)),
            "name": .text(version.name), "rules": .record(version.rules), "effective_at": ChargingForms.time(version.effectiveAt),
            "created_at": ChargingForms.time(version.createdAt), "created_by": .text(version.createdBy),
            "is_in_force": .bool(inForce?.version == version.version),
        ]
    }

    private func inForce(_ versions: [TariffVersion]) -> TariffVersion? {
        guard let organisation = versions.first?.organisation else { return nil }
        return TariffBook(versions).version(of: organisation, at: stations.milliseconds)
    }

    private var listTariffs: Endpoint {
        staff(
            "GET", "/organisations/{organisation}/tariffs", "The versions of an organisation's own tariff, the newest first.",
            .readStations,
            query: ChargingForms.pages, answer: ChargingForms.listFields(Self.tariffFields), statuses: [200, 404]
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let versions = stations.tariffs(of: try organisation(request.parameter("organisation"), .readStations, scope, request).id)
            let current = inForce(versions)
            let shown = versions.reversed().dropFirst(page.offset).prefix(page.limit)
            return ChargingForms.list(shown.map { show($0, inForce: current) }, page, total: versions.count)
        }
    }

    private var addTariff: Endpoint {
        staff(
            "POST", "/organisations/{organisation}/tariffs", "Adds a version of the tariff, from now on or from a time to come.",
            .writeTariffs,
            body: [
                FieldKind("rules", .record([]), required: true, "name, elec, service, time, …: see Docs/charging-api.md"),
                FieldKind("effective_at", .text, "ISO 8601 in UTC; now where absent"),
            ], answer: Self.tariffFields, statuses: [201, 404, 409, 422]
        ) { request, scope in
            let found = try organisation(request.parameter("organisation"), .writeTariffs, scope, request)
            let version = try await stations.setTariff(
                request.body["rules"]?.record ?? [:], organisation: found.id,
                effectiveAt: try ChargingForms.moment("effective_at", in: request.body),
                by: request.identity.label)
            return APIAnswer(status: 201, data: .record(show(version, inForce: inForce(stations.tariffs(of: found.id)))))
        }
    }

    private var oneTariff: Endpoint {
        staff(
            "GET", "/organisations/{organisation}/tariffs/{version}", "One version, as the orders that name it were priced.", .readStations,
            answer: Self.tariffFields, statuses: [200, 404]
        ) { request, scope in
            let found = try organisation(request.parameter("organisation"), .readStations, scope, request)
            let number = try ChargingForms.number(request.parameter("version"), else: .tariffNotFound)
            let versions = stations.tariffs(of: found.id)
            guard let version = versions.first(where: { $0.version == number }) else { throw APIError(.tariffNotFound) }
            return APIAnswer(data: .record(show(version, inForce: inForce(versions))))
        }
    }
}
