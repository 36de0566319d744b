import BenchTable
import CLoad
import Foundation

load_line_output()
let arguments = Array(CommandLine.arguments.dropFirst())

do {
    switch arguments.first {
    case "serve": try ServingProgram.run(Array(arguments.dropFirst()))
    case "orders":
        try OrdersPart(rate: option("--rate", 1_050), seconds: option("--seconds", 15)).run()
    case "requests": try RequestsPart().run()
    case "storm":
        try StormPart(
            count: option("--badges", 10_000), image: option("--image") ?? "../firmware-images/badge-2.4.0.bin"
        ).run()
    case "blackout": try BlackoutPart().run()
    case "fleet": try FleetPart(count: option("--piles", 15_000), script: option("--script") ?? "Peers/fleet.py").run()
    case "month": try MonthPart.run(days: arguments.contains("--full") ? 30 : max(1, min(30, option("--days", 2))))
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
