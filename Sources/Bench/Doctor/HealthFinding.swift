package import LabCore

/// What one check found.
package struct HealthFinding: Sendable, Hashable {
    package enum Check: String, Sendable, Hashable, CaseIterable {
        /// The port that lab.yaml means is there.
        case port
        /// Nobody else has it.
        case alone
        case opens
        /// The device speaks, and what it says can be understood.
        case answers
        /// It is the device that lab.yaml names.
        case identity
        case firmware
        case sim
        case signal
        /// The port of its log.
        case console
        /// Its power can be switched, and is.
        case power
        /// The program that does to it what the lab cannot begins, and greets.
        case fixture
        /// Room for runs.
        case disk
        case clock
        case descriptors
        /// Somebody has the device, so it was not looked at.
        case lease
    }

    package enum Verdict: String, Sendable, Hashable, CaseIterable {
        case ok
        /// Runs can go on; somebody should look at it.
        case warning
        /// A run on this device proves nothing: `blocked`.
        case sick
    }

    /// The node; `nil` for the machine.
    package var node: String?
    package var check: Check
    package var verdict: Verdict
    /// What was found, in a sentence that stands alone.
    package var detail: String
    /// What to do; empty where nothing is to be done.
    package var remedy: String
    /// What was tried against it.
    package var tried: [RecoveryStep]

    package init(
        _ node: String?, _ check: Check, _ verdict: Verdict, _ detail: String, remedy: String = "", tried: [RecoveryStep] = []
    ) {
        self.node = node
        self.check = check
        self.verdict = verdict
        self.detail = detail
        self.remedy = remedy
        self.tried = tried
    }

    package init(_ node: String?, _ check: Check, _ failure: StreamFailure) {
        self.init(node, check, .sick, "\(failure.medium): \(failure.detail)", remedy: failure.remedy)
    }
}

/// An attempt to make a device well.
package struct RecoveryStep: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case powerCycle = "power_cycle"
        case usbReset = "usb_reset"

        package var words: String { switch self { case .powerCycle: "power cycle"; case .usbReset: "USB reset" } }
    }

    package var kind: Kind
    package var hasHelped: Bool
    /// Until the device was back, or was given up.
    package var took: Duration
    /// Why it could not be done; `nil` where it was done.
    package var failure: String?

    package init(_ kind: Kind, hasHelped: Bool, took: Duration, failure: String? = nil) {
        self.kind = kind
        self.hasHelped = hasHelped
        self.took = took
        self.failure = failure
    }

    /// `power cycle helped after 12.5s`
    package var description: String {
        if let failure { return "\(kind.words) failed: \(failure)" }
        let milliseconds = took.nanoseconds / 1_000_000
        return "\(kind.words) \(hasHelped ? "helped after" : "did not help in") \(DurationText.format(nanoseconds: milliseconds * 1_000_000))"
    }
}

/// How a device, or the machine, is.
package struct HealthReport: Sendable, Hashable {
    /// `nil` for the machine.
    package var node: String?
    package var findings: [HealthFinding]
    /// In the order in which they were tried, each at most once.
    package var recovery: [RecoveryStep]
    /// As the device says it.
    package var firmware: String?
    /// As the device says it: IMEI of a module, physical ID of a pile.
    package var identity: String?

    package init(
        _ node: String?, _ findings: [HealthFinding] = [], recovery: [RecoveryStep] = [], firmware: String? = nil, identity: String? = nil
    ) {
        self.node = node
        self.findings = findings
        self.recovery = recovery
        self.firmware = firmware
        self.identity = identity
    }

    package var verdict: HealthFinding.Verdict {
        if findings.contains(where: { $0.verdict == .sick }) { return .sick }
        return findings.contains { $0.verdict == .warning } ? .warning : .ok
    }

    /// Why a case on it is blocked; `nil` for a device that is not sick.
    package var reason: String? {
        guard let finding = findings.first(where: { $0.verdict == .sick }) else { return nil }
        let tried = recovery.isEmpty ? "" : " (tried: \(recovery.map(\.description).joined(separator: "; ")))"
        return finding.detail + tried + (finding.remedy.isEmpty ? "" : "; \(finding.remedy)")
    }

    /// Whether power could help: it is silent or gone, and neither another device nor in somebody else's hands.
    var needsRecovery: Bool {
        findings.contains { $0.verdict == .sick && [.port, .opens, .answers, .console].contains($0.check) } && !findings.contains { $0.verdict == .sick && $0.check == .alone }
    }
}

extension HealthReport {
    /// For `--json` and for the book of health.
    package var fields: Fields {
        var fields: Fields = ["node": node.map { .text($0) } ?? .null, "verdict": .text(verdict.rawValue)]
        if let firmware { fields["firmware"] = .text(firmware) }
        if let identity { fields["identity"] = .text(identity) }
        fields["findings"] = .list(findings.map { .record($0.fields) })
        fields["recovery"] = .list(recovery.map { .record($0.fields) })
        return fields
    }
}

extension HealthFinding {
    package var fields: Fields {
        var fields: Fields = ["check": .text(check.rawValue), "verdict": .text(verdict.rawValue), "detail": .text(detail)]
        if !remedy.isEmpty { fields["remedy"] = .text(remedy) }
        if !tried.isEmpty { fields["tried"] = .list(tried.map { .text($0.description) }) }
        return fields
    }
}

extension RecoveryStep {
    package var fields: Fields {
        var fields: Fields = ["step": .text(kind.rawValue), "helped": .bool(hasHelped), "seconds": .number(Double(took.nanoseconds / 1_000_000) / 1_000)]
        if let failure { fields["failure"] = .text(failure) }
        return fields
    }
}
