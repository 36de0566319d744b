import LabCore

/// A stream whose other side is the test.
final class ScriptedStream: ByteStream {
    let name: String
    private(set) var isOpen: Bool
    var onEvent: ((ByteStreamEvent) -> Void)?
    private(set) var sent: [UInt8] = []
    private(set) var openings = 0
    private(set) var isClosed = false

    init(_ name: String, isOpen: Bool = false) {
        self.name = name
        self.isOpen = isOpen
    }

    var sentText: String { String(decoding: sent, as: UTF8.self) }

    func open() { openings += 1 }
    func send(_ bytes: [UInt8]) { if isOpen { sent += bytes } }
    func close() {
        isOpen = false
        isClosed = true
    }

    // MARK: The other side

    func becomesOpen() {
        isOpen = true
        onEvent?(.opened)
    }

    func brings(_ text: String) { onEvent?(.bytes(Array(text.utf8), at: .start)) }
    func brings(_ bytes: [UInt8]) { onEvent?(.bytes(bytes, at: .start)) }

    func ends(_ reason: StreamFailure.Reason = .ended) {
        isOpen = false
        onEvent?(.closed(StreamFailure(reason, name, "the test ended it")))
    }
}
