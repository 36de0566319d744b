import Emulators
import LabCore

/// A device with one port on a table, in virtual time, and a host that sends what it is told and keeps a recording.
struct TwinBench<Subject: Device> {
    var device: Subject
    let port: LinkName
    private(set) var now = RunInstant.start
    private(set) var recording: PortRecording
    private(set) var notes: [(name: String, fields: Fields)] = []
    private(set) var isOpen = false
    private var timers: [(name: TimerName, due: RunInstant, order: Int)] = []
    private var order = 0
    private var poweredAt: RunInstant?
    private var token: UInt32 = 0
    private(set) var finished: [Result<Fields, ActionFailure>] = []

    init(_ device: Subject, port: LinkName = .at) {
        self.device = device
        self.port = port
        recording = PortRecording(header: PortRecording.Header(node: "modem", kind: "rg500q", port: "at", settings: "115200 8N1"))
    }

    mutating func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        device.handle(input, at: now, &effects)
        for effect in effects { perform(effect) }
    }

    mutating func act(_ name: String, _ arguments: Fields = [:]) {
        token += 1
        give(.action(Token(rawValue: token), name, arguments))
    }

    private mutating func perform(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            order += 1
            timers.append((name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .link(port, .open): keep(.opened, isOpen: true)
        case .link(port, .close): keep(.closed(.vanished, detail: "the port hung up"), isOpen: false)
        case .link(port, .send(let bytes)): keep(.received(bytes), isOpen: isOpen)
        case .note(let name, let fields): notes.append((name, fields))
        case .finish(_, let result): finished.append(result)
        case .reboot(let time):
            timers = []
            if isOpen { keep(.closed(.vanished, detail: "the port hung up"), isOpen: false) }
            poweredAt = now.advanced(by: time)
        case .link, .mqtt, .request, .serve: break
        }
    }

    private mutating func keep(_ content: PortRecording.Content, isOpen: Bool) {
        self.isOpen = isOpen
        recording.pieces.append(PortRecording.Piece(at: now, content))
    }

    mutating func send(_ text: String) { send(Array(text.utf8)) }

    mutating func send(_ bytes: [UInt8]) {
        keep(.sent(bytes), isOpen: isOpen)
        give(.link(port, .bytes(bytes)))
    }

    mutating func run(for time: Duration) {
        let end = now.advanced(by: time)
        while true {
            let timer = timers.min { ($0.due, $0.order) < ($1.due, $1.order) }
            let due = [timer?.due, poweredAt].compactMap { $0 }.min() ?? .distantFuture
            guard due <= end else { break }
            now = due
            if poweredAt == due {
                poweredAt = nil
                give(.poweredOn)
            } else if let timer {
                timers.removeAll { $0.name == timer.name }
                give(.timerFired(timer.name))
            }
        }
        now = end
    }

    /// What the device said from a piece on, as text.
    func heard(since piece: Int = 0) -> String {
        String(decoding: recording.pieces[piece...].flatMap { piece -> [UInt8] in if case .received(let bytes) = piece.content { bytes } else { [] } }, as: UTF8.self)
    }

    /// Sends a line and gives back what was said within the time.
    mutating func ask(_ command: String, wait: Duration = .seconds(1)) -> String {
        let mark = recording.pieces.count
        send(command + "\r")
        run(for: wait)
        return heard(since: mark)
    }
}
