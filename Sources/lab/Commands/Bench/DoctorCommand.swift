import ArgumentParser
import Bench
import Foundation
import LabCore
import LoadGenerator
import Reports
import Synchronization
import Verdicts

/// `lab doctor`: whether devices and the machine are fit for a run.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Examines the devices of lab.yaml and the machine; with --fix tries to make sick devices well.",
        discussion: """
            Nothing is changed on a device without --fix or --power. What is found is kept in runs/health.json. \
            Exit codes: 0 well, 2 wrong usage, 3 something is sick, or could not be examined because somebody else has it.
            """)

    @Argument(help: "The nodes; all of them without any.")
    var nodes: [String] = []

    @Flag(help: "Tries a power cycle, then a USB reset, each at most once, on a device that is gone or silent.")
    var fix = false

    @Flag(help: "Switches the power off and on to see that it is this device that is switched.")
    var power = false

    @Flag(help: "As JSON.")
    var json = false

    @Option(help: ArgumentHelp("The folder of runs, whose disk is looked at and where health.json is.", valueName: "dir"))
    var out = "runs"

    func run() throws {
        Interrupts.watch()
        let bench = Descriptor.kind(of: Workplace.labFile) == nil && nodes.isEmpty ? nil : try BenchNodes()
        try bench?.refuseProblems()
        let patients = try bench.map { bench in
            try nodes.isEmpty ? bench.patients : nodes.enumerated().filter { !nodes[..<$0].contains($1) }.map { try bench.patient($1) }
        } ?? []
        let machine = Doctor().examineMachine(runs: out)
        let reports = examine(patients, bench)
        keep(reports)
        if json {
            let value: Fields = ["machine": .record(machine.fields), "nodes": .list(reports.map { .record($0.fields) })]
            Console.print(JSONWriter.text(.record(value)))
        } else {
            let hint = bench == nil ? "There is no \(Workplace.labFile) here, so only the machine was examined." : patients.isEmpty ? "No node of \(Workplace.labFile) has `hw`." : nil
            for line in DoctorText.lines([machine] + reports) { Console.print(VisibleText.clean(line)) }
            if let hint { Console.error(hint) }
        }
        if let signal = Interrupts.signalNumber { throw Stop(signal == SIGINT ? .interrupted : .terminated) }
        if ([machine] + reports).contains(where: { $0.verdict == .sick }) { throw Stop(.blocked) }
    }

    /// All at once, since each mostly waits for its device; in the order of lab.yaml.
    private func examine(_ patients: [Patient], _ bench: BenchNodes?) -> [HealthReport] {
        guard let bench else { return [] }
        let found = Mutex<[Int: HealthReport]>([:])
        DispatchQueue.concurrentPerform(iterations: patients.count) { index in
            let report = examine(patients[index], bench)
            found.withLock { $0[index] = report }
        }
        return found.withLock { found in patients.indices.compactMap { found[$0] } }
    }

    private func examine(_ patient: Patient, _ bench: BenchNodes) -> HealthReport {
        let lease: LeaseKeeper
        let places = LabgridHoldings()
        do throws(StreamFailure) {
            lease = bench.keeper(of: try bench.lease(patient, why: "lab doctor"))
            try places.acquire(patient.hardware.ports.map(\.source))
        } catch {
            return HealthReport(patient.name, [HealthFinding(patient.name, .lease, .sick, error.detail, remedy: error.remedy)])
        }
        defer {
            for failure in places.release() { Console.error(VisibleText.clean(failure.description)) }
            lease.release()
        }
        var surroundings = DoctorSurroundings.machine(holding: places)
        surroundings.isStopped = { Interrupts.signalNumber != nil }
        let doctor = Doctor(in: surroundings)
        var report = fix ? doctor.treat(patient) { Console.error(VisibleText.clean($0)) } : doctor.examine(patient)
        if power, report.verdict != .sick, let finding = doctor.examinePower(patient) { report.findings.append(finding) }
        return report
    }

    /// A device that somebody has was not examined, so nothing new is known of it.
    private func keep(_ reports: [HealthReport]) {
        let book = HealthBook(folder: out)
        for report in reports where !report.findings.contains(where: { $0.check == .lease }) {
            do throws(StreamFailure) { try book.enter(report, at: MachineClock.unixSeconds) } catch {
                return Console.error("The result is not kept: \(error)")
            }
        }
    }
}

/// What the doctor found, for people.
enum DoctorText {
    static func lines(_ reports: [HealthReport]) -> [String] {
        let nodes = reports.filter { $0.node != nil }
        let counts = HealthFinding.Verdict.allCases.compactMap { verdict -> String? in
            let count = nodes.count { $0.verdict == verdict }
            return count == 0 ? nil : "\(count) \(verdict.rawValue)"
        }
        let summary = nodes.isEmpty ? "machine \(reports.first?.verdict.rawValue ?? "ok")" : "\(counted(nodes.count, "node")): \(counts.joined(separator: ", "))"
        return reports.flatMap(lines) + [summary]
    }

    private static func lines(_ report: HealthReport) -> [String] {
        var lines = ["\(report.node ?? "machine")  \(report.verdict.rawValue)"]
        for finding in report.findings {
            lines.append("  \(padded(finding.verdict.rawValue, 8))\(padded(finding.check.rawValue, 12))\(finding.detail)")
            if finding.verdict != .ok, !finding.remedy.isEmpty { lines.append("\(String(repeating: " ", count: 22))→ \(finding.remedy)") }
        }
        lines += report.recovery.map { "  tried: \($0)" }
        return lines
    }

    private static func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
}
