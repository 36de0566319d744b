import FirmwareImages
import LabCore

/// A version centre as small as can be, in memory: answers one badge by the wire contract (badge protocol, "Firmware"), keeps what it
/// is told, and can be made to misbehave.
///
/// It shares no code with the cloud, so that a mistake there is not made twice. It checks no signatures: devices are judged here.
struct VersionCentreModel: Sendable {
    /// How the server goes wrong (specs/ota.md §4, N5, N8, M1 to M6, A8). Blocks are downloads answered so far.
    enum Fault: Sendable, Hashable {
        /// Another image stands under the same address from then on.
        case switchesImage(afterBlocks: Int, to: Int)
        /// The address has expired after so many blocks; a check gives another, so many times.
        case expiresAddress(afterBlocks: Int, times: Int)
        /// The version is withdrawn: 404, and nothing is offered any more.
        case deletesVersion(afterBlocks: Int)
        /// Something else is to be installed from then on.
        case replaces(afterBlocks: Int, with: Int)
        /// What it offered was never heard of, and something newer is to be installed by now (M9).
        case hasMovedOn(to: Int)
        /// Cancels in its answer to the first report of that state.
        case cancels(at: String)
        /// Does not know the execution any more when it is reported.
        case forgetsExecution
        /// Says of each report that the execution is over.
        case hasEndedExecution
        /// A delta that is not the one of the manifest.
        case damagesDelta
        /// Answers 200 with everything wherever a range does not begin at the first byte.
        case ignoresLaterRanges
        case servesRoots(isSigned: Bool)
    }

    struct Result: Sendable, Equatable {
        var execution: String
        var state: String
        var reason: String
        var runningVersion: String
    }

    let releases: [Release]
    let format: String
    /// Number 2 and following, by their place.
    let roots: [[UInt8]]
    /// Releases that are offered one after the other, each as an execution of its own.
    var offers: [Int] = []
    var faults: [Fault] = []

    /// Counts executions; 0 before the first offer.
    private(set) var number = 0
    private(set) var blocks = 0
    private(set) var deltaBlocks = 0
    private(set) var checks = 0
    private(set) var bytesSent = 0
    /// Results in the order in which they came, repeated ones once.
    private(set) var results: [Result] = []
    /// A result of an execution that differs from the one that came before.
    private(set) var contradictions: [String] = []
    private(set) var reports = 0
    /// What the device said last that it runs.
    private(set) var heardVersion = ""
    private(set) var isCancelling = false
    private var isDeleted = false
    private var renewals = 0
    private var hasAddressExpired = false

    init(releases: [Release], format: String, roots: [[UInt8]] = []) {
        self.releases = releases
        self.format = format
        self.roots = roots
    }

    var execution: String { "ex_\(number)" }
    private var offered: Int? { offers.first }

    /// The execution under way has its result.
    var isSettled: Bool { number > 0 && results.contains { $0.execution == execution } }

    /// The next offer becomes an execution; false where there is none.
    mutating func offerNext() -> Bool {
        if number > 0 { offers.removeFirst() }
        guard !offers.isEmpty else { return false }
        number += 1
        (blocks, isDeleted, isCancelling, hasAddressExpired, renewals) = (0, false, false, false, 0)
        return true
    }

    // MARK: HTTP

    mutating func answer(_ call: HTTPCall) -> HTTPAnswer {
        let path = call.path.prefix { $0 != "?" }
        let query = call.path.dropFirst(path.count + 1)
        if path == "/api/v1/versions/check" { return check() }
        if path.hasSuffix("/download") { return download(call, isDelta: query.hasSuffix("part=delta")) }
        if path.hasSuffix("/manifest") { return manifest() }
        if path.hasSuffix("/report") { return report(call, execution: String(path.split(separator: "/").dropLast().last ?? "")) }
        if path.hasPrefix("/api/v1/firmware/roots/") { return root(Int(path.split(separator: "/").last ?? "") ?? 0) }
        if path == "/api/v1/auth/device/token" { return Self.envelope(Self.token) }
        if path == "/api/v1/devices/register" { return Self.envelope(Self.credentials, status: 201) }
        return Self.error(404, "NOT_FOUND")
    }

    private mutating func check() -> HTTPAnswer {
        checks += 1
        for case .hasMovedOn(let other) in faults where checks == 1 {
            offers[0] = other
            number += 1
        }
        guard number > 0, let offered, !isDeleted else { return Self.envelope(["has_update": false]) }
        if isCancelling { return Self.envelope(["has_update": false, "cancel": .text(execution)]) }
        if isSettled { return Self.envelope(["has_update": false]) }
        hasAddressExpired = false
        let release = releases[offered]
        let version = release.version.description
        var info: Fields = [
            "execution_id": .text(execution), "action": "install", "version": .text(version), "version_type": "stable", "is_force_update": false,
            "file_size": .integer(Int64(release.image.count)), "checksum": .text("sha256:" + release.digest), "format": .text(format),
            "download_url": .text(address(version)), "url_expires_at": .integer(ReleaseTeam.epoch + 86_400),
            "manifest_url": .text("/api/v1/versions/\(version)/manifest"), "manifest_version": 2, "root_version": .integer(Int64(roots.count) + 1),
        ]
        if let delta = release.delta {
            info["delta"] = [
                "download_url": .text(address(version) + "&part=delta"), "file_size": .integer(Int64(delta.count)),
                "checksum": .text("sha256:" + release.deltaDigest), "base_version": "", "base_checksum": "",
            ]
        }
        return Self.envelope(["has_update": true, "latest_version": .text(version), "update_info": .record(info)])
    }

    private func address(_ version: String) -> String {
        "/api/v1/versions/\(version)/download?device=luna_badge_0007&expires=\(ReleaseTeam.epoch + 86_400)&renewal=\(renewals)&signature=5f"
    }

    private func manifest() -> HTTPAnswer {
        guard let offered, !isDeleted else { return Self.error(404, "VERSION_NOT_FOUND") }
        return HTTPAnswer(status: 200, headers: [HTTPCall.Header("content-type", "application/json")], body: releases[offered].manifest)
    }

    private func root(_ number: Int) -> HTTPAnswer {
        guard roots.indices.contains(number - 2) else { return Self.error(404, "ROOT_NOT_FOUND") }
        return HTTPAnswer(status: 200, headers: [HTTPCall.Header("content-type", "application/json")], body: roots[number - 2])
    }

    private mutating func download(_ call: HTTPCall, isDelta: Bool) -> HTTPAnswer {
        for fault in faults { begin(fault) }
        guard let offered, !isDeleted else { return Self.error(404, "VERSION_NOT_FOUND") }
        if hasAddressExpired { return Self.error(403, "OTA_URL_EXPIRED") }
        blocks += 1
        var (file, digest) = (releases[offered].image, releases[offered].digest)
        if isDelta { deltaBlocks += 1 }
        if isDelta, let delta = releases[offered].delta {
            (file, digest) = (delta, releases[offered].deltaDigest)
            if faults.contains(.damagesDelta) { file[file.count / 2] ^= 0x01 }
        }
        for case .switchesImage(let count, let other) in faults where blocks > count && !isDelta {
            (file, digest) = (releases[other].image, releases[other].digest)
        }
        var call = call
        if faults.contains(.ignoresLaterRanges), call.header("range")?.hasPrefix("bytes=0-") == false { call.headers.removeAll { $0.name == "range" } }
        let answer = ByteRange.answer(call, file: file, tag: "\"sha256-\(digest)\"")
        bytesSent += answer.body.count
        return answer
    }

    private mutating func begin(_ fault: Fault) {
        switch fault {
        case .expiresAddress(let count, let times):
            // One that has just been given is good for at least one block.
            if blocks >= count + renewals, renewals < times, !hasAddressExpired { (hasAddressExpired, renewals) = (true, renewals + 1) }
        case .deletesVersion(let count): if blocks >= count { isDeleted = true }
        case .replaces(let count, let other):
            if blocks >= count, offers.first != other {
                offers[0] = other
                number += 1
            }
        default: return
        }
    }

    // MARK: Reports

    private mutating func report(_ call: HTTPCall, execution: String) -> HTTPAnswer {
        guard let body = try? JSONReader.read(call.body), let fields = body.record, let state = fields["state"]?.text else {
            return Self.error(400, "MALFORMED_BODY")
        }
        reports += 1
        if let version = fields["running_version"]?.text { heardVersion = version }
        let isTerminal = ["succeeded", "failed", "rolled_back", "rejected", "cancelled"].contains(state)
        if faults.contains(.forgetsExecution) {
            if isTerminal { keep(execution, state, fields) }
            return Self.error(404, "OTA_EXECUTION_NOT_FOUND")
        }
        if isTerminal { keep(execution, state, fields) }
        let recorded = results.first { $0.execution == execution }
        if !isTerminal, recorded != nil || faults.contains(.hasEndedExecution) {
            return Self.error(409, "OTA_EXECUTION_FINISHED", ["state": .text(recorded?.state ?? "timed_out")])
        }
        if faults.contains(.cancels(at: state)) { isCancelling = true }
        return Self.envelope([
            "state": .text(recorded?.state ?? state), "cancel": .bool(isCancelling && !isTerminal), "terminal": .bool(recorded != nil),
        ])
    }

    private mutating func keep(_ execution: String, _ state: String, _ fields: Fields) {
        var result = Result(
            execution: execution, state: state, reason: fields["reason"]?.text ?? "", runningVersion: fields["running_version"]?.text ?? "")
        guard let first = results.first(where: { $0.execution == execution }) else {
            // Who says that it succeeded and runs something else has failed (badge protocol, "Report").
            if state == "succeeded", result.runningVersion != fields["version"]?.text { (result.state, result.reason) = ("failed", "version_mismatch") }
            return results.append(result)
        }
        if first.reason == "version_mismatch" { return }
        if first.state != state || first.reason != result.reason {
            contradictions.append("\(execution) was \(first.state) \(first.reason) and is \(state) \(result.reason)")
        }
    }

    /// A status that the device published.
    mutating func heard(_ payload: [UInt8]) {
        guard let fields = (try? JSONReader.read(payload))?.record, let version = fields["firmware"]?.text else { return }
        heardVersion = version
    }

    // MARK: Envelopes

    private static let token: FieldValue = ["token": "t", "token_expires_at": .integer(ReleaseTeam.epoch + 40 * 86_400)]

    private static let credentials: FieldValue = [
        "device_id": "luna_badge_0007", "device_secret": .text(String(repeating: "A", count: 43)), "key_epoch": 1, "token": "t",
        "token_expires_at": .integer(ReleaseTeam.epoch + 40 * 86_400), "config_version": 0,
    ]

    private static func envelope(_ data: FieldValue, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(
            status: status, headers: [HTTPCall.Header("content-type", "application/json")],
            body: JSONWriter.bytes(["code": 0, "data": data, "message": "ok"]))
    }

    private static func error(_ status: Int, _ name: String, _ further: Fields = [:]) -> HTTPAnswer {
        let data = (["error": .text(name)] as Fields).merging(further)
        return HTTPAnswer(
            status: status, headers: [HTTPCall.Header("content-type", "application/json")],
            body: JSONWriter.bytes(["code": .integer(Int64(status)), "data": .record(data), "message": .text(name)]))
    }
}

/// Ranges as a good server answers them (badge protocol, "Download"; RFC 9110 §14).
enum ByteRange {
    static func answer(_ call: HTTPCall, file: [UInt8], tag: String) -> HTTPAnswer {
        let isCurrent = call.header("if-range").map { $0 == tag } ?? true
        guard isCurrent, let text = call.header("range"), let asked = read(text) else {
            return answer(200, file, tag: tag)
        }
        guard asked.first < file.count else {
            return HTTPAnswer(status: 416, headers: [HTTPCall.Header("content-range", "bytes */\(file.count)"), HTTPCall.Header("content-length", "0")])
        }
        let last = min(asked.last ?? file.count - 1, file.count - 1)
        return answer(206, Array(file[asked.first...last]), tag: tag, range: "bytes \(asked.first)-\(last)/\(file.count)")
    }

    private static func answer(_ status: Int, _ body: [UInt8], tag: String, range: String? = nil) -> HTTPAnswer {
        var headers = [
            HTTPCall.Header("etag", tag), HTTPCall.Header("accept-ranges", "bytes"), HTTPCall.Header("content-type", "application/octet-stream"),
            HTTPCall.Header("content-length", String(body.count)),
        ]
        if let range { headers.append(HTTPCall.Header("content-range", range)) }
        return HTTPAnswer(status: status, headers: headers, body: body)
    }

    /// `bytes=first-last` and `bytes=first-`; nil for what a server may ignore.
    private static func read(_ text: String) -> (first: Int, last: Int?)? {
        guard text.hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int(ends[0]) else { return nil }
        if ends[1].isEmpty { return (first, nil) }
        guard let last = Int(ends[1]), last >= first else { return nil }
        return (first, last)
    }
}
