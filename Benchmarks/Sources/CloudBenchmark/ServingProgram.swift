import Cloud
import CloudClient
import Foundation
import LabCore
import ServedCloud
import Simulation
import Synchronization

/// The child's side: this program with the argument `serve`. It answers each line of its standard input with one line, in JSON.
enum ServingProgram {
    static func run(_ arguments: [String]) throws {
        // With the limits that it ships with.
        let settings = CloudServer.Settings(databasePath: arguments.first)
        let server = try CloudServer(settings, epoch: Int64(Date().timeIntervalSince1970))
        let hasEnded = Mutex(false)
        let words = Words(server: server)
        Thread.detachNewThread {
            while let line = readLine() {
                let done = DispatchSemaphore(value: 0)
                server.kernel.post {
                    server.kernel.start("word") {
                        let answer = await words.answer(line)
                        print(JSONWriter.text(.record(answer)))
                        fflush(nil)
                        done.signal()
                    }
                }
                done.wait()
            }
            hasEnded.withLock { $0 = true }
        }
        print("\(server.httpPort) \(server.pilePort)")
        fflush(nil)
        server.run { hasEnded.withLock { $0 } }
    }
}

/// What the parent can ask of the server; on the kernel's thread.
private final class Words: @unchecked Sendable {
    private let server: CloudServer
    private var cloud: Cloud { server.cloud }
    init(server: CloudServer) { self.server = server }

    func answer(_ line: String) async -> Fields {
        guard let request = try? JSONReader.read(line).record, let word = request["word"]?.text else { return ["error": "no JSON"] }
        let arguments = request["with"]?.record ?? [:]
        do {
            switch word {
            case "perform": return try await cloud.perform(arguments["action"]?.text ?? "", arguments["with"]?.record ?? [:]).get()
            case "ask": return try await cloud.answer(arguments["query"]?.text ?? "", arguments["with"]?.record ?? [:]).get()
            case "listening":
                try server.setListening(arguments["is"]?.bool ?? true)
                return [:]
            case "riders": return ["tokens": .list(try await riders(Int(arguments["count"]?.integer ?? 0)).map { .text($0) })]
            case "release": return try await release(arguments["image"]?.text ?? "")
            default: return ["error": .text("unknown word \(word)")]
            }
        } catch { return ["error": .text("\(error)")] }
    }

    /// Riders `rider-0` and so on with money, who are logged in.
    private func riders(_ count: Int) async throws -> [String] {
        var tokens: [String] = []
        var payments: [KernelTask<Int64>] = []
        for number in 0..<count {
            let name = "rider-\(number)"
            try cloud.users.createOperator(name: name, role: .rider)
            tokens.append(try cloud.tokens.issue(user: name, role: .rider, epoch: 1, tenant: "default").token)
            // Together they share a commit.
            payments.append(server.kernel.start("payment") { [cloud] in try await cloud.charging.orders.topUp(name, fen: 100_000_000, key: "first-\(number)") })
        }
        for payment in payments { _ = try await payment.value() }
        return tokens
    }

    /// The image with the manifest beside it, as a released version.
    private func release(_ path: String) async throws -> Fields {
        let image = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let manifest = Array(try Data(contentsOf: URL(fileURLWithPath: path.replacing(".bin", with: ".manifest.json"))))
        let root = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("root.json")
        _ = try await cloud.perform("firmware.root", ["root": ["bytes": .bytes(Array(try Data(contentsOf: root)))]]).get()
        let file: Fields = ["path": .text(path), "bytes": .bytes(image), "manifest": .bytes(manifest)]
        return try await cloud.perform("firmware.release", ["image": .record(file)]).get()
    }
}
