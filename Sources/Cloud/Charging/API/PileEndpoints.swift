import LabCore

// Piles, their ports, parameters and health.
extension ChargingAPI {
    var pileEndpoints: [Endpoint] {
        [listPiles, enterPiles, onePile, changePile, pileHealth, pileParameters, setParameters, restartPile, setPort, dailyStatistics]
    }

    static let wire = FieldType.choice(PileProtocol.allCases.map(\.rawValue))
    static let portFields = [
        FieldKind("port", .integer, required: true), FieldKind("state", .choice(PortState.allCases.map(\.rawValue)), required: true),
        FieldKind("is_disabled", .bool, required: true), FieldKind("fault", .text),
    ]
    static let pileFields = [
        FieldKind("id", .text, required: true), FieldKind("operator", .text, required: true), FieldKind("site", .text, required: true),
        FieldKind("protocol", wire, required: true), FieldKind("name", .text), FieldKind("rated_power_dw", .integer, unit: "dW"),
        FieldKind("is_online", .bool, required: true), FieldKind("last_seen", .text), FieldKind("model", .text),
        FieldKind("firmware", .text),
        FieldKind("parameters_version", .integer, "what it should have"),
        FieldKind("reported_version", .integer, "what it is known to have"),
        FieldKind("ports", .list(.record(portFields)), required: true), FieldKind("alarms", .list(.text), "kinds that are open"),
    ]

    func show(_ pile: PileState) -> Fields {
        let registered = pile.registered
        var fields: Fields = [
            "id": .text(registered.id), "operator": .text(registered.operatorID), "site": .text(registered.site),
            "protocol": .text(pile.wire.rawValue),
        ]
        if let name = pile.name { fields["name"] = .text(name) }
        fields["rated_power_dw"] = .integer(registered.ratedPower)
        fields["is_online"] = .bool(pile.isOnline)
        if let seen = pile.lastSeen { fields["last_seen"] = ChargingForms.time(seen) }
        fields["model"] = .text(pile.model)
        fields["firmware"] = .text(pile.firmware)
        fields["parameters_version"] = .integer(pile.desiredVersion)
        fields["reported_version"] = .integer(pile.reportedVersion)
        fields["ports"] = .list(
            (1...registered.ports).map { port in
                let condition = stations.condition(pile: registered.id, port: port)
                var shown: Fields = [
                    "port": .integer(Int64(port)), "state": .text((condition?.state ?? .idle).rawValue),
                    "is_disabled": .bool(condition?.isDisabled ?? false),
                ]
                if let fault = condition?.fault { shown["fault"] = .text(fault) }
                return .record(shown)
            })
        fields["alarms"] = .list(stations.openAlarms(of: registered.id).map { .text($0) })
        return fields
    }

    private var listPiles: Endpoint {
        staff(
            "GET", "/piles", "The piles within reach, by id.", .readStations,
            query: ChargingForms.pages + [Self.byOrganisation, FieldKind("protocol", Self.wire)],
            answer: ChargingForms.listFields(Self.pileFields),
            statuses: [200, 404]
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let sites = try sites(.readStations, scope, request)
            let found = try stations.storage.read { db in
                try StationStore.pileIDs(
                    sites: sites, wire: request.query["protocol"]?.text, limit: page.limit, offset: page.offset, in: db)
            }
            return ChargingForms.list(found.items.compactMap { stations.snapshot(of: $0) }.map { show($0) }, page, total: found.total)
        }
    }

    private static let entryFields = [
        FieldKind("id", .text, required: true), FieldKind("protocol", wire, required: true),
        FieldKind("ports", .integer, required: true, "1 to 32"),
        FieldKind("rated_power_dw", .integer, unit: "dW", "of one port; 20000 where absent"), FieldKind("name", .text),
    ]

    private var enterPiles: Endpoint {
        staff(
            "POST", "/piles", "Enters piles of a site, 1 to 500 at once: all of them, or none.", .writeStations,
            body: [FieldKind("site", .text, required: true), FieldKind("piles", .list(.record(Self.entryFields)), required: true)],
            answer: [FieldKind("site", .text, required: true), FieldKind("entered", .integer, required: true)],
            statuses: [201, 404, 409, 422]
        ) { request, scope in
            let site = try organisation(try request.text("site", maximum: 65) ?? "", .writeStations, scope, request)
            let list = request.body["piles"]?.list ?? []
            guard (1...500).contains(list.count) else { throw APIError.invalidField("piles", "'piles' must hold 1 to 500 of them") }
            let entries = try list.map { item in
                let fields = item.record ?? [:]
                let name = try Self.name(in: fields)
                return PileEntry(
                    id: fields["id"]?.text ?? "", wire: fields["protocol"]?.text.flatMap(PileProtocol.init) ?? .dny,
                    ports: Int(try ChargingForms.whole("ports", in: fields, 1...32) ?? 0),
                    ratedPower: try ChargingForms.whole("rated_power_dw", in: fields, 1...2_000_000) ?? 20_000, name: name)
            }
            try await stations.enter(entries, site: site.id)
            return APIAnswer(status: 201, data: ["site": .text(site.id), "entered": .integer(Int64(entries.count))])
        }
    }

    private static func name(in fields: Fields) throws(APIError) -> String? {
        guard let value = fields["name"] else { return nil }
        guard let text = value.text, (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw .invalidField("name", "'name' must be a text of 1 to 128 bytes without control characters")
        }
        return text
    }

    private var onePile: Endpoint {
        staff("GET", "/piles/{pile}", "One pile with its ports.", .readStations, answer: Self.pileFields, statuses: [200, 404]) {
            request, scope in
            APIAnswer(data: .record(show(try pile(request.parameter("pile"), .readStations, scope, request))))
        }
    }

    private var changePile: Endpoint {
        staff(
            "PATCH", "/piles/{pile}", "Renames a pile, or moves it to another site of its operator.", .writeStations,
            body: [FieldKind("name", .text), FieldKind("site", .text)], answer: Self.pileFields, statuses: [200, 404, 422]
        ) { request, scope in
            let found = try pile(request.parameter("pile"), .writeStations, scope, request)
            let site = try request.text("site", maximum: 65)
            if let site { _ = try organisation(site, .writeStations, scope, request) }
            try await stations.changePile(found.registered.id, name: try request.text("name"), site: site)
            return APIAnswer(data: .record(show(stations.snapshot(of: found.registered.id) ?? found)))
        }
    }

    private var pileHealth: Endpoint {
        staff(
            "GET", "/piles/{pile}/health", "How well a pile does.", .readStations,
            answer: [
                FieldKind("score", .integer, required: true, "0 to 100"), FieldKind("alerts", .list(.text), required: true),
                FieldKind("recommendations", .list(.text), required: true), FieldKind("checked_at", .text, required: true),
            ], statuses: [200, 404]
        ) { request, scope in
            let found = try pile(request.parameter("pile"), .readStations, scope, request)
            let health = PileHealth(of: found, alarms: stations.openAlarms(of: found.registered.id))
            return APIAnswer(data: [
                "score": .integer(Int64(health.score)), "alerts": .list(health.alerts.map { .text($0) }),
                "recommendations": .list(health.recommendations.map { .text($0) }), "checked_at": ChargingForms.time(stations.milliseconds),
            ])
        }
    }

    // MARK: Parameters

    private static let parameterFields = [
        FieldKind("name", .text, required: true), FieldKind("desired", .integer), FieldKind("reported", .integer),
        FieldKind("state", .choice(PileParameter.State.allCases.map(\.rawValue)), required: true),
        FieldKind("version", .integer, required: true),
        FieldKind("reason", .text), FieldKind("changed_at", .text),
    ]

    private var pileParameters: Endpoint {
        staff(
            "GET", "/piles/{pile}/parameters", "What a pile's parameters should be, and what they are known to be.", .readStations,
            answer: [
                FieldKind("version", .integer, required: true), FieldKind("reported_version", .integer, required: true),
                FieldKind("items", .list(.record(Self.parameterFields)), required: true),
            ], statuses: [200, 404]
        ) { request, scope in
            let found = try pile(request.parameter("pile"), .readStations, scope, request)
            let parameters = try stations.storage.read { db in try ParameterStore.all(of: found.registered.id, in: db) }
            let items = parameters.map { parameter -> FieldValue in
                var fields: Fields = ["name": .text(parameter.name)]
                if let value = parameter.desired { fields["desired"] = .integer(value) }
                if let value = parameter.reported { fields["reported"] = .integer(value) }
                fields["state"] = .text(parameter.state.rawValue)
                fields["version"] = .integer(parameter.version)
                if let reason = parameter.reason { fields["reason"] = .text(reason) }
                fields["changed_at"] = ChargingForms.time(parameter.changedAt)
                return .record(fields)
            }
            return APIAnswer(data: [
                "version": .integer(found.desiredVersion), "reported_version": .integer(found.reportedVersion), "items": .list(items),
            ])
        }
    }

    private var setParameters: Endpoint {
        staff(
            "PUT", "/piles/{pile}/parameters", "Sets parameters of a pile; it gets them now, or when it comes.", .controlStations,
            body: [FieldKind("parameters", .record([]), required: true, PileParameter.nameRule)], answer: Self.batchFields,
            statuses: [202, 404]
        ) { request, scope in
            let found = try pile(request.parameter("pile"), .controlStations, scope, request)
            return try await begin(.setParameters, [found], ["parameters": request.body["parameters"] ?? [:]], request)
        }
    }

    private var restartPile: Endpoint {
        staff(
            "POST", "/piles/{pile}/restart", "Restarts a pile from afar.", .controlStations, body: [], answer: Self.batchFields,
            statuses: [202, 404]
        ) { request, scope in
            try await begin(.restart, [try pile(request.parameter("pile"), .controlStations, scope, request)], [:], request)
        }
    }

    /// A batch of one operator's piles, as it stands when it has begun.
    func begin(_ kind: BatchKind, _ piles: [PileState], _ arguments: Fields, _ request: CloudRequest) async throws -> APIAnswer {
        guard let operatorID = piles.first?.registered.operatorID else { throw APIError(.batchInvalid, "A batch needs one pile or more.") }
        let batch = try await stations.begin(
            kind, piles: piles.map(\.registered.id), arguments: arguments, operatorID: operatorID, by: request.identity.label)
        return APIAnswer(status: 202, data: .record(try show(batch)))
    }

    // MARK: Ports

    private var setPort: Endpoint {
        staff(
            "PUT", "/piles/{pile}/ports/{port}", "Takes a port out of service for new orders, or puts it back.", .writeStations,
            body: [FieldKind("is_disabled", .bool, required: true), FieldKind("reason", .text)], answer: Self.pileFields,
            statuses: [200, 404]
        ) { request, scope in
            let found = try pile(request.parameter("pile"), .writeStations, scope, request)
            let port = Int(try ChargingForms.number(request.parameter("port"), else: .portNotFound))
            try await stations.setPort(
                port, of: found.registered.id, isDisabled: request.body["is_disabled"]?.bool ?? false,
                reason: try request.text("reason", maximum: 256) ?? "",
                by: request.identity.label)
            return APIAnswer(data: .record(show(stations.snapshot(of: found.registered.id) ?? found)))
        }
    }

    // MARK: Figures

    private var dailyStatistics: Endpoint {
        staff(
            "GET", "/statistics/daily", "Sessions, revenue and energy of each day, in the sites' civil time.", .readStations,
            query: [
                Self.byOrganisation, FieldKind("pile", .text), FieldKind("first", .text, required: true, "2026-01-01"),
                FieldKind("last", .text, required: true, "at most 366 days later"),
            ],
            answer: [
                FieldKind(
                    "items",
                    .list(
                        .record([
                            FieldKind("date", .text, required: true), FieldKind("sessions_count", .integer, required: true),
                            FieldKind("revenue_fen", .integer, unit: "fen", required: true), FieldKind("revenue_text", .text, unit: "yuan"),
                            FieldKind("energy_dwh", .integer, unit: "dWh", required: true), FieldKind("energy_text", .text, unit: "kWh"),
                            FieldKind("duration_seconds", .integer, unit: "s"),
                        ])), required: true)
            ], statuses: [200, 404]
        ) { request, scope in
            guard let first = try ChargingForms.day("first", in: request.query),
                let last = try ChargingForms.day("last", in: request.query),
                (0...366).contains(last - first)
            else { throw APIError.invalidField("last", "'last' must be at most 366 days after 'first'") }
            let one = try request.query["pile"]?.text.map { try pile($0, .readStations, scope, request).registered.id }
            let sites = try sites(.readStations, scope, request)
            let lines = try stations.storage.read { db in
                try StationStatistics.lines(sites: sites, pile: one, first: first, last: last, in: db)
            }
            return APIAnswer(data: [
                "items": .list(
                    lines.map { line in
                        [
                            "date": .text(StationStatistics.text(ofDay: line.day)), "sessions_count": .integer(line.sessions),
                            "revenue_fen": .integer(line.fen), "revenue_text": .text(ChargingForms.yuan(line.fen)),
                            "energy_dwh": .integer(line.dwh),
                            "energy_text": .text(ChargingForms.kilowattHours(line.dwh)), "duration_seconds": .integer(line.seconds),
                        ]
                    })
            ])
        }
    }
}
