import BenchTable
import Crypto
import FirmwareImages
import Foundation

// How fast images are inspected and validated, beside the bare SHA-256 of the same bytes: hashing is what no inspector can leave out. The
// candidates take turns, and each figure is the median over the rounds; the ratio is what to look at, the rate depends on the machine.
//
// usage: FirmwareBenchmark [--rounds N] [--size MiB]

struct Candidate {
    var name: String
    var bytes: [UInt8]
    /// Whether the image was found good; a candidate that stops at the first byte would be fast.
    var run: ([UInt8]) -> Bool
}

func candidates(megabytes: Int) throws -> [Candidate] {
    let seed = [UInt8](repeating: 7, count: 32)
    let version = FirmwareVersion(2, 4, 0)
    let (mcuboot, key) = try FactoryImage.make(version: version, format: .mcuboot, size: megabytes << 20, privateKey: seed)
    let (esp32, _) = try FactoryImage.make(version: version, format: .esp32, size: megabytes << 20, privateKey: seed)
    let trust = ImageTrust(keys: [key])
    func isFit(_ bytes: [UInt8], _ trust: ImageTrust) -> Bool {
        (try? FirmwareInspector.inspect(bytes, trust: trust).get())?.isFit ?? false
    }
    func isTaken(_ bytes: [UInt8], _ format: ImageFormat, _ trust: ImageTrust) -> Bool {
        (try? ImageValidation.validate(bytes, as: format, trust: trust).get()) != nil
    }
    return [
        Candidate(name: "SHA-256 alone", bytes: mcuboot) { bytes in SHA256.hash(data: bytes).first { $0 != 0 } != nil },
        Candidate(name: "inspect, MCUboot", bytes: mcuboot) { isFit($0, trust) },
        Candidate(name: "inspect, ESP32", bytes: esp32) { isFit($0, ImageTrust()) },
        Candidate(name: "validate, MCUboot", bytes: mcuboot) { isTaken($0, .mcuboot, trust) },
        Candidate(name: "validate, ESP32", bytes: esp32) { isTaken($0, .esp32, ImageTrust()) },
    ]
}

let rounds = option("--rounds", 15)
let list = try candidates(megabytes: min(15, option("--size", 12)))
var times = [[Double]](repeating: [], count: list.count)
let clock = ContinuousClock()
for _ in 0..<rounds {
    for (index, candidate) in list.enumerated() {
        var isGood = false
        let elapsed = clock.measure { isGood = candidate.run(candidate.bytes) }
        guard isGood else { throw Problem("\(candidate.name): the image is not good") }
        times[index].append(elapsed / .seconds(1))
    }
}
let rates = zip(list, times).map { Double($0.bytes.count) / 1e6 / $1.sorted()[rounds / 2] }
for (index, candidate) in list.enumerated().dropFirst() {
    let pairs = BenchPairs(zip(times[0], times[index]).map { $0 / $1 })
    BenchRow(
        "\(candidate.name), image of \(candidate.bytes.count >> 20) MiB", "\(Int(rates[index])) MB/s", peer: "\(list[0].name) \(Int(rates[0])) MB/s",
        ratio: pairs.ratio, target: "≥ 500 MB/s", isMet: rates[index] >= 500
    ).show()
}
