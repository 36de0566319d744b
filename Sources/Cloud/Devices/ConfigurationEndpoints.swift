import LabCore
import Synchronization

extension DeviceService {
    var configurationEndpoint: Endpoint {
        Endpoint(
            "GET", "/api/v1/devices/{device_id}/config", "What a device is to be configured to.",
            access: .permission(.read, owner: "device_id"), rateClass: .user,
            answer: [FieldKind("config_version", .integer), FieldKind("values", .any, "{key: {value, type}}")], statuses: [200, 404]
        ) { [self] request in
            let id = request.parameter("device_id")
            let (version, values) = try storage.read { db in
                (try DeviceStore.active(id, tenant: request.tenant, in: db).configVersion, try ConfigurationStore.values(of: id, in: db))
            }
            return APIAnswer(data: ["config_version": .integer(version), "values": .record(values)])
        }
    }

    var configureEndpoint: Endpoint {
        Endpoint(
            "PUT", "/api/v1/devices/{device_id}/config", "Changes the configuration of a device: one key, or a record of records.",
            access: .permission(.write, owner: nil), rateClass: .user,
            body: [
                FieldKind("config_key", .text), FieldKind("config_value", .any),
                FieldKind("config_type", .choice(ConfigurationType.allCases.map(\.rawValue))), FieldKind("module_name", .text),
            ],
            bodyIsOpen: true,
            answer: [FieldKind("config_version", .integer), FieldKind("state", .text, "pending until the device has answered")],
            statuses: [200, 404, 422]
        ) { [self] request in
            let changes = try ConfigurationRules.changes(in: request.body)
            let result = try await configure(request.parameter("device_id"), changes, tenant: request.tenant)
            return APIAnswer(data: ["config_version": .integer(result.version), "state": .text(result.state)])
        }
    }

    /// Changes the configuration and sends it, if the device is there and has answered what it was sent before.
    ///
    /// - Returns: the version with the last change, and how it stands.
    func configure(_ id: String, _ changes: [ConfigurationChange], tenant: String) async throws -> (version: Int64, state: String) {
        let now = milliseconds
        let result = try await storage.commitPoint(
            "device.configure", ["device": .text(id)],
            body: { db in
                _ = try DeviceStore.active(id, tenant: tenant, in: db)
                var versions: [ConfigurationStore.Versioned] = []
                for change in changes {
                    guard let version = try ConfigurationStore.change(change, of: id, at: now, in: db) else { continue }
                    versions.append(ConfigurationStore.Versioned(change: change, version: version))
                }
                let version = try DeviceStore.active(id, tenant: tenant, in: db).configVersion
                let state = try ConfigurationStore.state(of: version, device: id, in: db) ?? "applied"
                return (versions: versions, version: version, state: state)
            },
            notes: { result in
                result.versions.map {
                    CloudNote(
                        "config.changed",
                        ["device": .text(id), "key": .text($0.change.key), "type": .text($0.change.value.type.rawValue), "version": .integer($0.version)])
                }
            })
        if let device = state.withLock({ $0.directory.number(of: id) }) { pushConfiguration(device, cause: "change") }
        return (result.version, result.state)
    }
}
