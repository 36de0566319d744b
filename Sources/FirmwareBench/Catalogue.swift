import Emulators
import FirmwareImages
import LabCore
import Simulation

/// All cases of a torture, with the releases that they offer.
package struct Catalogue: Sendable {
    package private(set) var cases: [TortureCase] = []
    package private(set) var releases: [Release] = []
    /// What the catalogue leaves out for this image, and why.
    package private(set) var omissions: [String] = []
    let courses: [Course]
    let roots: (good: [[UInt8]], bad: [[UInt8]])
    /// The image's digests, to tell by them what runs; nil for what no bootloader takes.
    let digests: [[UInt8]?]
    /// What the bootloader finds when it validates the images: thousands of runs have the same bytes in their slots.
    let known: [KnownImage?]
    /// The signatures of the manifests.
    let checked: CheckedSignatures

    let setup: TortureSetup
    package let seed: UInt64

    /// - Parameter seed: chance of what is drawn: places of flipped bits, times of repeated cuts.
    package init(_ setup: TortureSetup, seed: UInt64) throws {
        self.setup = setup
        self.seed = seed
        var builder = CatalogueBuilder(setup, seed: seed)
        try builder.build()
        releases = builder.releases
        omissions = builder.omissions
        roots = (good: [try setup.team.nextRoot(isSigned: true)], bad: [try setup.team.nextRoot(isSigned: false)])
        digests = builder.releases.map { release in
            try? ImageValidation.validate(release.image, as: setup.model.format, trust: setup.trust).get().digest
        }
        known = builder.releases.map { setup.idle.badge.firmware.recognised($0.image) }
        checked = try setup.checked(builder.releases.map(\.manifest))
        let releases = builder.releases
        let (revert, delta) = (builder.revertRelease, builder.deltaRelease)
        courses = TortureCase.Course.allCases.map { course in
            var run = setup.idle
            run.centre = VersionCentreModel(releases: releases, format: setup.model.format.rawValue)
            run.centre.offers = [course == .update ? 0 : course == .revert ? revert : delta]
            _ = run.centre.offerNext()
            if course == .revert, !setup.canMakeImages {
                _ = run.injector.take([.whileRunning(setup.new.version.description, "app.crash", [:])], inputs: 0)
            }
            return Course(from: run)
        }
        cases = builder.cases
        addCuts(builder.revertRelease, builder.deltaRelease)
    }

    /// P1 to P4, D3, A7: power goes at every flash operation and after every input of the courses.
    private mutating func addCuts(_ revert: Int, _ delta: Int) {
        for course in TortureCase.Course.allCases {
            let family: (TortureCase.Tear) -> TortureCase.Family = { tear in
                course == .delta ? .d3 : course == .revert ? .a7 : tear == .nothing || tear == .everything ? .p1 : .p2
            }
            let offer = course == .update ? 0 : course == .revert ? revert : delta
            for part in TortureCase.Part.allCases {
                let count = courses[course.rawValue].operations(of: part)
                guard count > 0 else { continue }
                for operation in 1...count {
                    for tear in TortureCase.Tear.allCases {
                        cases.append(
                            cut(family(tear), "\(part.rawValue) operation \(operation), \(tear.rawValue)", course, offer, [TortureCase.Cut(part: part, operation: operation, tear: tear)]))
                    }
                }
            }
            if course == .delta { continue }
            for input in 1..<max(2, courses[course.rawValue].inputs) {
                var entry = blank(course == .revert ? .a7 : .p3, "power goes after input \(input)", course, offer)
                entry.start = .input(input - 1)
                entry.injections.append(.powerAfter(inputs: 1))
                cases.append(entry)
            }
            addRepeatedCuts(course, offer)
        }
    }

    private mutating func addRepeatedCuts(_ course: TortureCase.Course, _ offer: Int) {
        var generator = SeededGenerator(seed: seed, purpose: "repeated cuts")
        func cut(below count: UInt64) -> TortureCase.Cut {
            let part: TortureCase.Part = generator.chance(0.75) ? .firmware : .settings
            return TortureCase.Cut(
                part: part, operation: 1 + generator.integer(below: max(1, count)),
                tear: TortureCase.Tear.allCases[Int(generator.integer(below: UInt64(TortureCase.Tear.allCases.count)))])
        }
        let (firmware, settings) = (courses[course.rawValue].firmwareOperations, courses[course.rawValue].settingsOperations)
        for number in 0..<600 {
            let first = cut(below: firmware)
            var cuts = [TortureCase.Cut(part: first.part, operation: first.part == .firmware ? first.operation : 1 + first.operation % max(1, settings), tear: first.tear)]
            // The second soon after the first, where the recovery is, or anywhere; every fourth case has five.
            for _ in 0..<(number % 4 == 0 ? 4 : 1) { cuts.append(cut(below: number % 2 == 0 ? 24 : firmware)) }
            let text = cuts.map { "\($0.part.rawValue) \($0.operation) \($0.tear.rawValue)" }.joined(separator: ", ")
            cases.append(self.cut(.p4, "cuts at \(text)", course, offer, cuts))
        }
    }

    private func cut(
        _ family: TortureCase.Family, _ about: String, _ course: TortureCase.Course, _ offer: Int, _ cuts: [TortureCase.Cut]
    ) -> TortureCase {
        var entry = blank(family, about, course, offer)
        if let first = cuts.first { entry.start = .operation(first.part, first.operation) }
        entry.injections.append(.cuts(cuts))
        return entry
    }

    private func blank(_ family: TortureCase.Family, _ about: String, _ course: TortureCase.Course, _ offer: Int) -> TortureCase {
        var entry = TortureCase(family: family, about: about, offers: [offer], endings: course == .revert ? [.old] : [.new, .old], mayRun: [offer])
        entry.course = course
        if course == .revert, !setup.canMakeImages { entry.injections.append(.whileRunning(setup.new.version.description, "app.crash", [:])) }
        // ESP-IDF's bootloader gives an image up whose first boot was interrupted, innocent or not; the others try again.
        if course != .revert, setup.model == .rauc { entry.endings = [.new, .old] }
        return entry
    }

    /// Counts of families, in their order.
    package var counts: [(family: TortureCase.Family, count: Int)] {
        TortureCase.Family.allCases.compactMap { family in
            let count = cases.count { $0.family == family }
            return count == 0 ? nil : (family, count)
        }
    }
}
