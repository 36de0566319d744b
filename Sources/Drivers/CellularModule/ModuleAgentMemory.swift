import CloudClient
import LabCore
import WireProtocols

/// What survives a stop of the program and a power cut: files on the host's disk.
struct AgentDisk: Sendable {
    struct Credentials: Sendable {
        /// 32 bytes.
        var secret: [UInt8]
        var keyEpoch: UInt32
        /// What the registration said of the module; it is renewed when that has changed.
        var firmware: String
        var imei: String
    }

    /// A command of the cloud that was taken on, so that it is not carried out again.
    struct Executed: Sendable {
        var id: String
        /// `nil` while it is carried out.
        var isDone: Bool?
        var reason: String?
        var result = Fields()
    }

    /// Commands that are remembered. Source: chosen, as for badges.
    static let commandsKept = 16

    var credentials: Credentials?
    var settings = AgentSettings()
    /// A version that did not work, so that it is not tried again and again.
    var rejected: (version: Int64, reason: AgentSettings.Rejection)?
    var commands: [Executed] = []
    var update: ModuleUpdateAttempt?
    /// The last ones, the newest at the end.
    var updateResults: [ModuleUpdateResult] = []
    /// A `reboot` of the cloud that is done once the module answers again.
    var rebootCommand: String?
    /// Starts of the module that the agent saw.
    var bootCount: Int64 = 0
    /// Seconds by which the host's clock is ahead.
    var clockError: Int64 = 0
    /// The program ran when the power went.
    var wasRunning = false
}

/// What the module last told of its cell and its temperature; what it did not tell is `nil`.
struct Measurement: Sendable, Equatable {
    /// dBm
    var signal: Int?
    /// dBm
    var rsrp: Int?
    /// dB
    var rsrq: Int?
    /// dB
    var sinr: Int?
    var access: RadioAccess?
    /// MCC and MNC
    var network: String?
    var band: String?
    /// °C
    var temperature: Double?
    var sensor: String?

    var cellFields: Fields {
        var fields = Fields()
        if let signal { fields["cellular_signal"] = .integer(Int64(signal)) }
        if let rsrp { fields["rsrp"] = .integer(Int64(rsrp)) }
        if let rsrq { fields["rsrq"] = .integer(Int64(rsrq)) }
        if let sinr { fields["sinr"] = .integer(Int64(sinr)) }
        if let access { fields["rat"] = .text(access.rawValue) }
        if let network { fields["operator"] = .text(network) }
        if let band { fields["band"] = .text(band) }
        return fields
    }

    var fields: Fields {
        var fields = cellFields
        if let temperature { fields["temperature"] = .number(temperature) }
        return fields
    }

    /// Without the cell: the module has none.
    var withoutCell: Measurement {
        var rest = Measurement()
        (rest.temperature, rest.sensor) = (temperature, sensor)
        return rest
    }
}

/// What a command on the AT port was sent for.
enum AgentJob: Sendable {
    case setUp(SetUpStep)
    case sim(SIMQuestion)
    case registration(ATRegistration.Domain)
    case address
    case activate
    case measure(MeasurementStep)
    case configure(ConfigurationStep)
    case raw(Token)
    case send(Token, to: String)
    case message(index: Int)
    case locate(LocationStep)
    case reset
    case stayAttached
    case update
    case updateVersion
}

enum SIMQuestion: Sendable { case state, subscriber, card }
enum MeasurementStep: Sendable, CaseIterable { case strength, cell, network, temperature }
/// Firmware without QICSGP may know the command of 3GPP for the same.
enum ConfigurationStep: Sendable {
    case write, readBack, authentication, standardAuthentication, leave, attach, restore, restoreAuthentication
}
enum LocationStep: Sendable { case start, fix, end }

/// What the running program knows.
struct AgentMemory: Sendable {
    /// Where the agent stands on its way to the cloud.
    enum CloudPhase: String, Sendable {
        /// Not attached, or not set up: nothing is sent.
        case idle
        case registering, refused, connecting, subscribing, online, offline
    }

    struct Exchange: Sendable {
        var token: Token
        var nonce: String
    }

    /// A configuration that is being applied.
    struct ConfigurationWork: Sendable {
        var settings: AgentSettings
        var previous: AgentSettings
        /// The module has left the network to attach with the new settings; they are in force once the agent is online with them.
        var isTrying = false
        /// Why it will be rejected once the module has its old settings back.
        var failure: AgentSettings.Rejection?
    }

    struct LocationWork: Sendable {
        var action: Token
        var end: RunInstant
        /// The agent switched positioning on, and switches it off again.
        var isOwn = false
    }

    var isRunning = false
    var jobs: [(ticket: ATChannel.Ticket, job: AgentJob)] = []
    /// Actions that are not finished.
    var actions: [Token] = []

    // The module
    var isSetUp = false
    var setUpRepeats = 0
    var manufacturer = ""
    var model = ""
    var firmware = ""
    var imei = ""
    var imsi = ""
    var iccid = ""
    var sim = SIMState.unknown
    var isAskingSIM = false
    var isPositioning = false
    var timeoutsInARow = 0
    var trouble: (from: ModuleTrouble, since: RunInstant)?
    /// The last restart because of a hang.
    var lastReset: RunInstant?
    /// It was told that only the power helps.
    var needsPower = false

    // The network
    var registrations: [ATRegistration] = []
    var network = NetworkState.unknown
    var isLooking = false
    var mustLookAgain = false
    /// Polls in a row that found the module off the network.
    var pollsWithoutSearch = 0
    var isInspecting = false
    /// The context was activated since the last poll.
    var hasActivated = false
    var isAttached = false
    var address: String?
    var measurement = Measurement()
    /// The measurement under way.
    var measuring: Measurement?
    var measurementsLeft = 0
    /// `report`s that wait for it.
    var reports: [Token] = []

    // The cloud
    var phase = CloudPhase.idle
    var exchange: Exchange?
    var centre = VersionCentreMemory()
    var registrationBackoff = Backoff()
    var connectionBackoff = Backoff()
    var hasCorrectedClock = false
    var conflicts = 0
    var mustRegister = false
    var isSessionPresent = false
    var granted = 0
    var onlineSince = RunInstant.start
    var configuration: ConfigurationWork?
    /// A message that came while another was applied.
    var nextConfiguration: [UInt8]?
    var location: LocationWork?

    func registration(_ domain: ATRegistration.Domain) -> ATRegistration? { registrations.first { $0.domain == domain } }
}
