import LabCore
import WireProtocols

/// `AT+QFOTADL` and the download of the package over the module's own network (specs/rg500q.md §4.1 to §4.3).
enum UpdateCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+QFOTADL") { module, call, effects in
            switch call.form {
            case .test: return .ok("+QFOTADL: <URL>")
            case .read, .execute: return .wrongForm
            case .write: break
            }
            // Refusals are plain ERROR (transcript 224), one update at a time.
            guard call.arguments.count == 1, case .quoted(let url) = call[0], let request = UpdateRequest(url),
                module.ram.update.stage == .none, !module.ram.isResetting, module.job == nil
            else { return .error }
            return module.beginUpdate(request, &effects) ? .ok : .error
        }
    ]
}

extension CellularModule {
    /// How often the module looks whether its network is still there, and asks again without an answer.
    private static let downloadTick = Duration.seconds(1)
    private static let retryPause = Duration.seconds(5)
    /// From the begin of a download to its failure where a fault wants one.
    private static let failureTime = Duration.seconds(3)
    /// The package in the file system; `AT` names no file with a colon.
    static let downloadedPackage = ":fota/update.zip"

    /// - Returns: false if the flash takes no more.
    fileprivate mutating func beginUpdate(_ request: UpdateRequest, _ effects: inout [DeviceEffect]) -> Bool {
        if case .file(let name) = request.source {
            guard restart(intoUpdateFrom: name, isLocal: true, &effects) else { return false }
            return noteStart(request, &effects)
        }
        ram.update = UpdateWork()
        ram.update.stage = .accepted
        ram.update.request = request
        effects.append(.startTimer(.update, after: setup.update.startTime))
        return noteStart(request, &effects)
    }

    private func noteStart(_ request: UpdateRequest, _ effects: inout [DeviceEffect]) -> Bool {
        let source: FieldValue =
            switch request.source {
            case .http: "http"
            case .ftp: "ftp"
            case .file: "file"
            }
        effects.append(.note("update.started", ["source": source, "url": .text(request.shownURL), "firmware": .text(firmware)]))
        return true
    }

    /// A data connection is there.
    private var hasDataConnection: Bool {
        ram.registration.isRegistered && ram.contexts.values.contains { $0.isActive }
    }

    // MARK: The normal system

    mutating func downloadTick(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch ram.update.stage {
        case .accepted: beginDownload(at: now, &effects)
        case .waiting: ask(at: now, &effects)
        case .asking:
            if hasDataConnection { effects.append(.startTimer(.update, after: Self.downloadTick)) } else { wait(at: now, &effects) }
        case .receiving(let bytes, let end):
            guard hasDataConnection else { return wait(at: now, &effects) }
            let left = now.duration(to: end)
            if left <= .zero { return packageReceived(bytes, &effects) }
            effects.append(.startTimer(.update, after: min(left, Self.downloadTick)))
        case .failing(let code): endDownload(code, &effects)
        case .repeating: repeatEnd(&effects)
        case .none, .restarting, .recovering, .updating, .ended: break
        }
    }

    private mutating func beginDownload(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let request = ram.update.request else { return }
        tellUpdate("\"\(request.protocolName)START\"", &effects)
        if let failure = faults.update.failure, failure.times > 0, UpdateFaults.downloadCodes.contains(failure.code) {
            faults.update.failure?.times -= 1
            return fail(failure.code, &effects)
        }
        // There is no ftp server in the lab.
        if request.source == .ftp { return fail(602, &effects) }
        ask(at: now, &effects)
    }

    private mutating func fail(_ code: Int, _ effects: inout [DeviceEffect]) {
        ram.update.stage = .failing(code)
        effects.append(.startTimer(.update, after: Self.failureTime))
    }

    private mutating func ask(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard case .http(let host, let path)? = ram.update.request?.source else { return }
        if now >= ram.update.patienceEnd { return endDownload(702, &effects) }
        guard hasDataConnection else { return wait(at: now, &effects) }
        lastToken &+= 1
        let token = Token(rawValue: lastToken)
        ram.update.stage = .asking(token)
        ram.bytesSent += Int64(path.utf8.count) + 100
        effects.append(.startTimer(.update, after: Self.downloadTick))
        effects.append(.request(token, HTTPCall("GET", path, headers: [HTTPCall.Header("host", host)])))
    }

    /// Tries again later, until the patience is at its end.
    private mutating func wait(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.update.patienceEnd == .distantFuture { ram.update.patienceEnd = now.advanced(by: setup.update.patience) }
        ram.update.stage = .waiting
        let left = max(now.duration(to: ram.update.patienceEnd), .milliseconds(1))
        effects.append(.startTimer(.update, after: min(left, Self.retryPause)))
    }

    mutating func answered(
        _ token: Token, _ result: Result<HTTPAnswer, HTTPFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard ram.update.stage == .asking(token) else { return }
        guard hasDataConnection else { return wait(at: now, &effects) }
        switch result {
        case .failure(.unreachable), .failure(.timedOut): wait(at: now, &effects)
        case .failure(.interrupted): endDownload(701, &effects)
        case .success(let answer):
            let length = answer.header("content-length").flatMap { Int($0) }
            guard answer.status == 200, !answer.body.isEmpty, length == nil || length == answer.body.count else {
                return endDownload(701, &effects)
            }
            ram.update.patienceEnd = .distantFuture
            ram.bytesReceived += Int64(answer.body.count)
            if losesPower(at: .download, percent: 0, &effects) { return }
            let time = Duration.nanoseconds(Int64(answer.body.count) * 1_000_000_000 / Int64(max(1, setup.update.downloadRate)))
            ram.update.stage = .receiving(answer.body, end: now.advanced(by: time))
            effects.append(.startTimer(.update, after: min(time, Self.downloadTick)))
        }
    }

    private mutating func packageReceived(_ bytes: [UInt8], _ effects: inout [DeviceEffect]) {
        guard disk.write(Self.downloadedPackage, bytes), put(disk.list, at: .moduleFiles) else { return endDownload(701, &effects) }
        guard restart(intoUpdateFrom: Self.downloadedPackage, isLocal: false, &effects) else { return endDownload(701, &effects) }
        effects.append(.note("update.downloaded", ["size": .integer(Int64(bytes.count))]))
        tellUpdate("\"\(ram.update.request?.protocolName ?? "HTTP")END\",0", &effects)
    }

    /// The download has failed: nothing starts anew, the firmware is the old one, the command may be given again (§4.2).
    private mutating func endDownload(_ code: Int, _ effects: inout [DeviceEffect]) {
        let name = ram.update.request?.protocolName ?? "HTTP"
        effects.append(.cancelTimer(.update))
        ram.update = UpdateWork()
        disk.remove(Self.downloadedPackage)
        _ = put(disk.list, at: .moduleFiles)
        noteFinish("failed", code, phase: "download", was: firmware, &effects)
        tellUpdate("\"\(name)END\",\(code)", &effects)
    }

    /// From now on every start leads into the recovery system.
    private mutating func restart(intoUpdateFrom file: String, isLocal: Bool, _ effects: inout [DeviceEffect]) -> Bool {
        guard save(UpdateJob(file: file, isLocal: isLocal, base: firmware)) else { return false }
        ram.update.stage = .restarting
        beginReset(.update, after: Self.resetDelay, &effects)
        return true
    }

    /// The update came to its end before the power went, and the host may not have heard it: it is told once more (§4.4).
    private mutating func repeatEnd(_ effects: inout [DeviceEffect]) {
        guard let job, job.phase == .ended else { return }
        ram.update = UpdateWork()
        forgetJob()
        tellUpdate("\"END\",\(job.code)", &effects)
    }

    // MARK: Tools

    func noteFinish(_ result: String, _ code: Int, phase: String, was: String, _ effects: inout [DeviceEffect]) {
        effects.append(
            .note(
                "update.finished",
                [
                    "result": .text(result), "error": .integer(Int64(code)), "phase": .text(phase), "firmware": .text(firmware),
                    "was": .text(was),
                ]))
    }

    mutating func tellUpdate(_ text: String, _ effects: inout [DeviceEffect]) { unsolicited("+QIND: \"FOTA\",\(text)", &effects) }

    /// A fault takes the power away here; it comes back after the fault's time.
    mutating func losesPower(at point: UpdateFaults.Point, percent: Int, _ effects: inout [DeviceEffect]) -> Bool {
        guard let loss = faults.update.powerLoss, loss.times > 0, loss.point == point, percent >= loss.percent || point != .updating else {
            return false
        }
        faults.update.powerLoss?.times -= 1
        if loss.ruins, var job {
            job.phase = .ruined
            _ = save(job)
        }
        effects.append(.note("power.lost", ["reason": "cut"]))
        dropMemory(reason: "power_lost", &effects)
        (hasLostPower, resetCause, isPowerComing) = (true, .powerOn, true)
        effects.append(.reboot(after: loss.downtime))
        return true
    }
}
