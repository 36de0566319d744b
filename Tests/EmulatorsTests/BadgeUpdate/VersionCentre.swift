import LabCore

@testable import Emulators

/// A version centre as the wire contract describes it (badge protocol, "Firmware"), with one release, and interventions by tests.
struct VersionCentre: Sendable {
    /// Changes, or replaces, the answer to some requests.
    struct Intervention: Sendable {
        /// Requests whose path, or whose `range`, holds this.
        var match: String
        /// Requests that match and pass untouched before.
        var skip = 0
        var times = Int.max
        /// `nil`: there is no answer.
        var change: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>?
    }

    var execution = "ex_0001"
    var action = "install"
    var version = "2.4.0"
    var image: [UInt8]
    var manifest: [UInt8]?
    var delta: [UInt8]?
    var deltaBase = "2.3.0"
    /// Roots 2, 3, …
    var roots: [[UInt8]] = []
    var isForced = false
    var isOffering = true
    var retryAfter: Int64?
    /// What the check answers as `cancel`, and reports with `cancel: true`.
    var cancelled: String?
    /// Addresses with a lower number have expired.
    var oldestAddress = 1
    /// Statuses for the next reports; 0 for no answer. Afterwards 200.
    var reportStatuses: [Int] = []
    /// The same for results only.
    var resultStatuses: [Int] = []
    var interventions: [Intervention] = []

    private(set) var checks: [String] = []
    private(set) var downloads: [HTTPCall] = []
    private(set) var manifestFetches = 0
    /// Every report that arrived, in its order.
    private(set) var reports: [Fields] = []
    /// The results that were taken, by execution.
    private(set) var results: [(execution: String, state: String, reason: String)] = []
    private var addresses = 0

    init() { (image, manifest) = (Release.plainImage, Release.plainManifest) }

    init(image: [UInt8], manifest: [UInt8]? = nil) {
        self.image = image
        self.manifest = manifest ?? Release.manifest(of: image)
    }

    var states: [String] { reports.compactMap { $0.text("state") } }
    var result: String? { results.last?.state }
    var reason: String? { results.last?.reason }
    var ranges: [String] { downloads.compactMap { $0.header("range") } }

    mutating func intervene(
        _ match: String, skip: Int = 0, times: Int = .max,
        _ change: @escaping @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>?
    ) {
        interventions.append(Intervention(match: match, skip: skip, times: times, change: change))
    }

    /// The answer to a request that belongs to the version centre; `nil` for others. The inner `nil` is silence.
    mutating func answer(_ call: HTTPCall) -> Result<HTTPAnswer, HTTPFailure>?? {
        guard var answer = plainAnswer(call) else { return nil }
        for index in interventions.indices {
            let intervention = interventions[index]
            guard call.path.contains(intervention.match) || call.header("range")?.contains(intervention.match) == true else { continue }
            if intervention.skip > 0 { interventions[index].skip -= 1; continue }
            guard intervention.times > 0 else { continue }
            interventions[index].times -= 1
            guard let changed = intervention.change(call, answer) else { return .some(nil) }
            guard case .success(let next) = changed else { return changed }
            answer = next
        }
        return .success(answer)
    }

    private mutating func plainAnswer(_ call: HTTPCall) -> HTTPAnswer? {
        let path = call.path
        if path.hasPrefix("/api/v1/versions/check?") { return check(call) }
        if path.hasPrefix("/api/v1/versions/"), path.contains("/download?") { return download(call) }
        if path.hasPrefix("/api/v1/versions/"), path.hasSuffix("/manifest") {
            manifestFetches += 1
            return manifest.map { HTTPAnswer(status: 200, body: $0) } ?? refusal(404, "MANIFEST_NOT_FOUND")
        }
        if path.hasPrefix("/api/v1/firmware/roots/") {
            let number = Int(path.split(separator: "/").last ?? "") ?? 0
            return roots.indices.contains(number - 2) ? HTTPAnswer(status: 200, body: roots[number - 2]) : refusal(404, "ROOT_NOT_FOUND")
        }
        if path.hasPrefix("/api/v1/firmware/executions/"), path.hasSuffix("/report") { return report(call) }
        return nil
    }

    private func refusal(_ status: Int, _ error: String) -> HTTPAnswer { BadgeBench.answer(status, ["error": .text(error)], code: 3_000) }

    private mutating func check(_ call: HTTPCall) -> HTTPAnswer {
        checks.append(call.path)
        if let cancelled { return BadgeBench.answer(200, ["has_update": false, "cancel": .text(cancelled)]) }
        if let retryAfter { return BadgeBench.answer(200, ["has_update": false, "retry_after": .integer(retryAfter)]) }
        guard isOffering else { return BadgeBench.answer(200, ["has_update": false]) }
        addresses += 1
        let base = "/api/v1/versions/\(version)/download?device=luna_badge_0007&expires=\(addresses)"
        var info: Fields = [
            "execution_id": .text(execution), "action": .text(action), "version": .text(version), "version_type": "stable",
            "is_force_update": .bool(isForced), "file_size": .integer(Int64(image.count)), "checksum": .text("sha256:\(Release.sha256(image))"),
            "download_url": .text(base + "&signature=00"), "url_expires_at": 1_767_312_000, "root_version": .integer(Int64(roots.count + 1)),
        ]
        if manifest != nil { info["manifest_url"] = .text("/api/v1/versions/\(version)/manifest") }
        if let delta {
            info["delta"] = [
                "download_url": .text(base + "&part=delta&signature=00"), "file_size": .integer(Int64(delta.count)),
                "checksum": .text("sha256:\(Release.sha256(delta))"), "base_version": .text(deltaBase),
            ]
        }
        return BadgeBench.answer(200, ["has_update": true, "latest_version": .text(version), "update_info": .record(info)])
    }

    /// RFC 9110 §14 as the contract's table has it.
    private mutating func download(_ call: HTTPCall) -> HTTPAnswer {
        downloads.append(call)
        let number = call.path.split(separator: "&").first { $0.hasPrefix("expires=") }.flatMap { Int($0.dropFirst(8)) } ?? 0
        guard number >= oldestAddress else { return refusal(403, "OTA_URL_EXPIRED") }
        let file = call.path.contains("part=delta") ? delta ?? [] : image
        return Self.serve(file, call)
    }

    static func serve(_ file: [UInt8], _ call: HTTPCall) -> HTTPAnswer {
        let tag = "\"sha256-\(Release.sha256(file))\""
        var headers: [HTTPCall.Header] = [
            .init("content-type", "application/octet-stream"), .init("etag", tag), .init("accept-ranges", "bytes"),
        ]
        let isOther = call.header("if-range").map { $0 != tag } ?? false
        guard !isOther, let range = call.header("range"), range.hasPrefix("bytes=") else {
            headers.append(.init("content-length", "\(file.count)"))
            return HTTPAnswer(status: 200, headers: headers, body: file)
        }
        let ends = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = ends[0], first < file.count else {
            return HTTPAnswer(status: 416, headers: [.init("content-range", "bytes */\(file.count)")])
        }
        let last = min(ends[1] ?? file.count - 1, file.count - 1)
        headers += [.init("content-range", "bytes \(first)-\(last)/\(file.count)"), .init("content-length", "\(last - first + 1)")]
        return HTTPAnswer(status: 206, headers: headers, body: Array(file[first...last]))
    }

    private static let results = ["succeeded", "failed", "rolled_back", "rejected", "cancelled"]

    private mutating func report(_ call: HTTPCall) -> HTTPAnswer? {
        let fields = (try? JSONReader.read(call.body))?.record ?? [:]
        let isResult = Self.results.contains(fields.text("state") ?? "")
        var status = reportStatuses.isEmpty ? 200 : reportStatuses.removeFirst()
        if isResult, !resultStatuses.isEmpty { status = resultStatuses.removeFirst() }
        if status == 0 { return HTTPAnswer(status: 502) }
        if status != 200 { return refusal(status, "UNAVAILABLE") }
        reports.append(fields)
        let execution = String(call.path.split(separator: "/")[4])
        let state = fields.text("state") ?? ""
        let known = results.first { $0.execution == execution }?.state
        if isResult {
            if known == nil { results.append((execution, state, fields.text("reason") ?? "")) }
        } else if let known {
            return BadgeBench.answer(409, ["error": "OTA_EXECUTION_FINISHED", "state": .text(known)], code: 3_009)
        }
        return BadgeBench.answer(
            200, ["state": .text(known ?? state), "cancel": .bool(cancelled == execution), "terminal": .bool(known != nil)])
    }
}
