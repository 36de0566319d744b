import CloudClient
import FirmwareImages
import LabCore

/// Why the badge boots.
enum BadgeResetCause: String, Sendable, CaseIterable {
    case powerOn = "power_on"
    case reboot
    case factoryReset = "factory_reset"
    case watchdog
    case crash
    /// To try another image, or to go back to the one before.
    case update
}

/// What runs on the coin cell: survives resets and power cuts.
struct BackupDomain: Sendable, Equatable {
    var resetCause = BadgeResetCause.powerOn
    /// Boots since the last one that was done.
    var bootAttempts: Int64 = 0
    /// Power went since the last boot.
    var hasLostPower = false
    /// Seconds by which the clock is ahead.
    var clockError: Int64
}

/// Faults that are in force; they belong to the world, not to the badge's memory.
struct BadgeFaults: Sendable, Equatable {
    var isHanging = false
    var isCrashing = false
    var isUpdateSlotCorrupting = false
    var isUpdateSlotFull = false
    var isSelfTestHanging = false
    /// The check of the self-test that fails.
    var failingCheck: String?
    var celsius: Double?
    /// The form in which the program keeps its settings, where it is later than the image says.
    var schema: Int?
    /// How long power stays away after a cut in flash.
    var flashOutage = Duration.seconds(5)
}

/// What the firmware has in RAM.
struct Memory: Sendable {
    /// Where the badge stands on its way to the cloud.
    enum Phase: String, Sendable {
        case loading, booting, failed, registering, refused, connecting, subscribing, online, offline
    }

    struct Exchange: Sendable {
        enum Purpose: Sendable { case registration, renewal, call(Token), update(UpdateMemory.Request) }
        var token: Token
        var purpose: Purpose
        var nonce: String
    }

    /// What waits for a token.
    enum Errand: Sendable {
        case connect
        case reveal(Token)
        case call(Token, PlainCall)
        case update(UpdateMemory.Request)
    }

    /// A request before it is signed.
    struct PlainCall: Sendable {
        var method: String
        var path: String
        var body: [UInt8]
        var isSigned: Bool
    }

    struct Delivery: Sendable {
        enum Purpose: Sendable { case action(Token), result(slot: Int) }
        var token: Token
        var purpose: Purpose
    }

    struct Subscription: Sendable {
        var filter: String
        var action: Token
    }

    /// A reset that waits until its last message is delivered, or a timer.
    struct PendingReset: Sendable {
        var cause: BadgeResetCause
        var delivery: Token?
        var action: Token?
    }

    var store = RecordStore()
    var phase = Phase.booting
    /// What the bootloader has started; `nil` before it has.
    var running: RunningImage?
    var loading: Loading?
    var update = UpdateMemory()
    var bootCause = BadgeResetCause.powerOn
    var bootCount: UInt32 = 0
    /// Empty until the badge is registered.
    var deviceID = ""
    var heartbeatTopic = ""
    var token: String?
    var tokenExpiry: Int64 = 0
    var configuration = BadgeConfiguration()
    var sensors = BadgeSensors(SeededGenerator(seed: 0))
    var restartingModule: String?
    var isHot = false
    var isHung = false
    /// The broker refused the credentials: the cloud must say whether they are still good.
    var mustVerify = false
    /// The clock was set by the cloud, and nothing has succeeded since.
    var hasCorrectedClock = false
    /// Answers 409 in a row.
    var conflicts = 0
    var isSessionPresent = false
    var grantedSubscriptions = 0
    var onlineSince = RunInstant.start
    var registrations = Backoff()
    var connections = Backoff()
    var exchanges: [Exchange] = []
    var errands: [Errand] = []
    /// Actions that are not finished.
    var actions: [Token] = []
    var deliveries: [Delivery] = []
    var subscriptions: [Subscription] = []
    /// Log lines that wait for the connection, with what `log.sent` says of them.
    var logs: [(payload: [UInt8], note: Fields)] = []
    var reset: PendingReset?

    /// The bootloader is at work: there is no application yet.
    var isLoading: Bool { loading != nil }
    /// How the image that runs behaves.
    var behaviour: EmulatedApplication.Behaviour { running?.application?.behaviour ?? .normal }
    var isConnected: Bool { phase == .subscribing || phase == .online }
    var topicPrefix: String { "luna/device/\(deviceID)/" }
}
