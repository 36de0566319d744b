import Cloud
import LabCore
import Testing

@Suite("Form of requests and answers")
struct GatewayFormTests {
    // MARK: The envelope

    @Test("success and failure have the one form: code, data, message, with a number, a name and a request id")
    func envelope() async throws {
        let bench = try GatewayBench()
        let success = await bench.send("GET", "/health")
        #expect(String(decoding: success.body, as: UTF8.self) == #"{"code":0,"data":{"status":"ok","database":"ok"},"message":"success"}"#)
        let failure = await bench.send("GET", "/nothing")
        let id = try #require(failure.header("x-request-id"))
        #expect(
            String(decoding: failure.body, as: UTF8.self)
                == #"{"code":1006,"data":{"error":"ROUTE_NOT_FOUND","request_id":"\#(id)"},"message":"There is nothing at this path."}"#)
        for answer in [success, failure] {
            #expect(answer.header("content-type") == "application/json")
            #expect(answer.header("content-length") == String(answer.body.count))
            #expect(answer.header("x-content-type-options") == "nosniff")
            #expect(answer.header("cache-control") == "no-store")
            #expect(answer.header("x-frame-options") == "DENY")
            #expect(answer.header("access-control-allow-origin") == nil)
            #expect(answer.header("server") == nil)
        }
    }

    @Test("request ids differ from request to request and are the same for the same seed; a client cannot choose one")
    func requestIDs() async throws {
        let (one, two) = (try GatewayBench(), try GatewayBench())
        var ids: [String] = []
        for _ in 1...3 { ids.append(await one.send("GET", "/health", [("x-request-id", "mine")]).header("x-request-id") ?? "") }
        #expect(Set(ids).count == 3)
        #expect(!ids.contains("mine"))
        #expect(await two.send("GET", "/health").header("x-request-id") == ids[0])
    }

    @Test("a failure inside tells the caller nothing of it, and the log everything")
    func internalError() async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("GET", "/api/v1/broken")
        #expect((answer.status, answer.error) == (500, "INTERNAL_ERROR"))
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("Broken"))
        let event = try #require(bench.clock.events("request.failed").last)
        #expect(event["request_id"]?.text == answer.header("x-request-id"))
        #expect(event["reason"]?.text?.contains("Broken") == true)
    }

    @Test("a full disk is 507 for whoever wants to write, and 503 at /health")
    func fullDisk() async throws {
        let bench = try GatewayBench()
        bench.disk.setFull(true)
        let path = "/api/v1/auth/device/token"
        let answer = await bench.send("POST", path, bench.signed("POST", path, body: "{}"), body: "{}")
        #expect((answer.status, answer.error) == (507, "DATABASE_FULL"))
        #expect(await bench.send("GET", "/health").error == "UNAVAILABLE")
        bench.disk.setFull(false)
        #expect(await bench.send("GET", "/health").error == "ok")
    }

    // MARK: Routes and methods

    @Test("an unknown path is 404, an unknown method on a known path 405 with allow", arguments: ["PATCH", "POST", "TRACE", "CONNECT", "BREW"])
    func methods(method: String) async throws {
        let bench = try GatewayBench()
        let answer = await bench.send(method, "/api/v1/devices/luna_badge_0007")
        #expect((answer.status, answer.error) == (405, "METHOD_NOT_ALLOWED"))
        #expect(answer.header("allow") == "DELETE, GET, HEAD, OPTIONS")
        #expect(await bench.send(method, "/api/v1/nothing").error == "ROUTE_NOT_FOUND")
    }

    @Test("a method in a header or in the query is not another method")
    func methodOverride() async throws {
        let bench = try GatewayBench()
        let guest = try await bench.asUser(.guest)
        for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
            let answer = await bench.send("GET", "/api/v1/devices", guest + [(header, "DELETE")])
            #expect(answer.error == "ok")
        }
        #expect(await bench.send("GET", "/api/v1/devices?_method=DELETE", guest).error == "UNKNOWN_FIELD")
    }

    @Test("HEAD answers as GET does, without the body; OPTIONS names the methods")
    func headAndOptions() async throws {
        let bench = try GatewayBench()
        let (get, head) = (await bench.send("GET", "/health"), await bench.send("HEAD", "/health"))
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        #expect(head.header("content-length") == get.header("content-length"))
        #expect(await bench.send("HEAD", "/nothing").status == 404)
        let options = await bench.send("OPTIONS", "/api/v1/devices/luna_badge_0007/config")
        #expect(options.status == 204)
        #expect(options.header("allow") == "OPTIONS, PUT")
        #expect(options.body.isEmpty)
        #expect(options.header("content-type") == nil)
    }

    @Test(
        "a path that would be routed as another one than was sent is not found",
        arguments: [
            "/api/v1//devices", "/api/v1/devices/", "/api/v1/./devices", "/api/v1/x/../devices", "//api/v1/devices", "/API/v1/devices",
            "/api/v1/devices/..", "/openapi.json/", "/health/x",
        ])
    func paths(path: String) async throws {
        let answer = await (try GatewayBench()).send("GET", path)
        #expect((answer.status, answer.error) == (404, "ROUTE_NOT_FOUND"))
    }

    @Test("a path that is none is refused", arguments: ["", "health", "/a b", "/a\u{0}", "/ä", "/a{b}", "/a\"b", "http://evil/health", "*", "/a#b", "/a\nb"])
    func noPaths(path: String) async throws {
        let answer = await (try GatewayBench()).send("GET", path)
        #expect((answer.status, answer.error) == (400, "MALFORMED_REQUEST"))
    }

    @Test("a parameter of a path is 1 to 128 bytes of text", arguments: ["%00", "a%0Ab", "a%2Fb", "%zz", "%", "%ff", String(repeating: "a", count: 129)])
    func pathParameters(segment: String) async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("GET", "/api/v1/devices/\(segment)", try await bench.asUser(.guest))
        #expect((answer.status, answer.error) == (400, "INVALID_FIELD"))
        #expect(answer.data("field") == "device_id")
        #expect(await bench.send("GET", "/api/v1/devices/%E8%AE%BE%E5%A4%87", try await bench.asUser(.guest)).error == "ok")
    }

    @Test("a method that is no word is refused", arguments: ["", "get", "GET ", "G E T", "GET\r\n", String(repeating: "A", count: 17)])
    func noMethods(method: String) async throws {
        #expect(await (try GatewayBench()).send(method, "/health").error == "MALFORMED_REQUEST")
    }

    // MARK: Sizes (API4)

    @Test("a body at the limit is read, one byte more is 413 before anything else is looked at")
    func bodySize() async throws {
        let bench = try GatewayBench { $0.limits.bodyBytes = 1_000 }
        let admin = try await bench.asUser(.admin)
        let frame = #"{"a":""}"#
        let fits = #"{"a":"\#(String(repeating: "x", count: 1_000 - frame.utf8.count))"}"#
        #expect(await bench.send("POST", "/api/v1/factory/devices", admin, body: fits).error == "ok")
        for (path, headers) in [("/api/v1/factory/devices", admin), ("/api/v1/factory/devices", []), ("/nothing", [])] {
            let answer = await bench.send("POST", path, headers, body: fits + " ")
            #expect((answer.status, answer.error) == (413, "BODY_TOO_LARGE"))
            #expect(answer.data("limit") == 1_000)
        }
    }

    @Test("headers and path have limits")
    func otherSizes() async throws {
        let bench = try GatewayBench()
        #expect(await bench.send("GET", "/health", [("x-long", String(repeating: "a", count: 16_378))]).error == "ok")
        #expect(await bench.send("GET", "/health", [("x-long", String(repeating: "a", count: 16_379))]).status == 431)
        #expect(await bench.send("GET", "/health", (1...64).map { ("x-\($0)", "a") }).error == "ok")
        #expect(await bench.send("GET", "/health", (1...65).map { ("x-\($0)", "a") }).error == "HEADERS_TOO_LARGE")
        let answer = await bench.send("GET", "/health?" + String(repeating: "a", count: 4_089))
        #expect((answer.status, answer.error) == (414, "PATH_TOO_LONG"))
        #expect(await bench.send("GET", "/health?" + String(repeating: "a", count: 4_088)).error == "UNKNOWN_FIELD")
    }

    @Test("a deep body and one of very many values are refused")
    func depth() async throws {
        let bench = try GatewayBench()
        let admin = try await bench.asUser(.admin)
        func nested(_ depth: Int) -> String { #"{"a":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}" }
        #expect(await bench.send("POST", "/api/v1/factory/devices", admin, body: nested(15)).error == "ok")
        #expect(await bench.send("POST", "/api/v1/factory/devices", admin, body: nested(16)).error == "MALFORMED_BODY")
        #expect(await bench.send("POST", "/api/v1/factory/devices", admin, body: nested(30_000)).error == "MALFORMED_BODY")
        let many = #"{"a":["# + Array(repeating: "1", count: 4_098).joined(separator: ",") + "]}"
        #expect(await bench.send("POST", "/api/v1/factory/devices", admin, body: many).error == "MALFORMED_BODY")
    }

    // MARK: Content types

    @Test(
        "a body must be declared as JSON and come as it is",
        arguments: [
            ("application/json", true), ("application/json; charset=utf-8", true), ("Application/JSON;charset=\"UTF-8\"", true),
            ("text/json", false), ("text/plain", false), ("application/json; charset=latin1", false), ("application/jsonp", false),
            ("multipart/form-data", false), ("", false),
        ])
    func contentType(type: String, isAccepted: Bool) async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("POST", "/api/v1/factory/devices", try await bench.asUser(.admin) + [("content-type", type)], body: "{}")
        #expect(answer.status == (isAccepted ? 200 : 415))
    }

    @Test("a packed body is refused: no bomb is unpacked")
    func contentEncoding() async throws {
        let bench = try GatewayBench()
        let headers = try await bench.asUser(.admin) + [("content-type", "application/json"), ("content-encoding", "gzip")]
        #expect(await bench.send("POST", "/api/v1/factory/devices", headers, body: "{}").error == "UNSUPPORTED_MEDIA_TYPE")
    }

    @Test("hosts that are not served are told so where the hosts are named")
    func hosts() async throws {
        let bench = try GatewayBench { $0.acceptedHosts = ["cloud.lab"] }
        #expect(await bench.send("GET", "/health", [("host", "CLOUD.lab")]).error == "ok")
        let answer = await bench.send("GET", "/health", [("host", "evil.example")])
        #expect((answer.status, answer.error) == (421, "WRONG_HOST"))
        #expect(await bench.send("GET", "/health").error == "WRONG_HOST")
    }

    // MARK: Fields

    @Test(
        "a body that is not what the endpoint takes is refused with the field",
        arguments: [
            (#"{}"#, "MISSING_FIELD", "level"), (#"{"level":"loud"}"#, "INVALID_FIELD", "level"), (#"{"level":null}"#, "INVALID_FIELD", "level"),
            (#"{"level":"info","count":"1"}"#, "INVALID_FIELD", "count"), (#"{"level":"info","count":1.5}"#, "INVALID_FIELD", "count"),
            (#"{"level":"info","count":9223372036854775808}"#, "INVALID_FIELD", "count"),
            (#"{"level":"info","tags":"a"}"#, "INVALID_FIELD", "tags"), (#"{"level":"info","tags":["a",1]}"#, "INVALID_FIELD", "tags[1]"),
            (#"{"level":"info","position":{}}"#, "MISSING_FIELD", "position.x"),
            (#"{"level":"info","position":{"x":1,"y":2}}"#, "UNKNOWN_FIELD", "position.y"),
            (#"{"level":"info","levle":"info"}"#, "UNKNOWN_FIELD", "levle"), (#"{"level":"info","role":"admin"}"#, "UNKNOWN_FIELD", "role"),
        ])
    func fields(body: String, error: String, field: String) async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports"
        let answer = await bench.send("POST", path, try await bench.asDevice("POST", path, body: body), body: body)
        #expect((answer.status, answer.error) == (400, error))
        #expect(answer.data("field")?.text == field)
    }

    @Test("the message says what is allowed, or what was probably meant")
    func messages() async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports"
        func message(_ body: String) async throws -> String? {
            await bench.send("POST", path, try await bench.asDevice("POST", path, body: body), body: body).json?.record?["message"]?.text
        }
        #expect(try await message(#"{"level":"loud"}"#) == "The field 'level' must be one of info, error.")
        #expect(try await message(#"{"level":"info","levle":1}"#) == "The field 'levle' is not known here. Did you mean 'level'?")
        #expect(try await message("{}") == "The field 'level' is missing; it must be one of info, error.")
    }

    @Test(
        "a body that is no JSON record is refused",
        arguments: ["[]", "1", "null", "{", #"{"level":"info","level":"error"}"#, #"{'level':'info'}"#, #"{"level":"info"}x"#, "{\"level\":NaN}"])
    func noRecord(body: String) async throws {
        let bench = try GatewayBench()
        let path = "/api/v1/devices/luna_badge_0007/reports"
        let answer = await bench.send("POST", path, try await bench.asDevice("POST", path, body: body), body: body)
        #expect((answer.status, answer.error) == (400, "MALFORMED_BODY"))
    }

    @Test("a body where none is taken is refused")
    func unwantedBody() async throws {
        let bench = try GatewayBench()
        #expect(await bench.send("GET", "/api/v1/devices", try await bench.asUser(.guest), body: "{}").error == "MALFORMED_REQUEST")
    }

    @Test(
        "a query is read by the types of its list",
        arguments: [
            ("page=2&limit=10", "ok"), ("page=%32", "ok"), ("status=online", "ok"), ("", "ok"), ("page=", "INVALID_FIELD"),
            ("page=1e3", "INVALID_FIELD"), ("page=1.0", "INVALID_FIELD"), ("page=١", "MALFORMED_REQUEST"), ("page=+1", "INVALID_FIELD"),
            ("page=99999999999999999999", "INVALID_FIELD"), ("status=Online", "INVALID_FIELD"), ("page=1&page=2", "INVALID_FIELD"),
            ("pages=1", "UNKNOWN_FIELD"), ("&", "UNKNOWN_FIELD"), ("page=1&", "UNKNOWN_FIELD"), ("page=%2", "MALFORMED_REQUEST"),
            ("page=1;DROP TABLE devices", "MALFORMED_REQUEST"), ("status=online%27%20OR%201=1", "INVALID_FIELD"),
        ])
    func query(query: String, result: String) async throws {
        let bench = try GatewayBench()
        let answer = await bench.send("GET", "/api/v1/devices?" + query, try await bench.asUser(.guest))
        #expect(answer.error == result)
    }

    @Test("a page of 10^9 rows is refused")
    func pages() async throws {
        let bench = try GatewayBench()
        let admin = try await bench.asUser(.admin)
        for query in ["limit=1000000000", "limit=0", "limit=-1", "page=0", "limit=101"] {
            #expect(await bench.send("GET", "/api/v1/users?" + query, admin).error == "INVALID_FIELD")
        }
        #expect(await bench.send("GET", "/api/v1/users?limit=100&page=1", admin).error == "ok")
    }

    // MARK: The error-code centre

    @Test("every error code has its own number and name, and is explained by both")
    func errorCodes() async throws {
        let bench = try GatewayBench()
        #expect(Set(ErrorCode.all.map(\.number)).count == ErrorCode.all.count)
        #expect(Set(ErrorCode.all.map(\.name)).count == ErrorCode.all.count)
        let list = await bench.send("GET", "/api/v1/errors")
        #expect(list.data("total") == .integer(Int64(ErrorCode.all.count)))
        for code in ErrorCode.all {
            #expect((400...599).contains(code.status))
            #expect(!code.sentence.isEmpty && !code.remedy.isEmpty)
        }
        let byName = await bench.send("GET", "/api/v1/errors/clock_skew")
        #expect(byName.data("code") == 2007)
        #expect(byName.data("status") == 401)
        #expect(await bench.send("GET", "/api/v1/errors/2007").body == byName.body)
        #expect(await bench.send("GET", "/api/v1/errors/7").error == "ERROR_CODE_NOT_FOUND")
    }
}
