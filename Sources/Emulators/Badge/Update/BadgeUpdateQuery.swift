package import FirmwareImages
package import LabCore

/// The firmware as the factory and as scenarios see it.
extension Badge {
    /// The version that ran last; before the first boot the one that will.
    var shownVersion: String {
        runningVersion.isEmpty ? firmware.slots.first { $0.image != nil }?.image?.version.description ?? "" : runningVersion
    }

    /// The query `firmware`; also without power, since it looks at the chips.
    var firmwareState: Fields {
        let store = RecordStore(mounting: Self.storeSectors, of: flash)
        let slots = firmware.slots
        let attempt = store.value(.updateAttempt, in: flash).flatMap { UpdateAttempt(bytes: $0) }
        let trust = store.value(.updateTrust, in: flash).flatMap { UpdateMemoryOfTrust(bytes: $0) } ?? UpdateMemoryOfTrust()
        let state = !isPowered ? "off" : (ram.phase == .failed ? "stuck" : ram.update.stage.rawValue)
        var fields: Fields = [
            "version": .text(shownVersion), "slot": .text(firmware.running.rawValue), "confirmed": .bool(firmware.isRunningConfirmed),
            "boot": .text(firmware.model.rawValue), "security_counter": .integer(Int64(firmware.securityCounter)), "state": .text(state),
            "manifest_version": .integer(trust.manifestVersion), "slots": .list(slots.map { .record(Self.fields($0)) }),
        ]
        if let attempt {
            fields["wanted"] = .text(attempt.version)
            fields["execution"] = .text(attempt.execution)
            fields["progress"] = .integer(Int64(progress))
        }
        if let result = store.value(.updateResult, in: flash).flatMap({ UpdateResult(bytes: $0) }) {
            fields["result"] = .text(result.state.word)
            if !result.reason.isEmpty { fields["reason"] = .text(result.reason) }
            fields["reported"] = .bool(result.isAcknowledged)
        }
        if let other = slots.first(where: { !$0.isRunning })?.image { fields["other"] = .text(other.version.description) }
        return fields
    }

    private static func fields(_ slot: SlotState) -> Fields {
        var fields: Fields = [
            "name": .text(slot.name), "running": .bool(slot.isRunning), "confirmed": .bool(slot.isConfirmed),
            "attempts_left": .integer(Int64(slot.attemptsLeft)), "bad": .bool(slot.isBad),
        ]
        if let image = slot.image { fields["version"] = .text(image.version.description) }
        return fields
    }

    // MARK: Factory programming

    /// The action `flash`: image and bootloader as they leave the factory; then it boots.
    mutating func programFirmware(
        _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard case .bytes(let image)? = arguments["image"]?.record?["bytes"] else {
            return finish(action, .failure(ActionFailure("bad_argument", "flash needs an image: the path of a file.")), &effects)
        }
        let model = arguments.text("boot").flatMap(BootModel.init) ?? firmware.model
        let trust = settings.trusts.first { $0.model == model }?.trust ?? firmware.trust
        do throws(FlashError) {
            // Room for later images that are larger by half.
            firmware = try FirmwareStore(
                model: model, trust: trust, image: image, layout: .holding(image.count + image.count / 2), bugs: firmware.bugs)
            firmware.startInFactory()
        } catch {
            return finish(action, .failure(ActionFailure("flash_failed", error.description)), &effects)
        }
        // An update of the firmware that was there before is of no meaning any more.
        flash.restorePower()
        var store = RecordStore(mounting: Self.storeSectors, of: flash)
        do throws(FlashError) { try store.remove(.updateAttempt, in: &flash) } catch { if case .powerLost = error { throw PowerFailure() } }
        runningVersion = ""
        ram.loading = nil
        try boot(arguments, action, at: now, &effects)
    }
}

extension FirmwareStore {
    /// The factory starts each board once, so that what a first boot writes is written, and later boots find what was validated.
    package mutating func startInFactory() {
        // Whether it starts at all is for the badge's own first boot to say.
        _ = try? boot()
    }

    /// A badge to which nobody gives an image: one that the lab makes, of that version.
    ///
    /// - Parameter trust: whom the bootloader trusts beside the key of the made image.
    /// - Throws: `bad_argument` for a text that is no version, or an image that cannot be.
    package static func factory(
        version: String = "2.3.0", model: BootModel = .mcuboot, trust: ImageTrust = ImageTrust(),
        behaviour: EmulatedApplication.Behaviour = .normal
    ) throws(ActionFailure) -> FirmwareStore {
        guard let number = FirmwareVersion(version) else {
            throw ActionFailure("bad_argument", "A badge's firmware needs a version such as 2.3.0, not '\(version)'.")
        }
        let seed = Array("a factory image of the lab itself".utf8.prefix(32))
        do {
            let (image, key) = try FactoryImage.make(
                version: number, format: model.format, size: 4_096, behaviour: behaviour, privateKey: seed)
            var trust = trust
            if model == .mcuboot { trust.keys.append(key) }
            var store = try FirmwareStore(model: model, trust: trust, image: image, layout: .standard)
            store.startInFactory()
            return store
        } catch let error as FlashError {
            throw ActionFailure("bad_argument", error.description)
        } catch {
            throw ActionFailure("bad_argument", "No image of version \(version) can be made: \(error).")
        }
    }
}
