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

    /// Answers as `HTTPServer.Respond` wants it, on the kernel's thread.
    func respond(to call: HTTPCall, from peer: String, _ answered: @escaping @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        let accepted = clock?()
        kernel.post { [self] in
            guard !kernel.isShutDown else { return answered(.failure(.unreachable)) }
            kernel.start("request \(call.method) \(call.path)") { [self] in answered(await answer(call, peer, accepted)) }
        }
    }
}
