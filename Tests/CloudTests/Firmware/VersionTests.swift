import Crypto
import FirmwareImages
import GRDB
import LabCore
import Testing

@testable import Cloud

@Suite("Versions (luna-badge-cloud.md \"Version 版本表\"; badge-protocol.md \"Operators\")")
struct VersionTests {
    @Test("the seed's columns are there, in its order")
    func schema() throws {
        let world = try FirmwareWorld()
        let columns = try world.disk.read { db in try db.columns(in: "versions").map(\.name) }
        #expect(
            Array(columns.prefix(12)) == [
                "id", "version_number", "version_type", "release_notes", "download_url", "file_size", "checksum", "is_force_update",
                "min_compatible_version", "created_at", "released_at", "is_active",
            ])
    }

    @Test("a version goes from draft to released, with the facts of its files")
    func release() async throws {
        let world = try FirmwareWorld()
        let image = try FirmwareWorld.image("2.4.0")
        let draft = try await world.draft("v2.4.0", ["release_notes": "Quieter.", "is_force_update": true])
        #expect(draft.status == 201)
        #expect(draft.data.record?["version"] == "2.4.0")
        #expect(draft.data.record?["state"] == "draft")
        try await world.upload("image", image, to: "2.4.0")
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image) { $0["min_compatible"] = "2.0.0" }, to: "2.4.0")
        let released = try world.fields(try await world.call("POST", "/api/v1/versions/2.4.0/release"))
        #expect(released["state"] == "released")
        #expect(released["file_size"] == .integer(Int64(image.count)))
        #expect(released["checksum"] == .text("sha256:" + Hexadecimal.text(SHA256.hash(data: image))))
        #expect(released["format"] == "mcuboot")
        #expect(released["min_compatible_version"] == "2.0.0")
        #expect(released["hardware"] == ["v1.0"])
        #expect(released["is_force_update"] == true)
        #expect(released["released_at"] == "2026-01-01T00:00:00Z")
        #expect(world.events("firmware.released").count == 1)
        // Releasing again changes nothing.
        #expect(try await world.call("POST", "/api/v1/versions/2.4.0/release").status == 200)
        #expect(world.events("firmware.released").count == 1)
    }

    @Test("a released version never changes: other bytes are refused, the same bytes are nothing new")
    func immutable() async throws {
        let world = try FirmwareWorld()
        let image = try await world.release("2.4.0")
        let other = try FirmwareWorld.image("2.4.0", size: 8_192)
        #expect(await failure { try await world.upload("image", other, to: "2.4.0") }?.code == .versionImmutable)
        #expect(await failure { try await world.upload("delta", [1, 2, 3], to: "2.4.0") }?.code == .versionImmutable)
        #expect(await failure { try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image) { $0["security_counter"] = 2 }, to: "2.4.0") }?.code == .versionImmutable)
        #expect(await failure { try await world.draft("2.4.0") }?.code == .versionExists)
        try await world.upload("image", image, to: "2.4.0")
        // A manifest expires, an image does not: a newer manifest of the same image is taken.
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image, number: 2), to: "2.4.0")
        #expect(try world.fields(try await world.call("GET", "/api/v1/versions/2.4.0"))["manifest_version"] == 2)
        #expect(await failure { try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", other, number: 3), to: "2.4.0") }?.code == .manifestMismatch)
    }

    @Test("the seeded bug lets a released image be replaced")
    func mutable() async throws {
        let world = try FirmwareWorld(bugs: [.versionMutable])
        _ = try await world.release("2.4.0")
        let other = try FirmwareWorld.image("2.4.0", size: 8_192)
        try await world.upload("image", other, to: "2.4.0")
        #expect(try world.fields(try await world.call("GET", "/api/v1/versions/2.4.0"))["file_size"] == .integer(Int64(other.count)))
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (inout [UInt8]) -> Void
        var testDescription: String { name }
    }

    @Test(
        "an image that no device would start is refused with the findings",
        arguments: [
            Damage(name: "empty") { $0 = [] }, Damage(name: "one bit of the body") { $0[100] ^= 1 }, Damage(name: "cut") { $0 = Array($0.prefix($0.count / 2)) },
            Damage(name: "all ones") { $0 = Array(repeating: 0xff, count: 4_096) }, Damage(name: "a page of HTML") { $0 = Array("<html>".utf8) },
        ])
    func unfit(_ damage: Damage) async throws {
        let world = try FirmwareWorld()
        var image = try FirmwareWorld.image("2.4.0")
        try await world.draft("2.4.0")
        try await world.upload("image", image, to: "2.4.0")
        damage.change(&image)
        let error = await failure { try await world.upload("image", image, to: "2.4.0") }
        #expect(error?.code == .imageUnfit)
        #expect(error?.details["findings"]?.list?.isEmpty == false)
    }

    @Test("the version in the file must be the version")
    func otherVersion() async throws {
        let world = try FirmwareWorld()
        try await world.draft("2.4.0")
        let image = try FirmwareWorld.image("2.4.1")
        let error = await failure { try await world.upload("image", image, to: "2.4.0") }
        #expect(error?.code == .imageUnfit)
        #expect(error?.details["findings"]?.list?.first?.record?["reason"] == "version_mismatch")
    }

    @Test("nothing is released without an image and a manifest, and only with a manifest of this image")
    func incomplete() async throws {
        let world = try FirmwareWorld()
        let image = try FirmwareWorld.image("2.4.0")
        try await world.draft("2.4.0")
        let release: () async throws -> APIAnswer = { try await world.call("POST", "/api/v1/versions/2.4.0/release") }
        #expect(await failure(of: release)?.details["part"] == "image")
        try await world.upload("image", image, to: "2.4.0")
        #expect(await failure(of: release)?.details["part"] == "manifest")
        let changes: [(String, (inout Fields) -> Void)] = [
            ("firmware", { $0["firmware"] = "2.4.1" }), ("length", { $0["length"] = .integer(Int64(image.count + 1)) }),
            ("sha256", { $0["sha256"] = .text(String(repeating: "0", count: 64)) }), ("format", { $0["format"] = "esp32" }),
            ("security_counter", { $0["security_counter"] = 2 }),
        ]
        for (field, change) in changes {
            try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image, change), to: "2.4.0")
            let error = await failure(of: release)
            #expect(error?.code == .manifestMismatch)
            #expect(error?.details["field"] == .text(field))
        }
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image), to: "2.4.0")
        #expect(try await release().status == 200)
        #expect(await failure { try await world.upload("manifest", Array("{}".utf8), to: "2.4.0") }?.code == .manifestMismatch)
    }

    @Test("a delta must be the one that the manifest names")
    func delta() async throws {
        let world = try FirmwareWorld()
        let (base, image) = (try FirmwareWorld.image("2.3.0"), try FirmwareWorld.image("2.4.0"))
        let delta: [UInt8] = Array("LUNADLT1 any bytes: the cloud compares the hash".utf8)
        func promised(_ bytes: [UInt8]) -> FieldValue {
            [
                "base_firmware": "2.3.0", "base_sha256": .text(Hexadecimal.text(SHA256.hash(data: base))), "length": .integer(Int64(bytes.count)),
                "sha256": .text(Hexadecimal.text(SHA256.hash(data: bytes))), "result_sha256": .text(Hexadecimal.text(SHA256.hash(data: image))),
            ]
        }
        try await world.draft("2.4.0")
        try await world.upload("image", image, to: "2.4.0")
        try await world.upload("delta", delta, to: "2.4.0")
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image), to: "2.4.0")
        let release: () async throws -> APIAnswer = { try await world.call("POST", "/api/v1/versions/2.4.0/release") }
        #expect(await failure(of: release)?.code == .deltaMismatch)
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image) { $0["delta"] = promised(delta + [0]) }, to: "2.4.0")
        #expect(await failure(of: release)?.code == .deltaMismatch)
        try await world.upload("manifest", FirmwareWorld.manifest("2.4.0", image) { $0["delta"] = promised(delta) }, to: "2.4.0")
        #expect(try await release().data.record?["delta_base_version"] == "2.3.0")

        // It is offered to those who run its base, and to nobody else.
        try await world.addBadges(1...2)
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        let withBase = try await world.check("luna_badge_0001", "2.3.0")
        #expect(withBase.value(at: "update_info.delta.base_version") == "2.3.0")
        #expect(withBase.value(at: "update_info.delta.checksum") == .text("sha256:" + Hexadecimal.text(SHA256.hash(data: delta))))
        #expect(try await world.check("luna_badge_0002", "2.2.0").value(at: "update_info.delta") == nil)
    }

    @Test("a package of a module names its base and needs no manifest")
    func package() async throws {
        let world = try FirmwareWorld()
        let number = "RG500QEAAAR11A07M4G_01.001.01.001"
        #expect(await failure { try await world.draft(number, ["device_type": "RG500Q", "format": "dfota"]) }?.code == .invalidField)
        try await world.draft(number, ["device_type": "RG500Q", "format": "dfota", "base_version": "RG500QEAAAR11A06M4G_01.001.01.001"])
        try await world.upload("image", Array("PK anything".utf8), to: number, type: "RG500Q")
        let released = try await world.call("POST", "/api/v1/versions/\(number)/release", query: ["device_type": "RG500Q"])
        #expect(released.data.record?["state"] == "released")
        #expect(await failure { try await world.call("GET", "/api/v1/versions/\(number)") }?.code == .versionNotFound, "badges have no such version")
        #expect(await failure { try await world.draft("not-a-number") }?.code == .invalidField)
    }

    @Test("the list has the newest first, by type")
    func list() async throws {
        let world = try FirmwareWorld()
        for (version, type) in [("2.3.0", "stable"), ("2.4.0", "beta"), ("2.5.0", "stable")] { try await world.draft(version, type: type) }
        let stable = try world.fields(try await world.call("GET", "/api/v1/versions", query: ["type": "stable"]))
        #expect(stable["items"]?.list?.compactMap { $0.record?["version"] } == ["2.5.0", "2.3.0"])
        #expect(stable["total"] == 2)
    }

    @Test("roots are a chain: the next number only, none replaced, and a device follows it until 404")
    func roots() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        func root(_ number: Int64, _ extra: String = "") -> [UInt8] { Array(#"{"signed":{"_type":"root","version":\#(number)},"signatures":[]}\#(extra)"#.utf8) }
        try await world.call("PUT", "/api/v1/firmware/roots/1", bytes: root(1))
        #expect(await failure { try await world.call("PUT", "/api/v1/firmware/roots/3", bytes: root(3)) }?.code == .rootConflict)
        #expect(await failure { try await world.call("PUT", "/api/v1/firmware/roots/2", bytes: root(3)) }?.code == .rootConflict)
        #expect(await failure { try await world.call("PUT", "/api/v1/firmware/roots/1", bytes: root(1, " ")) }?.code == .rootConflict)
        try await world.call("PUT", "/api/v1/firmware/roots/1", bytes: root(1))
        try await world.call("PUT", "/api/v1/firmware/roots/2", bytes: root(2))
        let device = Identity.device(id: "luna_badge_0001", epoch: 1)
        #expect(try await world.call("GET", "/api/v1/firmware/roots/2", as: device).plain?.bytes == root(2))
        #expect(await failure { try await world.call("GET", "/api/v1/firmware/roots/3", as: device) }?.code == .rootNotFound)
        #expect(await failure { try await world.call("PUT", "/api/v1/firmware/roots/1", bytes: [1, 2]) }?.code == .malformedBody)
    }

    @Test("a withdrawn version is offered to nobody, its files are gone, and its rollout is aborted")
    func withdrawn() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...2)
        _ = try await world.release("2.4.0")
        let rollout = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        let info = try #require(try await world.check("luna_badge_0001")["update_info"]?.record)
        try await world.call("DELETE", "/api/v1/versions/2.4.0")
        #expect(try await world.show(rollout)["state"] == "aborted")
        #expect(try await world.offer("luna_badge_0002") == nil)
        #expect(try await world.check("luna_badge_0001")["cancel"] == info["execution_id"])
        #expect(await failure { try await world.download(info["download_url"]?.text ?? "") }?.code == .versionNotFound)
    }
}
