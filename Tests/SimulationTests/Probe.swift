import LabCore
import Simulation
import Synchronization

/// A participant, or a link's end, that writes down what it is given.
final class Probe: KernelParticipant, LinkReceiver {
    let kernel: Kernel
    private(set) var log: [String] = []
    /// Called after each entry.
    var reaction: ((String) -> Void)?

    init(_ kernel: Kernel) { self.kernel = kernel }

    func note(_ text: String) {
        let entry = "\(DurationText.format(nanoseconds: kernel.now.nanoseconds)) \(text)"
        log.append(entry)
        reaction?(text)
    }

    func timerFired(_ timer: TimerName) { note("timer \(timer.rawValue)") }

    func receive(_ input: DeviceInput) {
        if case .timerFired(let name) = input { note("input \(name.rawValue)") } else { note("\(input)") }
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch input {
        case .opened: note("\(side) opened")
        case .closed: note("\(side) closed")
        case .bytes(let bytes): note("\(side) \(Hexadecimal.text(bytes))")
        }
    }
}

func at(_ milliseconds: Int64) -> RunInstant { RunInstant(nanoseconds: milliseconds * 1_000_000) }

func timer(_ number: UInt16) -> TimerName { TimerName(rawValue: number) }

/// FNV-1a over text: the same in every process, and simple enough to be computed elsewhere.
struct TextDigest {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
    mutating func add(_ text: String) { for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 } }
}

/// A list that several threads can add to.
final class SharedList<Element: Sendable>: Sendable {
    private let content = Mutex<[Element]>([])
    var list: [Element] { content.withLock { $0 } }
    func add(_ element: Element) { content.withLock { $0.append(element) } }
}
