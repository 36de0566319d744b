import LabCore
import WireProtocols

/// Questions to a module at its AT port, one after the other.
struct ATConversation {
    enum Answer {
        case finished(ATResponse)
        /// Nothing at all came.
        case silence
        /// Something came, and it is no answer.
        case noise([UInt8])
    }

    private let talk: PortConversation
    private var dialogue = ATDialogue()
    /// What came without being an answer.
    private var heard: [UInt8] = []

    init(_ talk: PortConversation) { self.talk = talk }

    /// Bytes of a noise that are kept.
    private static let longestNoise = 4_096

    /// - Throws: where the port is gone.
    mutating func ask(_ text: String, limit: Duration? = nil) throws(StreamFailure) -> Answer {
        let command = ATCommand(text, limit: limit)
        heard = []
        try talk.send(dialogue.begin(command))
        let end = talk.now.advanced(by: command.limit)
        while talk.now < end {
            let bytes = try talk.wait(within: talk.now.duration(to: end))
            heard += bytes.prefix(max(0, Self.longestNoise - heard.count))
            for event in dialogue.receive(bytes) {
                if case .finished(let response) = event { return .finished(response) }
            }
        }
        dialogue.abandon()
        return heard.isEmpty ? .silence : .noise(heard)
    }

    func pause(_ time: Duration) { talk.pause(time) }

    /// The answer's lines; `nil` where there is none, or an error.
    mutating func lines(_ text: String) throws(StreamFailure) -> [String]? {
        guard case .finished(let response) = try ask(text), response.final.isSuccess else { return nil }
        return response.lines
    }

    /// What the noise looks like, as a finding says it.
    static func verdict(on noise: [UInt8], at source: PortSource) -> (detail: String, remedy: String) {
        let strange = noise.count { !($0 >= 0x20 && $0 < 0x7f) && ![0x09, 0x0a, 0x0d, 0x00].contains($0) }
        if strange * 8 > noise.count {
            return (
                "what comes back is no text (\(noise.count) bytes: \(Hexadecimal.text(noise.prefix(16)))…): the rate of \(source.baud) \(source.framing) is wrong, or this is no AT port",
                "correct `baud` and `framing` in lab.yaml, or name the AT interface of the module (interface 2 of an RG500Q)"
            )
        }
        let text = CommandSwitch.excerpt(String(decoding: noise.prefix(512), as: UTF8.self), 80)
        let lines = noise.split { $0 == 0x0d || $0 == 0x0a }
        if lines.allSatisfy({ $0.starts(with: "AT".utf8) }) {
            return ("it only repeats what it is sent ('\(text)'): a loop, or a program that echoes", "check what is plugged in there")
        }
        if lines.contains(where: { $0.starts(with: "$G".utf8) }) {
            return ("it streams positions ('\(text)'): this is the NMEA port", "name the AT interface of the module in lab.yaml (interface 2 of an RG500Q)")
        }
        return ("it says '\(text)' and does not answer AT", "it may be starting; else check what is plugged in there, and the rate")
    }
}
