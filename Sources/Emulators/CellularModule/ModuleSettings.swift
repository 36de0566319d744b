import LabCore
import WireProtocols

/// What the module's commands set. Some of it is in flash and outlives power: `texts`, `contexts` and the saved port.
struct ModuleSettings: Sendable, Equatable {
    struct Context: Sendable, Equatable {
        /// `IP`, `IPV6`, `IPV4V6`.
        var type = "IPV4V6"
        var accessPoint = ""
    }

    /// Numbers that commands keep until the next reset, by the command's name.
    var numbers: [String: [Int]] = [:]
    /// Values in flash as they are printed, by command and item: `QCFG usbnet` is `0`.
    var texts: [String: String] = [:]
    /// Packet data contexts by number, 1 to 42.
    var contexts: [Int: Context] = [1: Context()]
    /// What `AT&W` saved.
    var savedPort: ATPortSettings?

    func text(_ name: String) -> String? { texts[name] }

    var contextNumbers: [Int] { contexts.keys.sorted() }
}

extension VirtualFlash.Geometry {
    /// Four sectors of 128 KiB: settings, and 255 messages. Source: chosen.
    static let moduleSettings = (try? VirtualFlash.Geometry(sectorCount: 4, sectorSize: 131_072, writeUnit: 8)) ?? .badge
}

extension RecordStore.Key {
    static let moduleSettings = RecordStore.Key(rawValue: 1)
    static let moduleFiles = RecordStore.Key(rawValue: 2)
    static let moduleUpdate = RecordStore.Key(rawValue: 3)
    static let moduleFirmware = RecordStore.Key(rawValue: 4)
    /// Messages lie in groups, so that the 255 places need no more keys than there are.
    static func messages(group: Int) -> RecordStore.Key { RecordStore.Key(rawValue: 0x40 + UInt8(clamping: group)) }
}

extension CellularModule {
    /// Keeps the settings that outlive power.
    ///
    /// - Returns: false if the flash takes no more; what it held stays.
    @discardableResult
    mutating func saveSettings() -> Bool {
        var contexts = Fields()
        for number in ram.settings.contextNumbers {
            guard let context = ram.settings.contexts[number] else { continue }
            contexts[String(number)] = ["type": .text(context.type), "apn": .text(context.accessPoint)]
        }
        var texts = Fields()
        for name in ram.settings.texts.keys.sorted() { texts[name] = ram.settings.texts[name].map { .text($0) } }
        var record: Fields = ["texts": .record(texts), "contexts": .record(contexts)]
        if let port = ram.settings.savedPort { record["port"] = .record(port.asFields) }
        return put(JSONWriter.bytes(.record(record)), at: .moduleSettings)
    }

    mutating func put(_ bytes: [UInt8], at key: RecordStore.Key) -> Bool {
        do throws(FlashError) {
            try ram.store.put(key, bytes, in: &flash)
            return true
        } catch { return false }
    }

    /// The settings as flash has them; those of a new module where it has none, or is damaged.
    func loadSettings() -> ModuleSettings {
        var settings = ModuleSettings()
        guard let bytes = ram.store.value(.moduleSettings, in: flash), let record = try? JSONReader.read(bytes).record else {
            return settings
        }
        for entry in record["texts"]?.record ?? [:] { settings.texts[entry.name] = entry.value.text }
        if let contexts = record["contexts"]?.record {
            settings.contexts = [:]
            for entry in contexts {
                guard let number = Int(entry.name), let context = entry.value.record else { continue }
                settings.contexts[number] = ModuleSettings.Context(
                    type: context["type"]?.text ?? "IP", accessPoint: context["apn"]?.text ?? "")
            }
        }
        settings.savedPort = record["port"]?.record.map { ATPortSettings(fields: $0) }
        return settings
    }
}

extension ATPortSettings {
    var asFields: Fields {
        var reports = Fields()
        for name in registrationReports.keys.sorted() { reports[name] = registrationReports[name].map { .integer(Int64($0)) } }
        var basics = Fields()
        for name in self.basics.keys.sorted() { basics[name] = self.basics[name].map { .integer(Int64($0)) } }
        return [
            "echo": .bool(hasEcho), "verbose": .bool(rendering.isVerbose), "quiet": .bool(rendering.isQuiet),
            "errors": .integer(Int64(rendering.errors.rawValue)), "reports": .record(reports), "basics": .record(basics),
        ]
    }

    init(fields: Fields) {
        hasEcho = fields["echo"]?.bool ?? true
        rendering.isVerbose = fields["verbose"]?.bool ?? true
        rendering.isQuiet = fields["quiet"]?.bool ?? false
        rendering.errors = ModuleRendering.ErrorForm(rawValue: Int(fields["errors"]?.integer ?? 1)) ?? .number
        for entry in fields["reports"]?.record ?? [:] { registrationReports[entry.name] = entry.value.integer.map { Int($0) } }
        for entry in fields["basics"]?.record ?? [:] { basics[entry.name] = entry.value.integer.map { Int($0) } }
    }
}
