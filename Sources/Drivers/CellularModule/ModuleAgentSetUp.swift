import LabCore
import WireProtocols

/// The steps in which the agent gets to know the module and makes it speak as it needs it; in this order after every start of it.
enum SetUpStep: Int, Sendable, CaseIterable {
    /// The context comes before the module may look for a network: an attach takes what is defined then.
    case echoOff, numericErrors, identity, revision, number, readContext, writeContext, authentication
    case urcPort, circuitURC, epsURC, fiveGURC, functionality, fullFunctionality, textMode, messageURC

    var command: String {
        switch self {
        case .echoOff: "ATE0"
        case .numericErrors: "AT+CMEE=1"
        case .identity: "ATI"
        case .revision: "AT+QGMR"
        case .number: "AT+CGSN"
        case .urcPort: #"AT+QURCCFG="urcport","usbat""#
        case .circuitURC: "AT+CREG=2"
        case .epsURC: "AT+CEREG=2"
        case .fiveGURC: "AT+C5GREG=2"
        case .functionality: "AT+CFUN?"
        case .fullFunctionality: "AT+CFUN=1"
        case .textMode: "AT+CMGF=1"
        case .messageURC: "AT+CNMI=2,1,0,0,0"
        case .readContext: "AT+CGDCONT?"
        case .writeContext, .authentication: ""
        }
    }

    var needsInformation: Bool {
        switch self {
        case .identity, .revision, .number, .functionality: true
        default: false
        }
    }
}

extension ModuleAgent {
    /// Right after a start the revision can still read `.00.000` (rg500q.md §2.2).
    static let revisionPause = Duration.seconds(1)
    static let mostRepeats = 5

    mutating func beginSetUp(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.setUpRepeats = 0
        effects.append(.cancelTimer(.setUpPause))
        setUp(.echoOff, at: now, &effects)
    }

    private mutating func setUp(_ step: SetUpStep, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let text =
            switch step {
            case .writeContext: contextCommand(disk.settings)
            case .authentication: authenticationCommand(disk.settings)
            default: step.command
            }
        ask(text, for: .setUp(step), needsInformation: step.needsInformation, at: now, &effects)
    }

    private mutating func goOn(after step: SetUpStep, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.setUpRepeats = 0
        guard let next = SetUpStep(rawValue: step.rawValue + 1) else { return setUpComplete(at: now, &effects) }
        setUp(next, at: now, &effects)
    }

    mutating func setUpDone(
        _ step: SetUpStep, _ command: ATCommand, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        switch outcome {
        case .lost: return
        case .timedOut:
            // Once more after the module was asked whether it listens; the second time it is restarted.
            if ram.timeoutsInARow < Self.timeoutsUntilReset { setUp(step, at: now, &effects) }
            return
        case .answered(let response):
            do throws(ATReadingError) {
                try answered(step, response, at: now, &effects)
            } catch {
                noteUnreadable(response, error, &effects)
                repeatOrSkip(step, at: now, &effects)
            }
        }
    }

    func noteUnreadable(_ response: ATResponse, _ error: ATReadingError, _ effects: inout [DeviceEffect]) {
        effects.append(.note("at.damaged", ["reason": .text("the answer to \(response.command) cannot be read: \(error)")]))
    }

    /// An answer of which half is missing comes whole the next time.
    private mutating func repeatOrSkip(_ step: SetUpStep, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.setUpRepeats += 1
        if ram.setUpRepeats < Self.mostRepeats { setUp(step, at: now, &effects) } else { goOn(after: step, at: now, &effects) }
    }

    private mutating func answered(
        _ step: SetUpStep, _ response: ATResponse, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) throws(ATReadingError) {
        guard response.isSuccess else { return refused(step, response, at: now, &effects) }
        switch step {
        case .identity: try readIdentity(response)
        case .revision:
            ram.firmware = response.lines.first ?? ram.firmware
            if ram.firmware.hasSuffix(".00.000"), ram.setUpRepeats < Self.mostRepeats {
                ram.setUpRepeats += 1
                return effects.append(.startTimer(.setUpPause, after: Self.revisionPause))
            }
        case .number:
            guard let imei = response.lines.first(where: { $0.utf8.count >= 14 && $0.allSatisfy { $0.isASCII && $0.isNumber } }) else {
                throw ATReadingError(line: 1, offset: 0, "an IMEI of 15 digits is wanted")
            }
            ram.imei = imei
            noteIdentity(&effects)
        case .functionality:
            // 1 is full; anything else needs a command, 5 is the factory's.
            if try ATFields.first("+CFUN", in: response.lines).requiredWhole(0, "<fun>") == 1 {
                return goOn(after: .fullFunctionality, at: now, &effects)
            }
        case .readContext:
            let contexts = try ATPacketContext.read(response.lines)
            return contextRead(contexts.first { $0.id == 1 }, at: now, &effects)
        case .writeContext:
            if !disk.settings.hasPassword { return goOn(after: .authentication, at: now, &effects) }
        default: break
        }
        goOn(after: step, at: now, &effects)
    }

    private mutating func refused(_ step: SetUpStep, _ response: ATResponse, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        // Modules without a sub-version do not know QGMR, and answer CFUN=1 with CME 0 if they are there already (rg500q.md §2.3).
        if step != .revision, step != .fullFunctionality {
            effects.append(.note("at.refused", ["command": shown(response.command), "error": .text(response.final.text)]))
        }
        if step == .number { noteIdentity(&effects) }
        goOn(after: step, at: now, &effects)
    }

    mutating func repeatRevision(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if !ram.isSetUp { setUp(.revision, at: now, &effects) }
    }

    /// `Quectel`, `RG500Q-EA`, `Revision: RG500QEAAAR11A06M4G`
    private mutating func readIdentity(_ response: ATResponse) throws(ATReadingError) {
        let lines = response.lines
        guard lines.count >= 3, let revision = lines.first(where: { $0.hasPrefix("Revision:") }) else {
            throw ATReadingError(line: 0, offset: 0, "manufacturer, model and 'Revision:' are wanted")
        }
        (ram.manufacturer, ram.model) = (lines[0], lines[1])
        ram.firmware = String(revision.dropFirst(9).drop { $0 == " " })
    }

    private func noteIdentity(_ effects: inout [DeviceEffect]) {
        effects.append(
            .note(
                "identified",
                [
                    "manufacturer": .text(ram.manufacturer), "model": .text(ram.model), "firmware": .text(ram.firmware),
                    "imei": shownNumber(ram.imei),
                ]))
    }

    private mutating func contextRead(_ context: ATPacketContext?, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if disk.settings.apn == nil { disk.settings.apn = context?.apn }
        let isRight = context != nil && context?.apn == disk.settings.apn
        if !isRight, disk.settings.apn != nil { return setUp(.writeContext, at: now, &effects) }
        if disk.settings.hasPassword { return setUp(.authentication, at: now, &effects) }
        goOn(after: .authentication, at: now, &effects)
    }

    private mutating func setUpComplete(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !ram.isSetUp else { return }
        ram.isSetUp = true
        disk.bootCount += 1
        effects.append(.note("module.ready", ["boot_count": .integer(disk.bootCount)]))
        recovered(at: now, &effects)
        moduleIsBack(at: now, &effects)
        askSIM(at: now, &effects)
        lookAtNetwork(at: now, &effects)
        effects.append(.startTimer(.networkPoll, after: Self.searchingPoll))
        effects.append(.startTimer(.measurement, after: .seconds(disk.settings.interval)))
    }

    // MARK: SIM

    /// A SIM that is not there, or not ready, is asked for again after this time; its URC comes sooner.
    static let simPollPause = Duration.seconds(10)
    /// `+CME ERROR: 14`: it is being read.
    static let simBusyPause = Duration.seconds(2)

    mutating func askSIM(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp, !ram.isAskingSIM else { return }
        ram.isAskingSIM = true
        ask("AT+CPIN?", for: .sim(.state), needsInformation: true, at: now, &effects)
    }

    mutating func simDone(_ question: SIMQuestion, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isAskingSIM else { return }
        guard case .answered(let response) = outcome else {
            ram.isAskingSIM = false
            if case .timedOut = outcome { effects.append(.startTimer(.simPoll, after: Self.simBusyPause)) }
            return
        }
        switch question {
        case .state: simState(response, at: now, &effects)
        case .subscriber:
            ram.imsi = response.isSuccess ? response.lines.first ?? "" : ""
            ask("AT+QCCID", for: .sim(.card), needsInformation: true, at: now, &effects)
        case .card:
            ram.isAskingSIM = false
            ram.iccid = response.isSuccess ? (try? ATFields.first("+QCCID", in: response.lines))?.rest ?? "" : ""
            setSIM(.ready, note: ("sim.ready", ["imsi": shownNumber(ram.imsi), "iccid": shownNumber(ram.iccid)]), at: now, &effects)
        }
    }

    private mutating func simState(_ response: ATResponse, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if response.isSuccess {
            let state: ATPINState
            do throws(ATReadingError) { state = try ATPINState(answer: response.lines) } catch {
                ram.isAskingSIM = false
                noteUnreadable(response, error, &effects)
                return effects.append(.startTimer(.simPoll, after: Self.simBusyPause))
            }
            if state == .ready { return ask("AT+CIMI", for: .sim(.subscriber), needsInformation: true, at: now, &effects) }
            ram.isAskingSIM = false
            effects.append(.startTimer(.simPoll, after: Self.simPollPause))
            return setSIM(.locked, note: ("sim.locked", ["needs": .text(state.rawValue)]), at: now, &effects)
        }
        ram.isAskingSIM = false
        guard case .failure(let error) = response.final, let code = error.code else {
            effects.append(.startTimer(.simPoll, after: Self.simPollPause))
            return setSIM(.failed, note: ("sim.failed", [:]), at: now, &effects)
        }
        effects.append(.startTimer(.simPoll, after: code == 14 ? Self.simBusyPause : Self.simPollPause))
        switch code {
        case 14: break
        case 10: setSIM(.missing, note: ("sim.missing", ["code": 10]), at: now, &effects)
        case 5, 6, 7, 11, 12, 17, 18: setSIM(.locked, note: ("sim.locked", ["needs": .text(error.meaning)]), at: now, &effects)
        default: setSIM(.failed, note: ("sim.failed", ["code": .integer(Int64(code))]), at: now, &effects)
        }
    }

    mutating func setSIM(_ state: SIMState, note: (name: String, fields: Fields), at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if state == .ready { effects.append(.cancelTimer(.simPoll)) }
        guard ram.sim != state else { return }
        ram.sim = state
        effects.append(.note(note.name, note.fields))
        if state == .ready {
            lookAtNetwork(at: now, &effects)
        } else {
            (ram.imsi, ram.iccid) = ("", "")
            effects.append(.startTimer(.simPoll, after: Self.simPollPause))
            detach("no_sim", at: now, &effects)
        }
        statusChanged(at: now, &effects)
    }
}
