import LabCore
import Synchronization

extension FirmwareService {
    package var endpoints: [Endpoint] {
        [
            checkEndpoint, downloadEndpoint, manifestEndpoint, rootEndpoint, reportEndpoint, listVersions, createVersion, oneVersion, withdrawVersion,
            upload(.image, limit: settings.imageBytes), upload(.manifest, limit: FirmwareSettings.manifestBytes),
            upload(.delta, limit: settings.imageBytes), releaseVersion, versionStatistics, uploadRoot,
        ] + groupEndpoints + rolloutEndpoints
    }

    static let pages = [FieldKind("page", .integer, "from 1"), FieldKind("limit", .integer, "rows of a page, 1 to 100; 20 where absent")]

    static func listFields(_ item: [FieldKind]) -> [FieldKind] {
        [
            FieldKind("items", .list(.record(item)), required: true), FieldKind("page", .integer, required: true),
            FieldKind("limit", .integer, required: true), FieldKind("total", .integer, required: true),
        ]
    }

    private static let channel = FieldType.choice(ReleaseChannel.allCases.map(\.rawValue))
    static let versionFields = [
        FieldKind("version", .text, required: true), FieldKind("device_type", .text, required: true),
        FieldKind("state", .choice(VersionRecord.State.allCases.map(\.rawValue)), required: true), FieldKind("type", channel, required: true),
        FieldKind("format", .choice(FirmwareFormat.allCases.map(\.rawValue))), FieldKind("release_notes", .text), FieldKind("file_size", .integer),
        FieldKind("checksum", .text, "sha256: and 64 digits"), FieldKind("is_force_update", .bool), FieldKind("min_compatible_version", .text),
        FieldKind("base_version", .text), FieldKind("hardware", .list(.text)), FieldKind("security_counter", .integer),
        FieldKind("manifest_version", .integer), FieldKind("delta_base_version", .text), FieldKind("delta_size", .integer),
        FieldKind("created_at", .text), FieldKind("released_at", .text),
    ]

    static func show(_ version: VersionRecord) -> Fields {
        var fields: Fields = [
            "version": .text(version.number), "device_type": .text(version.deviceType), "state": .text(version.state.rawValue),
            "type": .text(version.type.rawValue),
        ]
        if let format = version.format { fields["format"] = .text(format.rawValue) }
        if let notes = version.notes { fields["release_notes"] = .text(notes) }
        if let size = version.size { fields["file_size"] = .integer(Int64(size)) }
        if let checksum = version.checksum { fields["checksum"] = .text("sha256:" + checksum) }
        fields["is_force_update"] = .bool(version.isForced)
        if let minimum = version.minimumCompatible { fields["min_compatible_version"] = .text(minimum) }
        if let base = version.baseVersion { fields["base_version"] = .text(base) }
        if !version.hardware.isEmpty { fields["hardware"] = .list(version.hardware.map { .text($0) }) }
        if let counter = version.securityCounter { fields["security_counter"] = .integer(counter) }
        if let manifest = version.manifestVersion { fields["manifest_version"] = .integer(manifest) }
        if let delta = version.delta {
            fields["delta_base_version"] = .text(delta.baseVersion)
            fields["delta_size"] = .integer(Int64(delta.size))
        }
        fields["created_at"] = .text(Timestamp.text(unixSeconds: version.createdAt / 1000))
        if let released = version.releasedAt { fields["released_at"] = .text(Timestamp.text(unixSeconds: released / 1000)) }
        return fields
    }

    // MARK: Reading

    private var listVersions: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions", "Lists the versions, the newest first.", access: .permission(.read, owner: nil), rateClass: .user,
            query: [FieldKind("type", Self.channel), FieldKind("device_type", .text, "all where absent")] + Self.pages,
            answer: Self.listFields(Self.versionFields)
        ) { [self] request in
            let page = try request.integer("page", in: 1...1_000_000, else: 1)
            let limit = try request.integer("limit", in: 1...100, else: 20)
            let found = try storage.read { db in
                try VersionStore.page(
                    page, limit: limit, channel: request.query["type"]?.text, type: request.query["device_type"]?.text, tenant: request.tenant, in: db)
            }
            return APIAnswer(data: UserService.list(found.items.map { .record(Self.show($0)) }, page: page, limit: limit, total: found.total))
        }
    }

    private var oneVersion: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions/{version}", "One version.", access: .permission(.read, owner: nil), rateClass: .user, query: [Self.typeField],
            answer: Self.versionFields, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(data: .record(Self.show(try version(of: request))))
        }
    }

    func version(of request: CloudRequest) throws -> VersionRecord {
        let type = try deviceType(of: request)
        return try storage.read { db in try VersionStore.known(request.parameter("version"), type: type, tenant: request.tenant, in: db) }
    }

    // MARK: Making

    private var createVersion: Endpoint {
        Endpoint(
            "POST", "/api/v1/versions", "Makes a draft of a version, to which its files are uploaded.", access: .permission(.manage, owner: nil),
            rateClass: .user,
            body: [
                FieldKind("version", .text, required: true, "2.4.0, or a module's own word"), FieldKind("type", Self.channel, required: true),
                FieldKind("device_type", .text, "luna_badge where absent"), FieldKind("format", .choice(FirmwareFormat.allCases.map(\.rawValue))),
                FieldKind("release_notes", .text), FieldKind("is_force_update", .bool), FieldKind("min_compatible_version", .text),
                FieldKind("base_version", .text, "of a DFOTA package: the only version that it can be installed from"),
            ], answer: Self.versionFields, statuses: [201, 409]
        ) { [self] request in
            let draft = try VersionDraft(request.body)
            let now = milliseconds
            let version = try await storage.commitPoint("firmware.create", ["version": .text(draft.number)]) { db in
                try VersionStore.insert(draft, tenant: request.tenant, at: now, in: db)
            }
            return APIAnswer(status: 201, data: .record(Self.show(version)))
        }
    }

    private func upload(_ part: FirmwarePart, limit: Int) -> Endpoint {
        Endpoint(
            "PUT", "/api/v1/versions/{version}/\(part.rawValue)", "Uploads the \(part.rawValue) of a version.",
            access: .permission(.manage, owner: nil), rateClass: .user, query: [Self.typeField], bodyLimit: limit, takesBytes: true,
            answer: [FieldKind("version", .text), FieldKind("checksum", .text), FieldKind("file_size", .integer), FieldKind("findings", .any)],
            statuses: [200, 404, 409, 422]
        ) { [self] request in
            let version = try version(of: request)
            let checksum = ImageFacts.checksum(request.rawBody)
            let parts = VersionParts(image: part == .image ? request.rawBody : nil, manifest: part == .manifest ? request.rawBody : nil, delta: part == .delta ? request.rawBody : nil)
            try await put(parts, to: version)
            return APIAnswer(data: [
                "version": .text(version.number), "checksum": .text("sha256:" + checksum), "file_size": .integer(Int64(request.rawBody.count)), "findings": [],
            ])
        }
    }

    private var releaseVersion: Endpoint {
        Endpoint(
            "POST", "/api/v1/versions/{version}/release", "Releases a version: from now on it never changes.",
            access: .permission(.manage, owner: nil), rateClass: .user, query: [Self.typeField], body: [], answer: Self.versionFields,
            statuses: [200, 404, 409, 422]
        ) { [self] request in
            APIAnswer(data: .record(Self.show(try await release(try version(of: request)))))
        }
    }

    private var withdrawVersion: Endpoint {
        Endpoint(
            "DELETE", "/api/v1/versions/{version}", "Withdraws a version: nobody gets it any more, and its rollouts end.",
            access: .permission(.delete, owner: nil), rateClass: .user, query: [Self.typeField], answer: Self.versionFields, statuses: [200, 404]
        ) { [self] request in
            try await withdraw(try version(of: request), actor: request.identity.label)
            return APIAnswer(data: .record(Self.show(try self.version(of: request))))
        }
    }

    private var versionStatistics: Endpoint {
        Endpoint(
            "GET", "/api/v1/versions/{version}/statistics", "How the updates to a version went.", access: .permission(.read, owner: nil),
            rateClass: .user, query: [Self.typeField], answer: Self.statisticsFields, statuses: [200, 404]
        ) { [self] request in
            let version = try version(of: request)
            return APIAnswer(data: .record(try storage.read { db in try UpdateStatistics.of(version: version.row, in: db) }))
        }
    }

    private var uploadRoot: Endpoint {
        Endpoint(
            "PUT", "/api/v1/firmware/roots/{number}", "Uploads one root of the chain; the numbers follow one another, and none is replaced.",
            access: .permission(.manage, owner: nil), rateClass: .user, bodyLimit: FirmwareSettings.rootBytes, takesBytes: true,
            answer: [FieldKind("root", .integer), FieldKind("checksum", .text)], statuses: [200, 409]
        ) { [self] request in
            guard let number = Int64(request.parameter("number")) else {
                throw APIError.invalidField("number", "'number' must be a whole number from 1")
            }
            _ = try await putRoot(request.rawBody, expecting: number)
            return APIAnswer(data: ["root": .integer(number), "checksum": .text("sha256:" + ImageFacts.checksum(request.rawBody))])
        }
    }
}

extension VersionDraft {
    /// - Throws: `INVALID_FIELD`.
    init(_ fields: Fields) throws(APIError) {
        func word(_ name: String, maximum: Int) throws(APIError) -> String? {
            guard let value = fields[name] else { return nil }
            guard let text = value.text, DeviceNames.isWord(text.replacing("+", with: "."), maximum: maximum) else {
                throw .invalidField(name, "'\(name)' must be a word of at most \(maximum) bytes")
            }
            return text
        }
        let type = try word("device_type", maximum: 32) ?? "luna_badge"
        format = fields["format"]?.text.flatMap(FirmwareFormat.init)
        guard let number = try word("version", maximum: 64) else { throw .invalidField("version", "'version' is missing") }
        self.number = VersionRecord.canonical(number)
        deviceType = type
        guard let channel = fields["type"]?.text.flatMap(ReleaseChannel.init) else { throw .invalidField("type", "'type' must be stable, beta or alpha") }
        self.type = channel
        notes = fields["release_notes"]?.text
        guard notes.map({ $0.utf8.count <= 4_096 }) ?? true else { throw .invalidField("release_notes", "'release_notes' must be at most 4096 bytes") }
        isForced = fields["is_force_update"]?.bool ?? false
        minimumCompatible = try word("min_compatible_version", maximum: 16)
        baseVersion = try word("base_version", maximum: 64)
        if format == .dfota {
            if baseVersion == nil { throw .invalidField("base_version", "a package of a module needs the version that it starts from: 'base_version'") }
        } else {
            guard Self.isNumber(self.number) else { throw .invalidField("version", "'version' must be three numbers such as 2.4.0") }
            if baseVersion != nil { throw .invalidField("base_version", "'base_version' belongs to format dfota only") }
        }
        if let minimum = minimumCompatible {
            guard Self.isNumber(minimum) else { throw .invalidField("min_compatible_version", "'min_compatible_version' must be three numbers such as 2.0.0") }
            minimumCompatible = VersionRecord.canonical(minimum)
        }
    }
}
