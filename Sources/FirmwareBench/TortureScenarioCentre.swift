import FirmwareImages
import LabCore

/// How a version centre that goes wrong is said in a scenario.
extension TortureBench {
    struct CentreWords {
        /// Before the update is started.
        var before: [String] = []
        /// While it is under way.
        var after: [String] = []
        var file: (name: String, bytes: [UInt8])?
    }

    /// Nil for what a sound version centre cannot be made to do.
    func words(for behaviour: VersionCentreModel.Fault, in entry: TortureCase) -> CentreWords? {
        let version = catalogue.releases[entry.offers.last ?? 0].version.description
        func after(_ blocks: Int) -> String { blocks == 0 ? "event: badge.ota.started" : "event: badge.ota.block_written, nth: \(blocks)" }
        func fault(_ name: String, _ fields: Fields, when: String? = nil) -> CentreWords { CentreWords(before: Self.fault(name, fields, when: when)) }
        switch behaviour {
        case .switchesImage(let blocks, let other):
            var words = fault("cloud.firmware.switch", ["version": .text(version), "image": "other.bin"], when: after(blocks))
            words.file = ("other.bin", catalogue.releases[other].image)
            return words
        case .expiresAddress(let blocks, let times):
            return fault("badge.http.status", ["code": 403, "path": "/download", "times": .integer(Int64(times))], when: after(blocks))
        case .deletesVersion(let blocks): return fault("cloud.firmware.delete", ["version": .text(version)], when: after(blocks))
        case .cancels(let state):
            return CentreWords(after: [
                "  - expect: cloud.ota.progress", "    where: {device: \"${device}\", state: \(state)}", "    within: 26h", "  - do: cloud.ota.cancel",
                "    with: {device: \"${device}\"}",
            ])
        case .forgetsExecution: return fault("cloud.report.error", ["status": 404])
        case .hasEndedExecution: return fault("cloud.report.error", ["status": 409])
        case .damagesDelta: return fault("badge.http.corrupt", ["path": "part=delta"])
        case .ignoresLaterRanges: return fault("badge.http.ignore_range", ["path": "/download"], when: after(1))
        case .servesRoots(true):
            var words = CentreWords(before: ["  - do: cloud.firmware.root", "    with: {root: root-2.json}"])
            words.file = catalogue.roots.good.first.map { ("root-2.json", $0) }
            return words
        case .servesRoots(false), .replaces, .hasMovedOn: return nil
        }
    }
}
