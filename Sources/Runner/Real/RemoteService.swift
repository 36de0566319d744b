import LabCore
import Transports

/// A service that is not the lab's, at an address of its own.
///
/// `@unchecked Sendable`: the requester is touched on the kernel's thread only.
final class RemoteService: ServiceDoor, @unchecked Sendable {
    private let requester: any HTTPRequester

    init(_ requester: any HTTPRequester) { self.requester = requester }

    func request(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in requester.send(call) { continuation.resume(returning: $0) } }
    }

    /// Its connections end with the pool that they are of.
    func close() {}
}
