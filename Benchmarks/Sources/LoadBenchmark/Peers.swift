import BenchTable
import Foundation
import Glibc
import LoadGenerator

/// Serves the null target until the parent ends, however it does.
func serve(holds: Int64) throws -> Never {
    let target = try NullTarget(holds: .nanoseconds(holds))
    PortProcess.serve(on: target.port)
}

/// The null target in a process of its own: this program with the argument `target`.
final class Target {
    private let child: PortProcess

    /// - Parameter holds: how long it keeps each request, ns.
    init(holds: Int64) throws { child = try PortProcess("the target", PortProcess.ownProgram, ["target", String(holds)]) }

    /// Stopped, it would not hear that it shall end.
    deinit { kill(pid, SIGCONT) }

    var port: UInt16 { child.port }
    var pid: Int32 { child.pid }

    /// Stops it for a second, so many seconds from now, without waiting for that.
    func freeze(after delay: Double, for time: Double) {
        let pid = pid
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: delay)
            kill(pid, SIGSTOP)
            Thread.sleep(forTimeInterval: time)
            kill(pid, SIGCONT)
        }
    }
}

/// wrk with one thread at a fixed rate. It has no rates of its own: its hook `delay` is given a schedule of the same instants as the
/// plan of the generator, and what is late goes out at once, so that both send the same number of requests.
struct WRK {
    struct Outcome {
        /// All in µs, as wrk counts: from the moment in which it sends.
        var p50: Double
        var p99: Double
        var worst: Double
        var rate: Double
        /// Processor time of wrk for each request, µs.
        var cost: Double
    }

    private let program: String
    private let script: URL

    init(rate: Double) throws {
        guard let path = ["/usr/bin/wrk", "/usr/local/bin/wrk"].first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw Problem("wrk is not installed: apt-get install wrk")
        }
        program = path
        script = FileManager.default.temporaryDirectory.appendingPathComponent("load-benchmark-\(getpid())-\(UUID()).lua")
        // The hook is asked once for each request, in milliseconds; the next instant of the schedule is rounded to the nearest.
        let text = """
            local ffi = require("ffi")
            ffi.cdef[[ struct moment { long seconds; long nanoseconds; }; int clock_gettime(int clock, struct moment *time); ]]
            local moment = ffi.new("struct moment")
            local function now()
                ffi.C.clock_gettime(1, moment)
                return tonumber(moment.seconds) + tonumber(moment.nanoseconds) * 1e-9
            end
            local start, count = nil, 0
            function delay()
                local time = now()
                if start == nil then start = time end
                local due = start + count / \(rate)
                count = count + 1
                return math.max(0, math.floor((due - time) * 1000 + 0.5))
            end
            function done(summary, latency, requests)
                io.write(string.format("FIGURES %.3f %.3f %.3f %d %.6f\\n", latency:percentile(50), latency:percentile(99), latency.max, summary.requests, summary.duration / 1e6))
            end
            """
        try text.write(to: script, atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(at: script) }

    func run(port: UInt16, connections: Int, seconds: Double) throws -> Outcome {
        let process = Process()
        let before = Self.childrenTime
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "-t1", "-c\(connections)", "-d\(Int(seconds))s", "--timeout", "10s", "-s", script.path, "http://127.0.0.1:\(port)/",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let figures =
            text.split(separator: "\n").first { $0.hasPrefix("FIGURES ") }?.split(separator: " ").dropFirst().compactMap { Double($0) }
            ?? []
        guard figures.count == 5, figures[4] > 0 else { throw Problem("wrk gave no figures: \(text)") }
        return Outcome(
            p50: figures[0], p99: figures[1], worst: figures[2], rate: figures[3] / figures[4],
            cost: (Self.childrenTime - before) * 1e6 / figures[3])
    }

    /// Processor seconds of the children that were waited for.
    private static var childrenTime: Double {
        var usage = rusage()
        unsafe getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
