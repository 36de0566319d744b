import LabCore
import Programs
@testable import Runner
import Testing
import Transports

@Suite("Mosquitto as a child of the lab", .timeLimit(.minutes(2)))
struct MosquittoProcessTests {
    private func start(_ name: String, password: String, _ port: () throws(StreamFailure) -> Int) throws -> MosquittoProcess {
        try MosquittoProcess.onFreePort(
            port, accounts: [MosquittoProcess.Account(username: name, password: password)], rights: MosquittoProcess.rights(cloud: name))
    }

    /// The word with which mosquitto_pub ends: nothing where the broker lets it in.
    private func publishing(_ pub: String, _ port: Int, _ name: String, _ password: String) async throws -> String {
        let words = ["-h", "127.0.0.1", "-p", "\(port)", "-u", name, "-P", password, "-t", "test", "-m", "on", "-q", "1"]
        return try await ChildProcess(pub, words).outcome().errors
    }

    @Test("two that are given one port have a port and accounts each: nobody ends up at the other's broker")
    func onePort() async throws {
        let test = "two that are given one port have a port and accounts each"
        guard let pub = ForeignProgram.path("mosquitto_pub", for: test), ForeignProgram.path("mosquitto", for: test) != nil else { return }
        let sockets = StreamLoop()
        let first = try start("first", password: "one") { () throws(StreamFailure) in try FreePort.onLoopback(sockets, sockets) }
        defer { first.remove() }
        var ports = [first.port]
        let second = try start("second", password: "two") { () throws(StreamFailure) in
            ports.isEmpty ? try FreePort.onLoopback(sockets, sockets) : ports.removeFirst()
        }
        defer { second.remove() }
        #expect(second.port != first.port)
        #expect(!first.hasDied && !second.hasDied)
        #expect(try await publishing(pub, first.port, "first", "one") == "")
        #expect(try await publishing(pub, second.port, "second", "two") == "")
        #expect(try await publishing(pub, first.port, "second", "two").contains("not authorised"))
    }
}
