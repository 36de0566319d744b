import Foundation
import Glibc
import LabCore
import Programs
import Testing
import Transports

@Suite("MQTT clients through libmosquitto, against Eclipse Mosquitto", .ownThread, .timeLimit(.minutes(3)))
struct MosquittoBrokerTests {
    private let reactor: Reactor
    private let clients: MosquittoClients

    init() throws {
        reactor = try Reactor()
        clients = try MosquittoClients(on: reactor)
    }

    private func client(_ broker: MosquittoBroker, _ clients: MosquittoClients? = nil) -> ClientLog {
        ClientLog((clients ?? self.clients).client(host: broker.address.host, port: broker.address.port), on: reactor)
    }

    @Test("messages of every quality arrive, and those above 0 are acknowledged", arguments: [0, 1, 2] as [UInt8])
    func qualities(_ quality: UInt8) throws {
        guard let broker = try MosquittoBroker(for: "messages of every quality", on: reactor) else { return }
        let (sender, receiver) = (client(broker), client(broker))
        #expect(receiver.connect(.plain("receiver")) == .connected(sessionPresent: false))
        #expect(receiver.subscribe("a/+", 2) == .subscribed(filter: "a/+", code: 2))
        #expect(sender.connect(.plain("sender")) == .connected(sessionPresent: false))
        let all = Array(UInt8.min...UInt8.max)
        sender.client.perform(.publish(topic: "a/b", payload: all, quality: quality, retain: false, token: Token(rawValue: 7)))
        #expect(receiver.wait { receiver.notices.last == .message(topic: "a/b", payload: all, quality: quality, isRetained: false) })
        sender.publish("a/c", "", quality, 8)
        #expect(receiver.wait { receiver.notices.last == .message(topic: "a/c", payload: [], quality: quality, isRetained: false) })
        if quality > 0 { #expect(sender.wait { sender.notices.last == .acknowledged(Token(rawValue: 8)) }) }
        #expect(sender.notices.dropFirst() == (quality > 0 ? [7, 8] : []).map { .acknowledged(Token(rawValue: $0)) }[...])
    }

    @Test("a large message passes, more than sockets take at once")
    func large() throws {
        guard let broker = try MosquittoBroker(for: "a large message passes", on: reactor) else { return }
        let client = client(broker)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.subscribe("big", 1) == .subscribed(filter: "big", code: 1))
        let payload = (0..<8 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 10) }
        client.client.perform(.publish(topic: "big", payload: payload, quality: 1, retain: false, token: Token(rawValue: 1)))
        #expect(client.wait { client.notices.count == 4 })
        #expect(client.notices.contains(.message(topic: "big", payload: payload, quality: 1, isRetained: false)))
        #expect(client.notices.contains(.acknowledged(Token(rawValue: 1))))
    }

    @Test("retained messages come with the flag")
    func retained() throws {
        guard let broker = try MosquittoBroker(for: "retained messages come with the flag", on: reactor) else { return }
        let client = client(broker)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        client.publish("state", "on", 1, 1, retain: true)
        #expect(client.wait { client.notices.last == .acknowledged(Token(rawValue: 1)) })
        client.client.perform(.subscribe(filter: "state", quality: 1))
        #expect(client.wait { client.notices.last == .message(topic: "state", payload: Array("on".utf8), quality: 1, isRetained: true) })
    }

    @Test("a wrong password is refused with 5, and a right one is not")
    func credentials() throws {
        guard
            let broker = try MosquittoBroker(
                for: "a wrong password is refused", on: reactor, ["allow_anonymous false", "password_file %/passwords"],
                files: ["passwords": try Self.passwordFile(user: "badge", password: "right")])
        else { return }
        let client = client(broker)
        var options = MQTTConnection.plain("b")
        #expect(client.connect(options) == .refused(code: 5))
        (options.username, options.password) = ("badge", Array("wrong".utf8))
        #expect(client.connect(options) == .refused(code: 5))
        options.password = Array("right".utf8)
        #expect(client.connect(options) == .connected(sessionPresent: false))
        #expect(client.notices.count == 3)
    }

    private static func passwordFile(user: String, password: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "passwords-\(UUID().uuidString)").path
        try Data("\(user):\(password)\n".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Turns the plain passwords of a file into hashes.
        try ChildProcess("mosquitto_passwd", ["-U", path]).wait()
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test("the will comes when the device loses its power, and not when it says good-bye")
    func will() throws {
        guard let broker = try MosquittoBroker(for: "the will comes when the device loses its power", on: reactor) else { return }
        let (device, watcher) = (client(broker), client(broker))
        #expect(watcher.connect(.plain("watcher")) == .connected(sessionPresent: false))
        #expect(watcher.subscribe("#", 1) == .subscribed(filter: "#", code: 1))
        watcher.forget()
        var options = MQTTConnection.plain("device")
        options.will = MQTTConnection.Will(topic: "gone", payload: Array("device".utf8), quality: 1, retain: false)
        #expect(device.connect(options) == .connected(sessionPresent: false))
        device.client.perform(.disconnect)
        #expect(device.wait { device.notices.last == .disconnected("requested") })
        #expect(device.connect(options) == .connected(sessionPresent: false))
        device.publish("here", "", 0)
        #expect(watcher.wait { !watcher.notices.isEmpty })
        device.client.vanish()
        #expect(watcher.wait { watcher.notices.count == 2 })
        #expect(
            watcher.notices == [
                .message(topic: "here", payload: [], quality: 0, isRetained: false),
                .message(topic: "gone", payload: Array("device".utf8), quality: 1, isRetained: false),
            ])
    }

    @Test("a session that is not clean gets what came meanwhile")
    func session() throws {
        guard let broker = try MosquittoBroker(for: "a session that is not clean", on: reactor) else { return }
        let (device, sender) = (client(broker), client(broker))
        #expect(device.connect(.plain("device", isClean: false)) == .connected(sessionPresent: false))
        #expect(device.subscribe("orders", 1) == .subscribed(filter: "orders", code: 1))
        device.client.perform(.disconnect)
        #expect(device.wait { device.notices.last == .disconnected("requested") })
        #expect(sender.connect(.plain("sender")) == .connected(sessionPresent: false))
        sender.publish("orders", "tea", 1, 1)
        #expect(sender.wait { sender.notices.count == 2 })
        device.forget()
        device.client.perform(.connect(.plain("device", isClean: false)))
        #expect(
            device.hears([
                .connected(sessionPresent: true), .message(topic: "orders", payload: Array("tea".utf8), quality: 1, isRetained: false),
            ]))
    }

    @Test("five hundred clients on one loop, each with three descriptors")
    func many() throws {
        guard
            let broker = try MosquittoBroker(
                for: "five hundred clients on one loop", on: reactor, ["allow_anonymous true", "max_connections -1"])
        else { return }
        let logs = (0..<500).map { _ in client(broker) }
        for (index, log) in logs.enumerated() { log.client.perform(.connect(.plain("badge-\(index)"))) }
        #expect(logs[0].wait { logs.allSatisfy { $0.notices == [.connected(sessionPresent: false)] } })
        for log in logs { log.publish("up", "hello", 1, 3) }
        #expect(logs[0].wait { logs.allSatisfy { $0.notices.last == .acknowledged(Token(rawValue: 3)) } })
        #expect(clients.count == 500)
    }

    // MARK: TLS

    private func secureBroker(_ certificates: LabCertificates, for test: String) throws -> MosquittoBroker? {
        let identity = try certificates.server()
        return try MosquittoBroker(
            for: test, on: reactor, ["allow_anonymous true", "certfile %/server.pem", "keyfile %/server.key"],
            files: ["server.pem": identity.certificateChain, "server.key": identity.privateKey, "authority.pem": certificates.authority])
    }

    @Test("over TLS with the authority's file")
    func secure() throws {
        guard let broker = try secureBroker(try LabCertificates(at: Date()), for: "over TLS with the authority's file") else { return }
        let secure = try MosquittoClients(on: reactor, security: .init(authorities: broker.folder.appending(path: "authority.pem").path))
        let client = client(broker, secure)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.subscribe("t", 1) == .subscribed(filter: "t", code: 1))
        let payload = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 >> 8) }
        client.client.perform(.publish(topic: "t", payload: payload, quality: 1, retain: false, token: Token(rawValue: 1)))
        #expect(client.wait { client.notices.count == 4 })
        #expect(client.notices.contains(.message(topic: "t", payload: payload, quality: 1, isRetained: false)))
        client.client.perform(.disconnect)
        #expect(client.wait { client.notices.last == .disconnected("requested") })
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
    }

    @Test("a certificate of another authority ends the connection and says so")
    func wrongAuthority() throws {
        guard let broker = try secureBroker(try LabCertificates(at: Date()), for: "a certificate of another authority") else { return }
        let other = try LabCertificates(at: Date())
        let path = broker.folder.appending(path: "other.pem")
        try Data(other.authority.utf8).write(to: path)
        let client = client(broker, try MosquittoClients(on: reactor, security: .init(authorities: path.path)))
        #expect(client.connect(.plain("b")) == .disconnected("the TLS handshake failed; check the server's certificate"))
    }

    @Test("authorities that cannot be read are refused at once")
    func missingAuthorities() {
        let failure = #expect(throws: StreamFailure.self) {
            _ = try MosquittoClients(on: reactor, security: .init(authorities: "/nowhere/ca.pem"))
        }
        #expect(failure?.reason == .notFound)
    }
}
