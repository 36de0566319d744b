import LabCore

/// Asks for one number at even distances, and notes it.
///
/// `@unchecked Sendable`: touched by the kernel's thread only.
final class GaugeRun: @unchecked Sendable {
    private let gauge: Metric.Gauge
    private let name: String
    private let arguments: Fields
    private let world: any World
    private let origin: RunInstant
    private var task: Task<Void, Never>?

    init(_ gauge: Metric.Gauge, name: String, arguments: Fields, world: any World) {
        self.gauge = gauge
        self.name = name
        self.arguments = arguments
        self.world = world
        origin = world.now
    }

    func begin(_ start: (@escaping @Sendable () async -> Void) -> Task<Void, Never>) {
        task = start { [self] in
            var count: Int64 = 0
            while !Task.isCancelled {
                await read()
                count += 1
                // From the number, so that slow answers do not move what comes after.
                let next = origin.advanced(byNanoseconds: gauge.every.nanoseconds.multipliedReportingOverflow(by: count).partialValue)
                do { try await world.sleep(until: max(next, world.now)) } catch { return }
            }
        }
    }

    func stop() { task?.cancel() }

    private func read() async {
        let answer = await world.ask(gauge.query, arguments)
        switch answer {
        case .success(let fields):
            world.note(LabEvents.gauge, ["name": .text(name), "value": fields.value(at: gauge.field) ?? .null])
        case .failure(let failure):
            world.note(LabEvents.gauge, ["name": .text(name), "value": .null, "reason": .text(failure.reason)])
        }
    }
}
