import Emulators
import FirmwareImages
import Foundation
import LabCore
import Simulation

/// A case as files with which `lab run` repeats it.
package struct TortureScenario: Sendable {
    /// The scenario; its name is `torture.yaml`.
    package var text: String
    /// Names and contents of what it needs beside it.
    package var files: [(name: String, bytes: [UInt8])]
}

extension TortureBench {
    /// A version centre takes the releases of this case: it looks at what is uploaded, and refuses what no device would start, or another file
    /// for a version that it has. Only such a case can be a scenario; the others stand for a centre that somebody has broken into.
    package func canBeOffered(_ entry: TortureCase) -> Bool {
        let different = Set(entry.offers)
        return different.allSatisfy { isTaken(catalogue.releases[$0]) } && Set(different.map { catalogue.releases[$0].version }).count == different.count
            && entry.centreFaults.allSatisfy { words(for: $0, in: entry) != nil }
    }

    func isTaken(_ release: Release) -> Bool {
        guard case .success(let image) = ImageValidation.validate(release.image, as: setup.model.format, trust: ImageTrust()),
            let manifest = try? ReleaseManifest.unverified(release.manifest)
        else { return false }
        return image.version == release.version && manifest.firmware == release.version && manifest.format == setup.model.format
            && manifest.length == release.image.count && manifest.sha256 == ReleaseHash.of(release.image) && manifest.securityCounter == image.securityCounter
    }

    /// Writes a case in the scenario language. What happens after a certain input of the badge is tied to the event before it.
    package func scenario(of entry: TortureCase, _ outcome: TortureOutcome) throws -> TortureScenario {
        var files = try commonFiles()
        for number in Set(entry.offers).sorted() { files += self.files(of: catalogue.releases[number], as: name(of: number, in: entry)) }
        files += entry.centreFaults.compactMap { words(for: $0, in: entry)?.file }
        return TortureScenario(text: text(entry, outcome), files: files)
    }

    /// The image that runs, and what the lab's devices trust.
    func commonFiles() throws -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = [
            ("old.bin", setup.old), ("root.json", try setup.team.root().bytes), ("lab.yaml", Array(labFile.utf8)),
        ]
        if !keys.isEmpty { files.append(("keys.pem", Array(keys.utf8))) }
        if !certificates.isEmpty { files.append(("authorities.pem", Array(certificates.utf8))) }
        return files
    }

    func files(of release: Release, as name: String) -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = [("\(name).bin", release.image), ("\(name).manifest.json", release.manifest)]
        if let delta = release.delta { files.append(("\(name).delta", delta)) }
        return files
    }

    private var labFile: String {
        var entries = ["product: \(ReleaseTeam.product)", "root: root.json"]
        if !keys.isEmpty { entries.append("keys: [keys.pem]") }
        if !certificates.isEmpty { entries.append("certificates: [authorities.pem]") }
        return "lab: 1\nabout: The lab in which the torture of an image found something.\nfirmware: {\(entries.joined(separator: ", "))}\n"
    }

    private var keys: String {
        setup.trust.keys.map { key in
            if case .rsa = key { return Self.pem("RSA PUBLIC KEY", key.encoded) }
            return Self.pem("PUBLIC KEY", key.encoded)
        }.joined()
    }

    private var certificates: String { setup.trust.certificates.map { Self.pem("CERTIFICATE", $0) }.joined() }

    private static func pem(_ label: String, _ bytes: [UInt8]) -> String {
        "-----BEGIN \(label)-----\n\(Data(bytes).base64EncodedString(options: .lineLength64Characters))\n-----END \(label)-----\n"
    }

    private func text(_ entry: TortureCase, _ outcome: TortureOutcome) -> String {
        var lines = [
            "# Found by `lab firmware torture`: \(outcome.violations.first?.description ?? "")", "lab: 1",
            "about: \(quoted("\(entry.family.rawValue), \(entry.family.about): \(entry.about)"))", "tags: [ota, torture]", "deadline: 48h", "", "needs:",
            "  badge: {kind: badge, can: [power]}", "  cloud: {kind: cloud}", "",
        ]
        lines += laws(of: ["badge"])
        lines += [
            "  - law: power back means the badge comes back", "    event: badge.power.restored", "    leads_to: badge.boot.done", "    within: 10m",
            "", "setup:", "  - do: badge.flash", "    with: {image: old.bin, boot: \(setup.model.rawValue)}", "  - expect: cloud.mqtt.online",
            "    within: 60s", "    save: {device: device}", "  - expect: badge.online", "    within: 60s", "", "steps:",
        ]
        for injection in entry.injections { lines += steps(injection, entry) }
        let centre = entry.centreFaults.compactMap { words(for: $0, in: entry) }
        lines += centre.flatMap(\.before)
        for (index, number) in entry.offers.enumerated() {
            let name = name(of: number, in: entry)
            let result = index == entry.offers.count - 1 && entry.results.count == 1 ? ", result: \(entry.results.first ?? "")" : ""
            lines += ["  - do: cloud.ota.start", "    with: {device: \"${device}\", image: \(name).bin, manifest: \(name).manifest.json}"]
            lines += centre.flatMap(\.after)
            lines += ["  - expect: cloud.ota.finished", "    where: {device: \"${device}\"\(result)}", "    within: 26h"]
        }
        if entry.endings.count == 1, let ending = entry.endings.first, ending != .stuck {
            let version = ending == .new ? catalogue.releases[entry.offers.last { entry.mayRun.contains($0) } ?? 0].version : setup.oldVersion
            lines += ["  - check: badge.firmware", "    is: {version: \"\(version)\"}", "    within: 10m"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What holds in every update.
    func laws(of roles: [String]) -> [String] {
        ["laws:"]
            + roles.flatMap { role in
                [
                    "  - law: no image boots whose signature is not valid (\(role))", "    forbid: \(role).boot.started", "    where: {signature: invalid}",
                    "  - law: the bootloader always finds an image (\(role))", "    forbid: \(role).boot.stuck",
                ]
            } + ["  - law: an execution ends once", "    event: cloud.ota.finished", "    once_per: execution"]
    }

    /// Of the files of a release: `image` for the one that counts.
    private func name(of release: Int, in entry: TortureCase) -> String { release == entry.offers.last ? "image" : "image-\(release)" }

    func quoted(_ text: String) -> String { JSONWriter.text(.text(text)) }

    private func steps(_ injection: TortureCase.Injection, _ entry: TortureCase) -> [String] {
        func fault(_ name: String, _ fields: Fields, when: String? = nil, for time: String? = nil) -> [String] {
            Self.fault("badge.\(name)", fields, when: when, for: time)
        }
        switch injection {
        case .cuts(let cuts):
            return cuts.enumerated().flatMap { index, cut in
                fault(
                    "flash.cut",
                    [
                        "part": .text(cut.part.rawValue), "at_operation": .integer(Int64(cut.operation)), "tear": .text(cut.tear.rawValue),
                        "away": .duration(TortureRun.outage.nanoseconds),
                    ], when: index == 0 ? nil : "event: badge.power.lost, where: {reason: flash_cut}, nth: \(index)")
            }
        case .power(let note, let nth): return fault("power.cut", [:], when: "event: badge.\(note), nth: \(nth)", for: "5s")
        case .powerAfter:
            guard case .input(let input) = entry.start else { return [] }
            let (name, nth) = catalogue.courses[entry.course.rawValue].moments[min(input + 1, catalogue.courses[entry.course.rawValue].inputs - 1)].run.lastNote
            return fault("power.cut", [:], when: "event: badge.\(name), nth: \(nth)", for: "5s")
        case .brownOut(let note, let period, let times):
            return (1...max(1, times)).flatMap { nth in
                ["  # power for \(period) before it goes again"]
                    + fault("power.cut", [:], when: nth == 1 ? "event: badge.\(note), nth: 1" : "event: badge.power.restored, nth: \(nth - 1)", for: "5s")
            }
        case .http(let http):
            guard case .blocks(let count) = entry.start, count > 0 else { return fault(http.name, http.fields) }
            return fault(http.name, http.fields, when: "event: badge.ota.block_written, nth: \(count)")
        case .lossy(let seed, let rate):
            return ["  # \(Int(rate * 100)) % of the requests fail, drawn with seed \(seed)"]
                + drawn(in: entry).flatMap { note, http in
                    fault(http.name, http.fields.merging(["times": 1]), when: note.name.isEmpty ? nil : "event: badge.\(note.name), nth: \(note.nth)")
                }
        case .device(let name, let fields, let note): return fault(name, fields, when: note.map { "event: badge.\($0), nth: 1" })
        case .whileRunning(let version, let name, let fields):
            return fault(name, fields, when: "event: badge.boot.started, where: {firmware: \"\(version)\"}, nth: 1", for: "2m")
        }
    }

    static func fault(_ name: String, _ fields: Fields, when: String? = nil, for time: String? = nil) -> [String] {
        var lines = ["  - fault: \(name)"]
        if !fields.isEmpty { lines.append("    with: {\(fields.map { "\($0.name): \(plain($0.value))" }.joined(separator: ", "))}") }
        if let when { lines.append("    when: {\(when)}") }
        if let time { lines.append("    for: \(time)") }
        return lines
    }

    private static func plain(_ value: FieldValue) -> String {
        if case .duration(let nanoseconds) = value { return DurationText.format(nanoseconds: nanoseconds) }
        return JSONWriter.text(value)
    }
}

extension HTTPFault {
    /// The arguments with which a scenario begins this fault.
    fileprivate var fields: Fields {
        var fields: Fields
        switch kind {
        case .trickle(let pace): fields = ["bytes_per_second": .integer(pace)]
        case .reset(let count): fields = ["after_bytes": .integer(count)]
        case .wrongOffset(let bytes), .wrongLength(let bytes): fields = ["by": .integer(bytes)]
        case .endless(let extra): fields = ["extra": .integer(extra)]
        case .status(let code, let retryAfter):
            fields = ["code": .integer(Int64(code))]
            if let retryAfter { fields["retry_after"] = .integer(retryAfter) }
        case .redirect(let target): fields = ["to": .text(target)]
        case .delay(let time): fields = ["time": .duration(time.nanoseconds)]
        case .stall, .ignoreRange, .noContentRange, .captivePortal, .gzip, .corrupt, .duplicate, .loseAnswer: fields = [:]
        }
        if let path { fields["path"] = .text(path) }
        if let times { fields["times"] = .integer(times) }
        return fields
    }
}
