import LabCore
import Simulation

/// The cloud's requests to a service in memory: each takes the time and suffers the faults of the service's link.
final class SimulatedService: ServiceDoor {
    private let link: Link
    private unowned let host: DeviceHost

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
            link.exchange(size: bytes.count, from: side) { fate in
                if case .arrives(_, let corruptions) = fate, corruptions.isEmpty { continuation.resume(returning: true) } else { continuation.resume(returning: false) }
            }
        }
    }
}
