import Cloud
import Foundation
import LabCore
import Synchronization
import Testing

/// One thread that runs jobs in the order in which they come, and counts those that another thread brings.
final class LoopExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var foreign = 0
        var total = 0
    }
    private let state = Mutex(State())
    private let thread = Mutex<Thread?>(nil)

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let isForeign = thread.withLock { $0 } !== Thread.current
        state.withLock {
            $0.jobs.append(unowned)
            $0.total += 1
            if isForeign { $0.foreign += 1 }
        }
    }

    /// Runs a task to its end on the calling thread.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> (value: Value?, jobs: Int, foreign: Int) {
        thread.withLock { $0 = Thread.current }
        let result = Mutex<Value?>(nil)
        Task(executorPreference: self) {
            let value = await body()
            result.withLock { $0 = value }
        }
        while let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) {
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
        let counts = state.withLock { ($0.total, $0.foreign) }
        return (result.withLock { $0 }, counts.0, counts.1)
    }
}

@Suite("The cloud on the caller's executor (architecture.md §4)")
struct ExecutorTests {
    /// A day of a small cloud: logins, registrations, tokens, reads, refusals.
    @Sendable private static func thousandRequests(_ bench: GatewayBench) async -> [UInt8] {
        var transcript: [UInt8] = []
        let login = await bench.send("POST", "/api/v1/auth/login", body: #"{"username":"root","password":"correct horse battery"}"#)
        let token = [("authorization", "Bearer " + (login.data("token")?.text ?? ""))]
        transcript += login.body
        for number in 0..<111 {
            bench.clock.advance(.seconds(6))
            let (register, body) = ("/api/v1/devices/register", #"{"device_id":"luna_badge_0007","n":\#(number)}"#)
            let renew = "/api/v1/auth/device/token"
            let answers = [
                await bench.send(
                    "POST", register, bench.signed("POST", register, body: body, device: GatewayBench.serial, key: GatewayBench.factoryKey),
                    body: body),
                await bench.send("POST", renew, bench.signed("POST", renew, body: "{}"), body: "{}"),
                await bench.send("GET", "/api/v1/devices?page=1", token), await bench.send("GET", "/api/v1/users", token),
                await bench.send("GET", "/api/v1/devices/luna_badge_0007", token),
                await bench.send("PUT", "/api/v1/devices/luna_badge_0007/config", token, body: #"{"a":1}"#),
                await bench.send("GET", "/health"), await bench.send("GET", "/nothing"), await bench.send("GET", "/metrics"),
            ]
            for answer in answers { transcript += answer.headers.flatMap { Array(($0.name + ":" + $0.value).utf8) } + answer.body }
        }
        return transcript
    }

    @Test("1,000 requests run on one thread: no job comes from another")
    func noForeignJobs() throws {
        let bench = try GatewayBench()
        let (transcript, jobs, foreign) = LoopExecutor().run { await Self.thousandRequests(bench) }
        #expect(bench.clock.events("http.request").count == 1_000)
        #expect(bench.clock.events("http.request").count { $0["status"] == 200 } == 889)
        #expect(transcript != nil, "the task has come to its end on this thread")
        // The first job is the task's start, from this very thread; where nothing waits it is the only one.
        #expect(jobs >= 1)
        #expect(foreign == 0)
    }

    @Test("the count can fail: a continuation that another thread resumes is a foreign job")
    func negativeControl() throws {
        let loop = LoopExecutor()
        let waiting = Mutex<CheckedContinuation<Int, Never>?>(nil)
        let before = loop.run { await withCheckedContinuation { continuation in waiting.withLock { $0 = continuation } } }
        #expect(before.value == nil)
        #expect(before.foreign == 0)
        let continuation = try #require(waiting.withLock { $0 })
        let other = Thread { continuation.resume(returning: 7) }
        other.start()
        while !other.isFinished { sched_yield() }
        #expect(loop.run { 0 }.foreign == 1)
    }

    @Test("the same requests give the same bytes, headers, tokens and ids")
    func repeatable() throws {
        let (one, two) = (try GatewayBench(), try GatewayBench())
        let first = LoopExecutor().run { await Self.thousandRequests(one) }
        let second = LoopExecutor().run { await Self.thousandRequests(two) }
        #expect(first.value == second.value)
        #expect(first.value?.isEmpty == false)
    }
}

@Suite("The end of a cloud")
struct CrashTests {
    static let master = [UInt8](repeating: 0xf0, count: 32)

    private func call(_ path: String) -> HTTPCall { HTTPCall("GET", path, headers: [HTTPCall.Header("host", "cloud.lab")]) }

    @Test("a cloud that has crashed is not reachable; the next life over the same disk knows the same users")
    func crashed() async throws {
        let (clock, disk) = (ManualClock(), try Storage(path: nil))
        let first = try Cloud(configuration: GatewayBench.configuration, environment: clock.environment, storage: disk)
        #expect(try await first.respond(to: call("/health")).get().status == 200)
        let token = try first.operatorToken(role: .admin)
        first.crash()
        #expect(await first.respond(to: call("/health")) == .failure(.unreachable))
        let second = try Cloud(configuration: GatewayBench.configuration, environment: clock.environment, storage: disk)
        var users = call("/api/v1/users")
        users.headers.append(HTTPCall.Header("authorization", "Bearer " + token))
        let answer = try await second.respond(to: users).get()
        #expect(answer.data("total") == 2)
    }

    @Test("a request that is under way when the cloud falls is interrupted")
    func interrupted() async throws {
        let clock = ManualClock()
        let fallen = Mutex<Cloud?>(nil)
        var environment = clock.environment
        let note = environment.note
        // The cloud falls at the moment at which it notes the answer: nearly there is not there.
        environment.note = { name, fields in
            note(name, fields)
            if name == "http.request" { fallen.withLock { $0 }?.crash() }
        }
        let cloud = try Cloud(configuration: GatewayBench.configuration, environment: environment, storage: try Storage(path: nil))
        fallen.withLock { $0 = cloud }
        #expect(await cloud.respond(to: call("/health")) == .failure(.interrupted))
        #expect(await cloud.respond(to: call("/health")) == .failure(.unreachable))
    }

    @Test("every route of the whole cloud is documented and either open or closed to strangers")
    func wholeSurface() async throws {
        let cloud = try Cloud(configuration: GatewayBench.configuration, environment: ManualClock().environment, storage: try Storage(path: nil))
        let document = try #require(try await cloud.respond(to: call("/openapi.json")).get().json?.record)
        let paths = try #require(document["paths"]?.record)
        let routes = cloud.gateway.endpoints
        #expect(routes.count == paths.reduce(0) { $0 + ($1.value.record?.count ?? 0) })
        for (number, endpoint) in routes.enumerated() {
            #expect(paths[endpoint.path]?.record?[endpoint.method.lowercased()] != nil, "\(endpoint.method) \(endpoint.path)")
            if endpoint.access == .open { continue }
            let path = endpoint.path.split(separator: "/", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("{") ? "x" : String($0) }.joined(separator: "/")
            // One stranger is told 429 after a while.
            let answer = try await cloud.respond(to: HTTPCall(endpoint.method, path), from: "stranger \(number)").get()
            #expect(answer.status == 401, "\(endpoint.method) \(endpoint.path)")
        }
        let open = routes.filter { $0.access == .open }.map { "\($0.method) \($0.path)" }.sorted()
        #expect(
            open == [
                "GET /api/v1/errors", "GET /api/v1/errors/{code}", "GET /api/v1/versions/{version}/download", "GET /health", "GET /metrics",
                "GET /openapi.json", "POST /api/v1/auth/login", "POST /api/v1/charging/riders",
                "POST /api/v1/payments/notices/alipay", "POST /api/v1/payments/notices/wechat",
            ])
    }
}
