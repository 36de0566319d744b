package import LabCore

/// What listens at an end of a link.
package protocol LinkReceiver: AnyObject {
    func link(_ link: Link, _ side: LinkSide, received input: LinkInput)
}

/// A link in memory: a connection between two ends, and beside it exchanges of single messages, over one medium
/// with delays and faults.
///
/// Opening takes a round trip. What one side sends arrives at the other in the kernel's order. Each end is told
/// `.closed` when the other closes, when the link is cut, or when it gives up after 8 retransmissions; not when it
/// closes itself. An opening that fails is `.closed` too.
package final class Link {
    package let kernel: Kernel
    package let name: String
    package private(set) var up: LinkDirection
    package private(set) var down: LinkDirection
    /// Listens at the device's end. Kept alive until `Kernel.shutDown`.
    package var near: (any LinkReceiver)?
    /// Listens at the other end; while it is `nil`, connections are refused. Kept alive like `near`.
    package var far: (any LinkReceiver)?

    /// Counts connections: what belongs to an earlier one is dropped.
    private var epoch: UInt32 = 0
    /// The side whose opening is under way.
    private var opening: LinkSide?
    private var isNearOpen = false
    private var isFarOpen = false
    private var disturbance: Disturbance?

    /// What only a link needs that has, or had, a fault.
    private final class Disturbance {
        let base: (up: SharedProfile, down: SharedProfile)
        var faults = LinkFaultStack()
        /// The delivery to which glue adds, for each side that receives.
        var glued: [LinkSide: ScheduledItem] = [:]
        /// When what a side sent into a black hole is tried again.
        var retries: [LinkSide: RunInstant] = [:]
        init(up: SharedProfile, down: SharedProfile) { base = (up, down) }
    }

    /// - Parameters:
    ///   - name: names its streams of chance; must be unique in a run: "badge.link".
    ///   - seed: the run's seed.
    package init(
        on kernel: Kernel, name: String, _ character: LinkCharacter = .stream, up: SharedProfile, down: SharedProfile, seed: UInt64
    ) {
        self.kernel = kernel
        self.name = name
        self.up = LinkDirection(character, profile: up, seed: seed, name: "link \(name) up")
        self.down = LinkDirection(character, profile: down, seed: seed, name: "link \(name) down")
        kernel.links.append(self)
    }

    package convenience init(on kernel: Kernel, name: String, _ character: LinkCharacter = .stream, profile: LinkProfile, seed: UInt64) {
        let shared = SharedProfile(profile)
        self.init(on: kernel, name: name, character, up: shared, down: shared, seed: seed)
    }

    /// Ends a link that nobody will use again: what is on the way is dropped, and its receivers are let go.
    package func retire() {
        startEpoch()
        (near, far) = (nil, nil)
        (isNearOpen, isFarOpen) = (false, false)
        opening = nil
        kernel.links.removeAll { $0 === self }
    }

    package func isOpen(_ side: LinkSide) -> Bool { side == .near ? isNearOpen : isFarOpen }

    // MARK: Connection

    /// Opens a connection from `side`; both ends get `.opened`, or this one `.closed`. An open one is given up first.
    package func open(from side: LinkSide) {
        startEpoch()
        opening = side
        setOpen(side, false)
        up.reconnect(notBefore: kernel.now)
        down.reconnect(notBefore: kernel.now)
        handshake(from: side) { [self] arrived in
            if arrived { accept(from: side) } else { fail(side) }
        }
    }

    private func accept(from side: LinkSide) {
        let other = side.other
        if isOpen(other) {
            setOpen(other, false)
            tell(other, .closed)
        }
        let isAccepted = receiver(other) != nil
        // The consent goes first: what the accepting end sends when it hears of the connection must not overtake it.
        handshake(from: other) { [self] arrived in
            guard arrived, isAccepted else { return fail(side) }
            opening = nil
            setOpen(side, true)
            tell(side, .opened)
        }
        guard isAccepted else { return }
        setOpen(other, true)
        tell(other, .opened)
    }

    /// One half of the opening; ends without a word if the opening was given up meanwhile.
    private func handshake(from side: LinkSide, _ done: @escaping (_ arrived: Bool) -> Void) {
        let epoch = epoch
        attempt(0, since: kernel.now, size: 0, isOrdered: true, from: side) { [self] fate in
            guard epoch == self.epoch, opening != nil else { return }
            if case .arrives = fate { done(true) } else { done(false) }
        }
    }

    private func fail(_ side: LinkSide) {
        opening = nil
        tell(side, .closed)
    }

    /// Sends bytes from an open end; from any other they are dropped.
    package func send(_ bytes: [UInt8], from side: LinkSide) {
        guard isOpen(side) else { return }
        transmit(from: side) { $0.transmit(bytes, at: $1, &$2) }
    }

    /// Closes an end. What it has sent still arrives, then `.closed`; it receives nothing more itself.
    package func close(from side: LinkSide) {
        if opening == side {
            opening = nil
        } else if !isOpen(side) {
            return
        }
        setOpen(side, false)
        transmit(from: side) { $0.finish(at: $1, &$2) }
    }

    /// The end vanishes, as in a power cut: nobody is told.
    package func vanish(_ side: LinkSide) {
        if opening == side { opening = nil }
        setOpen(side, false)
        direction(from: side) { $0.abandon() }
    }

    /// Breaks the connection: what is on the way is lost, and each open end is told after the delay.
    package func breakConnection() {
        startEpoch()
        up.abandon()
        down.abandon()
        let (epoch, opener) = (epoch, opening)
        opening = nil
        for side in LinkSide.allCases where isOpen(side) || opener == side {
            let delay = side == .near ? down.profile.delay : up.profile.delay
            kernel.schedule(at: kernel.now.advanced(by: delay)) { [self] in
                guard epoch == self.epoch else { return }
                setOpen(side, false)
                tell(side, .closed)
            }
        }
    }

    private func startEpoch() {
        epoch &+= 1
        disturbance?.glued = [:]
        disturbance?.retries = [:]
    }

    /// Lets one direction do something and schedules what comes of it.
    private func transmit(from side: LinkSide, _ body: (inout LinkDirection, RunInstant, inout [LinkDelivery]) -> Void) {
        // One list for all links: it lies warm in the cache, and a link needs none of its own.
        var pieces = kernel.pieces
        kernel.pieces = []
        let now = kernel.now
        if side == .near { body(&up, now, &pieces) } else { body(&down, now, &pieces) }
        for piece in pieces { schedule(piece, from: side) }
        pieces.removeAll(keepingCapacity: true)
        kernel.pieces = pieces
        if disturbance != nil { awaitRetransmission(from: side) }
    }

    private func schedule(_ piece: LinkDelivery, from side: LinkSide) {
        let receiver = side.other
        switch piece.content {
        case .bytes(let bytes):
            if piece.joinsPrevious, let item = disturbance?.glued[receiver], kernel.join(bytes, to: item) { return }
            let delivery = PendingDelivery(link: self, side: receiver, epoch: epoch, input: .bytes(bytes))
            let item = kernel.schedule(delivery, at: piece.at)
            disturbance?.glued[receiver] = item
        case .end:
            kernel.schedule(PendingDelivery(link: self, side: receiver, epoch: epoch, input: .closed), at: piece.at)
        case .broken:
            let epoch = epoch
            kernel.schedule(at: piece.at) { [self] in
                if epoch == self.epoch { giveUp(side) }
            }
        }
    }

    /// The sender's end breaks; the other one is told, if that gets through.
    private func giveUp(_ side: LinkSide) {
        if isOpen(side) {
            setOpen(side, false)
            tell(side, .closed)
        }
        var fate = MessageFate.swallowed
        direction(from: side) { fate = $0.transmitMessage(size: 0, at: kernel.now) }
        guard case .arrives(let moment, _) = fate else { return }
        kernel.schedule(PendingDelivery(link: self, side: side.other, epoch: epoch, input: .closed), at: moment)
    }

    // MARK: Messages

    /// Sends one message over a connection of its own and tells what became of it, at the moment when it is known.
    ///
    /// `.swallowed` is never told: a message in a black hole is sent again, until it arrives or 8 attempts are over.
    package func exchange(size: Int, from side: LinkSide, _ done: @escaping (MessageFate) -> Void) {
        attempt(0, since: kernel.now, size: size, isOrdered: false, from: side, done)
    }

    private func attempt(
        _ count: Int, since start: RunInstant, size: Int, isOrdered: Bool, from side: LinkSide, _ done: @escaping (MessageFate) -> Void
    ) {
        var fate = MessageFate.swallowed
        direction(from: side) { fate = $0.transmitMessage(size: size, at: kernel.now, isOrdered: isOrdered) }
        switch fate {
        case .arrives(let moment, _), .broken(let moment): kernel.schedule(at: moment) { done(fate) }
        case .swallowed:
            let next = start.advanced(byNanoseconds: LinkDirection.retransmissionTimeout * ((2 << count) - 1))
            kernel.schedule(at: next) { [self] in
                if count + 1 >= LinkDirection.retransmissions { return done(.broken(at: kernel.now)) }
                attempt(count + 1, since: start, size: size, isOrdered: isOrdered, from: side, done)
            }
        }
    }

    // MARK: Faults

    /// Begins a fault. A loud cut breaks the connection at once, and connections fail until it is cleared.
    package func apply(_ fault: LinkFault, id: Int) {
        if disturbance == nil { disturbance = Disturbance(up: up.sharedProfile, down: down.sharedProfile) }
        disturbance?.faults.apply(fault, id: id)
        refreshProfiles()
        if case .cut(.loud) = fault.kind { breakConnection() }
    }

    /// Ends a fault; the others stay as they are.
    package func clear(_ id: Int) {
        disturbance?.faults.clear(id)
        refreshProfiles()
    }

    private func refreshProfiles() {
        guard let disturbance else { return }
        let (base, faults) = (disturbance.base, disturbance.faults)
        up.share(faults.isEmpty ? base.up : SharedProfile(faults.profile(over: base.up.profile, sender: .near)))
        down.share(faults.isEmpty ? base.down : SharedProfile(faults.profile(over: base.down.profile, sender: .far)))
    }

    // MARK: Parts

    private func awaitRetransmission(from side: LinkSide) {
        guard let moment = side == .near ? up.nextRetransmission : down.nextRetransmission else { return }
        if disturbance?.retries[side] == moment { return }
        disturbance?.retries[side] = moment
        let epoch = epoch
        kernel.schedule(at: moment) { [self] in
            guard epoch == self.epoch else { return }
            transmit(from: side) { $0.retransmit(at: $1, &$2) }
        }
    }

    fileprivate func deliver(_ input: LinkInput, to side: LinkSide, epoch: UInt32) {
        guard epoch == self.epoch, isOpen(side) else { return }
        if case .closed = input { setOpen(side, false) }
        tell(side, input)
    }

    private func tell(_ side: LinkSide, _ input: LinkInput) { receiver(side)?.link(self, side, received: input) }
    private func receiver(_ side: LinkSide) -> (any LinkReceiver)? { side == .near ? near : far }

    private func setOpen(_ side: LinkSide, _ isOpen: Bool) { if side == .near { isNearOpen = isOpen } else { isFarOpen = isOpen } }

    private func direction(from side: LinkSide, _ change: (inout LinkDirection) -> Void) {
        if side == .near { change(&up) } else { change(&down) }
    }
}

/// Something on its way to an end of a link.
struct PendingDelivery {
    let link: Link
    let side: LinkSide
    let epoch: UInt32
    var input: LinkInput

    func perform() { link.deliver(input, to: side, epoch: epoch) }
}

extension Kernel {
    @discardableResult
    func schedule(_ delivery: PendingDelivery, at moment: RunInstant) -> ScheduledItem {
        core.schedule(.delivery(delivery), at: moment.nanoseconds, cause: cause)
    }

    /// Adds bytes to a delivery that has not happened yet; `false` if it has.
    func join(_ bytes: [UInt8], to item: ScheduledItem) -> Bool {
        var isJoined = false
        core.update(item) { payload in
            guard case .delivery(var delivery) = payload, case .bytes(let before) = delivery.input else { return }
            delivery.input = .bytes(before + bytes)
            payload = .delivery(delivery)
            isJoined = true
        }
        return isJoined
    }
}
