import FirmwareImages
import GRDB
import LabCore
import Synchronization

/// Files that come for a version, together or one by one.
struct VersionParts: Sendable, Equatable {
    var image: [UInt8]?
    var manifest: [UInt8]?
    var delta: [UInt8]?
}

extension VersionDraft {
    static func isNumber(_ text: String) -> Bool { FirmwareVersion(text) != nil }
}

/// Uploading and releasing: a draft takes files until it is released, and never again after that.
extension FirmwareService {
    /// Uploads to a version.
    ///
    /// A released one takes nothing but the bytes that it has, and a newer manifest of the same image: manifests expire, images do not.
    func put(_ parts: VersionParts, to version: VersionRecord) async throws {
        try await storage.commitPoint("firmware.upload", ["version": .text(version.number)]) { [bugs] db in
            try Self.put(parts, to: version, bugs: bugs, in: db)
        }
        files.forget(version.row)
        state.withLock { $0.catalogue = nil }
    }

    private static func put(_ parts: VersionParts, to known: VersionRecord, bugs: Set<SeededBug>, in db: Database) throws {
        guard let version = try VersionStore.find(known.row, in: db) else { throw APIError(.versionNotFound) }
        let isFixed = version.state != .draft && !bugs.contains(.versionMutable)
        if let bytes = parts.image {
            let checksum = ImageFacts.checksum(bytes)
            if version.checksum != checksum || version.state == .draft {
                if isFixed { throw APIError(.versionImmutable) }
                let image = try ImageFacts.image(bytes, declared: version.format, version: version.number)
                try VersionStore.put(bytes, as: .image, checksum: checksum, of: version.row, in: db)
                try VersionStore.setImage(size: bytes.count, checksum: checksum, format: image.format, of: version.row, in: db)
            }
        }
        if let bytes = parts.manifest {
            let facts = try ManifestFacts(bytes)
            let checksum = ImageFacts.checksum(bytes)
            let isSame = try VersionStore.checksum(.manifest, of: version.row, in: db) == checksum
            if isFixed, !isSame {
                guard facts.version > version.manifestVersion ?? 0, facts.delta == nil || version.delta != nil else { throw APIError(.versionImmutable) }
                try facts.check(against: version, image: try image(of: version, in: db))
                try VersionStore.setManifest(facts, minimumCompatible: version.minimumCompatible ?? facts.minimumCompatible, of: version.row, in: db)
            }
            if !isSame { try VersionStore.put(bytes, as: .manifest, checksum: checksum, of: version.row, in: db) }
        }
        if let bytes = parts.delta {
            let checksum = ImageFacts.checksum(bytes)
            if try VersionStore.checksum(.delta, of: version.row, in: db) == checksum { return }
            if isFixed { throw APIError(.versionImmutable) }
            try VersionStore.put(bytes, as: .delta, checksum: checksum, of: version.row, in: db)
        }
    }

    private static func image(of version: VersionRecord, in db: Database) throws -> ImageFacts.Image {
        guard let (_, bytes) = try VersionStore.content(.image, of: version.row, in: db) else {
            throw APIError(.versionIncomplete, details: ["part": "image"])
        }
        return try ImageFacts.image(bytes, declared: version.format, version: version.number)
    }

    /// Releases a draft whose files belong together; a released version stays as it is.
    func release(_ version: VersionRecord) async throws -> VersionRecord {
        let now = milliseconds
        let released = try await storage.commitPoint(
            "firmware.release", ["version": .text(version.number)],
            body: { db in try Self.release(version, at: now, in: db) }, notes: { $0.isNew ? [Self.releaseNote($0.version)] : [] })
        state.withLock { $0.catalogue = nil }
        return released.version
    }

    static func releaseNote(_ version: VersionRecord) -> CloudNote {
        var fields: Fields = [
            "version": .text(version.number), "device_type": .text(version.deviceType), "type": .text(version.type.rawValue),
            "size": .integer(Int64(version.size ?? 0)), "checksum": .text("sha256:" + (version.checksum ?? "")),
        ]
        if let format = version.format { fields["format"] = .text(format.rawValue) }
        return CloudNote("firmware.released", fields)
    }

    private static func release(_ known: VersionRecord, at now: Int64, in db: Database) throws -> (version: VersionRecord, isNew: Bool) {
        guard let version = try VersionStore.find(known.row, in: db) else { throw APIError(.versionNotFound) }
        if version.state == .withdrawn { throw APIError(.versionImmutable, "The version was withdrawn.") }
        if version.state == .released { return (version, false) }
        let image = try image(of: version, in: db)
        try releaseDocuments(of: version, image: image, in: db)
        try VersionStore.release(version.row, at: now, in: db)
        guard let released = try VersionStore.find(version.row, in: db) else { throw APIError(.versionNotFound) }
        return (released, true)
    }

    /// Manifest and delta, which must be those of the image.
    private static func releaseDocuments(of version: VersionRecord, image: ImageFacts.Image, in db: Database) throws {
        let delta = try VersionStore.content(.delta, of: version.row, in: db)
        guard let (_, bytes) = try VersionStore.content(.manifest, of: version.row, in: db) else {
            // The maker of a module signs its packages; nobody else can.
            guard version.format == .dfota else { throw APIError(.versionIncomplete, details: ["part": "manifest"]) }
            if delta != nil { throw APIError(.deltaMismatch, "A package of a module is a delta by itself.") }
            return
        }
        let manifest = try ManifestFacts(bytes)
        try manifest.check(against: version, image: image)
        try VersionStore.setManifest(
            manifest, minimumCompatible: version.minimumCompatible ?? manifest.minimumCompatible, of: version.row, in: db)
        guard let delta else { return }
        guard let promised = manifest.delta, promised.checksum == delta.checksum, promised.length == delta.bytes.count,
            promised.resultChecksum == version.checksum
        else { throw APIError(.deltaMismatch) }
        try VersionStore.setDelta(
            VersionRecord.Delta(
                size: delta.bytes.count, checksum: delta.checksum, baseVersion: promised.baseVersion, baseChecksum: promised.baseChecksum),
            of: version.row, in: db)
    }

    /// Nobody is offered it any more, and its rollouts end.
    func withdraw(_ version: VersionRecord, actor: String) async throws {
        try await change("firmware.withdraw", ["version": .text(version.number)], actor: actor) { engine in
            for rollout in try RolloutStore.ofVersion(version.row, in: engine.db) where [.draft, .running, .paused].contains(rollout.state) {
                try engine.abort(rollout, reason: "withdrawn")
            }
            try VersionStore.withdraw(version.row, in: engine.db)
            engine.effects.changesCatalogue = true
            engine.note("firmware.withdrawn", ["version": .text(version.number), "device_type": .text(version.deviceType)])
        }
    }

    // MARK: Roots

    /// Adds a root to the chain. The cloud looks at its number only: who may sign it is for devices to know.
    ///
    /// - Returns: its number.
    func putRoot(_ bytes: [UInt8], expecting number: Int64?) async throws -> Int64 {
        guard bytes.count <= FirmwareSettings.rootBytes, let record = (try? JSONReader.read(bytes))?.record,
            let found = record.value(at: "signed.version")?.integer, found >= 1, record.value(at: "signed._type")?.text == "root"
        else { throw APIError(.malformedBody, "The root must be JSON with signed._type 'root' and signed.version.") }
        if let number, number != found {
            throw APIError(.rootConflict, "The root says that it is number \(found).", details: ["number": .integer(found)])
        }
        let (now, tenant) = (milliseconds, tenant)
        try await storage.commitPoint(
            "firmware.root", ["number": .integer(found)],
            body: { db in
                if let known = try VersionStore.root(found, tenant: tenant, in: db) {
                    guard known == bytes else { throw APIError(.rootConflict, "Root \(found) is there already, and is another.") }
                    return
                }
                // A chain may begin anywhere: devices have the roots before from the factory.
                let newest = try VersionStore.newestRoot(tenant: tenant, in: db)
                guard newest == 0 || found == newest + 1 else {
                    throw APIError(.rootConflict, "The next root is number \(newest + 1).", details: ["next": .integer(newest + 1)])
                }
                try VersionStore.insertRoot(found, bytes, tenant: tenant, at: now, in: db)
            })
        state.withLock { $0.catalogue = nil }
        return found
    }
}
