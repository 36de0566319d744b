import LabCore
import Simulation

/// Takes requests from a server's threads to the kernel's, where whoever answers them lives.
///
/// `@unchecked Sendable`: what answers is called on the kernel's thread only.
final class RequestBridge: @unchecked Sendable {
    typealias Answer = (_ call: HTTPCall, _ peer: String) async -> Result<HTTPAnswer, HTTPFailure>

    private let kernel: Kernel
    private let answer: Answer

    init(kernel: Kernel, answer: @escaping Answer) {
        self.kernel = kernel
        self.answer = answer
    }

    func respond(to call: HTTPCall, from peer: String) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in
            kernel.post { [self] in
                guard !kernel.isShutDown else { return continuation.resume(returning: .failure(.unreachable)) }
                kernel.start("request \(call.method) \(call.path)") { [self] in continuation.resume(returning: await answer(call, peer)) }
            }
        }
    }
}
