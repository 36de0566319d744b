import Glibc
import LabCore
import Transports

/// Looks whether devices and the machine are fit for a run, and tries to make devices well.
///
/// Every call blocks until it is done; callers bring their own thread and hold the lease of the device. Nothing is changed on a device
/// unless recovery or the check of its power is asked for.
package struct Doctor: Sendable {
    let surroundings: DoctorSurroundings

    package init() { surroundings = .machine }
    package init(in surroundings: DoctorSurroundings) { self.surroundings = surroundings }

    /// The checks of the machine.
    ///
    /// - Parameter runs: the folder of runs.
    package func examineMachine(runs: String = "runs") -> HealthReport {
        HealthReport(nil, MachineExamination(runs: runs, root: surroundings.root).run())
    }

    /// Looks at a device without changing anything.
    package func examine(_ patient: Patient) -> HealthReport {
        var report = HealthReport(patient.name)
        let before = MachineExamination.clockOffset()
        if let source = patient.hardware.port(.serial) { examine(patient, source, &report) }
        if let source = patient.hardware.port(.console) { examineConsole(patient, source, &report) }
        if report.needsRecovery {
            if let finding = powerState(patient) { report.findings.append(finding) }
        } else if let fixture = patient.hardware.fixture {
            report.findings.append(examineFixture(patient.name, fixture))
        }
        if patient.hardware.ports.isEmpty {
            report.findings.append(HealthFinding(patient.name, .port, .ok, "it has no port here; it is reached over the network"))
        }
        if let finding = MachineJudgement.clock(movedBy: .nanoseconds(MachineExamination.clockOffset() - before)) {
            report.findings.append(HealthFinding(patient.name, finding.check, finding.verdict, finding.detail, remedy: finding.remedy))
        }
        return report
    }

    /// Looks at a device, and tries to make it well where it is gone or silent: a power cycle, then a USB reset, each at most once.
    ///
    /// - Parameter progress: told what is tried, as it begins.
    package func treat(_ patient: Patient, progress: (String) -> Void = { _ in }) -> HealthReport {
        let first = examine(patient)
        guard first.needsRecovery else { return first }
        var report = first
        var steps: [RecoveryStep] = []
        for kind in possibleSteps(patient) where !surroundings.isStopped() {
            progress("\(patient.name): \(first.findings.first { $0.verdict == .sick }?.detail ?? "sick"); \(kind.words)")
            let begin = ContinuousClock.now
            do throws(StreamFailure) {
                try perform(kind, patient)
                report = examineReturn(of: patient)
                steps.append(RecoveryStep(kind, hasHelped: !report.needsRecovery, took: begin.duration(to: .now)))
            } catch {
                steps.append(RecoveryStep(kind, hasHelped: false, took: begin.duration(to: .now), failure: "\(error)"))
            }
            if !report.needsRecovery { break }
        }
        report.recovery = steps
        let wasSick = Set(first.findings.filter { $0.verdict == .sick }.map(\.check))
        for index in report.findings.indices where wasSick.contains(report.findings[index].check) { report.findings[index].tried = steps }
        return report
    }

    // MARK: Ports

    private func examine(_ patient: Patient, _ source: PortSource, _ report: inout HealthReport) {
        guard isThereAndFree(patient.name, source, &report, as: .port) else { return }
        do throws(StreamFailure) {
            let reactor = try Reactor()
            let talk = PortConversation(try surroundings.power.find(source, reactor), on: reactor)
            defer { talk.close() }
            try talk.open(within: surroundings.limits.opening)
            report.findings.append(HealthFinding(patient.name, .opens, .ok, "\(source.place) opens at \(source.baud) \(source.framing)"))
            do throws(StreamFailure) {
                switch patient.kind {
                case "rg500q": try ModuleExamination(patient: patient, source: source, limits: surroundings.limits).run(talk, &report)
                case "pile": try PileExamination(patient: patient, source: source, limits: surroundings.limits, isStopped: surroundings.isStopped).run(talk, &report)
                default: break
                }
            } catch { report.findings.append(HealthFinding(patient.name, .answers, error)) }
        } catch { report.findings.append(HealthFinding(patient.name, .opens, error)) }
    }

    /// A log port may be silent for hours; that it opens is all that can be asked of it.
    private func examineConsole(_ patient: Patient, _ source: PortSource, _ report: inout HealthReport) {
        guard isThereAndFree(patient.name, source, &report, as: .console) else { return }
        do throws(StreamFailure) {
            let reactor = try Reactor()
            let talk = PortConversation(try surroundings.power.find(source, reactor), on: reactor)
            defer { talk.close() }
            try talk.open(within: surroundings.limits.opening)
            report.findings.append(HealthFinding(patient.name, .console, .ok, "its console \(source.place) opens"))
        } catch { report.findings.append(HealthFinding(patient.name, .console, error)) }
    }

    /// Starts the fixture and waits for its greeting; it is asked for nothing.
    private func examineFixture(_ node: String, _ source: FixtureSource) -> HealthFinding {
        do throws(StreamFailure) {
            let reactor = try Reactor()
            let program = try FixtureProgram(source, of: node, on: reactor)
            defer { program.close() }
            var greeting: String?
            var loss: StreamFailure?
            program.onGreeting = { greeting = $0 }
            program.onLoss = { loss = $0 }
            reactor.run(until: { greeting != nil || loss != nil || surroundings.isStopped() }, timeout: surroundings.limits.greeting)
            if let loss { throw loss }
            if let greeting { return HealthFinding(node, .fixture, .ok, "its fixture greets\(greeting.isEmpty ? "" : ": \(greeting)")") }
            throw StreamFailure(
                .timedOut, "fixture of \(node)", "it did not greet within \(PortConversation.text(surroundings.limits.greeting))",
                remedy: "its first line is to be {\"fixture\":1,…}; see its command at \(source.location)")
        } catch { return HealthFinding(node, .fixture, error) }
    }

    private func isThereAndFree(_ node: String, _ source: PortSource, _ report: inout HealthReport, as check: HealthFinding.Check) -> Bool {
        let path: String?
        do throws(StreamFailure) { path = try surroundings.path(source) } catch {
            report.findings.append(HealthFinding(node, check, error))
            return false
        }
        // Who has a port of another machine is that machine's affair.
        guard let path else { return true }
        guard unsafe access(path, F_OK) == 0 else {
            let failure = StreamFailure(.notFound, path, "there is no such port", remedy: "plug the device in, or correct lab.yaml; `lab devices --scan` shows the ports")
            report.findings.append(HealthFinding(node, check, failure))
            return false
        }
        if check == .port { report.findings.append(HealthFinding(node, .port, .ok, "\(source.place)" == path ? "\(path) is there" : "\(source.place) is \(path)")) }
        let finding = alone(node, path)
        if check == .port || finding.verdict != .ok { report.findings.append(finding) }
        return finding.verdict != .sick
    }

    private func alone(_ node: String, _ path: String) -> HealthFinding {
        let users = PortUsers.now()
        let ignoring = "keep it off with a udev rule: ATTRS{idVendor}==\"…\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"; or stop it: sudo systemctl stop ModemManager"
        if let user = users.users(of: path).first {
            let remedy = user.program == "ModemManager" ? ignoring : "end it, or let it finish; two programs on one port corrupt each other's answers"
            return HealthFinding(node, .alone, .sick, "\(user) has \(path) open", remedy: remedy)
        }
        let locks = LockFiles(of: path, root: surroundings.root)
        if let lock = locks.live.first {
            let program = ProcessTable.name(of: lock.owner) ?? "a program"
            return HealthFinding(node, .alone, .sick, "\(program) (pid \(lock.owner)) claims \(path) by \(lock.file)", remedy: "end it, or let it finish")
        }
        if let record = surroundings.record(path), users.isManaged(record) {
            return HealthFinding(node, .alone, .warning, "ModemManager runs and may take \(path) at any moment", remedy: ignoring)
        }
        if let lock = locks.stale.first {
            return HealthFinding(node, .alone, .warning, "\(lock.file) is left of a process that is gone", remedy: "the lab removes it when it opens the port; where it may not, do so by hand: some programs refuse the port because of it")
        }
        return HealthFinding(node, .alone, .ok, "nobody else has \(path)")
    }

    /// What the switch of a device that is gone or silent says, where that explains it.
    private func powerState(_ patient: Patient) -> HealthFinding? {
        guard let power = patient.hardware.power else { return nil }
        let control = PowerControl(power, of: patient.name, in: surroundings.power)
        do throws(StreamFailure) {
            guard try control.state() == false else { return nil }
            return HealthFinding(patient.name, .power, .sick, "its power is off at \(control.name)", remedy: "switch it on: `lab power \(patient.name) on`")
        } catch { return HealthFinding(patient.name, .power, error) }
    }

    // MARK: Recovery

    private func possibleSteps(_ patient: Patient) -> [RecoveryStep.Kind] {
        guard let power = patient.hardware.power else { return usbDevice(of: patient) == nil ? [] : [.usbReset] }
        // That flag is the USB reset.
        if case .authorized = power.kind { return [.usbReset] }
        return [.powerCycle] + (usbDevice(of: patient) == nil ? [] : [.usbReset])
    }

    private func perform(_ kind: RecoveryStep.Kind, _ patient: Patient) throws(StreamFailure) {
        switch kind {
        case .powerCycle:
            guard let power = patient.hardware.power else { return }
            try PowerControl(power, of: patient.name, in: surroundings.power).cycle()
        case .usbReset:
            guard let device = usbDevice(of: patient) else { return }
            let flag = AuthorizedFlag(device, of: patient.name, root: surroundings.power.root)
            try flag.set(false)
            Waiting.block(surroundings.limits.resetPause)
            try flag.set(true)
        }
    }

    /// The USB device that a node's port belongs to, as the kernel names it: `2-1`.
    private func usbDevice(of patient: Patient) -> String? {
        if case .authorized(let device)? = patient.hardware.power?.kind { return device }
        for source in patient.hardware.ports.map(\.source) {
            guard let path = try? surroundings.path(source), let record = surroundings.record(path), let place = record.usbDevice else { continue }
            let name = String(place.split(separator: "/").last ?? "")
            if AuthorizedFlag.isDevice(name) { return name }
        }
        return nil
    }

    /// Looks again and again until the device is back, or its time is over.
    private func examineReturn(of patient: Patient) -> HealthReport {
        var report = HealthReport(patient.name)
        Waiting.until(surroundings.limits.returning, every: .milliseconds(250)) {
            report = examine(patient)
            return !report.needsRecovery || surroundings.isStopped()
        }
        return report
    }
}
