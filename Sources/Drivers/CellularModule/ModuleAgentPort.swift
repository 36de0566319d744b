import LabCore
import WireProtocols

/// The AT port: what comes through it, commands without an answer, and the ways back (rg500q.md §5).
extension ModuleAgent {
    /// Commands without an answer in a row after which a module that still answers `AT` is restarted.
    static let timeoutsUntilReset = 2
    static let probeAttempts = 3
    /// Time between the questions to a module that does not answer, and the time in which a reset must make the port vanish.
    static let probePause = Duration.seconds(10)
    static let resetPatience = Duration.seconds(30)
    /// A restart that did not help is not repeated sooner.
    static let resetPause = Duration.seconds(300)

    /// Sends a command when its turn comes; the job gets what came of it.
    mutating func ask(_ command: ATCommand, for job: AgentJob, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let (ticket, events) = channel.submit(command, &effects) else { return done(job, command, .lost, at: now, &effects) }
        ram.jobs.append((ticket, job))
        take(events, at: now, &effects)
    }

    mutating func ask(
        _ text: String, for job: AgentJob, needsInformation: Bool = false, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        ask(ATCommand(text, needsInformation: needsInformation), for: job, at: now, &effects)
    }

    mutating func take(_ events: [ATChannel.Event], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        for event in events where ram.isRunning { take(event, at: now, &effects) }
    }

    private mutating func take(_ event: ATChannel.Event, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch event {
        case .opened(let attempts): effects.append(.note("port.opened", ["attempts": .integer(Int64(attempts))]))
        case .ready: moduleListens(at: now, &effects)
        case .silent: moduleIsSilent(at: now, &effects)
        case .lost(let command): portLost(command, at: now, &effects)
        case .absent: if !isUpdating { effects.append(.note("power_cycle.needed", ["reason": "no_port"])) }
        case .sent(let command):
            effects.append(.note("at.sent", ["command": .text(masksNumbers ? NumberMask.command(command) : command.text)]))
        case .information(let line): effects.append(.note("at.line", ["line": shown(line.text)]))
        case .final(let final): effects.append(.note("at.line", ["line": .text(final.text)]))
        case .unsolicited(let urc):
            effects.append(.note("at.urc", ["line": shown(urc.text)]))
            heard(urc, at: now, &effects)
        case .stray(let line): effects.append(.note("at.urc", ["line": shown(line.text)]))
        case .damaged(let line):
            effects.append(.note("at.damaged", ["reason": .text("no line of text at byte \(line.offset): \(Self.visible(line.text))")]))
        case .finished(let ticket, let command, let outcome): finished(ticket, command, outcome, at: now, &effects)
        }
    }

    /// The beginning of a text with everything that is not printable ASCII as a dot.
    private static func visible(_ text: String) -> String {
        String(decoding: text.utf8.prefix(32).map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }

    private mutating func finished(
        _ ticket: ATChannel.Ticket, _ command: ATCommand, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard let place = ram.jobs.firstIndex(where: { $0.ticket == ticket }) else { return }
        let job = ram.jobs.remove(at: place).job
        switch outcome {
        case .answered: answersAgain(at: now, &effects)
        case .timedOut: noteTimeout(command, at: now, &effects)
        case .lost: break
        }
        done(job, command, outcome, at: now, &effects)
        if case .timedOut = outcome { take(channel.synchronise(attempts: Self.probeAttempts, &effects), at: now, &effects) }
    }

    mutating func done(
        _ job: AgentJob, _ command: ATCommand, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        switch job {
        case .setUp(let step): setUpDone(step, command, outcome, at: now, &effects)
        case .sim(let question): simDone(question, outcome, at: now, &effects)
        case .registration(let domain): registrationDone(domain, outcome, at: now, &effects)
        case .address: addressDone(outcome, at: now, &effects)
        case .activate: activationDone(outcome, at: now, &effects)
        case .measure(let step): measureDone(step, outcome, at: now, &effects)
        case .configure(let step): configureDone(step, outcome, at: now, &effects)
        case .raw(let action): rawDone(action, command, outcome, &effects)
        case .send(let action, let receiver): sendDone(action, receiver, outcome, &effects)
        case .message(let index): messageDone(index, outcome, &effects)
        case .locate(let step): locateDone(step, outcome, at: now, &effects)
        case .reset: resetDone(outcome, at: now, &effects)
        case .update: updateCommandDone(outcome, at: now, &effects)
        case .updateVersion: versionRead(outcome, at: now, &effects)
        case .stayAttached: break
        }
    }

    // MARK: Trouble and recovery

    private mutating func noteTimeout(_ command: ATCommand, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.timeoutsInARow += 1
        effects.append(
            .note(
                "at.timeout",
                [
                    "command": .text(masksNumbers ? NumberMask.command(command) : command.text),
                    "limit": .duration(command.limit.nanoseconds),
                    "in_a_row": .integer(Int64(ram.timeoutsInARow)),
                ]))
        if ram.trouble == nil { ram.trouble = (.timeout, now) }
    }

    private mutating func answersAgain(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.timeoutsInARow = 0
        if ram.isSetUp { recovered(at: now, &effects) }
    }

    /// Tells the end of what was wrong.
    mutating func recovered(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let trouble = ram.trouble else { return }
        (ram.trouble, ram.needsPower) = (nil, false)
        effects.append(
            .note("recovered", ["from": .text(trouble.from.rawValue), "downtime": .duration(trouble.since.duration(to: now).nanoseconds)]))
    }

    /// The module answers `AT`: after the port was opened, after silence, or after a command without an answer.
    private mutating func moduleListens(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.cancelTimer(.probe))
        let isResetting = ram.jobs.contains { if case .reset = $0.job { true } else { false } }
        if ram.timeoutsInARow >= Self.timeoutsUntilReset, !isResetting { return moduleHangs(at: now, &effects) }
        // A command of the set-up that had no answer is queued again by itself.
        let isSettingUp = ram.jobs.contains { if case .setUp = $0.job { true } else { false } }
        if !ram.isSetUp, !isSettingUp, !isResetting { beginSetUp(at: now, &effects) }
    }

    /// It answers `AT` and nothing else: a restart helps, or only its power.
    private mutating func moduleHangs(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // A restart would break off the update.
        if isUpdating { return }
        if let last = ram.lastReset, last.duration(to: now) < Self.resetPause {
            take(channel.dropWaiting(), at: now, &effects)
            return moduleIsSilent(at: now, &effects)
        }
        ram.lastReset = now
        resetModule("hang", at: now, &effects)
    }

    private mutating func moduleIsSilent(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // The recovery system answers nothing; its lines come all the same, and the firmware is asked for from time to time.
        if isUpdating {
            forgetModule("no_answer", at: now, &effects)
            return effects.append(.startTimer(.probe, after: Self.probePause))
        }
        ram.trouble = (.hang, ram.trouble?.since ?? now)
        forgetModule("no_answer", at: now, &effects)
        if !ram.needsPower { effects.append(.note("power_cycle.needed", ["reason": "no_answer"])) }
        ram.needsPower = true
        effects.append(.startTimer(.probe, after: Self.probePause))
    }

    /// Asks a module that was silent, or that should have gone away to start anew.
    mutating func probe(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !ram.isSetUp else { return }
        take(channel.synchronise(attempts: 1, &effects), at: now, &effects)
    }

    private mutating func portLost(_ command: String?, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var fields = Fields()
        if let command { fields["command"] = shown(command) }
        effects.append(.note("port.lost", fields))
        if ram.trouble == nil { ram.trouble = (.portLost, now) }
        effects.append(.cancelTimer(.probe))
        portLostInUpdate(&effects)
        forgetModule("port_lost", at: now, &effects)
    }

    /// Nothing that the module said holds any more; the set-up will ask it again.
    mutating func forgetModule(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        detach(reason, at: now, &effects)
        for timer in [TimerName.networkPoll, .measurement, .simPoll, .setUpPause, .trial] { effects.append(.cancelTimer(timer)) }
        (ram.isSetUp, ram.setUpRepeats, ram.timeoutsInARow) = (false, 0, 0)
        (ram.sim, ram.isAskingSIM, ram.isPositioning) = (.unknown, false, false)
        (ram.registrations, ram.isLooking, ram.mustLookAgain) = ([], false, false)
        (ram.measurement, ram.measuring, ram.isInspecting) = (Measurement(), nil, false)
        setNetwork(.unknown, &effects)
        // The set-up writes the old settings; the cloud sends the new ones again, since the next status names the old version.
        if ram.configuration?.isTrying == true { (ram.configuration, ram.nextConfiguration) = (nil, nil) }
    }

    // MARK: Reset

    mutating func resetModule(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        effects.append(.note("reset.sent", ["reason": .text(reason)]))
        ram.trouble = (reason == "hang" ? .hang : .reset, ram.trouble?.since ?? now)
        forgetModule("reset", at: now, &effects)
        effects.append(.startTimer(.probe, after: Self.resetPatience))
        take(channel.dropWaiting(), at: now, &effects)
        ask("AT+CFUN=1,1", for: .reset, at: now, &effects)
    }

    private mutating func resetDone(_ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard case .answered(let response) = outcome, !response.isSuccess else { return }
        // It does not want to: what can be done without is set up as it is.
        effects.append(.note("at.refused", ["command": "AT+CFUN=1,1", "error": .text(response.final.text)]))
        effects.append(.cancelTimer(.probe))
        beginSetUp(at: now, &effects)
    }

    // MARK: Unsolicited

    private mutating func heard(_ urc: ATURC, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if let report = ATUpdateReport(urc.text) { return heard(report, at: now, &effects) }
        guard ram.isSetUp else { return }
        switch urc.kind {
        case .registration(let registration): take(registration, at: now, &effects)
        case .pin(.ready): if ram.sim != .ready { askSIM(at: now, &effects) }
        case .pin(.notInserted), .pin(.notReady): setSIM(.missing, note: ("sim.missing", ["code": 10]), at: now, &effects)
        case .messageStored(_, let index) where !isUpdating: ask("AT+CMGR=\(index)", for: .message(index: index), at: now, &effects)
        case .packetEvent: lookAtNetwork(at: now, &effects)
        case .ready:
            // The firmware runs anew although the port stayed: its settings are gone.
            if ram.trouble == nil { ram.trouble = (.reset, now) }
            forgetModule("reset", at: now, &effects)
            beginSetUp(at: now, &effects)
        default: break
        }
    }
}
