import CloudClient
import LabCore

/// What the badge keeps in flash, and how.
extension RecordStore.Key {
    static let credentials = RecordStore.Key(rawValue: 1)
    static let configuration = RecordStore.Key(rawValue: 2)
    static let bootCount = RecordStore.Key(rawValue: 3)
    static func command(slot: Int) -> RecordStore.Key { RecordStore.Key(rawValue: 0x40 + UInt8(slot)) }
}

/// What a registration gave. Later firmware may have added fields at the end. The token is not kept: it lives 15 minutes, and each write wears the flash.
struct BadgeCredentials: Sendable, Equatable {
    var deviceID: String
    /// 32 bytes.
    var secret: [UInt8]
    /// Counts from 1.
    var keyEpoch: UInt32

    init(deviceID: String, secret: [UInt8], keyEpoch: UInt32) {
        self.deviceID = deviceID
        self.secret = secret
        self.keyEpoch = keyEpoch
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: keyEpoch)
        bytes.append(contentsOf: secret)
        bytes.append(shortText: deviceID)
        return bytes
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let epoch = cursor.integer(UInt32.self), let secret = cursor.take(32), let device = cursor.shortText()
        else { return nil }
        self.init(deviceID: device, secret: Array(secret), keyEpoch: epoch)
    }
}

extension RegistrationGrant {
    var credentials: BadgeCredentials { BadgeCredentials(deviceID: deviceID, secret: secret, keyEpoch: keyEpoch) }
}

/// A command that was taken on, so that it is not carried out again.
struct ExecutedCommand: Sendable, Equatable {
    /// How it ended; the numbers are those in flash.
    enum Outcome: UInt8, Sendable {
        case done = 0
        case unknownCommand = 1
        case unknownModule = 2

        /// `reason` of the result.
        var reason: String? {
            switch self {
            case .done: nil
            case .unknownCommand: "unknown_command"
            case .unknownModule: "unknown_module"
            }
        }
    }

    /// Commands that are remembered. Source: chosen; a broker keeps fewer for one device that is away.
    static let slots = 16

    /// Counts all commands; the slot is its rest by `slots`.
    var number: UInt32
    var outcome: Outcome
    /// The cloud has the result.
    var isReported: Bool
    /// At most 64 bytes.
    var id: String

    var slot: Int { Int(number) % Self.slots }

    init(number: UInt32, outcome: Outcome, isReported: Bool, id: String) {
        self.number = number
        self.outcome = outcome
        self.isReported = isReported
        self.id = id
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: number)
        bytes.append(outcome.rawValue)
        bytes.append(isReported ? 1 : 0)
        bytes.append(shortText: id)
        return bytes
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let number = cursor.integer(UInt32.self), let outcome = cursor.integer(UInt8.self).flatMap(Outcome.init),
            let reported = cursor.integer(UInt8.self), let id = cursor.shortText()
        else { return nil }
        self.init(number: number, outcome: outcome, isReported: reported != 0, id: id)
    }
}

extension Badge {
    /// The sectors of the store; sector 0 is the factory's, behind it lie the roots.
    static let storeSectors = 1..<RootArea.firstSector

    /// What the factory wrote; `nil` if it is damaged.
    var factoryData: BadgeIdentity? {
        (try? flash.read(at: 0, count: 192)).flatMap { BadgeIdentity(bytes: $0) }
    }

    var credentials: BadgeCredentials? { load(.credentials).flatMap { BadgeCredentials(bytes: $0) } }

    /// Erases the factory sector and writes it, as the factory's tool does.
    mutating func writeFactoryData(_ identity: BadgeIdentity) throws(FlashError) {
        var bytes = identity.bytes
        let unit = flash.geometry.writeUnit
        while bytes.count % unit != 0 { bytes.append(VirtualFlash.eraseValue) }
        try flash.erase(sector: 0)
        try flash.program(at: 0, bytes)
    }

    /// Erases the whole store, as the factory's tool does. Bad sectors stay as they are.
    mutating func eraseStore() throws(FlashError) {
        for sector in Self.storeSectors.lowerBound..<flash.geometry.sectorCount where !flash.isErased(sector: sector) && !flash.badSectors.contains(sector) {
            try flash.erase(sector: sector)
        }
    }

    /// The commands that are remembered, the oldest first.
    var executedCommands: [ExecutedCommand] {
        (0..<ExecutedCommand.slots).compactMap { load(.command(slot: $0)).flatMap { ExecutedCommand(bytes: $0) } }
            .sorted { $0.number < $1.number }
    }
}
