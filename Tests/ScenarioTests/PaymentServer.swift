import Emulators
import Foundation
import LabCore
import Synchronization
import Transports

/// The emulated payment services as a server of their own, with TLS and in real time: what a lab finds at the address of a real one.
/// Whatever is opened is paid at once.
///
/// `@unchecked Sendable`: the service is touched on its loop's thread only.
final class PaymentServer: @unchecked Sendable {
    /// Carries the sockets.
    private let sockets = StreamLoop()
    /// The service's own thread.
    private let owner = StreamLoop()
    private let pool: HTTPClientPool
    private var server: HTTPServer?
    private var service: PaymentService
    private var tokens: UInt32 = 0
    private var timers: [StreamTimer] = []
    private let began = ContinuousClock.now
    /// Where notices go: the front of the lab's cloud.
    private let cloud = Mutex<StreamAddress?>(nil)
    /// Where it listens, for clients that trust `authority`.
    private(set) var address = StreamAddress("127.0.0.1", 0)
    /// PEM.
    let authority: String

    init() throws {
        let certificates = try LabCertificates(at: Date())
        authority = certificates.authority
        service = try PaymentService(
            PaymentServiceSettings(noticeDelay: .milliseconds(50)), epoch: Int64(Date().timeIntervalSince1970),
            generator: SeededGenerator(seed: 1, purpose: "payments"))
        pool = try HTTPClientPool(on: sockets, reportingTo: owner)
        let server = HTTPServer(on: sockets) { [weak self] call, _, answer in
            if let self { serve(call, answer) } else { answer(.failure(.unreachable)) }
        }
        self.server = server
        address = try server.listen(StreamListener(address, security: ServerSecurity(try certificates.server())))
    }

    func sendNotices(to address: StreamAddress) { cloud.withLock { $0 = address } }

    /// As when the host is gone, and there again.
    func setListening(_ isListening: Bool) throws { try server?.setListening(isListening) }

    func stop() {
        server?.stop()
        pool.close()
    }

    private func serve(_ call: HTTPCall, _ answer: @escaping @Sendable (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        owner.post { [self] in
            tokens += 1
            var result: Result<HTTPAnswer, HTTPFailure>?
            for effect in handle(.served(Token(rawValue: tokens), call)) { if case .serve(_, let served) = effect { result = served } }
            answer(result ?? .failure(.interrupted))
        }
    }

    @discardableResult
    private func handle(_ input: DeviceInput) -> [DeviceEffect] {
        var effects: [DeviceEffect] = []
        service.handle(input, at: now, &effects)
        for effect in effects {
            switch effect {
            case .startTimer(let name, let time): timers.append(owner.schedule(after: time) { [weak self] in self?.handle(.timerFired(name)) })
            case .request(let token, let call): send(call, token)
            case .note("prepay.accepted", let fields):
                guard let attempt = fields["attempt"] else { continue }
                owner.post { [weak self] in
                    guard let self else { return }
                    tokens += 1
                    handle(.action(Token(rawValue: tokens), "pay", ["attempt": attempt]))
                }
            default: break
            }
        }
        return effects
    }

    private var now: RunInstant { RunInstant(nanoseconds: (ContinuousClock.now - began).nanoseconds) }

    private func send(_ call: HTTPCall, _ token: Token) {
        guard let address = cloud.withLock({ $0 }) else { return }
        pool.requester(to: address).send(call) { [weak self] in self?.handle(.answered(token, $0)) }
    }
}
