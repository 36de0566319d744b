import Cloud
import LabCore
import Testing

@Suite("OpenAPI and routes (OWASP API9)")
struct OpenAPITests {
    private func document(_ bench: GatewayBench) async throws -> Fields {
        let answer = await bench.send("GET", "/openapi.json")
        #expect(answer.header("content-type") == "application/json")
        return try #require(answer.json?.record)
    }

    @Test("every route is in the document")
    func routesInDocument() async throws {
        let bench = try GatewayBench()
        let paths = try #require(try await document(bench)["paths"]?.record)
        for endpoint in bench.gateway.endpoints {
            #expect(paths[endpoint.path]?.record?[endpoint.method.lowercased()] != nil, "\(endpoint.method) \(endpoint.path)")
        }
    }

    @Test("every path of the document is routed, with that method and no other")
    func documentInRoutes() async throws {
        let bench = try GatewayBench { $0.rateLimits.open = RateLimit(10_000, per: .seconds(1)) }
        let paths = try #require(try await document(bench)["paths"]?.record)
        #expect(!paths.isEmpty)
        for path in paths {
            let operations = try #require(path.value.record).map { $0.name.uppercased() }
            let target = path.name.split(separator: "/", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("{") ? "x" : String($0) }.joined(separator: "/")
            let options = await bench.send("OPTIONS", target)
            let allowed = try #require(options.header("allow")).split(separator: ", ").map { String($0) }
            #expect(Set(allowed) == Set(operations + ["OPTIONS"] + (operations.contains("GET") ? ["HEAD"] : [])), "\(path.name)")
            for method in operations {
                #expect(!["ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"].contains(await bench.send(method, target).error), "\(method) \(path.name)")
            }
        }
    }

    @Test("it is OpenAPI 3.1 with unique operation ids, declared path parameters and references that lead somewhere")
    func form() async throws {
        let document = try await document(try GatewayBench())
        #expect(document["openapi"] == "3.1.0")
        #expect(document.value(at: "info.title") != nil && document.value(at: "info.version") != nil)
        var ids: [String] = []
        for path in try #require(document["paths"]?.record) {
            for operation in try #require(path.value.record) {
                let fields = try #require(operation.value.record)
                ids.append(try #require(fields["operationId"]?.text))
                let declared = (fields["parameters"]?.list ?? []).compactMap { $0.record }.filter { $0["in"] == "path" }.compactMap { $0["name"]?.text }
                #expect(declared == path.name.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) })
                #expect(fields.value(at: "responses") != nil)
            }
        }
        #expect(Set(ids).count == ids.count)
        for reference in references(in: .record(document)) {
            #expect(reference.hasPrefix("#/"))
            let path = reference.dropFirst(2).split(separator: "/").joined(separator: ".")
            #expect(document.value(at: path) != nil, "\(reference)")
        }
    }

    private func references(in value: FieldValue) -> [String] {
        switch value {
        case .record(let fields):
            (fields["$ref"]?.text.map { [$0] } ?? []) + fields.flatMap { references(in: $0.value) }
        case .list(let items): items.flatMap { references(in: $0) }
        default: []
        }
    }

    @Test("every status that a route gives is in the document")
    func statuses() async throws {
        let bench = try GatewayBench()
        let paths = try #require(try await document(bench)["paths"]?.record)
        let admin = try await bench.asUser(.admin)
        let made = await bench.send(
            "POST", "/api/v1/users", admin, body: #"{"username":"anna","email":"a@b.c","password":"long enough word","role":"guest"}"#)
        let calls: [(String, String, HTTPAnswer)] = [
            ("/api/v1/users", "post", made), ("/health", "get", await bench.send("GET", "/health")),
            ("/api/v1/errors/{code}", "get", await bench.send("GET", "/api/v1/errors/1")),
            ("/api/v1/devices", "get", await bench.send("GET", "/api/v1/devices")),
            ("/api/v1/devices", "get", await bench.send("GET", "/api/v1/devices?x=1", admin)),
            ("/api/v1/users", "get", await bench.send("GET", "/api/v1/users", try await bench.asUser(.guest))),
            ("/api/v1/users/{username}", "delete", await bench.send("DELETE", "/api/v1/users/nobody", admin)),
        ]
        for (path, method, answer) in calls {
            #expect(paths[path]?.record?[method]?.record?["responses"]?.record?[String(answer.status)] != nil, "\(path) \(answer.status)")
        }
    }
}

@Suite("Metrics and events")
struct ObservationTests {
    @Test("the metrics are Prometheus text 0.0.4 in a fixed order")
    func text() {
        let metrics = MetricsRegistry()
        metrics.declare("b_total", "Counts \"b\" \\ and\nmore.")
        metrics.count("b_total", [("route", "/z")])
        metrics.count("b_total", [("route", "/a\"\\\n")], by: 2)
        metrics.gauge("a", "A gauge.") { 1.5 }
        metrics.observe("c_seconds", [("route", "/z")], .milliseconds(7))
        metrics.observe("c_seconds", [("route", "/z")], .seconds(20))
        // By hand, after https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
        #expect(
            metrics.text() == """
                # HELP a A gauge.
                # TYPE a gauge
                a 1.5
                # HELP b_total Counts "b" \\\\ and\\nmore.
                # TYPE b_total counter
                b_total{route="/a\\"\\\\\\n"} 2
                b_total{route="/z"} 1
                # TYPE c_seconds histogram
                c_seconds_bucket{route="/z",le="0.005"} 0
                c_seconds_bucket{route="/z",le="0.01"} 1
                c_seconds_bucket{route="/z",le="0.025"} 1
                c_seconds_bucket{route="/z",le="0.05"} 1
                c_seconds_bucket{route="/z",le="0.1"} 1
                c_seconds_bucket{route="/z",le="0.25"} 1
                c_seconds_bucket{route="/z",le="0.5"} 1
                c_seconds_bucket{route="/z",le="1"} 1
                c_seconds_bucket{route="/z",le="2.5"} 1
                c_seconds_bucket{route="/z",le="5"} 1
                c_seconds_bucket{route="/z",le="10"} 1
                c_seconds_bucket{route="/z",le="+Inf"} 2
                c_seconds_sum{route="/z"} 20.007
                c_seconds_count{route="/z"} 2

                """)
    }

    @Test("requests are counted by route and status, paths that a caller invents under one name")
    func counts() async throws {
        let bench = try GatewayBench()
        _ = await bench.send("GET", "/health")
        _ = await bench.send("GET", "/api/v1/devices/luna_badge_0007")
        for number in 1...5 { _ = await bench.send("GET", "/invented/\(number)") }
        _ = await bench.send("BREW", "/health")
        let answer = await bench.send("GET", "/metrics")
        #expect(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        let lines = String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map { String($0) }
        #expect(lines.contains(#"http_requests_total{method="GET",route="/health",status="200"} 1"#))
        #expect(lines.contains(#"http_requests_total{method="GET",route="/api/v1/devices/{device_id}",status="401"} 1"#))
        #expect(lines.contains(#"http_requests_total{method="GET",route="unmatched",status="404"} 5"#))
        #expect(lines.contains(#"http_requests_total{method="OTHER",route="unmatched",status="405"} 1"#))
        #expect(lines.contains(#"http_requests_refused_total{reason="authentication_required"} 1"#))
        #expect(lines.contains("# TYPE http_request_duration_seconds histogram"))
    }

    @Test("each request is one event of traffic, each refusal one more that says why")
    func events() async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("GET", "/api/v1/devices", try await bench.asUser(.guest))
        #expect(
            bench.clock.events("http.request") == [
                [
                    "method": "GET", "route": "/api/v1/devices", "status": 200, "caller": "user test-guest", "user": "test-guest",
                    "request_id": .text(answer.header("x-request-id") ?? ""),
                ]
            ])
        #expect(bench.clock.events("request.refused").isEmpty)
        let refused = await bench.send("DELETE", "/api/v1/devices/luna_badge_0007", try await bench.asUser(.guest))
        #expect(
            bench.clock.events("request.refused") == [
                [
                    "reason": "permission_denied", "status": 403, "method": "DELETE", "route": "/api/v1/devices/{device_id}",
                    "user": "test-guest", "request_id": .text(refused.header("x-request-id") ?? ""),
                ]
            ])
    }

    @Test("every event has only fields that the vocabulary names")
    func vocabulary() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007"
        _ = await bench.send("GET", path, try await bench.asDevice("GET", path))
        _ = await bench.send("GET", path, [("authorization", "Bearer x")])
        _ = await bench.send("GET", "/api/v1/broken")
        _ = await bench.send("POST", "/api/v1/auth/login", body: #"{"username":"root","password":"correct horse battery"}"#)
        _ = await bench.send("POST", "/api/v1/auth/login", body: #"{"username":"root","password":"x"}"#)
        for kind in GatewayVocabulary.events where !["audit.failed", "database.failed"].contains(kind.name) {
            let events = bench.clock.events(kind.name)
            #expect(!events.isEmpty, "\(kind.name)")
            for fields in events {
                for entry in fields { #expect(kind.fields.contains { $0.name == entry.name }, "\(kind.name).\(entry.name)") }
            }
        }
    }
}
