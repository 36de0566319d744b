import LabCore
import Transports

enum FreePort {
    /// A port on 127.0.0.1 that nobody uses at this moment, for a program that cannot choose one itself.
    ///
    /// - Throws: `StreamFailure`.
    static func onLoopback(_ sockets: StreamLoop, _ loop: any Loop) throws(StreamFailure) -> Int {
        let listener = try TCPListener(on: sockets, reportingTo: loop, clock: { .start }) { _ in }
        listener.close()
        return listener.address.port
    }
}
