import LabCore

/// What the update agent keeps in flash. Later versions may add fields at the end: what is not known is left alone (A6).
extension RecordStore.Key {
    static let updateAttempt = RecordStore.Key(rawValue: 4)
    static let updateCheckpoint = RecordStore.Key(rawValue: 5)
    static let updateResult = RecordStore.Key(rawValue: 6)
    static let updateTrust = RecordStore.Key(rawValue: 7)
    static let schema = RecordStore.Key(rawValue: 8)
}

/// The one update that is under way.
struct UpdateAttempt: Sendable, Equatable {
    /// The numbers are those in flash.
    enum Phase: UInt8, Sendable {
        case downloading = 1
        /// The bootloader was told: from here on there is no cancelling.
        case activated = 2
        /// The self-test failed, or the image was found wanting: the next boot goes back.
        case givingUp = 3
    }

    enum Kind: UInt8, Sendable {
        case install = 0
        case rollback = 1
    }

    /// Longest id of an execution, so that the store has room for the rest.
    static let longestExecution = 48

    var phase = Phase.downloading
    var kind: Kind
    var execution: String
    /// The wanted version.
    var version: String
    /// The version that ran when it began.
    var previous: String
    /// The first bytes of the image's SHA-256: whether a download that is resumed is still the same; empty where nothing is downloaded.
    var digest: [UInt8]
    /// Reports so far.
    var sequence: UInt32
    /// Whole downloads that were thrown away.
    var restarts: UInt8 = 0
    /// Why it gives up.
    var reason = ""

    var bytes: [UInt8] {
        var bytes = [phase.rawValue, kind.rawValue, restarts]
        bytes.append(littleEndian: sequence)
        bytes.append(shortText: execution)
        bytes.append(shortText: version)
        bytes.append(shortText: previous)
        bytes.append(shortText: reason)
        bytes.append(UInt8(digest.count))
        bytes.append(contentsOf: digest)
        return bytes
    }

    init(kind: Kind, execution: String, version: String, previous: String, digest: [UInt8], sequence: UInt32) {
        self.kind = kind
        self.execution = execution
        self.version = version
        self.previous = previous
        self.digest = Array(digest.prefix(8))
        self.sequence = sequence
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let phase = cursor.integer(UInt8.self).flatMap(Phase.init), let kind = cursor.integer(UInt8.self).flatMap(Kind.init),
            let restarts = cursor.integer(UInt8.self), let sequence = cursor.integer(UInt32.self), let execution = cursor.shortText(),
            let version = cursor.shortText(), let previous = cursor.shortText(), let reason = cursor.shortText(),
            let count = cursor.integer(UInt8.self), let digest = cursor.take(Int(count))
        else { return nil }
        self.init(kind: kind, execution: execution, version: version, previous: previous, digest: Array(digest), sequence: sequence)
        (self.phase, self.restarts, self.reason) = (phase, restarts, reason)
    }
}

/// How far a download has come: written once for each sector, so it is as small as can be.
struct UpdateCheckpoint: Sendable, Equatable {
    /// Bytes in the update slot that count.
    var offset: UInt32
    var sequence: UInt32
    /// Of the attempt to which it belongs.
    var tag: UInt32

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: offset)
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: tag)
        return bytes
    }

    init(offset: UInt32, sequence: UInt32, tag: UInt32) {
        self.offset = offset
        self.sequence = sequence
        self.tag = tag
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let offset = cursor.integer(UInt32.self), let sequence = cursor.integer(UInt32.self), let tag = cursor.integer(UInt32.self)
        else { return nil }
        self.init(offset: offset, sequence: sequence, tag: tag)
    }
}

extension UpdateAttempt {
    /// Tells executions apart that follow one another.
    var tag: UInt32 { CRC32.of(execution.utf8) }
}

/// How the last update ended. It stays after the cloud knows it, so that an execution is never carried out twice.
struct UpdateResult: Sendable, Equatable {
    /// The numbers are those in flash, the words those of the report (badge protocol, "Firmware").
    enum State: UInt8, Sendable {
        case succeeded = 0
        case failed = 1
        case rolledBack = 2
        case rejected = 3
        case cancelled = 4

        var word: String {
            switch self {
            case .succeeded: "succeeded"
            case .failed: "failed"
            case .rolledBack: "rolled_back"
            case .rejected: "rejected"
            case .cancelled: "cancelled"
            }
        }
    }

    /// Executions before this one that are remembered.
    static let rememberedExecutions = 4

    var state: State
    var isAcknowledged = false
    var sequence: UInt32
    var execution: String
    var version: String
    /// Empty where all went well.
    var reason: String
    /// Tags of executions that ended before, the newest last.
    var earlier: [UInt32] = []

    var bytes: [UInt8] {
        var bytes = [state.rawValue, isAcknowledged ? 1 : 0]
        bytes.append(littleEndian: sequence)
        bytes.append(shortText: execution)
        bytes.append(shortText: version)
        bytes.append(shortText: reason)
        bytes.append(UInt8(earlier.count))
        for tag in earlier { bytes.append(littleEndian: tag) }
        return bytes
    }

    init(state: State, sequence: UInt32, execution: String, version: String, reason: String) {
        self.state = state
        self.sequence = sequence
        self.execution = execution
        self.version = version
        self.reason = reason
    }

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let state = cursor.integer(UInt8.self).flatMap(State.init), let acknowledged = cursor.integer(UInt8.self),
            let sequence = cursor.integer(UInt32.self), let execution = cursor.shortText(), let version = cursor.shortText(),
            let reason = cursor.shortText(), let count = cursor.integer(UInt8.self)
        else { return nil }
        self.init(state: state, sequence: sequence, execution: execution, version: version, reason: reason)
        isAcknowledged = acknowledged != 0
        for _ in 0..<min(Int(count), Self.rememberedExecutions) {
            guard let tag = cursor.integer(UInt32.self) else { return nil }
            earlier.append(tag)
        }
    }

    var tag: UInt32 { CRC32.of(execution.utf8) }
}

/// What protects from old releases and from bad ones that come again.
struct UpdateMemoryOfTrust: Sendable, Equatable {
    /// Highest version of a release manifest that was taken; 0 for none.
    var manifestVersion: Int64 = 0
    /// The latest moment that a signed document proved to be past, in Unix seconds; 0 for none.
    var timeFloor: Int64 = 0
    /// The version that was rolled back last; empty for none.
    var blockedVersion = ""
    /// How often in a row.
    var blockedCount: UInt8 = 0
    /// Unix seconds until which it is refused.
    var blockedUntil: Int64 = 0

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: manifestVersion)
        bytes.append(littleEndian: timeFloor)
        bytes.append(littleEndian: blockedUntil)
        bytes.append(blockedCount)
        bytes.append(shortText: blockedVersion)
        return bytes
    }

    init() {}

    init?(bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let version = cursor.integer(Int64.self), let floor = cursor.integer(Int64.self), let until = cursor.integer(Int64.self),
            let count = cursor.integer(UInt8.self), let blocked = cursor.shortText()
        else { return nil }
        (manifestVersion, timeFloor, blockedUntil, blockedCount, blockedVersion) = (version, floor, until, count, blocked)
    }
}
