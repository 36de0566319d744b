import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: what is refused before the slot is touched (specs/ota.md §4, I4 to I8, M1 to M3)")
struct ManifestRefusalTests {
    private func offer(
        _ manifest: [UInt8]?, image: [UInt8] = Release.image(), version: String = "2.4.0", bugs: Set<SeededBug> = [],
        prepare: (inout BadgeBench) -> Void = { _ in }
    ) -> BadgeBench {
        var centre = VersionCentre(image: image, manifest: [])
        centre.manifest = manifest
        centre.version = version
        var bench = BadgeBench.updating(centre: centre, settings: Release.settings(bugs))
        prepare(&bench)
        bench.runToEnd()
        return bench
    }

    private func expect(
        _ bench: BadgeBench, refused reason: String, attack: String? = nil, _ location: Testing.SourceLocation = #_sourceLocation
    ) {
        #expect(bench.centre?.result == "rejected", sourceLocation: location)
        #expect(bench.centre?.reason == reason, sourceLocation: location)
        #expect(bench.last("ota.refused")?.text("attack") == attack, sourceLocation: location)
        #expect(bench.centre?.downloads.isEmpty == true, sourceLocation: location)
        // Nothing was erased, nothing written.
        #expect(bench.badge.firmware.flash.operationCount == Release.store().flash.operationCount, sourceLocation: location)
    }

    @Test("an expired manifest, unless the bug is in (M1)")
    func expired() {
        let manifest = Release.manifest(of: Release.image(), expires: BadgeBench.epoch)
        expect(offer(manifest), refused: "manifest_expired", attack: "indefinite freeze")
        #expect(offer(manifest, bugs: [.manifestExpiryNotChecked]).centre?.result == "succeeded")
    }

    @Test("one signed by somebody else, by nobody, or changed after it was signed, unless the bug is in (M3, I4)")
    func signature() {
        let foreign = Release.manifest(of: Release.image(), keys: [Release.foreignKey])
        expect(offer(foreign), refused: "manifest_unknown_key", attack: "arbitrary software installation")
        expect(offer(Release.manifest(of: Release.image(), keys: [])), refused: "manifest_unsigned", attack: "arbitrary software installation")
        #expect(offer(foreign, bugs: [.manifestSignatureNotChecked]).centre?.result == "succeeded")
        expect(offer(Array("{}".utf8)), refused: "manifest_malformed", attack: "malicious mirrors preventing updates")
        expect(offer(nil), refused: "manifest_missing", attack: "arbitrary software installation")
    }

    @Test("one for another product, tenant or hardware, unless the bug is in (M2, I5)")
    func foreign() {
        let image = Release.image()
        let attack = "wrong software installation"
        expect(offer(Release.manifest(of: image, product: "luna-lamp")), refused: "manifest_product", attack: attack)
        expect(offer(Release.manifest(of: image, tenant: "acme")), refused: "manifest_tenant", attack: attack)
        let other = Release.manifest(of: image, hardware: ["v2.0"])
        expect(offer(other), refused: "wrong_hardware", attack: attack)
        #expect(offer(other, bugs: [.hardwareNotChecked]).centre?.result == "succeeded")
    }

    @Test("a downgrade, a lower security counter, an image that does not fit, one that cannot be reached from here (I6, I7, M9)")
    func notForThisBadge() {
        let old = Release.image("2.2.0")
        expect(offer(Release.manifest(of: old, firmware: "2.2.0"), image: old, version: "2.2.0"), refused: "downgrade", attack: "rollback")
        let large = Release.image(size: 40_000)
        expect(offer(Release.manifest(of: large), image: large), refused: "oversize", attack: "wrong software installation")
        expect(
            offer(Release.manifest(of: Release.image(), minimumCompatible: "2.3.5")), refused: "manifest_min_compatible",
            attack: "wrong software installation")
        expect(offer(Release.manifest(of: Release.image("2.5.0"), firmware: "2.5.0")), refused: "manifest_mismatch", attack: "mix-and-match")
    }

    @Test("a lower security counter than the device's (I6)")
    func counter() {
        var bench = BadgeBench.updating(centre: {
            let image = Release.image(counter: 5)
            return VersionCentre(image: image, manifest: Release.manifest(of: image, counter: 5))
        }())
        bench.runToEnd()
        #expect(bench.firmware["security_counter"] == 5)
        let image = Release.image("2.5.0", counter: 4)
        bench.centre?.image = image
        bench.centre?.manifest = Release.manifest(of: image, version: 3, firmware: "2.5.0", counter: 4)
        bench.centre?.version = "2.5.0"
        bench.centre?.execution = "ex_0002"
        bench.act("check_update")
        bench.runToEnd()
        #expect(bench.centre?.reason == "security_counter")
    }

    @Test("a manifest older than one that was taken, also after a reboot, unless the bug is in (M1: rollback)")
    func replay() {
        for bugs in [[], [.manifestVersionNotKept]] as [Set<SeededBug>] {
            let first = Release.manifest(of: Release.image(), version: 7)
            var bench = offer(first, bugs: bugs)
            #expect(bench.centre?.result == "succeeded")
            let image = Release.image("2.5.0")
            bench.centre?.image = image
            bench.centre?.manifest = Release.manifest(of: image, version: 6, firmware: "2.5.0")
            bench.centre?.version = "2.5.0"
            bench.centre?.execution = "ex_0002"
            bench.act("check_update")
            bench.runToEnd()
            #expect(bench.centre?.results.last?.state == (bugs.isEmpty ? "rejected" : "succeeded"))
            if bugs.isEmpty { #expect(bench.last("ota.refused")?.text("attack") == "rollback") }
        }
    }

    @Test("a manifest of a root that comes later is taken after the chain was followed, and the new root is kept (M3)")
    func rotation() {
        let newKey = Release.key(3)
        let second = Release.rootBytes(version: 2, release: [newKey])
        var bench = offer(Release.manifest(of: Release.image(), keys: [newKey])) { $0.centre?.roots = [second] }
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.last("ota.root_adopted") == ["version": 2])
        // The old key is worth nothing any more.
        let image = Release.image("2.5.0")
        bench.centre?.image = image
        bench.centre?.manifest = Release.manifest(of: image, version: 3, firmware: "2.5.0")
        bench.centre?.version = "2.5.0"
        bench.centre?.execution = "ex_0002"
        bench.act("check_update")
        bench.runToEnd()
        #expect(bench.centre?.reason == "manifest_unknown_key")
        #expect(bench.count("ota.root_adopted") == 1)
        let forged = Release.rootBytes(version: 2, release: [newKey], signedBy: [Release.foreignKey])
        let refused = offer(Release.manifest(of: Release.image(), keys: [newKey])) { $0.centre?.roots = [forged] }
        #expect(refused.centre?.result == "rejected")
    }

    @Test("a badge without a root takes nothing")
    func noRoot() {
        var settings = Release.settings()
        settings.root = nil
        var bench = BadgeBench.updating(settings: settings)
        bench.runToEnd()
        #expect(bench.centre?.reason == "manifest_no_root")
    }

    @Test("an image that is well signed but not the manifest's is refused by its hash, unless the bug is in (M3: mix-and-match)")
    func otherImage() {
        for bugs in [[], [.hashNotChecked]] as [Set<SeededBug>] {
            // Same length, other content: only the hash tells.
            let served = Release.image(behaviour: .crash)
            let promised = Release.image(behaviour: .normal)
            #expect(served.count == promised.count)
            var centre = VersionCentre(image: served, manifest: Release.manifest(of: promised))
            centre.intervene("/download?") { _, answer in
                var answer = answer
                answer.headers.removeAll { $0.name == "etag" }
                return .success(answer)
            }
            // A server that lies about the tag, too.
            centre.intervene("/download?") { call, _ in
                var call = call
                call.headers.removeAll { $0.name == "if-range" }
                var answer = VersionCentre.serve(served, call)
                answer.headers.removeAll { $0.name == "etag" }
                return .success(answer)
            }
            var bench = BadgeBench.updating(centre: centre, settings: Release.settings(bugs))
            bench.runToEnd()
            #expect(bench.count("ota.installed") == (bugs.isEmpty ? 0 : 1))
            #expect(bench.centre?.result == (bugs.isEmpty ? "failed" : "rolled_back"))
        }
    }

    @Test("an image whose signature the bootloader does not know never gets activated, unless the bug is in (I3, I4)")
    func foreignImage() {
        let image = Release.image(seed: [UInt8](repeating: 0x66, count: 32))
        let bench = offer(Release.manifest(of: image), image: image)
        #expect(bench.centre?.result == "failed")
        #expect(bench.centre?.reason == "signature_invalid")
        #expect(bench.count("ota.installed") == 0)
        let trailer = bench.badge.firmware
        var bug = offer(Release.manifest(of: image), image: image, bugs: [.activateBeforeVerify]).badge.firmware
        let quiet = (try? { var copy = trailer; _ = try copy.boot(); return copy.flash.operationCount }()) ?? UInt64(0)
        let busy = (try? { _ = try bug.boot(); return bug.flash.operationCount }()) ?? UInt64(0)
        #expect(quiet == trailer.flash.operationCount)
        #expect(busy > quiet)
    }
}
