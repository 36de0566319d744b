import Emulators
import FirmwareImages
import LabCore

/// A rollout of the image to a small fleet that comes to its gates (specs/ota.md §4, M8).
///
/// Gates are the version centre's. So that the real one is what is tried, such a case is a scenario from the beginning, with the
/// devices, the bootloader and the images of the torture; `lab` runs it with its cloud, in virtual time.
package struct TortureRollout: Sendable {
    package var about: String
    /// The rule of specs/ota.md §4 that it is about: `O7` for gates, `O8` for attempts that do not end.
    package var rule: String
    package var scenario: TortureScenario
}

extension TortureBench {
    /// Empty where a version centre does not take the image; then the catalogue's other cases say why.
    package func rollouts() throws -> [TortureRollout] {
        guard isTaken(catalogue.releases[0]) else { return [] }
        return try [
            gate("failures exactly at the gate stop it", failing: 2, stops: true), gate("failures one below the gate do not stop it", failing: 1, stops: false),
            gate("failures one above the gate stop it", failing: 3, stops: true), lastGroup(), silent(), silenced(),
        ]
    }

    /// Two in five, looked at when five have ended; three in five open the next stage.
    private static let gates = "error_gate: 40%, success_gate: 60%, minimum_samples: 5"

    // MARK: Gates

    /// Five of ten badges are there, and so many of them fail; the others come when the gate has decided.
    private func gate(_ about: String, failing: Int, stops: Bool) throws -> TortureRollout {
        let wait =
            stops
            ? ["  - expect: cloud.rollout.state", "    where: {rollout: \"${rollout}\", state: paused, reason: error_gate}", "    within: 3h"]
            : ["  - expect: cloud.ota.finished", "    count: {ge: 5}", "    within: 3h"]
        let end =
            stops
            ? ["  - forbid: cloud.ota.offered", "    for: 2h"] + check("state: paused, offered: 5, succeeded: \(5 - failing), failed: \(failing)")
            : ["  - expect: cloud.rollout.state", "    where: {rollout: \"${rollout}\", state: finished}", "    within: 3h"]
                + check("state: finished, offered: 10, succeeded: \(10 - failing), failed: \(failing)")
        return try rollout(
            about, rule: "O7", roles: [("broken", failing), ("present", 5 - failing), ("absent", 5)],
            before: ["  - do: absent.power_off", "  - fault: broken.self_test.fail", "    with: {check: sensor}"], plan: "device_timeout: 6h",
            after: wait + check("failed: \(failing)") + ["  - do: absent.power_on"] + end)
    }

    private func lastGroup() throws -> TortureRollout {
        try rollout(
            "failures in the last group stop it", rule: "O7", roles: [("badges", 10)], plan: "percentages: [50, 100]",
            after: ["  - expect: cloud.rollout.stage", "    where: {rollout: \"${rollout}\", stage: 2}", "    within: 3h"]
                // Those of the first group are through with their tests.
                + ["  - fault: badges.self_test.fail", "    with: {check: sensor}"]
                + ["  - expect: cloud.rollout.state", "    where: {rollout: \"${rollout}\", state: paused, reason: error_gate}", "    within: 3h"]
                + ["  - forbid: cloud.ota.offered", "    for: 2h"] + check("state: paused, succeeded: 5, failed: 5, open: 0"))
    }

    // MARK: Silence

    private func silent() throws -> TortureRollout {
        try rollout(
            "all devices are silent: the next group is not begun", rule: "O8", roles: [("badges", 10)], before: ["  - do: badges.power_off"],
            plan: "percentages: [50, 100], device_timeout: 1h",
            after: ["  - expect: cloud.rollout.state", "    where: {rollout: \"${rollout}\", state: paused, reason: success_gate}", "    within: 2h"]
                + ["  - do: badges.power_on", "  - forbid: cloud.ota.offered", "    for: 2h"]
                + check("state: paused, offered: 0, succeeded: 0, timed_out: 5, open: 0"))
    }

    private func silenced() throws -> TortureRollout {
        try rollout(
            "all devices fall silent in the middle: their attempts end at their time", rule: "O8", roles: [("badges", 10)], plan: "device_timeout: 1h",
            after: ["  - expect: cloud.ota.offered", "    count: {ge: 10}", "    within: 10s", "  - do: badges.power_off"]
                + ["  - expect: cloud.ota.finished", "    where: {result: timed_out}", "    count: {ge: 10}", "    within: 2h"]
                + check("state: paused, succeeded: 0, timed_out: 10, open: 0"))
    }

    // MARK: Writing

    private func check(_ fields: String) -> [String] {
        ["  - check: cloud.rollout", "    with: {rollout: \"${rollout}\"}", "    is: {\(fields)}", "    within: 10m"]
    }

    private func rollout(
        _ about: String, rule: String, roles: [(name: String, count: Int)], before: [String] = [], plan: String, after: [String]
    ) throws -> TortureRollout {
        var lines = [
            "lab: 1", "about: \(quoted("M8, \(TortureCase.Family.m8.about): \(about)"))", "tags: [ota, torture]", "deadline: 48h", "", "needs:",
        ]
        lines += roles.map { "  \($0.name): {kind: badge, count: \($0.count), can: [power]}" } + ["  cloud: {kind: cloud}", ""]
        lines += laws(of: roles.map(\.name)) + ["  - law: nobody is offered the version twice", "    event: cloud.ota.offered", "    once_per: device", ""]
        lines += ["setup:"] + roles.flatMap { ["  - do: \($0.name).flash", "    with: {image: old.bin, boot: \(setup.model.rawValue)}"] }
        lines += ["  - expect: cloud.mqtt.online", "    count: {ge: \(roles.reduce(0) { $0 + $1.count })}", "    within: 5m"] + before
        lines += ["", "steps:", "  - do: cloud.firmware.release", "    with: {image: image.bin, manifest: image.manifest.json}", "  - do: cloud.rollout.create"]
        lines += ["    with: {version: \"\(setup.new.version)\", \(plan), \(Self.gates)}", "    save: {rollout: rollout}"] + after
        return TortureRollout(
            about: about, rule: rule,
            scenario: TortureScenario(
                text: lines.joined(separator: "\n") + "\n", files: try commonFiles() + files(of: catalogue.releases[0], as: "image")))
    }
}
