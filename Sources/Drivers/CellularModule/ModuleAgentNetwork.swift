import LabCore
import WireProtocols

/// Registration, address, and with them whether there is a data connection (rg500q.md §2.4, §2.7).
extension ModuleAgent {
    /// How often the registration is asked for beside its URCs, of which the port may have lost some.
    static let searchingPoll = Duration.seconds(5)
    static let attachedPoll = Duration.seconds(30)
    /// Polls of a module that does not even search, after which it is told to attach.
    static let pollsUntilAttach = 6

    mutating func pollNetwork(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp else { return }
        effects.append(.startTimer(.networkPoll, after: ram.isAttached ? Self.attachedPoll : Self.searchingPoll))
        if isUpdating { return }
        ram.hasActivated = false
        lookAtNetwork(at: now, &effects)
        ram.pollsWithoutSearch = ram.network == .off && ram.sim == .ready ? ram.pollsWithoutSearch + 1 : 0
        // Somebody told it to stay away, or the agent ended between leaving and attaching.
        if ram.pollsWithoutSearch == Self.pollsUntilAttach { ask("AT+CGATT=1", for: .stayAttached, at: now, &effects) }
    }

    /// Asks for the registration in all domains; one question at a time, however many reasons there are.
    mutating func lookAtNetwork(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp else { return }
        if ram.isLooking { return ram.mustLookAgain = true }
        ram.isLooking = true
        for domain in Self.domains {
            ask("AT\(domain.rawValue)?", for: .registration(domain), needsInformation: true, at: now, &effects)
        }
    }

    private static let domains: [ATRegistration.Domain] = [.eps, .fiveG, .circuit]

    mutating func registrationDone(
        _ domain: ATRegistration.Domain, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) {
        guard ram.isLooking else { return }
        if case .answered(let response) = outcome {
            if response.isSuccess {
                do throws(ATReadingError) {
                    set(try ATRegistration(answer: response.lines, domain))
                } catch { noteUnreadable(response, error, &effects) }
            } else {
                // Modules without 5G do not know its registration.
                ram.registrations.removeAll { $0.domain == domain }
            }
        }
        guard domain == Self.domains.last else { return }
        ram.isLooking = false
        let mustLookAgain = ram.mustLookAgain
        ram.mustLookAgain = false
        evaluate(at: now, &effects)
        if ram.isAttached { inspect(at: now, &effects) }
        if mustLookAgain { lookAtNetwork(at: now, &effects) }
    }

    private mutating func set(_ registration: ATRegistration) {
        ram.registrations.removeAll { $0.domain == registration.domain }
        ram.registrations.append(registration)
    }

    /// An unsolicited change.
    mutating func take(_ registration: ATRegistration, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let before = ram.registration(registration.domain)?.status
        set(registration)
        if before != registration.status { evaluate(at: now, &effects) }
    }

    /// Which domain counts: 5G in SA, EPS in LTE and NSA (rg500q.md §2.4); the circuit domain is for calls.
    private var networkState: NetworkState {
        let states = [ATRegistration.Domain.fiveG, .eps].compactMap { ram.registration($0)?.status }
        if states.contains(.home) { return .home }
        if states.contains(.roaming) { return .roaming }
        if states.contains(.denied) || states.contains(.emergencyOnly) { return .denied }
        if states.contains(.searching) { return .searching }
        return !states.isEmpty && states.allSatisfy { $0 == .off } ? .off : .unknown
    }

    private mutating func evaluate(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let state = networkState
        let isChanged = state != ram.network
        setNetwork(state, &effects)
        if state.isRegistered {
            if !ram.isAttached { inspect(at: now, &effects) }
        } else {
            detach(state.rawValue, at: now, &effects)
        }
        if isChanged { statusChanged(at: now, &effects) }
    }

    mutating func setNetwork(_ state: NetworkState, _ effects: inout [DeviceEffect]) {
        guard state != ram.network else { return }
        effects.append(.note("network.changed", ["state": .text(state.rawValue), "was": .text(ram.network.rawValue)]))
        ram.network = state
    }

    // MARK: Address

    /// Asks for the address of the context; with one, the module is attached once its cell is known.
    private mutating func inspect(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !ram.isInspecting else { return }
        ram.isInspecting = true
        ask("AT+CGPADDR=1", for: .address, at: now, &effects)
    }

    mutating func addressDone(_ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isInspecting else { return }
        ram.isInspecting = false
        guard case .answered(let response) = outcome, ram.network.isRegistered else { return }
        let address = response.isSuccess ? (try? ATPacketAddress.read(response.lines))?.first { $0.id == 1 }?.addresses.first : nil
        guard let address else {
            if ram.isAttached { return detach("no_address", at: now, &effects) }
            // Once for each poll, so that a context without an address is not asked for in a circle.
            guard !ram.hasActivated else { return }
            (ram.isInspecting, ram.hasActivated) = (true, true)
            return ask("AT+CGACT=1,1", for: .activate, at: now, &effects)
        }
        ram.address = address
        if !ram.isAttached { measure(at: now, &effects) }
    }

    /// The context is active, or could not be activated: the next poll asks again.
    mutating func activationDone(_ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isInspecting else { return }
        ram.isInspecting = false
        if case .answered(let response) = outcome, response.isSuccess, ram.network.isRegistered, !ram.isAttached {
            inspect(at: now, &effects)
        }
    }

    // MARK: Attached and detached

    /// Called with each measurement; the first after there was an address completes the attach.
    mutating func attachIfPossible(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !ram.isAttached, ram.network.isRegistered, let address = ram.address else { return }
        ram.isAttached = true
        var fields: Fields = [
            "rat": .text((ram.measurement.access ?? accessByRegistration).rawValue), "roaming": .bool(ram.network == .roaming),
            "address": .text(address),
        ]
        if let network = ram.measurement.network { fields["operator"] = .text(network) }
        if let band = ram.measurement.band { fields["band"] = .text(band) }
        effects.append(.note("attached", fields))
        effects.append(.startTimer(.networkPoll, after: Self.attachedPoll))
        goToCloud(at: now, &effects)
    }

    /// What the registration says where the cell does not.
    var accessByRegistration: RadioAccess {
        if ram.registration(.fiveG)?.status.isRegistered == true { return .standalone }
        switch ram.registration(.eps)?.access {
        case .nr?, .ngRAN?: return .standalone
        case .dualConnectivity?: return .nonStandalone
        case .wcdma?, .hsdpa?, .hsupa?, .hspa?: return .wcdma
        default: return .lte
        }
    }

    mutating func detach(_ reason: String, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.address = nil
        ram.measurement = ram.measurement.withoutCell
        guard ram.isAttached else { return }
        ram.isAttached = false
        effects.append(.note("detached", ["reason": .text(reason)]))
        if ram.isSetUp { effects.append(.startTimer(.networkPoll, after: Self.searchingPoll)) }
        leaveCloud("detached", at: now, &effects)
    }
}
