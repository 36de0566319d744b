import Foundation
import Glibc
import LabCore

/// What a run was measured on. Times of different machines are never compared with one another.
package struct Machine: Sendable, Equatable {
    /// `AMD EPYC 7763 64-Core Processor`
    package var cpu: String
    /// Processors that this process may use.
    package var cores: Int
    /// Release of the kernel: `6.1.0-18-amd64`.
    package var kernel: String
    package var memoryMebibytes: Int

    package init(cpu: String, cores: Int, kernel: String, memoryMebibytes: Int) {
        self.cpu = cpu
        self.cores = cores
        self.kernel = kernel
        self.memoryMebibytes = memoryMebibytes
    }

    /// The same for the same machine: `AMD EPYC 7763, 2 cores, kernel 6.1.0-18, 4 GiB`.
    ///
    /// Memory is rounded to whole GiB, because kernels of one machine keep different parts of it for themselves.
    package var fingerprint: String {
        "\(cpu), \(cores) \(cores == 1 ? "core" : "cores"), kernel \(kernel), \((memoryMebibytes + 512) / 1024) GiB"
    }

    /// The machine that this process runs on.
    package static func current() -> Machine {
        var names = utsname()
        _ = unsafe uname(&names)
        let kernel = unsafe withUnsafeBytes(of: &names.release) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let architecture = unsafe withUnsafeBytes(of: &names.machine) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return Machine(
            cpu: cpu(in: text("/proc/cpuinfo")) ?? architecture, cores: ProcessInfo.processInfo.activeProcessorCount, kernel: kernel,
            memoryMebibytes: memory(in: text("/proc/meminfo")) ?? Int(ProcessInfo.processInfo.physicalMemory >> 20))
    }

    /// The model of the first processor in the text of `/proc/cpuinfo`; ARM kernels give implementer and part instead.
    package static func cpu(in text: String) -> String? {
        if let name = value("model name", in: text), !name.isEmpty { return name }
        guard let implementer = value("CPU implementer", in: text), let part = value("CPU part", in: text) else { return nil }
        return "CPU \(implementer) part \(part)"
    }

    /// MiB of all memory in the text of `/proc/meminfo`.
    package static func memory(in text: String) -> Int? {
        value("MemTotal", in: text).flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }.map { $0 / 1024 }
    }

    private static func value(_ name: String, in text: String) -> String? {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, trimmed(parts[0]) == name { return trimmed(parts[1]) }
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        text.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    private static func text(_ path: String) -> String { String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self) }

    var asValue: FieldValue {
        [
            "cpu": .text(cpu), "cores": .integer(Int64(cores)), "kernel": .text(kernel), "memory_mib": .integer(Int64(memoryMebibytes)),
        ]
    }

    init?(_ fields: Fields) {
        guard let cpu = fields["cpu"]?.text, let cores = fields["cores"]?.integer, let kernel = fields["kernel"]?.text,
            let memory = fields["memory_mib"]?.integer
        else { return nil }
        self.init(cpu: cpu, cores: Int(clamping: cores), kernel: kernel, memoryMebibytes: Int(clamping: memory))
    }
}
