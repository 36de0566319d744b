import Cloud
import LabCore
import Synchronization
import Testing

@Suite("GET /api/v1/events/next: a request that is held")
struct EventFeedTests {
    /// What is due, in the order of asking.
    private final class Alarms: Sendable {
        private let jobs = Mutex<[(at: RunInstant, job: @Sendable () -> Void)]>([])
        func add(_ at: RunInstant, _ job: @escaping @Sendable () -> Void) { jobs.withLock { $0.append((at, job)) } }
        func ring(at now: RunInstant) {
            let due = jobs.withLock { jobs in
                defer { jobs.removeAll { $0.at <= now } }
                return jobs.filter { $0.at <= now }
            }
            for entry in due { entry.job() }
        }
    }

    private let alarms = Alarms()
    private let cloud: Cloud

    init() throws {
        var environment = ManualClock().environment
        environment.schedule = { [alarms] at, job in alarms.add(at, job) }
        cloud = try Cloud(configuration: GatewayBench.configuration, environment: environment, storage: try Storage(path: nil))
    }

    private func ask(_ query: String) async throws -> (status: Int, items: [FieldValue], last: Int64) {
        let token = try cloud.operatorToken(role: .admin)
        let headers = [HTTPCall.Header("host", "cloud.lab"), HTTPCall.Header("authorization", "Bearer \(token)")]
        let answer = try await cloud.respond(to: HTTPCall("GET", "/api/v1/events/next?\(query)", headers: headers)).get()
        let data = answer.json?.record?["data"]?.record ?? [:]
        return (answer.status, data["items"]?.list ?? [], data["last"]?.integer ?? -1)
    }

    private func waitUntilHeld() async {
        while cloud.heldRequests == 0 { await Task.yield() }
    }

    @Test("is answered by the next event")
    func event() async throws {
        async let held = ask("wait=30")
        await waitUntilHeld()
        cloud.environment.note("device.deleted", ["device": "luna_badge_0001"])
        let answer = try await held
        #expect(answer.status == 200)
        #expect(answer.items.map { $0.record?["event"] } == ["device.deleted"])
    }

    @Test("is answered without events when its time is over")
    func time() async throws {
        async let held = ask("wait=2")
        await waitUntilHeld()
        alarms.ring(at: RunInstant.start.advanced(by: .seconds(2)))
        let answer = try await held
        #expect(answer.items.isEmpty && answer.status == 200)
        #expect(cloud.heldRequests == 0)
    }

    @Test("is not held where there is news already, or no time to wait; other waits are refused")
    func atOnce() async throws {
        let last = try await ask("wait=0").last
        cloud.environment.note("device.deleted", ["device": "luna_badge_0001"])
        cloud.environment.note("heartbeat.received", ["device": "luna_badge_0001"])
        let answer = try await ask("after=\(last)&wait=30")
        #expect(answer.items.count == 1, "traffic is none of it")
        #expect(answer.last == last + 1)
        #expect(try await ask("wait=61").status == 400)
    }
}
