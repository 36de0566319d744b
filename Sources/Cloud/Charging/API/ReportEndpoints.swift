import LabCore

// Reports of a whole operator: the day's reconciliation, the month's shares.
extension ChargingAPI {
    var reportEndpoints: [Endpoint] { [reconciliation, shares] }

    private static let byOperator = [FieldKind("operator", .text, "the caller's own where absent")]

    private var reconciliation: Endpoint {
        staff(
            "GET", "/reports/reconciliations/{day}", "Orders, register and payment statement of one day, compared.", .readReports,
            query: Self.byOperator,
            answer: [
                FieldKind("operator", .text, required: true), FieldKind("day", .text, required: true),
                FieldKind("report", .record([]), required: true),
            ],
            statuses: [200, 404]
        ) { request, scope in
            let operatorID = try wholeOperator(.readReports, scope, request, named: request.query["operator"]?.text)
            let day = request.parameter("day")
            guard StationStatistics.day(day) != nil else { throw APIError.invalidField("day", "'day' must be a day such as 2026-01-31") }
            guard let report = try backend.reconciliation(operatorID: operatorID, day: day) else { throw APIError(.reportNotFound) }
            return APIAnswer(data: ["operator": .text(operatorID), "day": .text(day), "report": .record(report)])
        }
    }

    private var shares: Endpoint {
        staff(
            "GET", "/reports/shares/{month}", "What each party gets of a month's revenue.", .readReports, query: Self.byOperator,
            answer: [
                FieldKind("operator", .text, required: true), FieldKind("month", .text, required: true),
                FieldKind("report", .record([]), required: true),
            ],
            statuses: [200, 404]
        ) { request, scope in
            let operatorID = try wholeOperator(.readReports, scope, request, named: request.query["operator"]?.text)
            let month = request.parameter("month")
            guard month.utf8.count == 7, StationStatistics.day(month + "-01") != nil else {
                throw APIError.invalidField("month", "'month' must be a month such as 2026-01")
            }
            guard let report = try backend.shares(operatorID: operatorID, month: month) else { throw APIError(.reportNotFound) }
            return APIAnswer(data: ["operator": .text(operatorID), "month": .text(month), "report": .record(report)])
        }
    }
}
