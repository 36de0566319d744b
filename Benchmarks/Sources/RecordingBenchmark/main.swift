import Bench
import BenchTable
import Foundation
import LabCore

// A day of recording at 10 KB/s, compressed in time: 864 MB of lines through the writer of `lab record`, with and without redaction, beside
// `cat > file`, which keeps the bytes and no times. The resident memory is looked at all the way: it must not grow with the day.
//
// usage: RecordingBenchmark [--megabytes N] [--folder DIR]

let megabytes = option("--megabytes", 864)
let folder = option("--folder") ?? FileManager.default.temporaryDirectory.path
/// What a read of a port gives.
let pieceSize = 1_024

/// Bytes of memory that this process has now; of another one the most that it had.
func residentBytes(of process: String = "self", _ field: String = "VmRSS:") -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(field) }
    return (line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
}

/// A kilobyte of what modules say, with numbers in it that are others each time.
func chunk(_ index: Int) -> [UInt8] {
    var text = ""
    while text.utf8.count < pieceSize {
        text += "\r\n+CSQ: \(index % 32),99\r\n\r\nOK\r\n\r\n+CLIP: \"+1555\(1_000_000 + index % 5_000)\",145\r\n\r\n86000000\(1_000_000 + index % 1_000)\r\n"
    }
    return Array(text.utf8.prefix(pieceSize))
}

/// Stands for HMAC, whose cost is that of new numbers only.
let hash: NumberReplacement.KeyedHash = { message in
    var seed: UInt64 = 0x5eed
    for byte in message { seed = (seed ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    var generator = SeededGenerator(seed: seed)
    return generator.bytes(32)
}

struct Figures {
    var name: String
    var seconds: Double
    /// After a hundredth of the day, and the most after that.
    var early: Int
    var most: Int
    var written: Int64
}

func record(redacted: Bool) throws -> Figures {
    let path = "\(folder)/recording-benchmark-\(UUID().uuidString).jsonl"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try RecordingFile(path, PortRecording.Header(node: "modem", kind: "rg500q", port: "at", isRedacted: redacted))
    var redaction = RecordingRedaction(keyedHash: hash)
    let count = megabytes * 1_000_000 / pieceSize
    var (early, most) = (0, 0)
    let start = ContinuousClock.now
    for index in 0..<count {
        let piece = PortRecording.Piece(at: RunInstant(nanoseconds: Int64(index) * 102_400_000), .received(chunk(index)))
        if redacted { for piece in redaction.take(piece) { try file.add(piece) } } else { try file.add(piece) }
        if index == count / 100 { early = residentBytes() }
        if index > count / 100, index % 4_096 == 0 { most = max(most, residentBytes()) }
    }
    for piece in redaction.flush() { try file.add(piece) }
    try file.close()
    let seconds = Double(start.duration(to: .now).nanoseconds) * 1e-9
    return Figures(name: redacted ? "lab record, redacted" : "lab record", seconds: seconds, early: early, most: max(most, early), written: file.written)
}

func throughCat() throws -> Figures {
    let path = "\(folder)/recording-benchmark-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    guard FileManager.default.createFile(atPath: path, contents: nil) else { throw Problem("\(path) cannot be made") }
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/bin/cat")
    process.standardInput = pipe
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: path))
    let start = ContinuousClock.now
    try process.run()
    let count = megabytes * 1_000_000 / pieceSize
    var (early, most) = (0, 0)
    for index in 0..<count {
        try pipe.fileHandleForWriting.write(contentsOf: chunk(index))
        if index == count / 100 { early = residentBytes(of: "\(process.processIdentifier)") }
        if index > count / 100, index % 65_536 == 0 { most = max(most, residentBytes(of: "\(process.processIdentifier)")) }
    }
    try pipe.fileHandleForWriting.close()
    process.waitUntilExit()
    let seconds = Double(start.duration(to: .now).nanoseconds) * 1e-9
    return Figures(name: "cat > file", seconds: seconds, early: early, most: max(most, early), written: Int64(count * pieceSize))
}

print("\(megabytes) MB in pieces of \(pieceSize) bytes: a day at 10 KB/s. The time includes making the bytes.")
let (plain, redacted, cat) = (try record(redacted: false), try record(redacted: true), try throughCat())
print(BenchRow.header)
for own in [plain, redacted] {
    // Pages of the allocator come and go; what grows with the day would be hundreds of megabytes.
    let growth = own.most - own.early
    BenchRow(
        "\(own.name): memory that the day adds", "\(figure(Double(growth) / 1e6, 1)) MB to \(figure(Double(own.early) / 1e6, 1))",
        peer: "cat: \(figure(Double(cat.most - cat.early) / 1e6, 1)) MB to \(figure(Double(cat.early) / 1e6, 1))", target: "< 4 MB", isMet: growth < 4_000_000
    ).show()
    // 64 ports at 115200 bits in a second, all busy at once.
    let (rate, peer) = (Double(megabytes) / own.seconds, Double(megabytes) / cat.seconds)
    BenchRow(
        "\(own.name): throughput", "\(figure(rate, 0)) MB/s", peer: "cat > file: \(figure(peer, 0)) MB/s", ratio: rate / peer, target: "≥ 0.74 MB/s", isMet: rate >= 0.74
    ).show()
}
