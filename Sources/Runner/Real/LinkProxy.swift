import LabCore
import Simulation

/// Puts a link with faults between a device's real connections and the other side.
///
/// Each connection passes a link of its own, which is the same value of faults that links in memory are; the
/// delays and losses are made by the kernel's clock. All connections of a device share the device's faults.
final class LinkProxy {
    private let kernel: Kernel
    private let name: String
    private let seed: UInt64
    private var connections: [ProxiedConnection] = []
    private var faults: [(id: Int, fault: LinkFault)] = []
    private var count = 0

    /// - Parameter name: the node's, for the streams of chance.
    init(on kernel: Kernel, name: String, seed: UInt64) {
        self.kernel = kernel
        self.name = name
        self.seed = seed
    }

    /// Takes an accepted connection of the device.
    ///
    /// - Parameter upstream: not open yet; leads to where the device wants to be.
    func accept(_ downstream: any ByteStream, upstream: any ByteStream) {
        count += 1
        let link = Link(on: kernel, name: "\(name).link.\(count)", profile: LinkProfile(), seed: seed)
        for (id, fault) in faults { link.apply(fault, id: id) }
        let connection = ProxiedConnection(link, downstream, upstream) { [weak self] ended in
            self?.connections.removeAll { $0 === ended }
        }
        connections.append(connection)
        connection.begin()
    }

    func apply(_ fault: LinkFault, id: Int) {
        faults.append((id, fault))
        for connection in connections { connection.link.apply(fault, id: id) }
    }

    func clear(_ id: Int) {
        faults.removeAll { $0.id == id }
        for connection in connections { connection.link.clear(id) }
    }

    /// The device has no power: its connections are forgotten on its side, and the other side is not told.
    func vanish() { for connection in connections { connection.vanish() } }

    func close() {
        for connection in connections { connection.end() }
    }
}

/// One connection on its way through the proxy. The device is the near end of the link.
private final class ProxiedConnection: LinkReceiver {
    let link: Link
    private let downstream: any ByteStream
    private let upstream: any ByteStream
    private let ended: (ProxiedConnection) -> Void
    /// What the device sent before its end of the link was open.
    private var early: [[UInt8]] = []
    /// What came through the link before the other side was connected.
    private var waiting: [[UInt8]] = []
    private var isNearDone = false
    private var isFarDone = false
    private var hasVanished = false

    init(_ link: Link, _ downstream: any ByteStream, _ upstream: any ByteStream, ended: @escaping (ProxiedConnection) -> Void) {
        self.link = link
        self.downstream = downstream
        self.upstream = upstream
        self.ended = ended
    }

    func begin() {
        link.near = self
        link.far = self
        downstream.onEvent = { [weak self] event in self?.fromDevice(event) }
        upstream.onEvent = { [weak self] event in self?.fromOther(event) }
        link.open(from: .near)
    }

    private func fromDevice(_ event: ByteStreamEvent) {
        guard !hasVanished else { return }
        switch event {
        case .opened: break
        case .bytes(let bytes, _): if link.isOpen(.near) { link.send(bytes, from: .near) } else { early.append(bytes) }
        case .closed:
            link.close(from: .near)
            finish(near: true)
        }
    }

    private func fromOther(_ event: ByteStreamEvent) {
        switch event {
        case .opened:
            for bytes in waiting { upstream.send(bytes) }
            waiting = []
        case .bytes(let bytes, _): link.send(bytes, from: .far)
        case .closed:
            link.close(from: .far)
            finish(far: true)
        }
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch (side, input) {
        case (.near, .opened):
            for bytes in early { link.send(bytes, from: .near) }
            early = []
        case (.near, .bytes(let bytes)): downstream.send(bytes)
        case (.near, .closed):
            downstream.close()
            finish(near: true)
        case (.far, .opened): upstream.open()
        case (.far, .bytes(let bytes)): if upstream.isOpen { upstream.send(bytes) } else { waiting.append(bytes) }
        case (.far, .closed):
            upstream.close()
            finish(far: true)
        }
    }

    /// An end that never got through to the other one leaves nobody there to wait for.
    private func finish(near: Bool = false, far: Bool = false) {
        isNearDone = isNearDone || near
        isFarDone = isFarDone || far
        if isNearDone, !link.isOpen(.far) { isFarDone = isFarDone || !upstream.isOpen }
        if isFarDone, !link.isOpen(.near) { isNearDone = isNearDone || !downstream.isOpen }
        if isNearDone, isFarDone { end() }
    }

    func vanish() {
        guard !hasVanished else { return }
        hasVanished = true
        link.vanish(.near)
        downstream.close()
        finish(near: true)
    }

    func end() {
        downstream.close()
        upstream.close()
        link.retire()
        ended(self)
    }
}
