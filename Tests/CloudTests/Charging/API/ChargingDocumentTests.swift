import Cloud
import LabCore
import Testing

@Suite("The charging surface in OpenAPI and the error codes (OWASP API9)")
struct ChargingDocumentTests {
    private func paths(_ bench: ChargingBench) async throws -> Fields {
        try #require(try await bench.send("GET", "/openapi.json").json?.record?["paths"]?.record)
    }

    @Test("every route is in the document, with its parameters, its body and the statuses that it gives")
    func routes() async throws {
        let (bench, key) = try await ChargingPermissionTests.bench()
        let paths = try await paths(bench)
        for route in ChargingPermissionTests.routes {
            let operation = try #require(
                paths["/api/v1/charging" + route.template]?.record?[route.method.lowercased()]?.record, "\(route.testDescription)")
            #expect((operation["requestBody"] != nil) == (route.body != nil || route.bytes != nil), "\(route.testDescription)")
            let user = route.need == .ride ? "rita" : "admin"
            let answer = try await ChargingPermissionTests.call(route, bench, key: key, as: route.need == .open ? nil : user)
            let statuses = try #require(operation["responses"]?.record)
            #expect(statuses[String(answer.status)] != nil, "\(route.testDescription) \(answer.status)")
        }
    }

    @Test("every path of the document is routed, with its methods and no other")
    func document() async throws {
        let bench = try await ChargingBench { $0.rateLimits.open = RateLimit(10_000, per: .seconds(1)) }
        for path in try await paths(bench) where path.name.hasPrefix("/api/v1/charging") {
            let operations = try #require(path.value.record).map { $0.name.uppercased() }
            let target = path.name.split(separator: "/", omittingEmptySubsequences: false).map { $0.hasPrefix("{") ? "x" : String($0) }
                .joined(separator: "/")
            let allowed = try #require(try await bench.send("OPTIONS", target).header("allow")).split(separator: ", ").map { String($0) }
            #expect(Set(allowed) == Set(operations + ["OPTIONS"] + (operations.contains("GET") ? ["HEAD"] : [])), "\(path.name)")
        }
    }

    @Test("every answer of success has the fields that the document requires, and none of money or energy with a fraction")
    func answers() async throws {
        for route in ChargingPermissionTests.routes where route.need != .partner {
            let (bench, key) = try await ChargingPermissionTests.bench()
            let user = route.need == .ride ? "rita" : "acme-manager"
            let answer = try await ChargingPermissionTests.call(route, bench, key: key, as: route.need == .open ? nil : user)
            guard answer.header("content-type") == "application/json" else { continue }
            let endpoint = try #require(
                bench.gateway.endpoints.first { $0.method == route.method && $0.path == "/api/v1/charging" + route.template })
            let data = try #require(answer.json?.record?["data"]?.record, "\(route.testDescription)")
            check(data, endpoint.answer, "\(route.testDescription)")
        }
    }

    private func check(_ data: Fields, _ kinds: [FieldKind], _ place: String) {
        for kind in kinds where kind.isRequired { #expect(data[kind.name] != nil, "\(place): \(kind.name)") }
        for entry in data {
            guard let kind = kinds.first(where: { $0.name == entry.name }) else {
                Issue.record("\(place): \(entry.name) is not in the document")
                continue
            }
            switch (kind.type, entry.value) {
            case (.integer, .integer), (.text, .text), (.bool, .bool), (.choice, .text), (.record, .record): break
            case (.list(let element), .list(let items)):
                if case .record(let fields) = element { for item in items { check(item.record ?? [:], fields, "\(place).\(entry.name)") } }
            default: Issue.record("\(place): \(entry.name) is \(entry.value), not \(kind.type.name)")
            }
        }
    }

    @Test("the stations' codes are listed with their remedy, each number once")
    func codes() async throws {
        let bench = try await ChargingBench()
        let items = try await bench.send("GET", "/api/v1/errors").data("items")?.list ?? []
        let numbers = items.compactMap { $0.record?["code"]?.integer }
        #expect(Set(numbers).count == numbers.count)
        for code in [
            ErrorCode.organisationNotFound, .pileExists, .tariffRetroactive, .batchInvalid, .grantTooWide, .idempotencyKeyRequired,
        ] {
            #expect(numbers.contains(Int64(code.number)))
        }
    }
}
