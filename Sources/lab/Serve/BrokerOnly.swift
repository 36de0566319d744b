import Foundation
import LabCore
import MQTTBroker
import Reports
import Runner
import Transports
import Verdicts

/// The broker alone: opened, told of, kept up until somebody stops it.
struct BrokerOnly {
    var settings: BrokerServiceSettings
    /// Where lab.yaml names the certificate; `nil` where the lab makes one.
    var certificateLocation: SourceLocation?

    /// - Throws: `Stop` with 2 for settings and certificates that are wrong, 3 for what the machine does not give.
    func run() throws {
        Interrupts.watch()
        var settings = settings
        var authority: LabAuthority?
        if settings.security == nil, settings.listeners.contains(where: \.medium.isSecure) {
            let made = try LabAuthority(hosts: settings.listeners.map(\.address.host))
            settings.security = ServerSecurity(made.server)
            authority = made
        }
        defer { authority?.remove() }
        let loop = StreamLoop()
        defer { loop.stop() }
        let service: BrokerService
        do { service = try BrokerService(settings, on: loop) } catch { throw Stop(.wrongInput, "broker: \(error)") }
        let listeners: [BrokerServiceSettings.Listener]
        do { listeners = try service.start() } catch { throw stop(for: error) }
        for line in ServePage.broker(listeners, settings, authority: authority?.path) { Console.print(line) }
        Interrupts.wait()
        let statistics = service.statistics
        service.stop()
        guard let statistics else { return }
        Console.print(
            "stopped: \(counted(statistics.connections, "connection")), \(counted(statistics.publishesReceived, "message")) in, "
                + "\(statistics.publishesSent) out")
    }

    private func stop(for failure: StreamFailure) -> Stop {
        guard failure.reason == .certificate, let certificateLocation else { return Stop(.blocked, failure.description) }
        return Stop(.wrongInput, Diagnostic(at: certificateLocation, "\(failure.detail); \(failure.remedy)").description)
    }
}

/// A certificate authority for one `lab serve`, with a file that clients can be given.
struct LabAuthority {
    let server: StreamIdentity
    /// The authority's certificate in PEM.
    let path: String
    private let folder: URL

    /// - Parameter hosts: addresses that clients use, beside those of loopback.
    /// - Throws: `Stop` where the file cannot be written.
    init(hosts: [String]) throws {
        let names = ["localhost", "127.0.0.1", "::1", ProcessInfo.processInfo.hostName] + hosts
        var seen: Set<String> = []
        do {
            let certificates = try LabCertificates(at: Today.now)
            server = try certificates.server(names: names.filter { seen.insert($0).inserted })
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("lab-serve-\(ProcessInfo.processInfo.processIdentifier)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let file = folder.appendingPathComponent("authority.pem")
            try Data(certificates.authority.utf8).write(to: file)
            path = file.path
        } catch {
            throw Stop(.blocked, "could not make a certificate: \(error.localizedDescription)")
        }
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
}

extension Interrupts {
    /// Returns when a signal has come that asks the lab to stop.
    static func wait() {
        // A signal ends the wait early if this thread gets it; another thread may.
        while signalNumber == nil { _ = poll(nil, 0, 200) }
    }
}
