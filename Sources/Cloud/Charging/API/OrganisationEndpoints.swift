import LabCore

// Operators, regions and sites.
extension ChargingAPI {
    var organisationEndpoints: [Endpoint] { [listOrganisations, addOrganisation, oneOrganisation, changeOrganisation] }

    private static let kinds = FieldType.choice(OrganisationKind.allCases.map(\.rawValue))
    private static let organisationFields = [
        FieldKind("id", .text, required: true), FieldKind("operator", .text, required: true), FieldKind("type", kinds, required: true),
        FieldKind("name", .text, required: true), FieldKind("parent_id", .text), FieldKind("utc_offset", .integer, unit: "min"),
        FieldKind("address", .text), FieldKind("latitude", .number), FieldKind("longitude", .number),
        FieldKind("created_at", .text),
    ]

    private static func show(_ organisation: Organisation) -> Fields {
        var fields: Fields = [
            "id": .text(organisation.id), "operator": .text(organisation.operatorID), "type": .text(organisation.kind.rawValue),
            "name": .text(organisation.name),
        ]
        if let parent = organisation.parent { fields["parent_id"] = .text(parent) }
        fields["utc_offset"] = .integer(Int64(organisation.utcOffset))
        if let address = organisation.address { fields["address"] = .text(address) }
        if let place = organisation.place {
            fields["latitude"] = .number(place.latitude)
            fields["longitude"] = .number(place.longitude)
        }
        fields["created_at"] = ChargingForms.time(organisation.createdAt)
        return fields
    }

    private var listOrganisations: Endpoint {
        staff(
            "GET", "/organisations", "The operators, regions and sites within reach, by id.", .readStations,
            query: ChargingForms.pages + [FieldKind("type", Self.kinds), FieldKind("parent_id", .text)],
            answer: ChargingForms.listFields(Self.organisationFields)
        ) { [stations] request, scope in
            let page = try ChargingForms.page(request)
            let tree = stations.tree
            let roots = scope.grants.filter { $0.permissions.contains(.readStations) }.map(\.organisation)
            let seen = scope.isPlatform ? tree.all : Set(roots).flatMap { tree.subtree(of: $0) }.sorted { $0.id < $1.id }
            var shown: [Organisation] = []
            for organisation in seen where shown.last?.id != organisation.id {
                if let type = request.query["type"]?.text, organisation.kind.rawValue != type { continue }
                if let parent = request.query["parent_id"]?.text, organisation.parent != parent { continue }
                shown.append(organisation)
            }
            return ChargingForms.list(shown.dropFirst(page.offset).prefix(page.limit).map(Self.show), page, total: shown.count)
        }
    }

    private var addOrganisation: Endpoint {
        staff(
            "POST", "/organisations", "Adds a region or a site; the platform's administrators also add operators.", .writeStations,
            body: [
                FieldKind("type", Self.kinds, required: true), FieldKind("code", .text, required: true, Organisation.codeRule),
                FieldKind("name", .text),
                FieldKind("parent_id", .text), FieldKind("utc_offset", .integer, unit: "min", "that of the parent where absent"),
                FieldKind("address", .text),
            ] + Self.place, answer: Self.organisationFields, statuses: [201, 404, 409, 422]
        ) { request, scope in
            let kind = request.body["type"]?.text.flatMap(OrganisationKind.init) ?? .site
            let parent = try request.text("parent_id")
            if let parent {
                _ = try organisation(parent, .writeStations, scope, request)
            } else if !scope.isPlatform {
                throw APIError(.permissionDenied, "Only the platform's administrators add operators; give 'parent_id'.")
            }
            let made = try await stations.addOrganisation(
                kind, code: try request.text("code", maximum: 64) ?? "", name: try request.text("name"), parent: parent,
                utcOffset: try ChargingForms.whole("utc_offset", in: request.body, -840...840).map { Int($0) },
                address: try request.text("address", maximum: 256), place: try Self.place(in: request.body))
            return APIAnswer(status: 201, data: .record(Self.show(made)))
        }
    }

    private var oneOrganisation: Endpoint {
        staff(
            "GET", "/organisations/{organisation}", "One operator, region or site.", .readStations, answer: Self.organisationFields,
            statuses: [200, 404]
        ) { request, scope in
            APIAnswer(data: .record(Self.show(try organisation(request.parameter("organisation"), .readStations, scope, request))))
        }
    }

    private var changeOrganisation: Endpoint {
        staff(
            "PATCH", "/organisations/{organisation}", "Renames an organisation, or gives it another address or place.", .writeStations,
            body: [FieldKind("name", .text), FieldKind("address", .text)] + Self.place, answer: Self.organisationFields, statuses: [200, 404]
        ) { request, scope in
            let found = try organisation(request.parameter("organisation"), .writeStations, scope, request)
            let changed = try await stations.changeOrganisation(
                found.id, name: try request.text("name"), address: try request.text("address", maximum: 256),
                place: try Self.place(in: request.body))
            return APIAnswer(data: .record(Self.show(changed)))
        }
    }
}
