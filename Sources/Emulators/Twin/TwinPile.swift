package import LabCore

/// The twin of a pile's board at a serial port: answers commands as a recording does, with the message ID or session of the command, and sends by itself
/// what the recording has, at its times. The recording says which protocol it is.
///
/// After the recording's end it goes on with what came again and again, such as signs of life.
package struct TwinPile: Device {
    package let script: PileTwinScript
    private let node: String
    private var isPowered = false
    private var isOpen = false
    private var reader: PileFrameReader
    private var agenda: [(at: RunInstant, frame: PileLineFrame, interval: Duration?)] = []
    private var counts: [String: Int] = [:]
    private var said: Set<String> = []
    private var commands = 0
    private var unknown = 0

    private static let timer = TimerName(rawValue: 1)

    package init(recording: PortRecording, node: String) {
        script = PileTwinScript(recording)
        reader = PileFrameReader(script.wire)
        self.node = node
    }

    /// Makes it from the file that `emu: {script: …}` of lab.yaml names.
    ///
    /// - Throws: `bad_script`.
    package init(script file: PlanFile, node: String) throws(ActionFailure) {
        let recording: PortRecording
        do { recording = try PortRecording(file.bytes, file: file.path) } catch { throw ActionFailure("bad_script", error.description) }
        self.init(recording: recording, node: node)
        guard !script.isEmpty else { throw ActionFailure("bad_script", "\(file.path) has no frames of a pile.") }
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: powerOn(at: now, &effects)
        case .powerLost: powerOff()
        case .action(let token, "power_on", _):
            powerOn(at: now, &effects)
            effects.append(.finish(token, .success([:])))
        case .action(let token, "power_off", _):
            if isOpen { effects.append(.link(.serial, .close)) }
            powerOff()
            effects.append(.finish(token, .success([:])))
        case .action(let token, let name, _):
            effects.append(
                .finish(token, .failure(ActionFailure("not_in_recording", "The node '\(node)' is a twin: it answers as its recording does, and cannot do '\(name)'."))))
        case .link(.serial, .bytes(let bytes)) where isOpen: received(bytes, at: now, &effects)
        case .timerFired, .link, .mqtt, .answered, .served, .fault: break
        }
        perform(at: now, &effects)
    }

    private mutating func powerOn(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !isPowered else { return }
        (isPowered, isOpen) = (true, true)
        effects.append(.link(.serial, .open))
        for item in script.unasked { schedule(item.frame, at: now.advanced(by: item.after), interval: nil) }
        for (item, interval) in script.repeated { schedule(item.frame, at: now.advanced(by: item.after + interval), interval: interval) }
    }

    private mutating func powerOff() {
        (isPowered, isOpen, agenda) = (false, false, [])
        (reader, counts, said) = (PileFrameReader(script.wire), [:], [])
    }

    private mutating func schedule(_ frame: PileLineFrame, at: RunInstant, interval: Duration?) {
        let place = agenda.firstIndex { $0.at > at } ?? agenda.count
        agenda.insert((at, frame, interval), at: place)
    }

    private mutating func perform(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        while let next = agenda.first, next.at <= now {
            agenda.removeFirst()
            var frame = next.frame
            if let interval = next.interval, interval > .zero {
                frame = frame.again
                schedule(frame, at: next.at.advanced(by: interval), interval: interval)
            }
            send(frame, &effects)
        }
        effects.append(agenda.first.map { .startTimer(Self.timer, after: now.duration(to: $0.at)) } ?? .cancelTimer(Self.timer))
    }

    private mutating func send(_ frame: PileLineFrame, _ effects: inout [DeviceEffect]) {
        guard isOpen else { return }
        said.insert(frame.session)
        if said.count > 4_096 { said = [frame.session] }
        effects.append(.link(.serial, .send(frame.bytes)))
    }

    private mutating func received(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        for frame in reader.take(bytes, at: now) where !(frame.isAnswer ?? said.contains(frame.session)) {
            commands += 1
            let count = counts[frame.command, default: 0]
            counts[frame.command] = count + 1
            guard let known = script.answer(to: frame.command, count: count) else {
                unknown += 1
                effects.append(.note("twin.unknown", ["port": "serial", "command": .text(frame.command)]))
                continue
            }
            guard let item = known else { continue }
            schedule(item.frame.withSession(of: frame), at: now.advanced(by: item.after), interval: nil)
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard query == "twin" else {
            return .failure(ActionFailure("not_in_recording", "The node '\(node)' is a twin: it has no model that '\(query)' could ask."))
        }
        return .success(["commands": .integer(Int64(commands)), "unknown": .integer(Int64(unknown)), "unknown_commands": .list([]), "appearances": .integer(isOpen ? 1 : 0)])
    }
}
