import Foundation
import LabCore
import MQTTBroker
import Programs
import Runner
import Testing
import Transports

/// The protocol versions as mosquitto's clients name them.
private let versions = ["mqttv311", "mqttv5"]

@Suite("Mosquitto's clients against the broker", .timeLimit(.minutes(2)))
struct MosquittoClientTests {
    private func programs(_ test: String) -> (pub: String, sub: String)? {
        guard let pub = ForeignProgram.path("mosquitto_pub", for: test), let sub = ForeignProgram.path("mosquitto_sub", for: test) else { return nil }
        return (pub, sub)
    }

    @Test("a message of each quality arrives as it was sent", arguments: versions, [0, 1, 2])
    func qualities(_ version: String, _ quality: Int) async throws {
        guard let (pub, sub) = programs("a message of each quality arrives as it was sent") else { return }
        let bench = try BrokerBench()
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", version, "-q", "\(quality)"]
        let subscriber = try ChildProcess(sub, common + ["-t", "test/#", "-C", "2", "-W", "30", "-F", "%t %q %p"])
        await bench.subscribed()
        for text in ["first", "second"] {
            let outcome = try await ChildProcess(pub, common + ["-t", "test/\(text)", "-m", text]).outcome()
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let outcome = await subscriber.outcome()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "test/first \(quality) first\ntest/second \(quality) second\n")
    }

    @Test("a retained message comes to who subscribes later, marked as such", arguments: versions)
    func retained(_ version: String) async throws {
        guard let (pub, sub) = programs("a retained message comes to who subscribes later") else { return }
        let bench = try BrokerBench()
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", version]
        #expect(try await ChildProcess(pub, common + ["-q", "1", "-r", "-t", "state", "-m", "on"]).outcome().status == 0)
        let outcome = try await ChildProcess(sub, common + ["-t", "state", "-C", "1", "-W", "30", "-F", "%r %p"]).outcome()
        #expect(outcome.output == "1 on\n")
    }

    @Test("a persistent session keeps what came while the client was away", arguments: versions)
    func session(_ version: String) async throws {
        guard let (pub, sub) = programs("a persistent session keeps what came while the client was away") else { return }
        let bench = try BrokerBench()
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", version, "-q", "1"]
        var keeper = common + ["-i", "keeper", "-c", "-t", "kept"]
        if version == "mqttv5" { keeper += ["-x", "3600"] }
        #expect(try await ChildProcess(sub, keeper + ["-E"]).outcome().status == 0)
        await bench.disconnected("keeper")
        #expect(try await ChildProcess(pub, common + ["-t", "kept", "-m", "while away"]).outcome().status == 0)
        #expect(try await ChildProcess(sub, keeper + ["-C", "1", "-W", "30"]).outcome().output == "while away\n")
    }

    @Test("the will of a client that is killed comes; nobody hears of one that disconnects", arguments: versions)
    func will(_ version: String) async throws {
        guard let (pub, sub) = programs("the will of a client that is killed comes") else { return }
        let bench = try BrokerBench()
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", version, "-q", "1"]
        let watcher = try ChildProcess(sub, common + ["-t", "wills/#", "-C", "2", "-W", "30", "-F", "%t %p"])
        await bench.subscribed()
        let will = ["--will-qos", "1", "--will-payload", "gone"]
        let killed = try ChildProcess(sub, common + will + ["--will-topic", "wills/killed", "-i", "killed", "-t", "none"])
        await bench.subscribed()
        killed.kill()
        await bench.disconnected("killed")
        let orderly = common + will + ["--will-topic", "wills/orderly", "-t", "elsewhere", "-m", "x"]
        #expect(try await ChildProcess(pub, orderly).outcome().status == 0)
        #expect(try await ChildProcess(pub, common + ["-t", "wills/marker", "-m", "marker"]).outcome().status == 0)
        #expect(await watcher.outcome().output == "wills/killed gone\nwills/marker marker\n")
    }

    @Test("members of a shared subscription have each message once between them (MQTT 5.0 §4.8.2)")
    func shared() async throws {
        guard let (pub, sub) = programs("members of a shared subscription") else { return }
        let bench = try BrokerBench()
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", "mqttv5", "-q", "1"]
        let members = try (0..<2).map { _ in try ChildProcess(sub, common + ["-t", "$share/group/work", "-C", "3", "-W", "30"]) }
        await bench.subscribed(2)
        for number in 0..<6 {
            #expect(try await ChildProcess(pub, common + ["-t", "work", "-m", "\(number)"]).outcome().status == 0)
        }
        var texts: [String] = []
        for member in members { texts += await member.outcome().output.split(separator: "\n").map(String.init) }
        #expect(texts.sorted() == ["0", "1", "2", "3", "4", "5"])
    }

    @Test("TLS with the lab's authority; without it the client refuses", arguments: ["tlsv1.2", "tlsv1.3"])
    func tls(_ tls: String) async throws {
        guard let (pub, sub) = programs("TLS with the lab's authority") else { return }
        let authority = try LabCertificates(at: Date())
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("interoperability-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ text: String) throws -> String {
            let url = folder.appendingPathComponent(name)
            try text.write(to: url, atomically: true, encoding: .utf8)
            return url.path
        }
        let bench = try BrokerBench(
            BrokerServiceSettings(
                listeners: [.init(.tls, StreamAddress("127.0.0.1", 0))],
                security: ServerSecurity(authority.server(), clientCertificates: .optional(authorities: authority.authority))))
        defer { bench.stop() }
        let certificates = ["--cafile", try file("ca.pem", authority.authority), "--tls-version", tls]
        let common = ["-h", "localhost", "-p", bench.port]
        let subscriber = try ChildProcess(sub, common + certificates + ["-t", "test", "-C", "1", "-W", "30"])
        await bench.subscribed()
        #expect(try await ChildProcess(pub, common + certificates + ["-t", "test", "-m", "secret"]).outcome().status == 0)
        #expect(await subscriber.outcome().output == "secret\n")

        let stranger = try file("other.pem", LabCertificates(named: "Stranger", at: Date()).authority)
        let refused = try await ChildProcess(pub, common + ["--cafile", stranger, "-t", "test", "-m", "secret"]).outcome()
        #expect(refused.status != 0)
        #expect(refused.errors.contains("TLS error"), "\(refused.errors)")
    }

    @Test("a wrong password is refused, the right one is not", arguments: versions)
    func password(_ version: String) async throws {
        guard let (pub, _) = programs("a wrong password is refused") else { return }
        var settings = BrokerServiceSettings()
        settings.allowsAnonymous = false
        settings.users = [StaticAuthorizer.User("badge", password: "secret")]
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        let common = ["-h", "127.0.0.1", "-p", bench.port, "-V", version, "-q", "1", "-t", "a", "-m", "b"]
        #expect(try await ChildProcess(pub, common + ["-u", "badge", "-P", "secret"]).outcome().status == 0)
        #expect(try await ChildProcess(pub, common + ["-u", "badge", "-P", "guess"]).outcome().status != 0)
        #expect(try await ChildProcess(pub, common).outcome().status != 0)
    }
}
