import BenchTable
import Emulators
import FirmwareBench
import FirmwareImages
import Foundation
import LabCore

// How many updates a second the torture of an image carries out: all its cases, for an image that fills 14 of 16 sectors, on each of the
// boot models. Preparing the cases is timed by itself. The rate is that of this machine; use as many jobs as it has processors.
//
// usage: TortureBenchmark [--jobs N] [--rounds N]

func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try work()
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
}

/// Time that this process has had processors, all threads together.
func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

let jobs = max(1, option("--jobs", ProcessInfo.processInfo.activeProcessorCount))
let rounds = max(1, option("--rounds", 3))

for model in BootModel.allCases {
    let (image, key) = try FactoryImage.make(
        version: FirmwareVersion(2, 4, 0), format: model.format, size: 14 * 4_096 - 512, securityCounter: 2, privateKey: [UInt8](repeating: 5, count: 32))
    var bench: TortureBench?
    let preparing = try seconds {
        let setup = try TortureSetup(image: image, model: model, trust: ImageTrust(keys: model == .mcuboot ? [key] : []))
        bench = TortureBench(setup, try Catalogue(setup, seed: 1))
    }
    guard let bench else { continue }
    let numbers = Array(bench.catalogue.cases.indices)
    var rates: [[Double]] = [[], []]
    var failed = 0
    let before = processorSeconds()
    for _ in 0..<rounds {
        for (index, count) in [jobs, 1].enumerated() {
            let time = seconds { failed += TorturePool(bench, numbers: numbers).run(jobs: count).count { !$0.violations.isEmpty } }
            rates[index].append(Double(numbers.count) / time)
        }
    }
    let run = (processorSeconds() - before) / Double(2 * rounds * numbers.count)
    let (rate, single) = (rates[0].median ?? 0, rates[1].median ?? 1)
    BenchRow(
        "torture, \(model.rawValue), 16 sectors, \(numbers.count) runs, \(failed) bricked", "\(Int(rate)) runs/s on \(jobs) threads",
        peer: "one thread \(Int(single)) runs/s", ratio: rate / single, target: "≥ 2000 runs/s, none", isMet: rate >= 2_000 && failed == 0
    ).show()
    BenchRow("  processor time of a run", "\(Int(run * 1e6)) µs", peer: "two idle ones: \(Int(2 / run)) runs/s").show()
    BenchRow("  preparing its cases", "\(Int(preparing * 1_000)) ms").show()
}
