import LabCore
import Synchronization

extension DeviceService {
    package var endpoints: [Endpoint] {
        [
            registrationEndpoint, listEndpoint, detailEndpoint, statusEndpoint, deletionEndpoint, provisioningEndpoint,
            configurationEndpoint, configureEndpoint, commandEndpoint, commandStateEndpoint,
        ]
    }

    static let listLimit = 1...100

    private static let deviceFields = [
        FieldKind("device_id", .text), FieldKind("device_name", .text), FieldKind("device_type", .text), FieldKind("serial_no", .text),
        FieldKind("hardware_version", .text), FieldKind("software_version", .text), FieldKind("mac_address", .text), FieldKind("state", .text),
        FieldKind("status", .choice(Presence.allCases.map(\.rawValue))), FieldKind("online", .bool), FieldKind("last_seen", .text, "ISO 8601, UTC"),
        FieldKind("created_at", .text, "ISO 8601, UTC"), FieldKind("config_version", .integer), FieldKind("reported_config_version", .integer),
        FieldKind("key_epoch", .integer),
    ]

    private var listEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices", "Lists the devices, in the order in which they registered.",
            access: .permission(.read, owner: nil), rateClass: .user,
            query: [
                FieldKind("page", .integer, "from 1"), FieldKind("limit", .integer, "1 to 100, 10 where absent"),
                FieldKind("status", .choice(Presence.allCases.map(\.rawValue))),
            ],
            answer: [
                FieldKind("items", .list(.record(Self.deviceFields))), FieldKind("page", .integer), FieldKind("limit", .integer),
                FieldKind("total", .integer),
            ]
        ) { [self] request in
            let page = try request.integer("page", in: 1...1_000_000, else: 1)
            let limit = try request.integer("limit", in: Self.listLimit, else: 10)
            settle()
            let presence = request.query["status"]?.text.flatMap(Presence.init)
            let result = try storage.read { db in
                try DeviceStore.page(page, limit: limit, presence: presence, tenant: request.tenant, in: db)
            }
            return APIAnswer(data: [
                "items": .list(result.items.map { .record(summary($0)) }), "page": .integer(Int64(page)), "limit": .integer(Int64(limit)),
                "total": .integer(Int64(result.total)),
            ])
        }
    }

    private var detailEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices/{device_id}", "One device.", access: .permission(.read, owner: "device_id"), rateClass: .user,
            answer: Self.deviceFields, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(data: .record(summary(try record(of: request))))
        }
    }

    private var statusEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices/{device_id}/status", "Whether a device is online, and what it last said about itself.",
            access: .permission(.read, owner: "device_id"), rateClass: .user,
            answer: [
                FieldKind("device_id", .text), FieldKind("online", .bool), FieldKind("last_seen", .text), FieldKind("status", .text),
                FieldKind("config_version", .integer), FieldKind("reported_config_version", .integer), FieldKind("firmware", .text),
                FieldKind("heartbeats", .integer), FieldKind("boot_count", .integer), FieldKind("modules", .any), FieldKind("performance", .any),
                FieldKind("capabilities", .list(.text), "of a module"), FieldKind("signal_at", .text, "when a module last measured its cell"),
            ] + ModuleMeasurement.kinds, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(data: .record(status(try record(of: request))))
        }
    }

    private var deletionEndpoint: Endpoint {
        Endpoint(
            "DELETE", "/api/v1/devices/{device_id}", "Deletes a device and makes its secret worthless; it may register again.",
            access: .permission(.delete, owner: nil), rateClass: .user, answer: [FieldKind("device_id", .text)], statuses: [200, 404]
        ) { [self] request in
            let id = request.parameter("device_id")
            try await delete(id, tenant: request.tenant)
            return APIAnswer(data: ["device_id": .text(id)])
        }
    }

    private var provisioningEndpoint: Endpoint {
        Endpoint(
            "POST", "/api/v1/factory/devices", "Makes a serial number known, so that its device may register.",
            access: .permission(.manage, owner: nil), rateClass: .user,
            body: [
                FieldKind("serial_no", .text, required: true), FieldKind("device_type", .text, "the only type that may register, where given"),
                FieldKind("hardware_version", .text),
            ],
            answer: [FieldKind("serial_no", .text)], statuses: [201, 409]
        ) { [self] request in
            guard let serial = try request.text("serial_no", maximum: 64), DeviceNames.isSerial(serial) else {
                throw APIError.invalidField("serial_no", "'serial_no' must be 1 to 64 letters, digits, '.', '_' and '-'")
            }
            let type = try request.text("device_type", maximum: 32)
            if let type, !DeviceNames.isWord(type, maximum: 32) {
                throw APIError.invalidField("device_type", "'device_type' must be a word of at most 32 bytes")
            }
            let count = try await provision([serial], type: type, hardwareVersion: try request.text("hardware_version", maximum: 16), tenant: request.tenant)
            if count == 0 { throw APIError(.serialExists) }
            return APIAnswer(status: 201, data: ["serial_no": .text(serial)])
        }
    }

    // MARK: What they do, also for scenarios

    /// Makes serial numbers known in one commit.
    ///
    /// - Returns: how many were new.
    func provision(_ serials: [String], type: String?, hardwareVersion: String?, tenant: String) async throws -> Int {
        let now = milliseconds
        return try await storage.commitPoint("factory.provision", ["count": .integer(Int64(serials.count))]) { db in
            var count = 0
            for serial in serials
            where try DeviceStore.provision(
                serial, type: type, hardwareVersion: hardwareVersion, tenant: tenant, origin: "factory", at: now, in: db)
            { count += 1 }
            return count
        }
    }

    /// Deletes a device: its secret, token and connection end; commands that wait have failed.
    func delete(_ id: String, tenant: String) async throws {
        settle()
        let now = milliseconds
        _ = try await storage.commitPoint(
            "device.delete", ["device": .text(id)],
            body: { db in
                let record = try DeviceStore.active(id, tenant: tenant, in: db)
                let commands = try CommandStore.open(of: id, includingSent: true, in: db)
                for command in commands {
                    _ = try CommandStore.finish(command.id, state: .failed, result: nil, reason: "device_deleted", at: now, in: db)
                }
                try DeviceStore.delete(id, at: now, in: db)
                return (record, commands)
            },
            notes: { record, commands in
                [CloudNote("device.deleted", ["device": .text(id), "serial_no": .text(record.serial)])]
                    + commands.map { CommandNotes.finished($0, state: .failed, result: nil, reason: "device_deleted") }
            })
        if let device = state.withLock({ $0.directory.number(of: id) }) {
            tellObserver(of: device) { $0.deviceWasDeleted($1) }
            state.withLock { $0.directory.remove(device) }
        }
        environment.disconnect(id, "deleted")
    }

    /// Makes the device's secret and token worthless; it has to register to get the next ones.
    ///
    /// - Returns: the new epoch.
    func rotateKey(_ id: String, tenant: String) async throws -> Int {
        let now = milliseconds
        let epoch = try await storage.commitPoint(
            "device.rotate_key", ["device": .text(id)],
            body: { db in
                let epoch = try DeviceStore.active(id, tenant: tenant, in: db).epoch + 1
                try DeviceStore.setEpoch(epoch, of: id, at: now, in: db)
                return epoch
            }, notes: { [CloudNote("device.key_rotated", ["device": .text(id), "epoch": .integer(Int64($0))])] })
        environment.disconnect(id, "key_rotated")
        return epoch
    }

    func record(of request: CloudRequest) throws -> DeviceRecord {
        settle()
        return try storage.read { db in try DeviceStore.active(request.parameter("device_id"), tenant: request.tenant, in: db) }
    }

    // MARK: How a device is shown. Never with its secret or its hardware id.

    func summary(_ record: DeviceRecord) -> Fields {
        var fields: Fields = [
            "device_id": .text(record.id), "device_name": .text(record.name), "device_type": .text(record.type), "serial_no": .text(record.serial),
        ]
        if let version = record.hardwareVersion { fields["hardware_version"] = .text(version) }
        if let version = record.softwareVersion { fields["software_version"] = .text(version) }
        if let address = record.macAddress { fields["mac_address"] = .text(address) }
        fields["state"] = record.isDeleted ? "deleted" : "active"
        fields["status"] = .text(record.presence.rawValue)
        fields["online"] = .bool(record.presence == .online)
        if let seen = lastSeen(record) { fields["last_seen"] = seen }
        fields["created_at"] = .text(Timestamp.text(unixSeconds: record.createdAt / 1000))
        fields["config_version"] = .integer(record.configVersion)
        fields["reported_config_version"] = .integer(record.reportedVersion)
        fields["key_epoch"] = .integer(Int64(record.epoch))
        return fields
    }

    func status(_ record: DeviceRecord) -> Fields {
        var fields: Fields = ["device_id": .text(record.id), "online": .bool(record.presence == .online)]
        if let seen = lastSeen(record) { fields["last_seen"] = seen }
        fields["status"] = .text(record.presence.rawValue)
        fields["config_version"] = .integer(record.configVersion)
        fields["reported_config_version"] = .integer(record.reportedVersion)
        if let version = record.softwareVersion { fields["firmware"] = .text(version) }
        fields["heartbeats"] = .integer(record.heartbeats)
        if let text = record.information, let information = (try? JSONReader.read(text))?.record {
            fields = fields.merging(information)
        }
        if let text = record.capabilities, let capabilities = try? JSONReader.read(text) { fields["capabilities"] = capabilities }
        if let text = record.cell, let cell = (try? JSONReader.read(text))?.record { fields = fields.merging(cell) }
        if let temperature = record.temperature { fields["temperature"] = .number(temperature) }
        return fields
    }

    private func lastSeen(_ record: DeviceRecord) -> FieldValue? {
        let seen = state.withLock { state in state.directory.number(of: record.id).flatMap { state.directory[$0].lastSeen } }
        return (seen ?? record.lastHeartbeat).map { .text(Timestamp.text(unixSeconds: $0 / 1000)) }
    }
}
