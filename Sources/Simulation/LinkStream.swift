package import LabCore

/// An end of a link as a byte stream, so that what drives real media can drive a link in memory.
///
/// `open` makes a connection, which opens the other end's stream as well, as if it had been accepted.
package final class LinkStream: ByteStream, LinkReceiver {
    package var onEvent: ((ByteStreamEvent) -> Void)?
    private let link: Link
    private let side: LinkSide
    private var isOpening = false

    /// Takes the place at that end of the link.
    package init(_ link: Link, _ side: LinkSide) {
        self.link = link
        self.side = side
        if side == .near { link.near = self } else { link.far = self }
    }

    package var name: String { "\(link.name).\(side)" }
    package var isOpen: Bool { link.isOpen(side) }

    package func open() {
        guard !isOpen, !isOpening else { return }
        isOpening = true
        link.open(from: side)
    }

    package func send(_ bytes: [UInt8]) { if !bytes.isEmpty { link.send(bytes, from: side) } }

    package func close() {
        isOpening = false
        link.close(from: side)
    }

    package func vanish() {
        isOpening = false
        link.vanish(side)
    }

    package func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        let wasOpening = isOpening
        isOpening = false
        switch input {
        case .opened: onEvent?(.opened)
        case .bytes(let bytes): onEvent?(.bytes(bytes, at: link.kernel.now))
        case .closed:
            let failure =
                wasOpening
                ? StreamFailure(.refused, name, "the other end does not answer", remedy: "end the fault of the link, or open the other end")
                : StreamFailure(.ended, name, "the other side closed")
            onEvent?(.closed(failure))
        }
    }
}
