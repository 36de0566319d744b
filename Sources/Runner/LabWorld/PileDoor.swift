import Cloud
import LabCore

/// One connection of a pile, seen from the cloud's side.
protocol PileConnection: AnyObject {
    /// The node behind it, or its address.
    var peer: String { get }
    func send(_ bytes: [UInt8])
    func close()
}

/// Where piles reach the cloud's gateway: it numbers connections and outlives the cloud, whose death breaks them all.
final class PileDoor {
    private unowned let cloud: CloudHost
    private var connections: [UInt64: any PileConnection] = [:]
    private var count: UInt64 = 0

    init(_ cloud: CloudHost) { self.cloud = cloud }

    /// - Returns: the connection's number; `nil` where no cloud runs, which is a connection refused.
    func opened(_ connection: any PileConnection) -> UInt64? {
        guard let cloud = cloud.cloud else { return nil }
        count += 1
        connections[count] = connection
        cloud.pileConnected(count, peer: connection.peer)
        return count
    }

    func received(_ bytes: [UInt8], on number: UInt64) {
        if connections[number] != nil { cloud.cloud?.pileReceived(number, bytes) }
    }

    func closed(_ number: UInt64) {
        if connections.removeValue(forKey: number) != nil { cloud.cloud?.pileClosed(number) }
    }

    // MARK: What the cloud decides

    func send(_ bytes: [UInt8], to number: UInt64) { connections[number]?.send(bytes) }

    func close(_ number: UInt64) { connections.removeValue(forKey: number)?.close() }

    /// The cloud has died, and its sockets with it.
    func closeAll() {
        let open = connections.sorted { $0.key < $1.key }
        connections = [:]
        for (_, connection) in open { connection.close() }
    }
}
