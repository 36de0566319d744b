import LabCore
import Synchronization

extension DeviceService {
    var registrationEndpoint: Endpoint {
        Endpoint(
            "POST", "/api/v1/devices/register", "Registers a device, or gives a registered one its credentials again.",
            access: .factory, rateClass: .registration,
            body: [
                FieldKind("device_id", .text, required: true, "the device's own choice, 64 letters, digits, '_' and '-' at most"),
                FieldKind("device_name", .text, "Luna form, required there"),
                FieldKind("device_type", .text, "required in the Quectel form"),
                FieldKind("hardware_version", .text, "Luna form, required there"),
                FieldKind("mac_address", .text, "Luna form, required there"),
                FieldKind("software_version", .text, "Luna form"),
                FieldKind("serial_no", .text, "Luna form; the signature's where absent"),
                FieldKind("hardware_id", .text, "the MCU's unique id, or the module's IMEI"),
                FieldKind("firmware_version", .text, "Quectel form, required there; 64 bytes at most"),
                FieldKind("capabilities", .list(.text), "Quectel form, required there"),
            ],
            answer: [
                FieldKind("device_id", .text), FieldKind("device_secret", .text, "32 bytes in base64url"), FieldKind("key_epoch", .integer),
                FieldKind("token", .text), FieldKind("token_expires_at", .integer, unit: "Unix s"),
                FieldKind(
                    "mqtt",
                    .record([
                        FieldKind("host", .text), FieldKind("port", .integer), FieldKind("client_id", .text), FieldKind("username", .text),
                    ])),
                FieldKind("config_version", .integer),
            ], statuses: [200, 201, 409]
        ) { [self] in try await register($0) }
    }

    private struct Registered {
        var decision: RegistrationRules.Decision
        var record: DeviceRecord?
    }

    func register(_ request: CloudRequest) async throws -> APIAnswer {
        var provenSerial: String?
        if case .factory(let serial) = request.identity { provenSerial = serial }
        let form = try RegistrationRequest(request, provenSerial: provenSerial)
        let fingerprint = keyring.fingerprint(hardwareID: form.hardwareID, deviceType: form.type, serial: form.serial)

        // Refusals need no commit.
        let first = try storage.read { db in
            RegistrationRules.decide(
                form, fingerprint: fingerprint, facts: try DeviceStore.facts(for: form, tenant: request.tenant, in: db), settings: settings)
        }
        if case .refused(let error) = first { throw error }
        if first == .refusedClone { throw refuseClone(form, fingerprint: fingerprint) }

        let now = milliseconds
        let registered = try await storage.commitPoint(
            "device.register", ["device": .text(form.deviceID), "serial_no": .text(form.serial)],
            body: { db in
                // Others may have registered since: only what is decided here counts.
                let facts = try DeviceStore.facts(for: form, tenant: request.tenant, in: db)
                let decision = RegistrationRules.decide(form, fingerprint: fingerprint, facts: facts, settings: settings)
                switch decision {
                case .register(let epoch):
                    if !facts.isProvisioned {
                        _ = try DeviceStore.provision(
                            form.serial, type: nil, hardwareVersion: nil, tenant: request.tenant, origin: "open", at: now, in: db)
                    }
                    try DeviceStore.register(form, epoch: epoch, fingerprint: fingerprint, tenant: request.tenant, at: now, in: db)
                case .repeated:
                    try DeviceStore.refresh(form, at: now, in: db)
                    try ConfigurationStore.renumber(form.deviceID, at: now, in: db)
                case .acceptedClone:
                    try DeviceStore.refresh(form, at: now, in: db)
                    try DeviceStore.countCloneAlarm(serial: form.serial, in: db)
                case .refusedClone: break
                case .refused(let error): throw error
                }
                return Registered(decision: decision, record: try DeviceStore.find(form.deviceID, in: db))
            }, notes: { notes(of: $0, form: form, fingerprint: fingerprint) })

        guard let record = registered.record, registered.decision != .refusedClone else {
            throw refuseClone(form, fingerprint: fingerprint)
        }
        state.withLock { state in
            state.counters.registrations += 1
            state.counters.cloneAlarms += registered.decision.isAlarm ? 1 : 0
            state.directory.add(record.entry)
        }
        return try answer(registered.decision, record)
    }

    private func answer(_ decision: RegistrationRules.Decision, _ record: DeviceRecord) throws -> APIAnswer {
        let token = try tokens.issue(device: record.id, epoch: record.epoch, tenant: record.tenant)
        let isNew = if case .register = decision { true } else { false }
        return APIAnswer(
            status: isNew ? 201 : 200,
            data: [
                "device_id": .text(record.id),
                "device_secret": .text(Base64URL.text(keyring.deviceSecret(id: record.id, epoch: record.epoch))),
                "key_epoch": .integer(Int64(record.epoch)), "token": .text(token.token), "token_expires_at": .integer(token.expiresAt),
                "mqtt": [
                    "host": .text(settings.mqttHost), "port": .integer(Int64(settings.mqttPort)), "client_id": .text(record.id),
                    "username": .text(record.id),
                ],
                "config_version": .integer(record.configVersion),
            ])
    }

    private func notes(of registered: Registered, form: RegistrationRequest, fingerprint: String) -> [CloudNote] {
        var fields: Fields = [
            "device": .text(form.deviceID), "serial_no": .text(form.serial), "device_type": .text(form.type), "form": .text(form.form.rawValue),
            "fingerprint": .text(Self.short(fingerprint)),
        ]
        if let version = form.softwareVersion { fields["firmware"] = .text(version) }
        if let version = form.hardwareVersion { fields["hardware"] = .text(version) }
        fields["epoch"] = registered.record.map { .integer(Int64($0.epoch)) }
        switch registered.decision {
        case .register: return [CloudNote("device.registered", fields)]
        case .repeated: return [CloudNote("device.reregistered", fields.merging(["reason": "repeated"]))]
        case .acceptedClone:
            return [
                cloneAlarm(form, fingerprint: fingerprint, known: registered.record?.fingerprint, isAccepted: true),
                CloudNote("device.reregistered", fields.merging(["reason": "other_hardware"])),
            ]
        case .refusedClone, .refused: return []
        }
    }

    private func refuseClone(_ form: RegistrationRequest, fingerprint: String) -> APIError {
        var known: DeviceRecord?
        attempt("device.clone_alarm") {
            known = try storage.write { db in
                try DeviceStore.countCloneAlarm(serial: form.serial, in: db)
                return try DeviceStore.find(serial: form.serial, in: db)
            }
        }
        let alarm = cloneAlarm(form, fingerprint: fingerprint, known: known?.fingerprint, isAccepted: false)
        environment.note(alarm.name, alarm.fields)
        state.withLock { $0.counters.cloneAlarms += 1 }
        return APIError(.deviceCloned)
    }

    private func cloneAlarm(_ form: RegistrationRequest, fingerprint: String, known: String?, isAccepted: Bool) -> CloudNote {
        CloudNote(
            "device.clone_alarm",
            [
                "device": .text(form.deviceID), "serial_no": .text(form.serial), "reason": "other_hardware", "accepted": .bool(isAccepted),
                "fingerprint": .text(Self.short(fingerprint)), "known_fingerprint": .text(Self.short(known ?? "")),
            ])
    }

    /// Enough of a fingerprint to tell two apart, too little to compare it elsewhere.
    private static func short(_ fingerprint: String) -> String { String(fingerprint.prefix(12)) }
}
