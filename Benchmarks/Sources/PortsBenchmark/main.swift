import BenchTable
import Foundation
import LabCore

// Ports that are all busy at 115,200 bit/s at once, in both directions: numbered bytes between emulated ports in one process and the ports of the
// lab in another, whether all arrive in order, how long a port waited to be read, and the share of a core. Beside it in turns are the same ports
// in pySerial with selectors, and in C with epoll and nothing else. What the system does for pseudo terminals on threads of its own counts for nobody.
//
// usage: PortsBenchmark [--ports N] [--seconds N] [--rounds N] [--python /usr/bin/python3] [--pyserial Peers/busy_ports.py]

struct Round {
    var ports: Carried
    var devices: Carried
}

/// A candidate with devices of its own, each in a process.
func measure(_ program: URL, _ arguments: [String], _ wires: Wires) throws -> Round {
    let places = ["--folder", wires.folder, "--ports", "\(wires.count)", "--seconds", "\(wires.seconds)"]
    let (devices, input, output) = (Process(), Pipe(), Pipe())
    devices.executableURL = PortProcess.ownProgram
    devices.arguments = ["--end", "devices"] + places
    (devices.standardInput, devices.standardOutput) = (input, output)
    try devices.run()
    defer { devices.terminate() }
    guard String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).hasPrefix("up") else { throw Problem("no devices") }
    let (ports, said) = (Process(), Pipe())
    ports.executableURL = program
    ports.arguments = arguments + places
    ports.standardOutput = said
    try ports.run()
    let line = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    ports.waitUntilExit()
    guard let own = Carried(line: line) else { throw Problem("\(arguments.joined(separator: " ")) says: \(line)") }
    try input.fileHandleForWriting.close()
    let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    guard let theirs = Carried(line: answer) else { throw Problem("the devices say: \(answer)") }
    return Round(ports: own, devices: theirs)
}

func percent(_ share: Double) -> String { "\(figure(share * 100, 1)) %" }

func middle(_ rounds: [Round], _ value: (Round) -> Double) -> Double { median(rounds.map(value)) }

func table(_ wires: Wires, rounds: Int) throws {
    let pySerial = option("--pyserial") ?? "Peers/busy_ports.py"
    let own = PortProcess.ownProgram
    let candidates: [(name: String, program: URL, arguments: [String])] = [
        ("lab", own, ["--end", "lab"]), ("pySerial", URL(fileURLWithPath: option("--python") ?? "/usr/bin/python3"), [pySerial]),
        ("C with epoll", own, ["--end", "system"]),
    ]
    var figures = candidates.map { _ in [Round]() }
    for round in 0..<rounds {
        for turn in candidates.indices {
            let index = (round + turn) % candidates.count
            figures[index].append(try measure(candidates[index].program, candidates[index].arguments, wires))
        }
    }
    let all = Int64(wires.count * wires.total * 2 * rounds)
    let lost = figures.map { rounds in all - rounds.reduce(0) { $0 + $1.ports.received + $1.devices.received } }
    let wrong = figures.map { rounds in rounds.reduce(0) { $0 + $1.ports.wrong + $1.devices.wrong } }
    let what = "\(wires.count) busy ports"
    BenchRow(
        "\(what): bytes lost, wrong", "\(lost[0]), \(wrong[0]) of \(all)", peer: "pySerial: \(lost[1]), \(wrong[1])", target: "0, 0",
        isMet: lost[0] == 0 && wrong[0] == 0
    ).show()
    let pauses = figures.map { rounds in rounds.map(\.ports.longestPause).max() ?? 0 }
    // What a terminal of Linux keeps for who does not read: 4,096 bytes.
    let patience = Double(4_096) / Double(Wires.rate) * 1e3
    BenchRow(
        "\(what): a port waits to be read", "worst \(BenchTimes.milliseconds(pauses[0])) ms",
        peer: "pySerial: worst \(BenchTimes.milliseconds(pauses[1])) ms",
        target: "< \(Int(patience)) ms, 4 KB", isMet: Double(pauses[0]) * 1e-6 < patience
    ).show()
    let shares = figures.map { middle($0) { $0.ports.share } }
    for peer in 1..<candidates.count {
        BenchRow(
            "\(what): share of a core", percent(shares[0]), peer: "\(candidates[peer].name): \(percent(shares[peer]))",
            ratio: shares[0] / shares[peer]
        ).show()
    }
    BenchRow("\(what): share of a core, the emulated ends", percent(middle(figures[0]) { $0.devices.share })).show()
    let times = figures.map { middle($0) { Double($0.ports.elapsed) * 1e-9 } }
    BenchRow(
        "\(what): \(wires.seconds) s of traffic take", "\(figure(times[0], 2)) s", peer: "pySerial: \(figure(times[1], 2)) s",
        ratio: times[0] / times[1],
        target: "≤ \(wires.seconds) s and 1 %", isMet: times[0] <= Double(wires.seconds) * 1.01
    ).show()
}

do {
    let folder =
        option("--folder") ?? FileManager.default.temporaryDirectory.appendingPathComponent("ports-benchmark-\(UUID().uuidString)").path
    let wires = Wires(folder: folder, count: min(127, max(1, option("--ports", 64))), seconds: min(600, max(1, option("--seconds", 10))))
    switch option("--end") {
    case "devices": print(try serveDevices(wires).line)
    case "lab": print(try carryThroughLab(wires).line)
    case "system": print(try carryThroughSystem(wires).line)
    default:
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try table(wires, rounds: max(1, option("--rounds", 3)))
    }
} catch {
    print("broken: \(error)")
    exit(1)
}
