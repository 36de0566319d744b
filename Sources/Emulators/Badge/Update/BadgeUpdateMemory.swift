import CloudClient
import FirmwareImages
import LabCore

/// What the update agent has in RAM; what must outlive a reset is in the records (`UpdateAttempt` and its siblings).
struct UpdateMemory: Sendable {
    /// Where an update stands in this life of the badge.
    enum Stage: String, Sendable {
        /// Nothing to do, or a download of an earlier life that waits for a check.
        case idle
        /// Roots and manifest are fetched and judged: nothing is changed yet.
        case preparing
        case downloading
        /// The address is too old: a check gives another.
        case renewing
        /// The bootloader was told; the reset comes.
        case installing
        /// The image that runs is tried.
        case testing
    }

    /// A request to the version centre.
    enum Request: Sendable, Equatable {
        case check
        case probe
        case root(Int64)
        case manifest
        case block
        case report
    }

    /// A report that is to be sent.
    struct Report: Sendable, Equatable {
        var execution: String
        var state: String
        var sequence: UInt32
        var version: String
        var progress: Int?
        var reason = ""
        /// It is the result, which is repeated until the cloud has it.
        var isResult = false
    }

    var stage = Stage.idle
    var trust = UpdateMemoryOfTrust()
    var attempt: UpdateAttempt?
    var result: UpdateResult?
    var offer: UpdateOffer?
    var manifest: ReleaseManifest?
    var download = UpdateDownload()
    var test = SelfTest()
    /// Reports of the attempt so far, and those that a life before may have sent.
    var sequence: UInt32 = 0

    /// The request that is under way for the update; an answer to another one is dropped.
    var isBusy = false
    /// Failed attempts in a row, of checks, downloads and reports.
    var checks = Backoff()
    var retries = Backoff()
    var reports = Backoff()
    /// Actions that wait for a check.
    var checkActions: [Token] = []
    var isChecking = false
    /// Something came up while a check could not be made.
    var mustCheckAgain = false
    /// The result goes out again because the cloud offered its execution again.
    var isRepeating = false
    var pendingReport: Report?
    var sentReport: Report?
    /// Requests that were not sent because the application has no network.
    var unsent: [Token] = []

    /// Ends the update of this life; what is in flash is another matter.
    mutating func clear() {
        stage = .idle
        (attempt, offer, manifest) = (nil, nil, nil)
        download = UpdateDownload()
        isBusy = false
        retries.reset()
    }
}

/// What a check offers (badge protocol, "Check").
struct UpdateOffer: Sendable, Equatable {
    var execution: String
    var isRollback: Bool
    var version: FirmwareVersion
    var isForced: Bool
    /// Path at the badge's own cloud.
    var download: String
    var manifest: String?
    var rootVersion: Int64?
    var delta: String?

    /// `nil` for an offer that lacks something, or has it in another form.
    init?(_ info: Fields, host: String) {
        guard let execution = info.text("execution_id"), (1...UpdateAttempt.longestExecution).contains(execution.utf8.count),
            execution.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }),
            let version = info.text("version").flatMap(FirmwareVersion.init),
            let download = info.text("download_url").flatMap({ UpdateAddress.path($0, host: host) })
        else { return nil }
        self.execution = execution
        self.version = version
        self.download = download
        isRollback = info.text("action") == "rollback"
        isForced = info["is_force_update"]?.bool ?? false
        manifest = info.text("manifest_url").flatMap { UpdateAddress.path($0, host: host) }
        rootVersion = info["root_version"]?.integer
        delta = info["delta"]?.record?.text("download_url").flatMap { UpdateAddress.path($0, host: host) }
    }
}

/// Addresses lead to the badge's own cloud, or nowhere.
enum UpdateAddress {
    static let longest = 1_024

    /// The path of an address at that host; `nil` for other hosts and for what is no address.
    static func path(_ address: String, host: String) -> String? {
        guard address.utf8.count <= longest, address.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        if address.hasPrefix("/"), !address.hasPrefix("//") { return address }
        guard address.hasPrefix("https://") else { return nil }
        let rest = address.dropFirst(8)
        let name = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(name.count)
        return name == host && !path.isEmpty ? String(path) : nil
    }
}
