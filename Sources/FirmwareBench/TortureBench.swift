import Emulators
import FirmwareImages
import LabCore
import Simulation

/// How one case ended.
package struct TortureOutcome: Sendable {
    package var number: Int
    /// Empty where every rule held.
    package var violations: [Violation]
    package var isBricked: Bool
    package var ending: TortureCase.Ending
    /// The cloud's result of the last execution; empty without one.
    package var result: String
    package var reason: String
    /// Inputs of the badge that were handled, those that are shared with a course left out.
    package var inputs: Int
}

/// Carries cases out; a value that many threads can use at once.
package struct TortureBench: Sendable {
    package let setup: TortureSetup
    package let catalogue: Catalogue

    package init(_ setup: TortureSetup, _ catalogue: Catalogue) {
        self.setup = setup
        self.catalogue = catalogue
    }

    /// Carries out the case with that number; the same number gives the same outcome, whatever ran before.
    package func run(_ number: Int) -> TortureOutcome { outcome(of: catalogue.cases[number], number) }

    /// What the badge notes in that case, one line each.
    package func journal(of number: Int) -> [String] {
        var run = prepared(catalogue.cases[number])
        run.keepJournal()
        _ = run.runToEnd()
        return (run.journal ?? []).map { "\($0.at) \($0.name) \(FieldValue.record($0.fields))" }
    }

    /// What a lossy network does in that case, with the notes after which it does.
    func drawn(in entry: TortureCase) -> [(note: (name: String, nth: Int), fault: HTTPFault)] {
        var run = prepared(entry)
        run.countNotes()
        _ = run.runToEnd()
        return run.injector.drawn
    }

    func outcome(of entry: TortureCase, _ number: Int) -> TortureOutcome {
        var run = prepared(entry)
        let before = run.inputs
        let end = run.runToEnd()
        return judge(&run, end, entry, number, inputs: run.inputs - before)
    }

    /// The run at the moment at which the case begins, with its faults in force.
    private func prepared(_ entry: TortureCase) -> TortureRun {
        let course = catalogue.courses[entry.course.rawValue]
        let sharesCourse = entry.offers == course.moments[0].run.centre.offers
        let moment = sharesCourse ? course.moment(entry.start) : course.moments[0]
        var run = moment.run
        let isAtStart = !sharesCourse || run.inputs == course.moments[0].run.inputs
        if !sharesCourse || entry.centreFaults.contains(where: { if case .servesRoots = $0 { true } else { false } }) {
            let roots = entry.centreFaults.contains(.servesRoots(isSigned: true)) ? catalogue.roots.good : entry.centreFaults.isEmpty ? [] : entry.centreFaults.contains(.servesRoots(isSigned: false)) ? catalogue.roots.bad : []
            run.centre = VersionCentreModel(releases: catalogue.releases, format: setup.model.format.rawValue, roots: roots)
            run.centre.offers = entry.offers
            _ = run.centre.offerNext()
        }
        run.centre.faults = entry.centreFaults
        run.badge.remember(entry.offers.compactMap { catalogue.known[$0] }, catalogue.checked)
        run.oracles = Oracles()
        run.oracles.mayRun = ([setup.oldDigest].map { ($0, "old") }) + entry.mayRun.sorted().compactMap { index in
            catalogue.digests[index].map { ($0, catalogue.releases[index].about) }
        }
        if entry.checksBlocks, let offer = entry.offers.last { run.oracles.wanted = catalogue.releases[offer].image }
        run.oracles.forbidsDelta = entry.forbidsDelta
        run.oracles.mayBeStuck = entry.endings.contains(.stuck)
        run.oracles.isSigned = !setup.trust.keys.isEmpty || !setup.trust.certificates.isEmpty
        run.oracles.begin(with: moment.run.badge, settingsOf: setup.idle.badge, at: run.now)
        run.injector = Injector()
        run.countNotes(false)
        for fault in run.injector.take(adjusted(entry.injections, to: moment), inputs: run.inputs) { run.begin(fault) }
        if isAtStart { run.notify() }
        return run
    }

    /// Operations are counted from the beginning of the course; what lies behind is taken off.
    private func adjusted(_ injections: [TortureCase.Injection], to moment: Course.Moment) -> [TortureCase.Injection] {
        injections.map { injection in
            guard case .cuts(var cuts) = injection, !cuts.isEmpty else { return injection }
            let done = cuts[0].part == .firmware ? moment.firmwareOperations : moment.settingsOperations
            cuts[0].operation -= min(cuts[0].operation - 1, done)
            return .cuts(cuts)
        }
    }

    private func judge(_ run: inout TortureRun, _ end: TortureRun.End, _ entry: TortureCase, _ number: Int, inputs: Int) -> TortureOutcome {
        // Three updates' worth: each attempt may be broken off and begun anew, and going back is as much as installing.
        let attempts = UInt32(entry.offers.count + 2)
        run.oracles.finish(run, end, bound: attempts * (catalogue.courses.map(\.erases).max() ?? 0) + 64)
        let running = run.badge.firmware.lastOutcome?.running?.image
        let ending: TortureCase.Ending = running == nil ? .stuck : running?.digest == setup.oldDigest ? .old : .new
        let result = run.centre.results.last
        // Of several offers the result is that of the last; what the badge has from those before it may keep.
        let offered = entry.offers.last.flatMap { catalogue.digests[$0] }
        let runsOffered = ending == .new && (offered == nil || running?.digest == offered)
        if run.oracles.violations.isEmpty {
            if !entry.endings.contains(ending) {
                run.oracles.broken("result", "it ends on \(ending.rawValue), which it must not; the cloud has \(result?.state ?? "no result") \(result?.reason ?? "")")
            } else if !entry.results.isEmpty, !entry.results.contains(result?.state ?? "") {
                run.oracles.broken("result", "the cloud has \(result?.state ?? "no result") \(result?.reason ?? "")")
            } else if result?.state == "succeeded", ending == .old, entry.family != .a5 {
                // A5: an image that is damaged after it has succeeded. What the badge runs then, the cloud has heard (O4 above).
                run.oracles.broken("O4", "the cloud has succeeded, the badge is on the old image")
            } else if ["cancelled", "rejected"].contains(result?.state), result?.reason != "already_installed", runsOffered {
                run.oracles.broken("O4", "the cloud has \(result?.state ?? ""), the badge is on the new image")
            } else if result?.state == "rolled_back", runsOffered, !entry.endings.contains(.stuck) {
                run.oracles.broken("O4", "the cloud has rolled_back, the badge is on the new image")
            }
        }
        return TortureOutcome(
            number: number, violations: run.oracles.violations, isBricked: run.oracles.isBricked, ending: ending, result: result?.state ?? "",
            reason: result?.reason ?? "", inputs: inputs)
    }
}
