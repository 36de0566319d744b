import BenchTable
import CLoad
import Foundation

load_line_output()
let arguments = Array(CommandLine.arguments.dropFirst())

/// What follows the name in the arguments.
func value(_ name: String) -> String? {
    arguments.firstIndex(of: name).flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
}

do {
    switch arguments.first {
    case "serve": try ServingProgram.run(Array(arguments.dropFirst()))
    case "orders":
        try OrdersPart(rate: value("--rate").flatMap { Int($0) } ?? 1_050, seconds: value("--seconds").flatMap { Int($0) } ?? 15).run()
    case "requests": try RequestsPart().run()
    case "storm":
        try StormPart(
            count: value("--badges").flatMap { Int($0) } ?? 10_000, image: value("--image") ?? "../firmware-images/badge-2.4.0.bin"
        ).run()
    case "blackout": try BlackoutPart().run()
    case "fleet": try FleetPart(count: value("--piles").flatMap { Int($0) } ?? 15_000, script: value("--script") ?? "Peers/fleet.py").run()
    case "month": try MonthPart.run(days: arguments.contains("--full") ? 30 : max(1, min(30, value("--days").flatMap { Int($0) } ?? 2)))
    case "month-site":
        let numbers = arguments.dropFirst().compactMap { Int($0) }
        guard numbers.count == 3 else { throw Problem("month-site NUMBER ORDERS-A-DAY DAYS") }
        try MonthPart.site(numbers[0], ordersPerDay: numbers[1], days: numbers[2])
    default:
        print("usage: CloudBenchmark orders|requests|storm|blackout|fleet|month [--days N|--full]")
        exit(2)
    }
} catch {
    print("CloudBenchmark: \(error)")
    exit(1)
}
