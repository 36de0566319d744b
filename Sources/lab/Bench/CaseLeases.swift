import Bench
import LabCore
import Transports

/// The leases of the real devices of one case, all or none, kept by beats until it ends.
struct CaseLeases {
    /// What a case needs to have to itself.
    typealias Device = (node: String, side: HardwareSide)

    private let keeper: LeaseKeeper

    /// Waits for the devices in the order of arrival; a stop ends the wait.
    ///
    /// Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - devices: those of the case that are real.
    ///   - run: its name, for others who look who holds what.
    ///   - timeToLive: of lab.yaml, and `beat` as well.
    ///   - waiting: is told for the progress line, at each look, what it waits for.
    ///   - isStopped: asked at each look.
    ///   - onLoss: called once, on a thread of its own, when the lease is lost; nothing may be done to the devices then. The case is blocked.
    /// - Throws: `.busy` where the wait was stopped; everything else says that the folder of leases is sick: the case is blocked.
    init(
        _ devices: [Device], run: String, timeToLive: Duration, beat: Duration, waiting: (String) -> Void,
        isStopped: () -> Bool = { Interrupts.signalNumber != nil }, onLoss: @escaping @Sendable (StreamFailure) -> Void = { _ in }
    ) throws(StreamFailure) {
        let names = devices.map(\.node)
        // Where the machine's ports cannot be listed, those are leased by what lab.yaml says.
        let ports = (try? PortDirectory.scan()) ?? []
        var keys: [LeaseKey] = []
        for device in devices { keys += try LeaseKey.keys(of: device.side, among: ports) }
        let lease = try LeaseBook { Console.error($0) }.acquire(keys, for: .current(nodes: names, run: run), timeToLive: timeToLive) { position, holder in
            guard !isStopped() else { return false }
            waiting("waits for \(names.joined(separator: ", ")), position \(position), held by \(holder.text)")
            return !isStopped()
        }
        keeper = LeaseKeeper(lease, every: beat, timeToLive: timeToLive, onLoss: onLoss)
    }

    /// Why they are lost, for the reason of a blocked case; `nil` while they are not.
    var loss: StreamFailure? { keeper.loss }

    /// Gives the devices to the next; as often as one likes.
    func release() { keeper.release() }
}
