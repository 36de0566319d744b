import GRDB
import LabCore

/// What operators and tools ask of the cloud itself.
struct SystemService: CloudService {
    var storage: Storage
    var metrics: MetricsRegistry
    /// `/openapi.json`, made once.
    var document: [UInt8]

    var endpoints: [Endpoint] { [health, prometheus, openAPI, errors, oneError] }

    private var health: Endpoint {
        Endpoint(
            "GET", "/health", "Tells whether the cloud and its database work.", access: .open, rateClass: .open,
            answer: [FieldKind("status", .choice(["ok"]), required: true), FieldKind("database", .choice(["ok"]), required: true)],
            statuses: [200, 503]
        ) { _ in
            do {
                _ = try storage.read { db in try Int.fetchOne(db, cached: "SELECT count(*) FROM sqlite_master") }
                // A full disk reads well; only a write shows it.
                try storage.write(.buffered) { db in try db.execute(cached: "PRAGMA user_version = 0") }
            } catch let crash as CloudCrashed { throw crash } catch { throw APIError(.unavailable) }
            return APIAnswer(data: ["status": "ok", "database": "ok"])
        }
    }

    private var prometheus: Endpoint {
        Endpoint(
            "GET", "/metrics", "Gives the metrics in the Prometheus text format.", access: .open, rateClass: .open
        ) { _ in
            APIAnswer(plain: APIAnswer.Plain(contentType: MetricsRegistry.contentType, bytes: Array(metrics.text().utf8)))
        }
    }

    private var openAPI: Endpoint {
        let document = document
        return Endpoint(
            "GET", "/openapi.json", "Describes this interface in OpenAPI 3.1.", access: .open, rateClass: .open
        ) { _ in
            APIAnswer(plain: APIAnswer.Plain(contentType: "application/json", bytes: document))
        }
    }

    // MARK: The error-code centre

    private static let codeFields = [
        FieldKind("code", .integer, required: true), FieldKind("error", .text, required: true), FieldKind("status", .integer, required: true),
        FieldKind("message", .text, required: true), FieldKind("remedy", .text, required: true),
    ]

    private static func fields(of code: ErrorCode) -> FieldValue {
        [
            "code": .integer(Int64(code.number)), "error": .text(code.name), "status": .integer(Int64(code.status)),
            "message": .text(code.sentence), "remedy": .text(code.remedy),
        ]
    }

    private var errors: Endpoint {
        Endpoint(
            "GET", "/api/v1/errors", "Lists the error codes with what to do about each.", access: .open, rateClass: .open,
            answer: [FieldKind("items", .list(.record(Self.codeFields)), required: true), FieldKind("total", .integer, required: true)]
        ) { _ in
            let items = ErrorCode.all.map(Self.fields)
            return APIAnswer(data: ["items": .list(items), "total": .integer(Int64(items.count))])
        }
    }

    private var oneError: Endpoint {
        Endpoint(
            "GET", "/api/v1/errors/{code}", "Explains one error code, by number or name.", access: .open, rateClass: .open,
            answer: Self.codeFields, statuses: [200, 404]
        ) { request in
            let text = request.parameter("code")
            guard let code = Int(text).flatMap(ErrorCode.numbered) ?? ErrorCode.named(text.uppercased()) else {
                throw APIError(.errorCodeNotFound)
            }
            return APIAnswer(data: Self.fields(of: code))
        }
    }
}
