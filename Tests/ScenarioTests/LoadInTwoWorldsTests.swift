import Foundation
import Testing

@Suite("A load means the same in sim and in emu (SLA §1.1, §2.4)", .serialized)
struct LoadInTwoWorldsTests {
    /// 400 requests in 4 s by two callers in turn; the cloud is away from second 1 to second 2.
    private static let scenario = """
        lab: 1
        about: Two callers in turn, with the cloud away for a second.
        needs:
          cloud: {kind: cloud, where: {rate_limits: false}}
        metrics:
          probe: {probe: cloud.request, with: {method: GET, path: /health, as: nobody}, every: 100ms, timeout: 1s, good: {status: 200}}
        steps:
          - parallel:
              - - load: cloud.request
                  id: devices
                  with: {method: GET, path: /api/v1/devices}
                  each:
                    - {as: admin}
                    - {as: nobody}
                  rate: 100/s
                  for: 4s
              - - wait: 1s
                - fault: cloud.crash
                - wait: 1s
                - do: cloud.restart
        limits:
          - {id: WINDOWS, require: p50(devices) < 1m in every 1s}
          - {id: AVAIL, require: availability(probe) >= 50%, min-samples: 10}

        """

    private struct Figures {
        var counts: [String: Int]
        var windowed: Int
        var availability: Double
    }

    private func figures(on world: String) throws -> Figures {
        let folder = try TemporaryFolder()
        try folder.write(Self.scenario, to: "scenarios/two.yaml")
        let run = try LabProcess.run(["run", "--on", world, "--plain"], in: folder.path)
        let result = try #require(folder.only("result.json").flatMap(folder.read), "\(run.all)")
        let document = try #require(try JSONSerialization.jsonObject(with: Data(result.utf8)) as? [String: Any])
        let entry = try #require((document["cases"] as? [[String: Any]])?.first)
        let loads = try #require(entry["loads"] as? [[String: Any]]).first { $0["id"] as? String == "devices" }
        let limits = try #require(entry["limits"] as? [[String: Any]])
        func limit(_ id: String) -> [String: Any]? { limits.first { $0["id"] as? String == id } }
        return Figures(
            counts: try #require(loads?["counts"] as? [String: Int]), windowed: try #require(limit("WINDOWS")?["samples"] as? Int),
            availability: try #require(limit("AVAIL")?["value"] as? Double))
    }

    @Test("each caller is itself, a closed port has nothing sent to it, every item is in a window, and probes end with the steps", arguments: ["sim", "emu"])
    func same(world: String) throws {
        let found = try figures(on: world)
        #expect(found.counts["planned"] == 400 && found.windowed == 400)
        // Three of four seconds; in emu the second begins and ends when the machine comes to it.
        let slack = world == "sim" ? 0 : 30
        let (sent, refused) = (found.counts["sent"] ?? 0, found.counts["refused"] ?? 0)
        #expect(abs(sent - 300) <= slack && abs(refused - 150) <= slack, "\(found.counts)")
        #expect(abs(sent - 2 * refused) <= 2, "\(found.counts)")
        #expect((found.counts["lost"] ?? -1) <= (world == "sim" ? 0 : 1))
        #expect(abs(found.availability - 0.75) < (world == "sim" ? 0.001 : 0.06), "\(found.availability)")
    }
}
