import LabCore
import Simulation

/// The cloud's requests to a service in memory: each takes the time and suffers the faults of the service's link.
final class SimulatedService: ServiceDoor {
    private let link: Link
    private unowned let host: DeviceHost
    /// Passages that are under way, in the order in which they began.
    private var passing: [(number: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var count = 0

    init(link: Link, host: DeviceHost) {
        self.link = link
        self.host = host
    }

    func request(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        guard await passes(HTTPText.bytes(of: call), from: .far) else { return .failure(.unreachable) }
        let result = await host.serve(call)
        guard case .success(let answer) = result else { return result }
        return await passes(HTTPText.bytes(of: answer), from: .near) ? result : .failure(.interrupted)
    }

    /// What a checksum would refuse does not arrive as something else: both sides sign what they say.
    private func passes(_ bytes: [UInt8], from side: LinkSide) async -> Bool {
        await withCheckedContinuation { continuation in
            count += 1
            let number = count
            passing.append((number, continuation))
            link.exchange(size: bytes.count, from: side) { [weak self] fate in
                if case .arrives(_, let corruptions) = fate { self?.passed(number, corruptions.isEmpty) } else { self?.passed(number, false) }
            }
        }
    }

    private func passed(_ number: Int, _ isSound: Bool) {
        guard let place = passing.firstIndex(where: { $0.number == number }) else { return }
        passing.remove(at: place).continuation.resume(returning: isSound)
    }

    func close() {
        let open = passing
        passing = []
        for passage in open { passage.continuation.resume(returning: false) }
        host.stopServing()
    }
}
