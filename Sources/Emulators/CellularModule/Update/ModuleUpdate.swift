import LabCore

/// The firmware that runs, where an update has changed what the module was made with.
struct InstalledFirmware: Sendable, Equatable {
    var firmware: String
    var subVersion: String
    var subEdition: String
}

/// An update whose package is in the module: what its flash knows of it, so that power may go at any moment (specs/rg500q.md §4.4).
struct UpdateJob: Sendable, Equatable {
    enum Phase: String, Sendable {
        /// Every start leads into the recovery system, until it has come to an end.
        case pending
        /// It has come to an end, and the normal system has not started since.
        case ended
        /// Nothing that runs is left: the module shows its download mode (§1.3).
        case ruined
    }

    var phase = Phase.pending
    /// The package by its name in the file system.
    var file: String
    /// The file was the host's and stays.
    var isLocal: Bool
    /// What ran when it began.
    var base: String
    /// Starts of the recovery system for it.
    var attempts = 0
    /// How far it is, in tens.
    var percent = 0
    /// What `END` says.
    var code = 0

    /// Starts of the recovery system, after which a module with a backup of its firmware goes back to it (§4.4).
    static let attemptLimit = 5

    var asFields: Fields {
        [
            "phase": .text(phase.rawValue), "file": .text(file), "local": .bool(isLocal), "base": .text(base),
            "attempts": .integer(Int64(attempts)), "percent": .integer(Int64(percent)), "code": .integer(Int64(code)),
        ]
    }

    init(file: String, isLocal: Bool, base: String) {
        self.file = file
        self.isLocal = isLocal
        self.base = base
    }

    init?(fields: Fields) {
        guard let phase = fields["phase"]?.text.flatMap(Phase.init), let file = fields["file"]?.text else { return nil }
        self.init(file: file, isLocal: fields["local"]?.bool ?? false, base: fields["base"]?.text ?? "")
        self.phase = phase
        attempts = Int(fields["attempts"]?.integer ?? 0)
        percent = Int(fields["percent"]?.integer ?? 0)
        code = Int(fields["code"]?.integer ?? 0)
    }
}

/// What the running system knows of an update; lost with power.
struct UpdateWork: Sendable {
    enum Stage: Sendable, Equatable {
        case none
        // The normal system
        /// The command is answered; the download begins soon.
        case accepted
        /// No data connection, or nobody answered: it is tried again until the end of the patience.
        case waiting
        /// The request is out.
        case asking(Token)
        /// The bytes come in; in full at that time.
        case receiving([UInt8], end: RunInstant)
        /// A fault ends it with that code.
        case failing(Int)
        /// The package is there; the module is about to start anew.
        case restarting
        /// `END` is to be told once more.
        case repeating
        // The recovery system
        case recovering, updating, ended
    }

    var stage = Stage.none
    var request: UpdateRequest?
    /// When the download is given up for want of a network.
    var patienceEnd = RunInstant.distantFuture
    var percent = 0
    var package: UpdatePackage?

    /// The normal system downloads.
    var isDownloading: Bool {
        switch stage {
        case .accepted, .waiting, .asking, .receiving, .failing: true
        default: false
        }
    }
}

/// What `AT+QFOTADL` was given.
struct UpdateRequest: Sendable, Equatable {
    enum Source: Sendable, Equatable {
        case http(host: String, path: String)
        case ftp
        /// A file of the module.
        case file(String)
    }

    var source: Source
    var url: String

    /// Source: §4.1, after EP06DFOTA.
    static let longestURL = 255
    private static let localFolder = "/cache/ufs/"

    /// - Returns: `nil` for what the command refuses: another scheme, no host, no path, a path that leaves the folder, blanks, too long.
    init?(_ url: String) {
        guard (1...Self.longestURL).contains(url.utf8.count), url.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x22 }) else {
            return nil
        }
        self.url = url
        if url.hasPrefix(Self.localFolder) {
            let name = String(url.dropFirst(Self.localFolder.count))
            guard FileName(name) != nil, !name.contains("/"), name != ".." else { return nil }
            source = .file(name)
            return
        }
        for scheme in ["http://", "https://", "ftp://"] where url.lowercased().hasPrefix(scheme) {
            let rest = url.dropFirst(scheme.utf8.count)
            guard let slash = rest.firstIndex(of: "/") else { return nil }
            let path = String(rest[slash...])
            guard path.utf8.count > 1, let host = Self.host(rest[..<slash], takesUser: scheme == "ftp://") else { return nil }
            source = scheme == "ftp://" ? .ftp : .http(host: host, path: path)
            return
        }
        return nil
    }

    /// `host`, `host:port`, and for ftp with `user:password@` before it.
    private static func host(_ text: Substring, takesUser: Bool) -> String? {
        var rest = text
        if let at = rest.lastIndex(of: "@") {
            guard takesUser else { return nil }
            rest = rest[rest.index(after: at)...]
        }
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty,
            name.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
                }
            })
        else { return nil }
        if parts.count == 2 { guard let port = Int(parts[1]), (1...65_535).contains(port) else { return nil } }
        return String(rest)
    }

    /// The word in the URCs: `HTTP` for https as well (§4.2).
    var protocolName: String { source == .ftp ? "FTP" : "HTTP" }

    /// The URL without its query, which may hold a signature that gives whoever has it the file.
    var shownURL: String { String(url.prefix { $0 != "?" }) }
}

/// Faults of an update that are in force.
struct UpdateFaults: Sendable {
    enum Point: String, Sendable, CaseIterable { case download, start, updating, end }

    struct PowerLoss: Sendable {
        var point: Point
        /// Of `updating`.
        var percent: Int
        /// How often it is still to happen.
        var times: Int
        var downtime: Duration
        /// What was being written is lost for good.
        var ruins: Bool
    }

    struct Failure: Sendable {
        var code: Int
        /// How far the update comes before it fails.
        var percent: Int
        var times: Int
    }

    var powerLoss: PowerLoss?
    var isStartLost = false
    var failure: Failure?

    /// The codes of §4.3 by where they are told.
    static let downloadCodes = [601, 602, 701, 702]
    static let updateCodes = [1, 501, 502, 504, 505, 506, 510, 511] + Array(520...530) + Array(540...546)
}

/// The times and the nature of updates.
package struct UpdateSetup: Sendable, Equatable {
    /// From `OK` to `HTTPSTART`; the limit is 60 s (§4.2).
    package var startTime = Duration.seconds(2)
    /// Bytes a second that the module takes in beside what its network needs. Source: chosen.
    package var downloadRate = 1_000_000
    /// Without a data connection or a server for so long the download ends with 702. Source: within the 180 s of §4.3.
    package var patience = Duration.seconds(120)
    /// From a reset to the ports of the recovery system. Source: chosen, as a boot.
    package var recoveryTime = Duration.seconds(15)
    /// For 100 %. Source: chosen; within 300 s for a difference, up to 20 min for a full image (§4.2).
    package var updateTime = Duration.seconds(120)
    /// After five interrupted tries the module goes back to a backup of its firmware; without one it tries for ever (§4.4).
    package var hasBackup = true

    package init() {}

    mutating func take(_ facts: Fields) {
        recoveryTime = facts["recovery_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? recoveryTime
        updateTime = facts["update_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? updateTime
        patience = facts["update_patience"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? patience
        downloadRate = facts["download_rate"]?.asNumber.map { Int(min(max($0, 1), 1e9)) } ?? downloadRate
        hasBackup = facts["backup_partition"]?.bool ?? hasBackup
    }
}
