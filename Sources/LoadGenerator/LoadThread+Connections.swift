import CLinux
import DequeModule
import Glibc
import LabCore

/// Connections: opened when items wait for them, up to the most, and kept for the next item.
extension LoadThread {
    func openFirst(_ count: Int) { for _ in 0..<min(count, most) { if openConnection() == nil { return } } }

    func openConnection() -> Int? {
        let descriptor = address.connect()
        guard descriptor >= 0 else { return nil }
        let place: Int
        if let free = vacant.popLast() {
            place = free
        } else {
            place = connections.count
            connections.append(Connection())
        }
        connections[place].life &+= 1
        guard clinux_epoll_add(epoll, descriptor, UInt32(CLINUX_WRITABLE), token(place)) == 0 else {
            Glibc.close(descriptor)
            vacant.append(place)
            return nil
        }
        connections[place].descriptor = descriptor
        connections[place].state = .connecting
        // Until it has an item: when it was begun.
        connections[place].row = LoadRow(index: 0, planned: now)
        open += 1
        connecting += 1
        return place
    }

    func token(_ place: Int) -> UInt64 { UInt64(connections[place].life) << 32 | UInt64(place) }

    func handle(_ event: clinux_ready) {
        let place = Int(event.token & 0xffff_ffff)
        guard connections[place].life == UInt32(event.token >> 32) else { return }
        switch connections[place].state {
        case .closed: return
        case .connecting: connected(place)
        case .idle: receive(place)
        case .busy:
            if !connections[place].unwritten.isEmpty, event.events & UInt32(CLINUX_WRITABLE) != 0 { writeRest(place) }
            if connections[place].state == .busy, event.events & ~UInt32(CLINUX_WRITABLE) != 0 { receive(place) }
        }
    }

    private func connected(_ place: Int) {
        let descriptor = connections[place].descriptor
        connecting -= 1
        guard Sockets.error(of: descriptor) == 0, clinux_epoll_modify(epoll, descriptor, UInt32(CLINUX_READABLE), token(place)) == 0 else {
            // Not counted as connecting any more.
            connections[place].state = .idle
            close(place)
            if case .heldConnections = settings.shape { return lostHeld(place, .connectionLost) }
            failOldest()
            return openForWaiting()
        }
        totals.connectionsOpened += 1
        connections[place].state = .idle
        if case .heldConnections(_, let interval) = settings.shape { return heldIsOpen(place, interval) }
        serveNext(place)
    }

    /// The connection is free: whoever waits longest has it.
    func serveNext(_ place: Int) {
        if let (item, taken) = waiting.popFirst() {
            _ = send(item, taken: taken, on: place)
        } else {
            idle.append((place, connections[place].life))
        }
    }

    /// - Parameter isAborted: the other side may still write to it.
    func close(_ place: Int, isAborted: Bool = false) {
        let descriptor = connections[place].descriptor
        switch connections[place].state {
        case .closed: return
        case .connecting: connecting -= 1
        case .idle: break
        case .busy: inFlight -= 1
        }
        // Of many connections each would hold its port for a minute.
        if isAborted || most > 256 { Sockets.abort(descriptor) } else { Glibc.close(descriptor) }
        open -= 1
        connections[place].state = .closed
        connections[place].descriptor = -1
        if !connections[place].unwritten.isEmpty { unfinishedWrites -= 1 }
        connections[place].unwritten.removeAll()
        vacant.append(place)
    }
}
