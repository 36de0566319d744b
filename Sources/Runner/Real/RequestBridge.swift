import LabCore
import Simulation

/// Takes requests from a server's threads to the kernel's, where whoever answers them lives.
///
/// `@unchecked Sendable`: what answers is called on the kernel's thread only.
final class RequestBridge: @unchecked Sendable {
    typealias Answer = (_ call: HTTPCall, _ peer: String, _ accepted: RunInstant?) async -> Result<HTTPAnswer, HTTPFailure>

    private let kernel: Kernel
    private let clock: (@Sendable () -> RunInstant)?
    private let answer: Answer

    /// - Parameter clock: the run's clock as any thread can read it, where it matters when a request came.
    init(kernel: Kernel, clock: (@Sendable () -> RunInstant)? = nil, answer: @escaping Answer) {
        self.kernel = kernel
        self.clock = clock
        self.answer = answer
    }

    func respond(to call: HTTPCall, from peer: String) async -> Result<HTTPAnswer, HTTPFailure> {
        let accepted = clock?()
        return await withCheckedContinuation { continuation in
            kernel.post { [self] in
                guard !kernel.isShutDown else { return continuation.resume(returning: .failure(.unreachable)) }
                kernel.start("request \(call.method) \(call.path)") { [self] in continuation.resume(returning: await answer(call, peer, accepted)) }
            }
        }
    }
}
