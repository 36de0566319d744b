import LabCore

/// What a device asks for when it registers, in either form.
struct RegistrationRequest: Sendable, Equatable {
    var form: DeviceForm
    var deviceID: String
    var serial: String
    var name: String
    var type: String
    var hardwareVersion: String?
    var softwareVersion: String?
    var macAddress: String?
    var hardwareID: String
    /// `nil` in the Luna form, which has none.
    var capabilities: [String]?

    /// Firmware of a module: `RG500QEAAAR11A06M4G_01.001.01.001`. Badges have the 16 characters of the seed's table.
    private static let moduleVersionBytes = 64

    /// The capabilities as the database keeps them: JSON of a list.
    var capabilityList: String? { capabilities.map { JSONWriter.text(.list($0.map { .text($0) })) } }

    /// Reads a body of the Luna form (`device_name`) or of the Quectel form (`device_type`, `firmware_version`, `capabilities`).
    ///
    /// - Parameter provenSerial: the serial number whose factory key signed the request; `nil` for an unsigned one.
    /// - Throws: `MISSING_FIELD`, `UNKNOWN_FIELD`, `INVALID_FIELD`.
    init(_ request: CloudRequest, provenSerial: String?) throws(APIError) {
        let body = request.body
        form = body["firmware_version"] != nil || body["capabilities"] != nil ? .quectel : .luna
        let foreign = form == .quectel ? ["device_name", "hardware_version", "mac_address", "software_version", "serial_no"] : []
        if let name = foreign.first(where: { body[$0] != nil }) {
            throw APIError(.unknownField, "'\(name)' does not belong beside firmware_version and capabilities.", details: ["field": .text(name)])
        }
        deviceID = try Self.required("device_id", in: request, maximum: 64, "letters, digits, '_' and '-'") { DeviceNames.isDeviceID($0) }
        hardwareID = try Self.optional("hardware_id", in: request, maximum: 64, "letters, digits, '.', '_' and '-'") {
            DeviceNames.isWord($0, maximum: 64)
        } ?? ""
        switch form {
        case .luna:
            name = try Self.required("device_name", in: request, maximum: 128, "no control characters") { _ in true }
            type = try Self.optional("device_type", in: request, maximum: 32, Self.word) { DeviceNames.isWord($0, maximum: 32) } ?? "luna_badge"
            hardwareVersion = try Self.required("hardware_version", in: request, maximum: 16, Self.word) { DeviceNames.isWord($0, maximum: 16) }
            softwareVersion = try Self.optional("software_version", in: request, maximum: 16, Self.word) { DeviceNames.isWord($0, maximum: 16) }
            macAddress = try Self.required("mac_address", in: request, maximum: 17, "six pairs of hexadecimal digits with ':'") {
                DeviceNames.isMACAddress($0)
            }.lowercased()
            capabilities = nil
            serial = try Self.optional("serial_no", in: request, maximum: 64, Self.word) { DeviceNames.isSerial($0) } ?? provenSerial ?? deviceID
        case .quectel:
            name = deviceID
            type = try Self.required("device_type", in: request, maximum: 32, Self.word) { DeviceNames.isWord($0, maximum: 32) }
            softwareVersion = try Self.required("firmware_version", in: request, maximum: Self.moduleVersionBytes, Self.word) {
                DeviceNames.isWord($0, maximum: Self.moduleVersionBytes)
            }
            capabilities = try Self.words("capabilities", in: body)
            serial = deviceID
        }
        // The seed's forms have no hardware id; a badge then is known by its MAC address, a module by its name alone.
        if hardwareID.isEmpty { hardwareID = macAddress ?? "" }
        if let provenSerial, provenSerial != serial {
            throw .invalidField(form == .luna ? "serial_no" : "device_id", "the serial number is not the one that signed the request")
        }
    }

    private static let word = "letters, digits, '.', '_' and '-'"

    private static func optional(
        _ name: String, in request: CloudRequest, maximum: Int, _ rule: String, _ isValid: (String) -> Bool
    ) throws(APIError) -> String? {
        guard let text = try request.text(name, maximum: maximum) else { return nil }
        guard isValid(text) else { throw .invalidField(name, "'\(name)' must be at most \(maximum) bytes: \(rule)") }
        return text
    }

    private static func required(
        _ name: String, in request: CloudRequest, maximum: Int, _ rule: String, _ isValid: (String) -> Bool
    ) throws(APIError) -> String {
        guard let text = try optional(name, in: request, maximum: maximum, rule, isValid) else {
            throw APIError(.missingField, "'\(name)' is missing.", details: ["field": .text(name)])
        }
        return text
    }

    private static func words(_ name: String, in body: Fields) throws(APIError) -> [String] {
        guard let value = body[name] else { throw APIError(.missingField, "'\(name)' is missing.", details: ["field": .text(name)]) }
        let words = value.list?.compactMap(\.text) ?? []
        guard let list = value.list, words.count == list.count, words.count <= 32, words.allSatisfy({ DeviceNames.isWord($0, maximum: 32) }) else {
            throw .invalidField(name, "'\(name)' must be a list of at most 32 words")
        }
        return words
    }
}

/// What the database knows that matters for a registration.
struct RegistrationFacts: Sendable, Equatable {
    struct Known: Sendable, Equatable {
        var deviceID: String
        var fingerprint: String
        var epoch: Int
        var isDeleted: Bool
    }

    var isProvisioned: Bool
    /// The type that the factory gave the serial number, where it gave one.
    var factoryType: String?
    /// The device of this serial number.
    var known: Known?
    /// The serial number that holds the device id that is asked for.
    var holderOfID: String?
}

/// Decides about a registration; knows no database, clock or network.
enum RegistrationRules {
    enum Decision: Sendable, Equatable {
        /// A new device, or one that was deleted and begins anew.
        case register(epoch: Int)
        /// The same device again: the same secret.
        case repeated(epoch: Int)
        /// Other hardware under the same serial number, let in because the policy says so.
        case acceptedClone(epoch: Int)
        case refusedClone
        case refused(APIError)

        var isAlarm: Bool {
            switch self {
            case .acceptedClone, .refusedClone: true
            default: false
            }
        }
    }

    static func decide(
        _ request: RegistrationRequest, fingerprint: String, facts: RegistrationFacts, settings: DeviceSettings
    ) -> Decision {
        guard facts.isProvisioned || settings.allowsOpenRegistration else { return .refused(APIError(.deviceNotProvisioned)) }
        if let type = facts.factoryType, type != request.type {
            return .refused(.invalidField("device_type", "the factory knows the serial number as a '\(type)'"))
        }
        if let holder = facts.holderOfID, holder != request.serial { return .refused(APIError(.deviceIDTaken)) }
        guard let known = facts.known else { return .register(epoch: 1) }
        guard known.deviceID == request.deviceID else {
            return .refused(APIError(.deviceIDTaken, "The serial number is registered under another device id."))
        }
        // Deletion has made the old secret worthless; the next one must differ from it.
        if known.isDeleted { return .register(epoch: known.epoch + 1) }
        if known.fingerprint == fingerprint { return .repeated(epoch: known.epoch) }
        return settings.clonePolicy == .alarm ? .acceptedClone(epoch: known.epoch) : .refusedClone
    }
}
