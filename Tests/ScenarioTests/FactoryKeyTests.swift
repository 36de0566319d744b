import Foundation
import Testing

@Suite("The key of the devices' factory (lab.yaml, cloud.factory_key)", .serialized, .timeLimit(.minutes(2)))
struct FactoryKeyTests {
    private let folder: TemporaryFolder
    private static let key = String(repeating: "0123456789abcdef", count: 4)

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("lab: 1\nabout: a bench with a factory\ncloud: {factory_key: keys/factory}\n", to: "lab.yaml")
        try folder.write(
            """
            lab: 1
            about: A badge registers.
            needs: {badge: {kind: badge}, cloud: {kind: cloud}}
            setup:
              - do: cloud.factory.provision
                with: {serial_no: "BDG-0001"}
            steps:
              - do: badge.boot
                with: {factory_new: true}
              - expect: cloud.mqtt.online
                within: 30s
            """, to: "scenarios/first.yaml")
    }

    private func run() throws -> LabProcess.Result { try LabProcess.run(["run", "--on", "emu", "--plain"], in: folder.path) }

    @Test("devices register with it, and no run keeps it: it is a secret")
    func secret() throws {
        try folder.write(Self.key + "\n", to: "keys/factory")
        let result = try run()
        #expect(result.lastLine == "1 passed, 0 failed, 0 skipped", "\(result.all)")
        for file in folder.files where file.hasPrefix("runs/") { #expect(!(folder.read(file) ?? "").contains(Self.key), "\(file)") }
    }

    @Test("one that is not there, or is no key, is refused at its place before anything runs", arguments: [nil, "0123", String(key.dropLast()) + "x"])
    func refused(content: String?) throws {
        if let content { try folder.write(content, to: "keys/factory") }
        let result = try run()
        #expect(result.status == 2)
        #expect(result.error.contains("lab.yaml:3:22: error: "), "\(result.all)")
        #expect(!folder.files.contains { $0.hasPrefix("runs/") })
    }
}
