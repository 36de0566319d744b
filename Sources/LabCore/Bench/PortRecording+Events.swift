/// Recordings out of the log of a run, which has every byte that the host's side of a port sent and received.
extension PortRecording {
    /// What the events of ports are called, in every kind that has some.
    package enum EventName {
        /// The world tells of a real port; the program at a module's port tells of every one.
        package static let opened = ["line.opened", "port.opened"]
        package static let closed = "port.closed"
        package static let lines = "port.lines"
        /// The bus has a port of the device again, or no longer; field `port` has its purpose.
        package static let plugged = "usb.plugged"
        package static let unplugged = "usb.unplugged"
        /// The device was off the bus, and nothing that was done to it explains it; field `detail` says more.
        package static let lost = "usb.lost"
        package static let sent = "port.sent"
        package static let received = "port.received"
    }

    /// The recordings of a node's ports, in the order in which they were first used.
    ///
    /// - Parameters:
    ///   - node: a role, or a member of a fleet.
    ///   - began: the moment of time 0 by the calendar, as in the header.
    package static func recordings(in events: [RunEvent], of node: String, kind: String, began: String = "") -> [PortRecording] {
        let own = events.filter { $0.node == node && ($0.name.hasPrefix("port.") || $0.name.hasPrefix("line.")) }
        var found: [PortRecording] = []
        for event in own where event.name == EventName.sent || event.name == EventName.received {
            guard let port = event.fields["port"]?.text, !found.contains(where: { $0.header.port == port }) else { continue }
            found.append(PortRecording(header: Header(node: node, kind: kind, port: port, began: began)))
        }
        var open: [String] = []
        for event in own {
            guard let content = Content(event) else { continue }
            let name = event.fields["port"]?.text
            let port = found.firstIndex { $0.header.port == name } ?? found.firstIndex { isPath(name ?? "", of: $0.header.port) }
            guard let index = port ?? (found.count == 1 ? 0 : nil) else { continue }
            let label = found[index].header.port
            if let settings = event.fields["settings"]?.text, content == .opened { found[index].header.settings = settings }
            switch content {
            // The program at the port tells of it as well.
            case .opened where open.contains(label): continue
            case .opened: open.append(label)
            // Tries to open a port that is away say nothing of the device.
            case .closed where !open.contains(label): continue
            case .closed: open.removeAll { $0 == label }
            // A log that begins with bytes begins with an open port.
            case .sent, .received: if !open.contains(label) { open.append(label) }
            case .lines: break
            }
            found[index].pieces.append(Piece(at: event.at, content))
        }
        return found
    }

    /// Events of a port's state name it as the medium does: by its path, which ends with the port's name where the lab made it.
    private static func isPath(_ path: String, of port: String) -> Bool { path.hasSuffix("/" + port) || path.hasSuffix("." + port) }
}

extension PortRecording.Content {
    /// What an event says of a port; `nil` for every other event.
    package init?(_ event: RunEvent) {
        switch event.name {
        case PortRecording.EventName.sent:
            guard let bytes = event.fields["bytes"]?.wireBytes else { return nil }
            self = .sent(bytes)
        case PortRecording.EventName.received:
            guard let bytes = event.fields["bytes"]?.wireBytes else { return nil }
            self = .received(bytes)
        case _ where PortRecording.EventName.opened.contains(event.name): self = .opened
        case PortRecording.EventName.closed:
            self = .closed(event.fields["reason"]?.text.flatMap(StreamFailure.Reason.init) ?? .failed, detail: event.fields["detail"]?.text ?? "")
        case PortRecording.EventName.lines:
            guard let lines = event.fields["lines"]?.text.flatMap({ PortLines(words: $0) }) else { return nil }
            self = .lines(lines)
        default: return nil
        }
    }
}

extension FieldValue {
    /// Bytes of an event, fresh or read back from a log, where they are a text of digits.
    fileprivate var wireBytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .text(let digits): Hexadecimal.bytes(digits)
        default: nil
        }
    }
}
