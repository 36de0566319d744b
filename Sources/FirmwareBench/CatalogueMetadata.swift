import Crypto
import Emulators
import FirmwareImages
import LabCore
import Simulation

enum ReleaseHash {
    static func of(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}

/// M1 to M7 and M9: what servers say, and clocks.
extension CatalogueBuilder {
    private mutating func release(
        _ about: String, signer: ReleaseTeam.Signer = .team, number: Int64 = 2, _ change: (inout ReleaseManifest) -> Void = { _ in }
    ) throws -> Int {
        add(
            Release(
                about, version: version, image: setup.image,
                manifest: try team.manifest(
                    of: setup.image, version, setup.model.format, securityCounter: setup.new.securityCounter, number: number, signer: signer, change: change)))
    }

    mutating func addMetadata() throws {
        let day: Int64 = 86_400
        let refused: [(TortureCase.Family, String, (inout ReleaseManifest) -> Void)] = [
            (.m1, "an expired manifest", { ($0.issued, $0.expires) = (ReleaseTeam.epoch - 40 * day, ReleaseTeam.epoch - 1) }),
            (.m1, "a manifest of tomorrow and the day after", { ($0.issued, $0.expires) = (ReleaseTeam.epoch + 3 * day, ReleaseTeam.epoch + 90 * day) }),
            (.m2, "a manifest for another tenant", { $0.tenant = "others" }),
            (.m2, "a manifest for another product", { $0.product = "rg500q" }),
            (.m2, "a manifest far ahead", { $0.version = 1 << 40 }),
            (.m2, "a manifest for another format", { $0.format = $0.format == .mcuboot ? .esp32 : .mcuboot }),
            (.m2, "a manifest that needs a later base", { $0.minimumCompatible = FirmwareVersion(250, 0, 0) }),
        ]
        for (family, about, change) in refused { refuses(family, about, try release(about, change), results: ["rejected"]) }
        for (about, signer) in [("a manifest by a stranger", ReleaseTeam.Signer.stranger), ("a manifest that nobody signed", .nobody), ("a manifest by the next key, without its root", .next)] {
            refuses(.m3, about, try release(about, signer: signer), results: ["rejected"])
        }
        // A newer manifest first, which cannot be installed; then an older one, which must not be taken any more.
        let gone = try release("a newer manifest", number: 40)
        let old = try release("an old manifest", number: 7)
        releases[gone].image = setup.old
        var replay = TortureCase(family: .m1, about: "an old manifest after a newer one", offers: [gone, old], endings: [.old], results: ["rejected"], mayRun: [])
        replay.mayRun = []
        cases.append(replay)
        let next = try release("signed by the next key", signer: .next)
        good(.m3, "the release key is rotated in mid-rollout", [], results: ["succeeded"], faults: [.servesRoots(isSigned: true)], release: next)
        cases.append(rotated("the old key after the rotation", 0))
        var forged = rotated("a root that the one before did not sign", next)
        forged.centreFaults = [.servesRoots(isSigned: false)]
        cases.append(forged)
        addServer()
        addClocks()
    }

    private func rotated(_ about: String, _ release: Int) -> TortureCase {
        var entry = TortureCase(family: .m3, about: about, offers: [release], endings: [.old], results: ["rejected"], mayRun: [])
        entry.centreFaults = [.servesRoots(isSigned: true)]
        return entry
    }

    private mutating func addServer() {
        let blocks = max(1, (setup.image.count + 4_095) / 4_096)
        for state in ["downloading", "downloaded", "installing", "rebooting", "testing"] {
            good(.m4, "cancelled at \(state)", [], endings: [.new, .old], faults: [.cancels(at: state)])
        }
        for place in [1, blocks / 2, blocks] {
            good(.m5, "withdrawn after \(place) blocks", [], endings: place >= blocks ? [.new, .old] : [.old], faults: [.deletesVersion(afterBlocks: place)])
            var replaced = TortureCase(family: .m5, about: "another deployment after \(place) blocks", offers: [0], endings: [.new], mayRun: [0, deltaRelease])
            replaced.centreFaults = [.replaces(afterBlocks: place, with: deltaRelease)]
            cases.append(replaced)
        }
        for status in [400, 401, 403, 500, 502, 503] {
            for times in [1, 5, 200] as [Int64] {
                good(.m6, "\(status) for reports, \(times) times", [.http(HTTPFault(.status(status, retryAfter: nil), path: "/report", times: times))])
            }
        }
        for times in [1, 3, 20] as [Int64] {
            good(.m6, "the answer to a report is lost, \(times) times", [.http(HTTPFault(.loseAnswer, path: "/report", times: times))])
            good(.m6, "reports arrive twice, \(times) times", [.http(HTTPFault(.duplicate, path: "/report", times: times))])
            good(.m6, "reports arrive 25 s later, \(times) times", [.http(HTTPFault(.delay(.seconds(25)), path: "/report", times: times))])
            good(.m6, "reports arrive after their time, \(times) times", [.http(HTTPFault(.delay(.seconds(40)), path: "/report", times: times))])
        }
        good(.m6, "the cloud has forgotten the execution", [], endings: [.new, .old], faults: [.forgetsExecution])
        good(.m6, "the cloud says that it is over", [], endings: [.new, .old], faults: [.hasEndedExecution])
    }

    /// M9: the badge was away while versions came, the newest of which may need the one before.
    mutating func addReturns() throws {
        let missed = try between.map { try addMade("the version that was missed", setup.canMakeImages ? setup.made($0) : setup.image, $0) } ?? deltaRelease
        for requests in [1, 4, 8] as [Int64] {
            var away = TortureCase(
                family: .m9, about: "\(requests) requests get no answer, then there is a newer version", offers: [missed],
                injections: [.http(HTTPFault(.reset(afterBytes: 0), times: requests))], endings: [.new], results: ["succeeded"], mayRun: [0])
            away.centreFaults = [.hasMovedOn(to: 0)]
            cases.append(away)
        }
        guard let between, setup.canMakeImages else { return }
        let newest = try addMade("the newest, by way of \(between)", setup.image, version) { $0.minimumCompatible = between }
        refuses(.m9, "the newest without the version that it needs", newest, results: ["rejected"])
        let way: [(String, [TortureCase.Injection])] =
            [("by way of the version that it needs", [])]
            + ["ota.block_written", "ota.installed", "boot.started", "ota.confirmed"].flatMap { note in
                (1...2).map { ("by way of the version that it needs, power goes at \(note) \($0)", [.power(at: note, nth: $0)]) }
            }
        for (about, injections) in way {
            // An innocent cut in the first boot costs ESP-IDF and MCUboot the step, and with it the way.
            let isInnocent = injections.isEmpty || !about.contains("boot.started") || setup.model == .rauc
            cases.append(
                TortureCase(
                    family: .m9, about: about, offers: [missed, newest], injections: injections, endings: isInnocent ? [.new] : [.new, .old],
                    mayRun: [missed, newest]))
        }
        let bad = try addMade("a step that crashes", try setup.made(between, behaviour: .crash), between)
        cases.append(
            TortureCase(
                family: .m9, about: "the version that the newest needs is bad", offers: [bad, newest], endings: [.old], results: ["rejected"], mayRun: [bad]))
    }

    private mutating func addClocks() {
        // 56 years behind, a day either way.
        for (about, by, direction) in [("at 1970", "490896h", "behind"), ("a day behind", "24h", "behind"), ("a day ahead", "24h", "ahead"), ("a year ahead", "8784h", "ahead")] {
            good(
                .m7, "the clock is \(about)", [.device("clock.wrong", ["by": .text(by), "direction": .text(direction)], at: nil)],
                endings: about.contains("year") ? [.old] : [.new])
            good(
                .m7, "the clock jumps to \(about) in the middle", [.device("clock.wrong", ["by": .text(by), "direction": .text(direction)], at: "ota.block_written")],
                endings: [.new, .old])
        }
    }
}
