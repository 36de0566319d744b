import Foundation
import Testing

@Suite("Files that change while a run goes on disturb nothing, and it is told", .serialized, .timeLimit(.minutes(2)))
struct ChangedFilesTests {
    @Test("lab.yaml is used as it was when the run began")
    func labFile() throws {
        let folder = try TemporaryFolder()
        try folder.write("lab: 1\nabout: before\nnodes:\n  badge_7: {kind: badge, facts: {serial_no: \"BDG-0007\"}}\n", to: "lab.yaml")
        try folder.write(
            """
            lab: 1
            about: Time passes while somebody edits.
            needs: {badge: {kind: badge}, cloud: {kind: cloud}}
            steps:
              - wait: 2s
            """, to: "scenarios/slow.yaml")
        let signal = LabProcess.Signal(number: 0) {
            guard folder.files.contains(where: { $0.hasSuffix("events.jsonl") && folder.size($0) > 0 }) else { return false }
            try? folder.write("lab: 1\nabout: broken {", to: "lab.yaml")
            return true
        }
        let result = try LabProcess.run(["run", "--on", "emu", "--plain"], in: folder.path, signal: signal)
        #expect(result.lastLine == "1 passed, 0 failed, 0 skipped", "\(result.all)")
        #expect(result.error.contains("lab.yaml has changed since the run began; the run used it as it was, which is in runs/"), "\(result.all)")
        #expect(!result.error.contains("slow.yaml has changed"))
    }
}
