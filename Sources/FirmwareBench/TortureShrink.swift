import LabCore

/// Finds the smallest case that still breaks the same rule.
extension TortureBench {
    /// How simple a case is: fewer injections, fewer cuts, simpler tears, earlier operations come first.
    private static func weight(_ entry: TortureCase) -> (Int, Int, Int, UInt64) {
        var (cuts, tears, operations) = (0, 0, UInt64(0))
        for case .cuts(let list) in entry.injections {
            cuts += list.count
            tears += list.reduce(0) { $0 + Self.rank($1.tear) }
            operations += list.reduce(0) { $0 + $1.operation }
        }
        return (entry.injections.count, cuts, tears, operations)
    }

    private static func rank(_ tear: TortureCase.Tear) -> Int {
        switch tear {
        case .nothing, .everything: 0
        case .half: 1
        case .oneByte, .allButOneByte: 2
        case .scattered: 3
        }
    }

    /// The smallest of the failures, made smaller where it has several cuts or a strange tear. One that a scenario can repeat goes before
    /// others of its kind.
    package func smallest(of failures: [TortureOutcome]) -> (case: TortureCase, outcome: TortureOutcome)? {
        // What bricks a device is worse than what ends otherwise than it should.
        let ranked = failures.map { ($0, catalogue.cases[$0.number]) }.sorted { left, right in
            if left.0.isBricked != right.0.isBricked { return left.0.isBricked }
            let repeats = (canBeOffered(left.1), canBeOffered(right.1))
            if repeats.0 != repeats.1 { return repeats.0 }
            let (first, second) = (Self.weight(left.1), Self.weight(right.1))
            return first == second ? left.0.number < right.0.number : first < second
        }
        guard let (outcome, entry) = ranked.first, let rule = outcome.violations.first?.rule else { return nil }
        return shrunk(entry, outcome, rule)
    }

    private func shrunk(_ entry: TortureCase, _ outcome: TortureOutcome, _ rule: String) -> (TortureCase, TortureOutcome) {
        var (best, bestOutcome) = (entry, outcome)
        var isProgressing = true
        while isProgressing {
            isProgressing = false
            for candidate in simpler(best) {
                let outcome = self.outcome(of: candidate, outcome.number)
                guard outcome.violations.contains(where: { $0.rule == rule }) else { continue }
                (best, bestOutcome, isProgressing) = (candidate, outcome, true)
                break
            }
        }
        return (best, bestOutcome)
    }

    private func simpler(_ entry: TortureCase) -> [TortureCase] {
        var candidates: [TortureCase] = []
        for (place, injection) in entry.injections.enumerated() {
            if entry.injections.count > 1 {
                var fewer = entry
                fewer.injections.remove(at: place)
                candidates.append(fewer)
            }
            guard case .cuts(let cuts) = injection else { continue }
            for index in cuts.indices {
                var fewer = cuts
                fewer.remove(at: index)
                if !fewer.isEmpty { candidates.append(replacing(place, with: fewer, in: entry)) }
                for tear in TortureCase.Tear.allCases where Self.rank(tear) < Self.rank(cuts[index].tear) {
                    var plain = cuts
                    plain[index].tear = tear
                    candidates.append(replacing(place, with: plain, in: entry))
                }
                for operation in [1, cuts[index].operation / 2, cuts[index].operation - 1] where operation >= 1 && operation < cuts[index].operation {
                    var earlier = cuts
                    earlier[index].operation = operation
                    candidates.append(replacing(place, with: earlier, in: entry))
                }
            }
        }
        return candidates
    }

    private func replacing(_ place: Int, with cuts: [TortureCase.Cut], in entry: TortureCase) -> TortureCase {
        var changed = entry
        changed.injections[place] = .cuts(cuts)
        if let first = cuts.first, case .operation = entry.start { changed.start = .operation(first.part, first.operation) }
        return changed
    }
}
