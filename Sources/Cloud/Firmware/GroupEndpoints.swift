import LabCore
import Synchronization

/// Groups, channels, and the versions that a device is not to get again.
extension FirmwareService {
    static let channelType = FieldType.choice(ReleaseChannel.allCases.map(\.rawValue))
    private static let groupFields = [
        FieldKind("name", .text, required: true), FieldKind("devices", .list(.text), required: true), FieldKind("channel", channelType),
    ]

    var groupEndpoints: [Endpoint] { [putGroup, oneGroup, putChannel, listBlocks, liftBlock] }

    private var putGroup: Endpoint {
        Endpoint(
            "PUT", "/api/v1/firmware/groups/{name}", "Makes a group of devices, or gives it another list and channel.",
            access: .permission(.write, owner: nil), rateClass: .user,
            body: [FieldKind("devices", .list(.text), required: true), FieldKind("channel", Self.channelType)], bodyLimit: 1 << 20,
            answer: Self.groupFields, statuses: [200]
        ) { [self] request in
            try await setGroup(
                request.parameter("name"), devices: request.body["devices"]?.list?.compactMap(\.text) ?? [],
                channel: request.body["channel"]?.text.flatMap(ReleaseChannel.init), tenant: request.tenant)
            return APIAnswer(data: .record(try group(request)))
        }
    }

    func setGroup(_ name: String, devices members: [String], channel: ReleaseChannel?, tenant: String) async throws {
        guard DeviceNames.isWord(name, maximum: 64) else { throw APIError.invalidField("name", "a group's name is a word of at most 64 bytes") }
        guard members.count <= 100_000, members.allSatisfy({ DeviceNames.isDeviceID($0) }) else {
            throw APIError.invalidField("devices", "'devices' must be at most 100000 device ids")
        }
        try await storage.commitPoint("firmware.group", ["group": .text(name)]) { db in
            try VersionStore.setGroup(name, devices: members, channel: channel, tenant: tenant, in: db)
        }
    }

    private func group(_ request: CloudRequest) throws -> Fields {
        let name = request.parameter("name")
        guard let group = try storage.read({ db in try VersionStore.group(name, tenant: request.tenant, in: db) }) else {
            throw APIError(.groupNotFound)
        }
        var fields: Fields = ["name": .text(name), "devices": .list(group.devices.map { .text($0) })]
        if let channel = group.channel { fields["channel"] = .text(channel) }
        return fields
    }

    private var oneGroup: Endpoint {
        Endpoint(
            "GET", "/api/v1/firmware/groups/{name}", "One group of devices.", access: .permission(.read, owner: nil), rateClass: .user,
            answer: Self.groupFields, statuses: [200, 404]
        ) { [self] request in APIAnswer(data: .record(try group(request))) }
    }

    private var putChannel: Endpoint {
        Endpoint(
            "PUT", "/api/v1/devices/{device_id}/channel", "Says how daring a device is: which types of versions it takes.",
            access: .permission(.write, owner: nil), rateClass: .user, body: [FieldKind("channel", Self.channelType, required: true)],
            answer: [FieldKind("device", .text, required: true), FieldKind("channel", Self.channelType, required: true)], statuses: [200, 404]
        ) { [self] request in
            let device = request.parameter("device_id")
            let channel = request.body["channel"]?.text.flatMap(ReleaseChannel.init) ?? .stable
            try await setChannel(channel, of: device, tenant: request.tenant)
            return APIAnswer(data: ["device": .text(device), "channel": .text(channel.rawValue)])
        }
    }

    func setChannel(_ channel: ReleaseChannel, of device: String, tenant: String) async throws {
        try await storage.commitPoint("firmware.channel", ["device": .text(device)]) { db in
            _ = try DeviceStore.active(device, tenant: tenant, in: db)
            try VersionStore.setChannel(channel, of: device, in: db)
        }
    }

    private var listBlocks: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices/{device_id}/blocks", "The versions that a device is not offered any more, and why.",
            access: .permission(.read, owner: nil), rateClass: .user, answer: [FieldKind("items", .any, required: true)], statuses: [200, 404]
        ) { [self] request in
            let items = try storage.read { db in
                _ = try DeviceStore.active(request.parameter("device_id"), tenant: request.tenant, in: db)
                return try VersionStore.blocks(of: request.parameter("device_id"), in: db)
            }
            return APIAnswer(data: ["items": .list(items)])
        }
    }

    private var liftBlock: Endpoint {
        Endpoint(
            "DELETE", "/api/v1/devices/{device_id}/blocks/{version}", "Lets a device have a version again on which it failed.",
            access: .permission(.manage, owner: nil), rateClass: .user, answer: [FieldKind("device", .text), FieldKind("version", .text)],
            statuses: [200, 404]
        ) { [self] request in
            let (device, number) = (request.parameter("device_id"), request.parameter("version"))
            try await unblock(number, for: device, tenant: request.tenant)
            return APIAnswer(data: ["device": .text(device), "version": .text(number)])
        }
    }

    func unblock(_ number: String, for device: String, tenant: String) async throws {
        try await storage.commitPoint("firmware.unblock", ["device": .text(device), "version": .text(number)]) { db in
            let record = try DeviceStore.active(device, tenant: tenant, in: db)
            let version = try VersionStore.known(number, type: record.type, tenant: tenant, in: db)
            guard try VersionStore.liftBlock(version.row, for: device, in: db) else { throw APIError(.blockNotFound) }
        }
    }
}
