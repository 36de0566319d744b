import LabCore

/// Before a run: `doctor: {every: 24h, before_run: true}` of lab.yaml.
extension Doctor {
    /// Examines the devices that have to be examined, tries to make the sick ones well, and enters all of it in the book.
    ///
    /// A device is examined where that is wanted before every run, where its last examination is older than the interval, and where that found it sick.
    /// The caller holds the leases.
    ///
    /// - Parameters:
    ///   - interval: `nil` for none.
    ///   - now: Unix seconds.
    ///   - progress: told what is tried, as it begins.
    /// - Returns: a report for each device that was examined. Cases on a sick one are blocked, for its `reason`.
    package func prepare(
        _ patients: [Patient], book: HealthBook, always: Bool, every interval: Duration?, at now: Int64, progress: (String) -> Void = { _ in }
    ) -> [HealthReport] {
        var reports: [HealthReport] = []
        for patient in patients {
            let wasSick = book.last(of: patient.name)?.verdict == .sick
            guard always || wasSick || interval.map({ book.isDue(patient.name, every: $0, at: now) }) ?? false else { continue }
            let report = treat(patient, progress: progress)
            do throws(StreamFailure) { try book.enter(report, at: now) } catch { progress("the result of the doctor is not kept: \(error)") }
            reports.append(report)
        }
        return reports
    }
}
