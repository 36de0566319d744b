import LabCore

/// What scenarios can ask of a badge; the words are those of `Badge.kind`.
extension Badge {
    mutating func act(
        _ name: String, _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        ram.actions.append(action)
        switch name {
        case "boot": return try boot(arguments, action, at: now, &effects)
        case "flash": return try programFirmware(arguments, action, at: now, &effects)
        case "power_on":
            switchOn(&effects)
            return finish(action, .success([:]), &effects)
        case "power_off":
            finish(action, .success([:]), &effects)
            return switchOff(at: now, &effects)
        default: break
        }
        guard isPowered else {
            return finish(action, .failure(ActionFailure("powered_off", "The badge is off; `boot` or `power_on` it first.")), &effects)
        }
        guard !ram.isHung else {
            return finish(action, .failure(ActionFailure("not_responding", "The application hangs; the watchdog will reset it.")), &effects)
        }
        guard !ram.isLoading else {
            return finish(action, .failure(ActionFailure("not_responding", "The bootloader is at work; wait for badge.boot.done.")), &effects)
        }
        guard ram.running != nil else {
            return finish(action, .failure(ActionFailure("stuck", "No image can be started; `flash` the badge.")), &effects)
        }
        switch name {
        case "check_update": checkForUpdate(action, at: now, &effects)
        case "reboot": beginReset(.reboot, action: action, within: .milliseconds(200), at: now, &effects)
        case "factory_reset": try factoryReset(action, at: now, &effects)
        case "log": logLine(arguments, action, at: now, &effects)
        case "request", "reveal_token": askCloud(name, arguments, action, at: now, &effects)
        case "heartbeat", "publish", "subscribe", "disconnect": useConnection(name, arguments, action, at: now, &effects)
        default: finish(action, .failure(ActionFailure("unknown_action", "A badge has no action '\(name)'.")), &effects)
        }
    }

    mutating func boot(
        _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        let identity: BadgeIdentity?
        do throws(ActionFailure) { identity = try newIdentity(arguments) } catch { return finish(action, .failure(error), &effects) }
        flash.restorePower()
        firmware.flash.restorePower()
        do throws(FlashError) {
            if arguments["factory_new"]?.bool == true { try eraseStore() }
            if let identity { try writeFactoryData(identity) }
        } catch {
            if case .powerLost = error { throw PowerFailure() }
            return finish(action, .failure(ActionFailure("flash_failed", error.description)), &effects)
        }
        var gives = Fields()
        if let data = factoryData {
            gives = ["serial_no": .text(data.serialNumber), "hardware_id": .text(data.hardwareID), "device": .text(data.deviceID)]
        }
        finish(action, .success(gives), &effects)
        interruptLoading(at: now)
        dropMemory(&effects)
        isSwitchedOff = false
        isPowerComing = true
        (backup.resetCause, backup.bootAttempts, backup.hasLostPower) = (.powerOn, 0, false)
        effects.append(.reboot(after: .zero))
    }

    /// The identity that `boot` writes; `nil` if it writes none.
    private func newIdentity(_ arguments: Fields) throws(ActionFailure) -> BadgeIdentity? {
        let serial = arguments.text("serial_no")
        let hardwareID = arguments.text("hardware_id")
        let key: [UInt8]? = switch arguments["factory_key"] {
        case .bytes(let bytes)?: bytes
        case .text(let text)?: Hexadecimal.bytes(text) ?? []
        default: nil
        }
        if serial == nil, hardwareID == nil, key == nil { return nil }
        guard var identity = factoryData ?? serial.map({ BadgeIdentity(serialNumber: $0, hardwareID: hardwareID ?? "", factoryKey: []) }) else {
            throw ActionFailure("damaged", "The factory sector is damaged; give serial_no and hardware_id.")
        }
        if let serial, serial != identity.serialNumber || identity.factoryKey.isEmpty {
            guard BadgeIdentity.isSerialNumber(serial) else {
                throw ActionFailure("bad_argument", "serial_no needs 1 to 64 letters, digits, '-', '_' and '.'.")
            }
            guard let master = factory?.master ?? (key == nil ? nil : []) else {
                throw ActionFailure("no_factory", "This badge has no factory tool; give factory_key beside serial_no.")
            }
            identity.serialNumber = serial
            identity.factoryKey = BadgeFactory.key(master: master, serial: serial)
        }
        identity.hardwareID = hardwareID ?? identity.hardwareID
        identity.factoryKey = key ?? identity.factoryKey
        guard BadgeIdentity.isHardwareID(identity.hardwareID) else {
            throw ActionFailure("bad_argument", "hardware_id needs 24 hexadecimal digits.")
        }
        guard identity.factoryKey.count == 32 else { throw ActionFailure("bad_argument", "factory_key needs 32 bytes.") }
        return identity
    }

    private mutating func factoryReset(_ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        // Both at once: a badge must not come up with one owner's credentials and another's settings.
        guard try save([(.credentials, nil), (.configuration, nil)], &effects) else {
            return finish(action, .failure(ActionFailure("flash_failed", "The flash takes no more.")), &effects)
        }
        effects.append(.note("factory_reset", [:]))
        beginReset(.factoryReset, action: action, within: .milliseconds(200), at: now, &effects)
    }

    private mutating func logLine(_ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let level = arguments.text("level").map { BadgeLogLevel(rawValue: $0) } ?? .info
        guard let level, let message = arguments.text("message"), message.utf8.count <= 1_024 else {
            return finish(
                action,
                .failure(ActionFailure("bad_argument", "log needs a level of debug, info, warning or error, and a message of at most 1024 bytes.")),
                &effects)
        }
        let isSent = log(
            level, arguments.text("module") ?? "app", message, details: arguments["details"]?.record ?? [:], at: now, &effects)
        finish(action, .success(["sent": .bool(isSent)]), &effects)
    }

    private mutating func askCloud(
        _ name: String, _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard !ram.deviceID.isEmpty else { return finish(action, .failure(.notRegistered), &effects) }
        if name == "reveal_token" { return run(.reveal(action), at: now, &effects) }
        guard let path = arguments.text("path"), path.hasPrefix("/"), path.utf8.count <= 2_048,
            path.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            return finish(
                action, .failure(ActionFailure("bad_argument", "path must begin with / and hold printable ASCII only, at most 2048 bytes.")), &effects)
        }
        let call = Memory.PlainCall(
            method: (arguments.text("method") ?? "GET").uppercased(), path: path, body: Self.payload(arguments["body"]),
            isSigned: arguments["signed"]?.bool ?? true)
        if let token = arguments.text("token") {
            perform(call, bearer: token, for: action, at: now, &effects)
        } else {
            run(.call(action, call), at: now, &effects)
        }
    }

    private mutating func useConnection(
        _ name: String, _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard ram.phase == .online else {
            return finish(action, .failure(ActionFailure("not_connected", "The badge has no MQTT connection now.")), &effects)
        }
        let quality = arguments["quality"]?.integer ?? 0
        guard (0...2).contains(quality) else {
            return finish(action, .failure(ActionFailure("bad_argument", "quality is 0, 1 or 2.")), &effects)
        }
        switch name {
        case "publish": publish(arguments, quality: UInt8(quality), action, &effects)
        case "subscribe":
            guard let filter = arguments.text("filter") else {
                return finish(action, .failure(ActionFailure("bad_argument", "subscribe needs a filter.")), &effects)
            }
            ram.subscriptions.append(Memory.Subscription(filter: filter, action: action))
            effects.append(.mqtt(.subscribe(filter: filter, quality: UInt8(quality))))
        case "disconnect":
            effects.append(.mqtt(.disconnect))
            effects.append(.note("offline", ["reason": "requested"]))
            effects.append(.cancelTimer(.heartbeat))
            dropDeliveries(&effects)
            let pause = arguments["pause"]?.durationNanoseconds ?? 5_000_000_000
            waitToReconnect(at: now, atLeast: .nanoseconds(max(0, pause)), &effects)
            finish(action, .success([:]), &effects)
        default:
            sendHeartbeat(at: now, &effects)
            finish(action, .success([:]), &effects)
        }
    }

    private mutating func publish(_ arguments: Fields, quality: UInt8, _ action: Token, _ effects: inout [DeviceEffect]) {
        guard let topic = arguments.text("topic") else {
            return finish(action, .failure(ActionFailure("bad_argument", "publish needs a topic.")), &effects)
        }
        let token = nextToken()
        effects.append(
            .mqtt(
                .publish(
                    topic: topic, payload: Self.payload(arguments["payload"]), quality: quality,
                    retain: arguments["retain"]?.bool ?? false, token: token)))
        if quality == 0 { return finish(action, .success([:]), &effects) }
        ram.deliveries.append(Memory.Delivery(token: token, purpose: .action(action)))
    }

    /// Text and bytes go as they are, everything else as JSON, nothing as nothing.
    private static func payload(_ value: FieldValue?) -> [UInt8] {
        switch value {
        case nil: []
        case .text(let text)?: Array(text.utf8)
        case .bytes(let bytes)?: bytes
        case let value?: JSONWriter.bytes(value)
        }
    }
}

extension ActionFailure {
    static let notRegistered = ActionFailure("not_registered", "The badge has no credentials yet; wait for badge.registered.")
}
