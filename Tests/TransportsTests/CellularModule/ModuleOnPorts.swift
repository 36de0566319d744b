import Emulators
import Foundation
import LabCore
import Programs
import Transports

/// The emulated module behind four pseudo terminals, in real time, on the calling thread.
final class ModuleOnPorts {
    private struct Timer {
        var name: TimerName
        var due: RunInstant
    }

    let folder: URL
    private let reactor: Reactor
    private var module: CellularModule
    private var ports: [(name: LinkName, terminal: PseudoTerminal)] = []
    private var timers: [Timer] = []
    private var poweredAt: RunInstant?
    private(set) var notes: [(name: String, fields: Fields)] = []

    init(_ setup: ModuleSetup) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "module-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        reactor = try Reactor()
        module = CellularModule(setup, generator: SeededGenerator(seed: 1, purpose: "module"))
        for (name, label) in [(LinkName.diagnosis, "dm"), (.nmea, "nmea"), (.at, "at"), (.modem, "modem")] {
            let terminal = PseudoTerminal(name: folder.appending(path: label).path, on: reactor)
            terminal.onEvent = { [unowned self] event in
                if case .bytes(let bytes, _) = event { give(.link(name, .bytes(bytes))) }
            }
            ports.append((name, terminal))
        }
        give(.poweredOn)
    }

    deinit {
        for port in ports { port.terminal.close() }
        try? FileManager.default.removeItem(at: folder)
    }

    func path(_ label: String) -> String { folder.appending(path: label).path }

    func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        module.handle(input, at: reactor.now, &effects)
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            timers.append(Timer(name: name, due: reactor.now.advanced(by: time)))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .link(let name, let command):
            guard let terminal = ports.first(where: { $0.name == name })?.terminal else { return }
            switch command {
            case .open: terminal.open()
            case .send(let bytes): terminal.send(bytes)
            case .close: terminal.close()
            }
        case .note(let name, let fields): notes.append((name, fields))
        case .reboot(let time):
            timers = []
            for port in ports { port.terminal.close() }
            poweredAt = time == CellularModule.never ? nil : reactor.now.advanced(by: time)
        case .mqtt, .request, .serve, .finish: break
        }
    }

    /// - Returns: whether the condition held before the time was over.
    func run(until condition: () -> Bool, timeout: Duration) -> Bool {
        let end = reactor.now.advanced(by: timeout)
        while !condition() {
            guard reactor.now < end else { return false }
            // Programs that end are looked for every 20 ms.
            let next = min(timers.map(\.due).min() ?? end, poweredAt ?? end, reactor.now.advanced(by: .milliseconds(20)))
            _ = reactor.wait(until: next)
            reactor.dispatch()
            if let moment = poweredAt, moment <= reactor.now {
                poweredAt = nil
                give(.poweredOn)
            }
            while let due = timers.filter({ $0.due <= reactor.now }).min(by: { $0.due < $1.due }) {
                timers.removeAll { $0.name == due.name }
                give(.timerFired(due.name))
            }
        }
        return true
    }

    func noted(_ name: String) -> Bool { notes.contains { $0.name == name } }

    /// Runs a program to its end, for a minute at most, while the module goes on.
    func program(_ path: String, _ arguments: [String], input: String = "", environment: [String: String] = [:]) throws
        -> ChildProcess.Outcome
    {
        let variables = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8"].merging(environment) { $1 }
        let program = try ChildProcess(path, arguments, environment: variables, input: Array(input.utf8), limit: .seconds(60))
        _ = run(until: { !program.isRunning }, timeout: .seconds(90))
        return program.wait()
    }
}
