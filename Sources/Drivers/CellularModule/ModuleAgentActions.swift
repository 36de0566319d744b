package import LabCore
import WireProtocols

/// What scenarios can ask of the agent; the words are those of `ModuleAgent.kind`.
extension ModuleAgent {
    static let locationLimit = Duration.seconds(60)
    /// Time between the questions for a fix.
    static let locationPause = Duration.seconds(2)
    static let longestCommand = 512

    mutating func act(_ name: String, _ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch name {
        case "start":
            if arguments["factory_new"]?.bool == true { forgetDisk(at: now, &effects) }
            if !ram.isRunning { start(at: now, &effects) }
            let serial = FieldValue.text(identity.serialNumber)
            return effects.append(.finish(action, .success(["device": serial, "serial_no": serial])))
        case "stop":
            if ram.isRunning { stop(at: now, &effects) }
            return effects.append(.finish(action, .success([:])))
        default: ram.actions.append(action)
        }
        guard ram.isRunning else {
            return finish(action, .failure(ActionFailure("not_running", "The agent does not run; `start` it first.")), &effects)
        }
        if name == "check_update" { return check(for: action, at: now, &effects) }
        guard !isUpdating else { return finish(action, .failure(.updating), &effects) }
        guard channel.port == .open else { return finish(action, .failure(.noPort), &effects) }
        switch name {
        case "at": sendRaw(arguments, action, at: now, &effects)
        case "report": report(action, at: now, &effects)
        case "sms.send": sendMessage(arguments, action, at: now, &effects)
        case "locate": locate(arguments, action, at: now, &effects)
        default: finish(action, .failure(ActionFailure("unknown_action", "An agent has no action '\(name)'.")), &effects)
        }
    }

    private mutating func forgetDisk(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.isRunning { stop(at: now, &effects) }
        disk = AgentDisk()
        disk.settings.apn = factoryAPN
    }

    private mutating func report(_ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp else {
            return finish(action, .failure(ActionFailure("not_ready", "The module is not set up yet; wait for module.ready.")), &effects)
        }
        ram.reports.append(action)
        measure(at: now, &effects)
    }

    // MARK: Raw commands

    private mutating func sendRaw(_ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let text = arguments["command"]?.text, text.utf8.count <= Self.longestCommand, text.prefix(2).uppercased() == "AT",
            text.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
        else {
            let advice = "command must begin with AT and hold printable ASCII only, at most \(Self.longestCommand) bytes."
            return finish(action, .failure(ActionFailure("bad_argument", advice)), &effects)
        }
        let limit = arguments["timeout"]?.durationNanoseconds.map { Duration.nanoseconds(max(1, $0)) }
        ask(ATCommand(text, limit: limit), for: .raw(action), at: now, &effects)
    }

    mutating func rawDone(_ action: Token, _ command: ATCommand, _ outcome: ATChannel.Outcome, _ effects: inout [DeviceEffect]) {
        switch outcome {
        case .lost: finish(action, .failure(.noPort), &effects)
        case .timedOut:
            let limit = DurationText.format(nanoseconds: command.limit.nanoseconds)
            finish(action, .failure(ActionFailure("timeout", "The module did not answer within \(limit).")), &effects)
        case .answered(let response):
            let fields = fields(of: response)
            guard !response.isSuccess else { return finish(action, .success(fields), &effects) }
            finish(action, .failure(ActionFailure("at_error", "The module answered \(response.final.text).", fields)), &effects)
        }
    }

    private func fields(of response: ATResponse) -> Fields {
        var fields: Fields = ["lines": .list(response.lines.map(shown)), "final": .text(response.final.text)]
        if case .failure(let error) = response.final, let code = error.code { fields["code"] = .integer(Int64(code)) }
        return fields
    }

    // MARK: Messages

    private mutating func sendMessage(_ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let receiver = arguments["to"]?.text ?? ""
        let digits = receiver.hasPrefix("+") ? receiver.dropFirst() : receiver[...]
        guard (1...20).contains(digits.utf8.count), digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return finish(action, .failure(ActionFailure("bad_argument", "to takes 1 to 20 digits with an optional +.")), &effects)
        }
        guard let text = arguments["text"]?.text, (1...160).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
        else {
            return finish(action, .failure(ActionFailure("bad_argument", "text takes 1 to 160 characters of printable ASCII.")), &effects)
        }
        let command = ATCommand(#"AT+CMGS="\#(receiver)""#, body: .text(Array(text.utf8)), needsInformation: true)
        ask(command, for: .send(action, to: receiver), at: now, &effects)
    }

    mutating func sendDone(_ action: Token, _ receiver: String, _ outcome: ATChannel.Outcome, _ effects: inout [DeviceEffect]) {
        guard case .answered(let response) = outcome else {
            let failure =
                outcome == .lost ? ActionFailure.noPort : ActionFailure("timeout", "The network did not take the message in time.")
            return finish(action, .failure(failure), &effects)
        }
        guard response.isSuccess, let reference = try? ATSentMessage.reference(response.lines) else {
            return finish(
                action, .failure(ActionFailure("refused", "The message was not sent: \(response.final.text).", fields(of: response))),
                &effects)
        }
        effects.append(.note("sms.submitted", ["to": .text(receiver), "reference": .integer(Int64(reference))]))
        finish(action, .success(["reference": .integer(Int64(reference))]), &effects)
    }

    mutating func messageDone(_ index: Int, _ outcome: ATChannel.Outcome, _ effects: inout [DeviceEffect]) {
        guard case .answered(let response) = outcome, response.isSuccess else { return }
        do throws(ATReadingError) {
            for message in try ATStoredMessage.read(response.lines) {
                effects.append(
                    .note("sms.read", ["from": .text(message.address), "text": .text(message.text), "index": .integer(Int64(index))]))
            }
        } catch { noteUnreadable(response, error, &effects) }
    }

    // MARK: Position

    private mutating func locate(_ arguments: Fields, _ action: Token, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.location == nil else {
            return finish(action, .failure(ActionFailure("busy", "The agent waits for a fix already.")), &effects)
        }
        let limit = arguments["timeout"]?.durationNanoseconds ?? Self.locationLimit.nanoseconds
        ram.location = AgentMemory.LocationWork(action: action, end: now.advanced(byNanoseconds: max(0, limit)))
        ask("AT+QGPS=1", for: .locate(.start), at: now, &effects)
    }

    mutating func askLocation(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.location != nil { ask("AT+QGPSLOC=2", for: .locate(.fix), needsInformation: true, at: now, &effects) }
    }

    mutating func locateDone(_ step: LocationStep, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if step == .end {
            ram.isPositioning = false
            return statusChanged(at: now, &effects)
        }
        guard let work = ram.location else { return }
        guard case .answered(let response) = outcome else {
            return located(.failure(outcome == .lost ? .noPort : ActionFailure("timeout", "The module did not answer.")), at: now, &effects)
        }
        let code: Int? = if case .failure(let error) = response.final { error.code } else { nil }
        switch step {
        // 504: it runs already.
        case .start where response.isSuccess || code == 504:
            ram.location?.isOwn = response.isSuccess
            ram.isPositioning = true
            statusChanged(at: now, &effects)
            askLocation(at: now, &effects)
        // 516: no fix yet.
        case .fix where code == 516 && now.advanced(by: Self.locationPause) <= work.end:
            effects.append(.startTimer(.location, after: Self.locationPause))
        case .fix where response.isSuccess:
            do throws(ATReadingError) {
                located(.success(Self.fields(of: try ATPosition(answer: response.lines))), at: now, &effects)
            } catch {
                noteUnreadable(response, error, &effects)
                located(.failure(ActionFailure("unreadable", "The position cannot be read: \(error).")), at: now, &effects)
            }
        default:
            let word = code == 516 ? "no_fix" : "refused"
            located(.failure(ActionFailure(word, "There is no position: \(response.final.text).", fields(of: response))), at: now, &effects)
        }
    }

    private mutating func located(_ result: Result<Fields, ActionFailure>, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let work = ram.location else { return }
        ram.location = nil
        finish(work.action, result, &effects)
        if work.isOwn { ask("AT+QGPSEND", for: .locate(.end), at: now, &effects) }
    }

    private static func fields(of position: ATPosition) -> Fields {
        var fields: Fields = ["latitude": .number(position.latitude), "longitude": .number(position.longitude)]
        if let altitude = position.altitude { fields["altitude"] = .number(altitude) }
        if let satellites = position.satellites { fields["satellites"] = .integer(Int64(satellites)) }
        if let hdop = position.hdop { fields["hdop"] = .number(hdop) }
        if let utc = position.utc { fields["utc"] = .text(utc) }
        return fields
    }

    // MARK: Queries

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        switch query {
        case "module": .success(moduleFields)
        case "signal": .success(ram.measurement.fields)
        case "update": .success(updateFields)
        case "network": .success(networkFields)
        case "config":
            .success([
                "apn": .text(disk.settings.apn ?? ""), "username": .text(disk.settings.username),
                "interval": .integer(disk.settings.interval),
                "config_version": .integer(disk.settings.version),
            ])
        default: .failure(ActionFailure("unknown_query", "An agent has no query '\(query)'."))
        }
    }

    private var moduleFields: Fields {
        var fields: Fields = [
            "running": .bool(ram.isRunning), "port": .text(channel.port.rawValue), "phase": .text(phase), "sim": .text(ram.sim.rawValue),
            "boot_count": .integer(disk.bootCount), "device": .text(identity.serialNumber), "serial_no": .text(identity.serialNumber),
            "registered": .bool(disk.credentials != nil), "online": .bool(ram.phase == .online),
        ]
        for (name, value) in [("model", ram.model), ("firmware", ram.firmware)] where !value.isEmpty { fields[name] = .text(value) }
        for (name, value) in [("imei", ram.imei), ("imsi", ram.imsi), ("iccid", ram.iccid)] where !value.isEmpty {
            fields[name] = shownNumber(value)
        }
        return fields
    }

    /// One word for where the program stands.
    private var phase: String {
        if !ram.isRunning { return "stopped" }
        if channel.port != .open { return "waiting_for_port" }
        if !ram.isSetUp { return channel.isReady ? "setting_up" : "waiting_for_module" }
        return ram.isAttached ? ram.phase.rawValue : "detached"
    }

    private var networkFields: Fields {
        var fields: Fields = ["state": .text(ram.network.rawValue), "attached": .bool(ram.isAttached)]
        if ram.isAttached { fields["rat"] = .text((ram.measurement.access ?? accessByRegistration).rawValue) }
        if let network = ram.measurement.network { fields["operator"] = .text(network) }
        if let band = ram.measurement.band { fields["band"] = .text(band) }
        if let address = ram.address { fields["address"] = .text(address) }
        for (name, domain) in [("eps", ATRegistration.Domain.eps), ("fiveg", .fiveG), ("circuit", .circuit)] {
            if let status = ram.registration(domain)?.status { fields[name] = .integer(Int64(status.rawValue)) }
        }
        return fields
    }
}

extension ActionFailure {
    static let noPort = ActionFailure("no_port", "The module's AT port is not there, or the module does not answer; wait for module.ready.")
}
