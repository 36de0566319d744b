import LabCore

// Alarms: what is open, what was, and who takes care of it.
extension ChargingAPI {
    var alarmEndpoints: [Endpoint] { [listAlarms, acknowledgeAlarm] }

    private static let alarmFields = [
        FieldKind("alarm", .integer, required: true), FieldKind("operator", .text, required: true),
        FieldKind("site", .text, required: true),
        FieldKind("pile", .text, required: true), FieldKind("port", .integer, "absent for the whole pile"),
        FieldKind("kind", .text, required: true),
        FieldKind("text", .text, required: true), FieldKind("order", .text),
        FieldKind("count", .integer, "how often it was raised while it was open"),
        FieldKind("raised_at", .text, required: true), FieldKind("cleared_at", .text), FieldKind("acknowledged_at", .text),
        FieldKind("acknowledged_by", .text),
    ]

    private static func show(_ alarm: StationAlarm) -> Fields {
        var fields: Fields = [
            "alarm": .integer(alarm.id), "operator": .text(alarm.operatorID), "site": .text(alarm.site), "pile": .text(alarm.pile),
        ]
        if let port = alarm.port { fields["port"] = .integer(Int64(port)) }
        fields["kind"] = .text(alarm.kind)
        fields["text"] = .text(alarm.text)
        if let order = alarm.order { fields["order"] = .text(order) }
        fields["count"] = .integer(alarm.count)
        fields["raised_at"] = ChargingForms.time(alarm.raisedAt)
        if let moment = alarm.clearedAt { fields["cleared_at"] = ChargingForms.time(moment) }
        if let moment = alarm.acknowledgedAt { fields["acknowledged_at"] = ChargingForms.time(moment) }
        if let who = alarm.acknowledgedBy { fields["acknowledged_by"] = .text(who) }
        return fields
    }

    private var listAlarms: Endpoint {
        staff(
            "GET", "/alarms", "The alarms within reach, the newest first.", .readStations,
            query: ChargingForms.pages + [Self.byOrganisation, FieldKind("pile", .text), FieldKind("is_open", .bool)],
            answer: ChargingForms.listFields(Self.alarmFields), statuses: [200, 404]
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let one = try request.query["pile"]?.text.map { try pile($0, .readStations, scope, request).registered.id }
            let sites = try sites(.readStations, scope, request)
            let found = try stations.storage.read { db in
                try AlarmStore.page(
                    sites: sites, pile: one, isOpen: request.query["is_open"]?.bool, limit: page.limit, offset: page.offset, in: db)
            }
            return ChargingForms.list(found.items.map(Self.show), page, total: found.total)
        }
    }

    private var acknowledgeAlarm: Endpoint {
        staff(
            "POST", "/alarms/{alarm}/acknowledge", "Says that somebody takes care of an alarm; with clear, that it is over.", .handleAlarms,
            body: [FieldKind("clear", .bool)], answer: Self.alarmFields, statuses: [200, 404]
        ) { request, scope in
            let id = try ChargingForms.number(request.parameter("alarm"), else: .alarmNotFound)
            guard let alarm = try stations.storage.read({ db in try AlarmStore.find(id, in: db) }) else { throw APIError(.alarmNotFound) }
            try reach(alarm.site, .handleAlarms, scope, request, what: "alarm \(id)", else: .alarmNotFound)
            try await stations.acknowledge(alarm, by: request.identity.label, clears: request.body["clear"]?.bool ?? false)
            let now = try stations.storage.read { db in try AlarmStore.find(id, in: db) }
            return APIAnswer(data: .record(Self.show(now ?? alarm)))
        }
    }
}
