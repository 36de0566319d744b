import CloudClient
import Crypto
import FirmwareImages
import LabCore

/// What is downloaded, and how far it has come.
struct UpdateDownload: Sendable {
    /// Path at the badge's own cloud.
    var address = ""
    /// Bytes that are signed.
    var length = 0
    /// The tag that the server gives the file that is signed: its SHA-256 (badge protocol, "Download").
    var tag = ""
    /// A delta is gathered in RAM; an image goes to flash sector by sector.
    var isDelta = false
    /// Bytes that are in the update slot.
    var stored = 0
    /// Bytes that came after those: less than a sector of an image, or all of a delta.
    var gathered: [UInt8] = []
    var redirects = 0
    /// Fresh addresses without a byte of progress in between.
    var renewals = 0
    /// Answers that broke their own rules.
    var rejections = 0
    var token: Token?
    /// Bytes since the low-speed timer began.
    var bytesInWindow = 0
    var reportedQuarter = 0

    var received: Int { stored + gathered.count }
    var isComplete: Bool { received >= length }

    init() {}

    init(address: String, length: Int, sha256: [UInt8], isDelta: Bool) {
        self.address = address
        self.length = length
        self.isDelta = isDelta
        tag = "\"sha256-\(Hexadecimal.text(sha256))\""
    }
}

/// Downloading in ranges (specs/ota.md §4, N1 to N10; badge protocol, "Download").
extension Badge {
    static let mostRedirects = 3
    static let mostRenewals = 3
    static let mostRejections = 4
    /// Whole downloads that are thrown away before the update has failed.
    static let mostRestarts: UInt8 = 1

    /// The manifest is good: the attempt begins, or goes on where an earlier life of the badge left it.
    mutating func beginDownload(
        _ manifest: ReleaseManifest, _ offer: UpdateOffer, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        var stored = 0
        if let attempt = ram.update.attempt, attempt.digest == Array(manifest.sha256.prefix(8)) {
            stored = checkpoint(of: attempt)
        } else {
            let attempt = UpdateAttempt(
                kind: offer.isRollback ? .rollback : .install, execution: offer.execution, version: manifest.firmware.description,
                previous: runningVersion, digest: manifest.sha256, sequence: ram.update.sequence)
            guard try save([(.updateAttempt, attempt.bytes)], &effects) else {
                return try refuseUpdate("flash_error", attack: nil, at: now, &effects)
            }
            ram.update.attempt = attempt
            // What an earlier manifest of this execution had in the slot is of another file.
            if checkpoint(of: attempt) > 0 { _ = try saveCheckpoint(&effects) }
        }
        ram.update.stage = .downloading
        ram.update.retries.reset()
        let delta = stored == 0 ? usableDelta(manifest, offer, &effects) : nil
        if let delta, let address = offer.delta {
            ram.update.download = UpdateDownload(address: address, length: delta.length, sha256: delta.sha256, isDelta: true)
        } else {
            downloadImage(manifest, offer, from: stored)
        }
        var fields: Fields = [
            "version": .text(manifest.firmware.description), "execution": .text(offer.execution),
            "action": .text(offer.isRollback ? "rollback" : "install"), "forced": .bool(offer.isForced), "delta": .bool(delta != nil),
            "size": .integer(Int64(ram.update.download.length)),
        ]
        if stored > 0 { fields["resumed_at"] = .integer(Int64(stored)) }
        effects.append(.note("ota.started", fields))
        report("downloading", progress: progress, at: now, &effects)
        effects.append(.startTimer(.updateGuard, after: settings.lowSpeedTime))
        try proceed(at: now, &effects)
    }

    func checkpoint(of attempt: UpdateAttempt) -> Int {
        guard let checkpoint = load(.updateCheckpoint).flatMap({ UpdateCheckpoint(bytes: $0) }), checkpoint.tag == attempt.tag else { return 0 }
        return Int(checkpoint.offset)
    }

    /// The delta that this badge can apply: its base is what runs, to the last bit (D1, D4).
    private func usableDelta(
        _ manifest: ReleaseManifest, _ offer: UpdateOffer, _ effects: inout [DeviceEffect]
    ) -> ReleaseManifest.Delta? {
        guard let delta = manifest.delta, offer.delta != nil, delta.length < manifest.length, delta.length <= settings.deltaLimit else { return nil }
        if !settings.bugs.contains(.deltaBaseNotChecked), delta.baseSHA256 != Array(SHA256.hash(data: runningFile)) {
            effects.append(.note("ota.delta_failed", ["version": .text(manifest.firmware.description), "reason": "delta_base_mismatch"]))
            return nil
        }
        return delta
    }

    /// The file of the image that runs, as far as its slot still has it.
    var runningFile: [UInt8] { firmware.readRunning(at: 0, count: ram.running?.image.length ?? 0) }

    mutating func downloadImage(_ manifest: ReleaseManifest, _ offer: UpdateOffer, from stored: Int = 0) {
        let restarts = ram.update.download
        ram.update.download = UpdateDownload(address: offer.download, length: manifest.length, sha256: manifest.sha256, isDelta: false)
        ram.update.download.stored = min(stored, manifest.length)
        ram.update.download.reportedQuarter = restarts.reportedQuarter
    }

    /// Per cent of the file.
    var progress: Int {
        let download = ram.update.download
        return download.length == 0 ? 0 : download.received * 100 / download.length
    }

    /// The next range, or the end.
    mutating func proceed(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .downloading else { return }
        if ram.update.download.isComplete, !(settings.bugs.contains(.endlessDownload) && ram.update.retries.attempts == 0 && !ram.update.download.isDelta) {
            return try downloadComplete(at: now, &effects)
        }
        requestBlock(at: now, &effects)
    }

    mutating func requestBlock(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.update.stage == .downloading, !ram.update.isBusy else { return }
        let download = ram.update.download
        let first = download.received
        let last = settings.bugs.contains(.endlessDownload) ? first + settings.chunkSize - 1 : min(first + settings.chunkSize, download.length) - 1
        var headers = [
            HTTPCall.Header("host", cloud.host), HTTPCall.Header("range", "bytes=\(first)-\(last)"),
            HTTPCall.Header("accept-encoding", "identity"),
        ]
        // The tag of the file that is signed, also for the first range: nothing else is wanted.
        if !settings.bugs.contains(.ifRangeMissing) { headers.append(HTTPCall.Header("if-range", download.tag)) }
        let token = nextToken()
        ram.update.download.token = token
        ram.update.isBusy = true
        ram.exchanges.append(Memory.Exchange(token: token, purpose: .update(.block), nonce: ""))
        transmit(token, HTTPCall("GET", download.address, headers: headers), &effects)
    }

    mutating func blockAnswered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard ram.update.stage == .downloading, ram.update.download.token == token else { return }
        ram.update.isBusy = false
        ram.update.download.token = nil
        let download = ram.update.download
        let verdict = RangeVerdict(
            result, first: download.received, count: min(settings.chunkSize, download.length - download.received), length: download.length,
            tag: download.tag, bugs: settings.bugs)
        switch verdict {
        case .part(let bytes): try take(bytes, at: now, &effects)
        case .whole(let bytes):
            if !settings.bugs.contains(.resumeAppendsOn200) { try startOver(at: now, &effects) }
            try take(bytes, at: now, &effects)
        case .end: try rangeEnded(at: now, &effects)
        case .changed:
            // Another file under the same address (N5).
            try restartDownload("hash_mismatch", as: "file_changed", at: now, &effects)
        case .wrong(let word): try reject(word, at: now, &effects)
        case .expired: try renewAddress(at: now, &effects)
        case .gone: try failDownload("download_failed", at: now, &effects)
        case .redirect(let location): try redirect(to: location, at: now, &effects)
        case .failed(let word, let pause): try retryUpdate(word, after: pause, at: now, &effects)
        }
    }

    /// 416: the server has no byte at this place. All is there, or the file is another one (N4).
    private mutating func rangeEnded(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        if ram.update.download.isComplete { return try downloadComplete(at: now, &effects) }
        try restartDownload("download_failed", as: "range_not_satisfiable", at: now, &effects)
    }

    /// Bytes of the file, in their order.
    private mutating func take(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        let room = ram.update.download.length - ram.update.download.received
        // Never more than was signed, whatever the server sends (N7).
        let wanted = settings.bugs.contains(.endlessDownload) || bytes.count <= room ? bytes : Array(bytes.prefix(max(0, room)))
        ram.update.download.bytesInWindow += wanted.count
        ram.update.download.renewals = 0
        ram.update.retries.reset()
        if ram.update.download.isDelta {
            ram.update.download.gathered.append(contentsOf: wanted)
        } else {
            guard try store(wanted, at: now, &effects) else { return }
        }
        let quarter = progress / 25
        if quarter > ram.update.download.reportedQuarter, quarter < 4 {
            ram.update.download.reportedQuarter = quarter
            report("downloading", progress: progress, at: now, &effects)
        }
        try proceed(at: now, &effects)
    }

    // MARK: What goes wrong

    /// From the first byte: what is in the slot does not count any more.
    private mutating func startOver(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.download.received > 0 else { return }
        ram.update.download.gathered = []
        ram.update.download.stored = 0
        _ = try saveCheckpoint(&effects)
    }

    /// An answer of which nothing may be taken (N2, N3, N6, N7, N10): from the beginning, a bounded number of times.
    private mutating func reject(_ word: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        ram.update.download.rejections += 1
        try startOver(at: now, &effects)
        guard ram.update.download.rejections <= Self.mostRejections else { return try failDownload("download_failed", at: now, &effects) }
        try retryUpdate("download_failed", as: word, after: .zero, at: now, &effects)
    }

    /// What is downloaded cannot be had. Of a delta that is no harm: the whole image is still there.
    private mutating func failDownload(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.download.isDelta, ram.update.stage == .downloading, let manifest = ram.update.manifest else {
            return try failUpdate(reason, at: now, &effects)
        }
        ram.update.retries.reset()
        try fallBack(manifest, "delta_failed", at: now, &effects)
    }

    /// Once more from the beginning, a bounded number of times; then it has failed.
    ///
    /// - Parameter word: what happened, for the note, where `reason` is not it.
    mutating func restartDownload(
        _ reason: String, as word: String? = nil, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        if ram.update.download.isDelta { return try failDownload(reason, at: now, &effects) }
        guard var attempt = ram.update.attempt, attempt.restarts < Self.mostRestarts else { return try failUpdate(reason, at: now, &effects) }
        attempt.restarts += 1
        ram.update.attempt = attempt
        guard try save([(.updateAttempt, attempt.bytes)], &effects) else { return try failUpdate("flash_error", at: now, &effects) }
        try startOver(at: now, &effects)
        try retryUpdate(reason, as: word, after: .zero, at: now, &effects)
    }

    /// Waits and tries again, where it has not done so too often without any progress.
    mutating func retryUpdate(
        _ reason: String, as word: String? = nil, after asked: Duration, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(PowerFailure) {
        guard ram.update.retries.attempts < settings.downloadAttempts else { return try failDownload(reason, at: now, &effects) }
        let waiting = ram.update.retries.next(first: settings.firstRetry, longest: settings.longestRetry, &chance)
        effects.append(.note("ota.retry", ["reason": .text(word ?? reason), "attempt": .integer(Int64(ram.update.retries.attempts))]))
        effects.append(.startTimer(.updateNext, after: max(waiting, asked)))
    }

    mutating func updateNextDue(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        switch ram.update.stage {
        case .preparing where !ram.update.isBusy: try prepareUpdate(at: now, &effects)
        case .downloading where !ram.update.isBusy: try proceed(at: now, &effects)
        default: break
        }
    }

    /// The address is too old (N8): a check gives a fresh one, and the download goes on where it was.
    private mutating func renewAddress(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        ram.update.download.renewals += 1
        guard ram.update.download.renewals <= Self.mostRenewals else { return try failUpdate("url_expired", at: now, &effects) }
        effects.append(.note("ota.retry", ["reason": "url_expired", "attempt": .integer(Int64(ram.update.download.renewals))]))
        ram.update.stage = .renewing
        if ram.update.download.renewals <= 1 { return checkForUpdate(at: now, &effects) }
        let waiting = ram.update.retries.next(first: settings.firstRetry, longest: settings.longestRetry, &chance)
        effects.append(.startTimer(.updateCheck, after: waiting))
    }

    /// Within the badge's own cloud, and not for ever (N6).
    private mutating func redirect(to location: String, at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        ram.update.download.redirects += 1
        guard ram.update.download.redirects <= Self.mostRedirects, let path = UpdateAddress.path(location, host: cloud.host) else {
            ram.update.download.redirects = 0
            if let offer = ram.update.offer { ram.update.download.address = ram.update.download.isDelta ? offer.delta ?? offer.download : offer.download }
            return try retryUpdate("download_failed", after: .zero, at: now, &effects)
        }
        ram.update.download.address = path
        requestBlock(at: now, &effects)
    }

    /// Too few bytes in the time: what is under way is given up, and the download resumed (N1).
    mutating func lowSpeedDue(at now: RunInstant, _ effects: inout [DeviceEffect]) throws(PowerFailure) {
        guard ram.update.stage == .downloading else { return }
        effects.append(.startTimer(.updateGuard, after: settings.lowSpeedTime))
        let seconds = Int(settings.lowSpeedTime.nanoseconds / 1_000_000_000)
        let isSlow = ram.update.download.bytesInWindow < settings.lowSpeedRate * seconds
        ram.update.download.bytesInWindow = 0
        guard isSlow, ram.update.isBusy, ram.update.download.token != nil else { return }
        ram.update.download.token = nil
        ram.update.isBusy = false
        try retryUpdate("low_speed", after: .zero, at: now, &effects)
    }
}
