import Bench
import Foundation
import LabCore
import LoadGenerator
import Runner
import ScenarioLanguage
import Synchronization

/// What lab.yaml says about handling real devices, and what a run knows of them already.
final class BenchHandling: Sendable {
    let timeToLive: Duration
    let beat: Duration
    private let examinesAlways: Bool
    private let interval: Duration?
    private let book: HealthBook
    /// What the doctor has found in this run, by node: each is examined once.
    private let found = Mutex<[String: String?]>([:])

    /// - Parameter out: the folder of runs, which has the doctor's book.
    init(_ lab: LabFile?, out: String) {
        timeToLive = lab?.leaseTimeToLive ?? .seconds(600)
        beat = lab?.leaseBeat ?? .seconds(30)
        examinesAlways = lab?.doctorBeforeRun ?? false
        interval = lab?.doctorInterval
        book = HealthBook(folder: out)
    }

    /// The caller holds the leases of the nodes, and their places at labgrid.
    ///
    /// - Returns: why a case with these devices is blocked; `nil` where all are well, or need not be looked at.
    func illness(of patients: [Patient], holding places: LabgridHoldings) -> String? {
        var surroundings = DoctorSurroundings.machine(holding: places)
        surroundings.isStopped = { Interrupts.signalNumber != nil }
        let doctor = Doctor(in: surroundings)
        for patient in patients {
            let known = found.withLock { $0[patient.name] }
            let illness: String?
            if let known { illness = known } else {
                // Unix seconds for the book: on a bench it is the machine's calendar that counts.
                let reports = doctor.prepare(
                    [patient], book: book, always: examinesAlways, every: interval, at: MachineClock.unixSeconds) { Console.error($0) }
                illness = reports.first?.reason
                found.withLock { $0[patient.name] = .some(illness) }
            }
            if let illness { return "\(patient.name): \(illness)" }
        }
        return nil
    }
}

/// The real devices of one case, held for it: their leases, their places at labgrid, and the doctor's word on them.
final class HeldBench: Sendable {
    private let leases: CaseLeases
    private let places = LabgridHoldings()

    /// Blocks until the devices are free, or the run is stopped.
    ///
    /// - Returns: `nil` for a case without real devices.
    /// - Throws: `StreamFailure`, `Halt` with why the case is blocked; nothing is held then.
    static func hold(for plan: Plan, nodes: [NamedNode], settings: RealSettings, _ handling: BenchHandling, run: String, waiting: (String) -> Void) throws -> HeldBench? {
        let taken = BenchNeeds.taken(by: plan, nodes: nodes, settings.bench)
        let devices = taken.compactMap { taken in taken.node.hardware.map { (node: taken.node.name, side: $0) } }
        guard !devices.isEmpty else { return nil }
        // Where nobody sees a line that moves, one that stays says once why nothing happens.
        var isTold = Console.isInteractive
        let leases = try CaseLeases(devices, run: run, timeToLive: handling.timeToLive, beat: handling.beat) { text in
            if !isTold { Console.error("\(run) \(text)") }
            isTold = true
            waiting(text)
        }
        let held = HeldBench(leases)
        do {
            try held.places.acquire(devices.flatMap { $0.side.ports.map(\.source) })
            let patients = taken.compactMap { taken in
                taken.node.hardware.map { Patient(name: taken.node.name, kind: taken.node.kind, facts: taken.node.facts, hardware: $0) }
            }
            if let illness = handling.illness(of: patients, holding: held.places) { throw Halt(reason: illness, isLabBug: false) }
        } catch {
            held.release()
            throw error
        }
        return held
    }

    private init(_ leases: CaseLeases) { self.leases = leases }

    /// Why the devices are no longer this case's.
    var loss: StreamFailure? { leases.loss }

    /// The settings of the world with what it must know of the devices.
    func settings(_ settings: RealSettings) -> RealSettings {
        var settings = settings
        settings.bench.places = places
        return settings
    }

    /// Gives everything back; what could not be given back is told.
    func release() {
        for failure in places.release() { Console.error(failure.description) }
        leases.release()
    }
}
