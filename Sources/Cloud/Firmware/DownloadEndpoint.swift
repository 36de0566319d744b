import LabCore
import Synchronization

extension FirmwareService {
    var downloadEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions/{version}/download", "Gives an image or a delta, whole or a range of it; the address is its own permission.",
            access: .open, rateClass: .ota,
            query: [
                FieldKind("device", .text, required: true), FieldKind("expires", .integer, unit: "Unix s", required: true),
                FieldKind("part", .choice([FirmwarePart.image.rawValue, FirmwarePart.delta.rawValue]), "image where absent"),
                FieldKind("signature", .text, required: true, "64 hexadecimal digits"),
            ], statuses: [200, 206, 403, 404, 416]
        ) { [self] in try download($0) }
    }

    func download(_ request: CloudRequest) throws -> APIAnswer {
        let grant = try grant(of: request)
        // The refusal for a change comes before the one for age: who has no genuine address learns nothing.
        let signature = request.query["signature"]?.text ?? ""
        guard addresses.isGenuine(grant.grant, signature: signature), grant.isActive else { throw APIError(.urlInvalid) }
        if !bugs.contains(.downloadURLNeverExpires), environment.unixSeconds >= grant.grant.expires { throw APIError(.urlExpired) }
        let (version, file) = try servedFile(grant.grant)
        let isHead = request.method == "HEAD"
        let range =
            isHead ? .whole : ByteRange.of(header("range", request), ifRange: header("if-range", request), tag: file.tag, size: file.bytes.count)
        return try answer(range, of: file, version: version, device: grant.grant.device, isHead: isHead)
    }

    private func header(_ name: String, _ request: CloudRequest) -> String? { request.headers.first { $0.name == name }?.value }

    /// What the address claims to be for.
    private func grant(of request: CloudRequest) throws -> (grant: DownloadAddress.Grant, isActive: Bool) {
        let device = request.query["device"]?.text ?? ""
        let record = DeviceNames.isDeviceID(device) ? try storage.read { db in try DeviceStore.find(device, in: db) } : nil
        let grant = DownloadAddress.Grant(
            tenant: record?.tenant ?? tenant, deviceType: record?.type ?? "", version: request.parameter("version"),
            part: request.query["part"]?.text.flatMap(FirmwarePart.init) ?? .image, device: device, expires: request.query["expires"]?.integer ?? 0)
        return (grant, record.map { !$0.isDeleted } ?? false)
    }

    private func servedFile(_ grant: DownloadAddress.Grant) throws -> (VersionRecord, FirmwareFiles.File) {
        let version = try storage.read { db in try VersionStore.known(grant.version, type: grant.deviceType, tenant: grant.tenant, in: db) }
        let faults = faults.withLock { $0 }
        guard version.state == .released, !faults.deleted.contains(version.number) else { throw APIError(.versionNotFound) }
        if grant.part == .image, let other = faults.switched.last(where: { $0.version == version.number }) { return (version, other.file) }
        guard let file = try files.file(grant.part, of: version.row) else { throw APIError(.versionNotFound) }
        return (version, file)
    }

    private func answer(
        _ range: ByteRange, of file: FirmwareFiles.File, version: VersionRecord, device: String, isHead: Bool
    ) throws -> APIAnswer {
        var headers = [HTTPCall.Header("accept-ranges", "bytes"), HTTPCall.Header("etag", file.tag)]
        var (status, bytes) = (200, file.bytes)
        switch range {
        case .whole: break
        case .part(let part):
            (status, bytes) = (206, Array(file.bytes[part]))
            headers.append(HTTPCall.Header("content-range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.bytes.count)"))
        case .unsatisfiable:
            noteDownload(device, version, bytes: 0, status: 416)
            throw APIError(.rangeNotSatisfiable, headers: headers + [HTTPCall.Header("content-range", "bytes */\(file.bytes.count)")])
        }
        if !isHead {
            // Whoever asks for bytes over and over is held back; a whole KiB is the least that counts.
            let cost = (bytes.count + 1023) / 1024
            let limit = RateLimit(settings.downloadKiB, per: .seconds(600))
            let decision = traffic.take(key: device, limit: limit, at: environment.now(), cost: min(cost, settings.downloadKiB))
            guard decision.isAllowed else {
                var refusal = decision.refusal()
                refusal.headers.removeAll { $0.name.hasPrefix("ratelimit-") }
                throw refusal
            }
            noteDownload(device, version, bytes: bytes.count, status: status)
        }
        return APIAnswer(status: status, headers: headers, plain: APIAnswer.Plain(contentType: "application/octet-stream", bytes: bytes))
    }

    private func noteDownload(_ device: String, _ version: VersionRecord, bytes: Int, status: Int) {
        state.withLock {
            $0.downloads += 1
            $0.downloadedBytes += Int64(bytes)
        }
        environment.note(
            "firmware.downloaded",
            [
                "device": .text(device), "version": .text(version.number), "bytes": .integer(Int64(bytes)), "status": .integer(Int64(status)),
            ])
    }

    // MARK: Manifests and roots

    var manifestEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions/{version}/manifest", "Gives the signed manifest of a version as it was uploaded.",
            access: .anyDevice(orUser: .read), rateClass: .device, query: [Self.typeField], statuses: [200, 404]
        ) { [self] request in
            let type = try deviceType(of: request)
            let version = try storage.read { db in try VersionStore.known(request.parameter("version"), type: type, tenant: request.tenant, in: db) }
            let isDevice = if case .device = request.identity { true } else { false }
            let isDeleted = faults.withLock { $0.deleted.contains(version.number) }
            // Drafts are for those who make them.
            guard !isDevice || version.state == .released, !isDeleted else { throw APIError(.versionNotFound) }
            guard let file = try files.file(.manifest, of: version.row) else { throw APIError(.manifestNotFound) }
            return APIAnswer(
                headers: [HTTPCall.Header("etag", file.tag)], plain: APIAnswer.Plain(contentType: "application/json", bytes: file.bytes))
        }
    }

    var rootEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/firmware/roots/{number}", "Gives one root of the chain as it was uploaded.", access: .anyDevice(orUser: .read),
            rateClass: .device, statuses: [200, 404]
        ) { [self] request in
            guard let number = Int64(request.parameter("number")), number >= 1,
                let bytes = try storage.read({ db in try VersionStore.root(number, tenant: request.tenant, in: db) })
            else { throw APIError(.rootNotFound) }
            return APIAnswer(plain: APIAnswer.Plain(contentType: "application/json", bytes: bytes))
        }
    }

    static let typeField = FieldKind("device_type", .text, "luna_badge where absent; a device's own in any case")

    /// The device's own type, or the one that a user names.
    func deviceType(of request: CloudRequest) throws -> String {
        if case .device(let id, _) = request.identity {
            return try storage.read { db in try DeviceStore.active(id, tenant: request.tenant, in: db).type }
        }
        guard let type = request.query["device_type"]?.text else { return "luna_badge" }
        guard DeviceNames.isWord(type, maximum: 32) else {
            throw APIError.invalidField("device_type", "'device_type' must be a word of at most 32 bytes")
        }
        return type
    }
}
