import Foundation
import LabCore
import MQTTBroker
import Programs
import Runner
import Testing
import Transports

@Suite("Eclipse Paho for Python against the broker", .timeLimit(.minutes(3)))
struct PahoTests {
    private static let versions = ["3.1.1", "5.0"]
    private static let checks = ["qualities", "will", "retained", "session"]

    private var script: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Paho/checks.py").path
    }

    /// Whether Python has the library; says so if not.
    private func python(_ test: String) async throws -> String? {
        guard let python = ForeignProgram.path("python3", for: test) else { return nil }
        if try await ChildProcess(python, ["-c", "import paho.mqtt.client"]).outcome().status == 0 { return python }
        print("SKIPPED \(test): python3-paho-mqtt is not installed")
        return nil
    }

    private func check(_ name: String, _ version: String, _ settings: BrokerServiceSettings, _ options: [String] = []) async throws {
        guard let python = try await python("Paho \(version) \(name)") else { return }
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        let host = settings.listeners[0].medium.isSecure ? "localhost" : "127.0.0.1"
        let outcome = try await ChildProcess(python, [script, name, host, bench.port, version] + options).outcome()
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }

    @Test("over TCP", arguments: checks, versions)
    func tcp(_ name: String, _ version: String) async throws { try await check(name, version, BrokerServiceSettings()) }

    @Test("over WebSocket", arguments: checks, versions)
    func webSocket(_ name: String, _ version: String) async throws {
        let settings = BrokerServiceSettings(listeners: [.init(.webSocket, StreamAddress("127.0.0.1", 0))])
        try await check(name, version, settings, ["websockets"])
    }

    @Test("what only 5.0 has", arguments: ["shared", "options"])
    func only5(_ name: String) async throws { try await check(name, "5.0", BrokerServiceSettings()) }

    @Test("users and rights", arguments: versions)
    func rights(_ version: String) async throws {
        var settings = BrokerServiceSettings()
        settings.allowsAnonymous = false
        settings.users = [StaticAuthorizer.User("badge", password: "secret", rights: [TopicRightPattern(.both, "badges/%u/#")])]
        try await check("rights", version, settings)
    }

    @Test("WebSocket over TLS", arguments: versions)
    func secureWebSocket(_ version: String) async throws {
        let authority = try LabCertificates(at: Date())
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("paho-\(UUID()).pem")
        try authority.authority.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let settings = BrokerServiceSettings(
            listeners: [.init(.secureWebSocket, StreamAddress("127.0.0.1", 0))], security: ServerSecurity(try authority.server()))
        try await check("qualities", version, settings, ["websockets", "tls=\(file.path)"])
    }
}
