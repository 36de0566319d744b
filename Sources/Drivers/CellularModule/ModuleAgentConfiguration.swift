import LabCore
import WireProtocols

/// Configuration from the cloud: written to the module, read back, tried out, then acknowledged (badge protocol, "Modules").
///
/// A wrong access point name would cut the module off for good. So the agent attaches with the new one, and goes back to the old
/// one if it is not online within a time.
extension ModuleAgent {
    /// The longest message that is read.
    static let longestMessage = 8_192
    /// From the attach with new settings to the connection with the cloud. Source: chosen; an attach may take two minutes.
    static let trialLimit = Duration.seconds(180)

    func contextCommand(_ settings: AgentSettings) -> String { #"AT+CGDCONT=1,"IPV4V6","\#(settings.apn ?? "")""# }

    /// Context type 3 is IPv4 and IPv6; authentication 0 is none, 3 PAP or CHAP as the network likes.
    func authenticationCommand(_ settings: AgentSettings) -> String {
        let method = settings.username.isEmpty && settings.password.isEmpty ? 0 : 3
        return #"AT+QICSGP=1,3,"\#(settings.apn ?? "")","\#(settings.username)","\#(settings.password)",\#(method)"#
    }

    /// 3GPP TS 27.007 §10.1.31; 0 is none, 2 CHAP.
    private func standardAuthenticationCommand(_ settings: AgentSettings) -> String {
        if settings.username.isEmpty, settings.password.isEmpty { return "AT+CGAUTH=1,0" }
        return #"AT+CGAUTH=1,2,"\#(settings.username)","\#(settings.password)""#
    }

    static func record(_ payload: [UInt8]) -> Fields? {
        guard payload.count <= longestMessage, let value = try? JSONReader.read(payload, maximumDepth: 8) else { return nil }
        return value.record
    }

    mutating func configurationArrived(_ payload: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // The cloud sends it again, since the next status names the old version.
        if isUpdating { return }
        if ram.configuration != nil { return ram.nextConfiguration = payload }
        let message = Self.record(payload)
        guard let message, let version = (message["config_version"]?.integer).flatMap({ $0 >= 1 ? $0 : nil }) else {
            // There is no version that an acknowledgement could name; the next status says what the module has.
            let text =
                message == nil
                ? "the message is no JSON record of at most \(Self.longestMessage) bytes" : "config_version is missing or no whole number"
            return noteRejection(.init(reason: "malformed", message: text), version: nil, &effects)
        }
        guard version > disk.settings.version else {
            effects.append(.note("config.ignored", ["config_version": .integer(version), "current": .integer(disk.settings.version)]))
            return acknowledge(version, rejection: nil, at: now, &effects)
        }
        if let known = disk.rejected, known.version == version { return acknowledge(version, rejection: known.reason, at: now, &effects) }
        do throws(AgentSettings.Rejection) {
            guard let config = message["config"]?.record else {
                throw .init(reason: "invalid_value", message: "the record 'config' is missing")
            }
            apply(try disk.settings.taking(config, version: version), at: now, &effects)
        } catch { reject(error, version: version, at: now, &effects) }
    }

    private mutating func apply(_ settings: AgentSettings, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let work = AgentMemory.ConfigurationWork(settings: settings, previous: disk.settings)
        ram.configuration = work
        // What concerns the agent alone needs no command.
        if settings.hasSameContext(as: disk.settings) { return applied(work, at: now, &effects) }
        ask(contextCommand(settings), for: .configure(.write), at: now, &effects)
    }

    mutating func configureDone(
        _ step: ConfigurationStep, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard let work = ram.configuration else { return }
        guard case .answered(let response) = outcome else {
            let silence = AgentSettings.Rejection(reason: "module_silent", message: "the module did not answer")
            return settle(work, rejection: work.failure ?? silence, at: now, &effects)
        }
        switch step {
        case .leave: return ask("AT+CGATT=1", for: .configure(.attach), at: now, &effects)
        // Whether it has worked is seen when the agent is online.
        case .attach: return lookAtNetwork(at: now, &effects)
        case .restore: return restored(work, at: now, &effects)
        case .restoreAuthentication: return attachAnew(at: now, &effects)
        default: break
        }
        guard response.isSuccess else { return refused(step, response, work, at: now, &effects) }
        switch step {
        case .write: ask("AT+CGDCONT?", for: .configure(.readBack), needsInformation: true, at: now, &effects)
        case .readBack: readBack(response, work, at: now, &effects)
        default: tryOut(work, at: now, &effects)
        }
    }

    private mutating func refused(
        _ step: ConfigurationStep, _ response: ATResponse, _ work: AgentMemory.ConfigurationWork, at now: RunInstant,
        _ effects: inout [DeviceEffect]
    ) {
        // The password stands in the command, so the command is not named.
        let refusal = AgentSettings.Rejection(reason: "module_error", message: "the module answered \(response.final.text)")
        switch step {
        case .write: settle(work, rejection: refusal, at: now, &effects)
        case .authentication:
            ask(standardAuthenticationCommand(work.settings), for: .configure(.standardAuthentication), at: now, &effects)
        default: restore(work, refusal, at: now, &effects)
        }
    }

    private mutating func readBack(
        _ response: ATResponse, _ work: AgentMemory.ConfigurationWork, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        let context = (try? ATPacketContext.read(response.lines))?.first { $0.id == 1 }
        guard context?.apn == work.settings.apn ?? "" else {
            let found = context.map { "'\($0.apn)'" } ?? "nothing"
            return restore(work, .init(reason: "module_error", message: "the module has \(found) as access point name"), at: now, &effects)
        }
        let hasSamePassword = work.settings.username == work.previous.username && work.settings.password == work.previous.password
        if hasSamePassword, !work.settings.hasPassword { return tryOut(work, at: now, &effects) }
        ask(authenticationCommand(work.settings), for: .configure(.authentication), at: now, &effects)
    }

    // MARK: With the network

    /// Leaves the network and attaches anew, since a context keeps what it was activated with.
    private mutating func tryOut(_ work: AgentMemory.ConfigurationWork, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Without a data connection there is nothing that it could cost; the next attach uses it.
        guard ram.isAttached else { return applied(work, at: now, &effects) }
        ram.configuration?.isTrying = true
        effects.append(.note("config.tried", ["apn": .text(work.settings.apn ?? ""), "config_version": .integer(work.settings.version)]))
        effects.append(.startTimer(.trial, after: Self.trialLimit))
        attachAnew(at: now, &effects)
    }

    private mutating func attachAnew(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        detach("configuration", at: now, &effects)
        ask("AT+CGATT=0", for: .configure(.leave), at: now, &effects)
    }

    mutating func trialWorks(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let work = ram.configuration else { return }
        effects.append(.cancelTimer(.trial))
        if let failure = work.failure { return settle(work, rejection: failure, at: now, &effects) }
        applied(work, at: now, &effects)
    }

    /// Not online with the new settings: back to the old ones.
    mutating func trialFailed(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let work = ram.configuration, work.isTrying, work.failure == nil else { return }
        let failure = AgentSettings.Rejection(reason: "module_error", message: "with it the module has no way to the cloud")
        disk.rejected = (work.settings.version, failure)
        restore(work, failure, at: now, &effects)
    }

    /// Nothing of a rejected configuration may stay.
    private mutating func restore(
        _ work: AgentMemory.ConfigurationWork, _ failure: AgentSettings.Rejection, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        ram.configuration?.failure = failure
        ask(contextCommand(work.previous), for: .configure(.restore), at: now, &effects)
    }

    /// What was tried with the network is told once the agent is online again.
    private mutating func restored(_ work: AgentMemory.ConfigurationWork, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard work.isTrying else { return settle(work, rejection: work.failure, at: now, &effects) }
        let hasSamePassword = work.settings.username == work.previous.username && work.settings.password == work.previous.password
        if hasSamePassword { return attachAnew(at: now, &effects) }
        ask(authenticationCommand(work.previous), for: .configure(.restoreAuthentication), at: now, &effects)
    }

    private mutating func applied(_ work: AgentMemory.ConfigurationWork, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let isNewInterval = work.settings.interval != disk.settings.interval
        (disk.settings, disk.rejected) = (work.settings, nil)
        if isNewInterval, ram.isSetUp { effects.append(.startTimer(.measurement, after: .seconds(work.settings.interval))) }
        effects.append(
            .note(
                "config.applied",
                [
                    "apn": .text(work.settings.apn ?? ""), "interval": .integer(work.settings.interval),
                    "config_version": .integer(work.settings.version),
                ]))
        settle(work, rejection: nil, at: now, &effects)
    }

    private mutating func settle(
        _ work: AgentMemory.ConfigurationWork, rejection: AgentSettings.Rejection?, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        ram.configuration = nil
        if let rejection {
            reject(rejection, version: work.settings.version, at: now, &effects)
        } else {
            acknowledge(work.settings.version, rejection: nil, at: now, &effects)
        }
        if let next = ram.nextConfiguration {
            ram.nextConfiguration = nil
            configurationArrived(next, at: now, &effects)
        }
    }

    private mutating func reject(
        _ rejection: AgentSettings.Rejection, version: Int64, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        noteRejection(rejection, version: version, &effects)
        acknowledge(version, rejection: rejection, at: now, &effects)
        log(
            "error", "Configuration not applied", ["config_version": .integer(version), "reason": .text(rejection.message)], at: now,
            &effects)
    }

    private func noteRejection(_ rejection: AgentSettings.Rejection, version: Int64?, _ effects: inout [DeviceEffect]) {
        var fields: Fields = ["reason": .text(rejection.reason), "message": .text(rejection.message)]
        if let version { fields["config_version"] = .integer(version) }
        effects.append(.note("config.rejected", fields))
    }

    /// Only while online; otherwise the status after the next connection says what the module has.
    private mutating func acknowledge(
        _ version: Int64, rejection: AgentSettings.Rejection?, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard ram.phase == .online else { return }
        var fields: Fields = ["config_version": .integer(version), "status": rejection == nil ? "applied" : "rejected"]
        if let rejection { fields["reason"] = .text(rejection.reason) }
        fields["timestamp"] = timestamp(at: now)
        publish("config/ack", fields, &effects)
    }
}
