import Archive
import LabCore
import Testing

/// Runs as tests need them.
enum Entries {
    static let machine = Machine(cpu: "Test CPU 9000", cores: 4, kernel: "6.1.0", memoryMebibytes: 8_000)

    static func session(_ number: Int64, label: String = "", machine: Machine? = machine, isPartial: Bool = false) -> SessionRecord {
        SessionRecord(started: 1_790_000_000_000_000_000 + number * 3_600_000_000_000, machine: machine, label: label, labVersion: "0.1.0", exitCode: 0, isPartial: isPartial)
    }

    /// result.json with one case, one objective over its latency, and the latencies themselves.
    static func result(
        run: String = "0611-1", world: String = "emu", scenario: String = "badge/register", cell: Fields = ["loss": "20%"], verdict: String = "pass",
        latencies: [Double] = [12.4e9], limits: [FieldValue] = [], loads: [FieldValue] = [], more: [FieldValue] = [], comparison: FieldValue? = nil
    ) -> Fields {
        var fields: Fields = [
            "schema": 1, "run": .text(run), "lab_version": "0.1.0", "world": .text(world), "seed": "0x1",
            "cases": .list([
                [
                    "scenario": .text(scenario), "file": .text("scenarios/\(scenario).yaml"), "world": .text(world), "seed": "0x1", "cell": .record(cell),
                    "cell_text": .text(cell.isEmpty ? "–" : cell.map { "\($0.name)=\($0.value)" }.joined(separator: " ")), "run": .text("\(run)/case"),
                    "verdict": .text(verdict), "reason": .null, "duration_ns": 20_000_000_000, "wall_clock_ns": 350_000_000,
                    "limits": .list(limits),
                    "measurements": .list(latencies.map { ["name": "registered.latency", "t": 0, "value": .number($0), "unit": "ns", "labels": [:]] }),
                    "loads": .list(loads),
                ]
            ] + more),
        ]
        if let comparison { fields["comparison"] = comparison }
        return fields
    }

    static func entry(_ number: Int64, _ result: Fields? = nil, label: String = "", machine: Machine? = machine, isPartial: Bool = false) throws -> RunEntry {
        let name = "0611-\(number)"
        return try #require(
            ResultReader.entry(
                result ?? Self.result(run: name), session: session(number, label: label, machine: machine, isPartial: isPartial), folder: "runs/\(name)"))
    }

    /// The record of a result's case, to put several into one result.
    static func oneCase(_ result: Fields) -> FieldValue { result["cases"]?.list?.first ?? .null }

    static let limit: FieldValue = [
        "id": "REG-P95", "location": ["file": "scenarios/badge/register.yaml", "line": 42, "column": 7],
        "require": "p95(registered.latency) < 15s and count(registered.latency) >= 1", "verdict": "pass", "is_marginal": false, "is_void": false,
        "figure": "12.4 s", "value": 12_400_000_000, "lower": 11_900_000_000, "upper": 12_900_000_000,
        "threshold": ["value": 15_000_000_000, "unit": "ns", "source": "15s"], "samples": 1200, "missing_samples": .null, "reason": .null,
    ]

    static let load: FieldValue = [
        "id": "nominal", "location": ["file": "scenarios/badge/register.yaml", "line": 30, "column": 5], "text": "load api, 200/s for 120s",
        "is_modelled": false,
        "counts": ["planned": 24_000, "sent": 24_000, "good": 23_990, "refused": 4, "unanswered": 6, "lost": 2, "duplicates": 1, "out_of_order": 0],
        "response": [
            "samples": 24_000,
            "points": [
                ["thousandths": 50000, "value_ns": 1_000_000], ["thousandths": 90000, "value_ns": 2_000_000], ["thousandths": 99000, "value_ns": 4_000_000], ["thousandths": 99900, "value_ns": 9_000_000],
                ["thousandths": 100000, "value_ns": .null],
            ],
        ],
        "service": ["samples": 24_000, "points": [["thousandths": 99000, "value_ns": 3_000_000]]],
        "harness": ["send_lag_p99_ns": 100_000], "cloud_cpu_ns": 85_000.5, "lab_cpu_ns": 12_000,
    ]
}

/// What a call throws, as text.
func failure(_ body: () throws -> Void) -> String? {
    do { try body() } catch { return "\(error)" }
    return nil
}
