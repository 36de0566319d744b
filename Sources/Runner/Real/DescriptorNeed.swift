import Glibc
import LabCore
import Transports

/// The descriptors that a fleet takes on real media: found to be too few before thousands of devices begin to fail one by one.
enum DescriptorNeed {
    /// Of the lab itself: database, log, sockets of the servers, loads.
    private static let others = 500

    /// - Throws: `.failed` where this process may not have so many.
    static func refuse(_ roles: [Role], _ broker: BrokerChoice, limit: Int = limit) throws(StreamFailure) {
        let needed = others + roles.reduce(0) { $0 + min($1.count, $1.membersOverTCP) * perDevice($1.kind, broker) }
        guard needed > limit else { return }
        let fleet = roles.filter { $0.count > 1 }.map { "\($0.count) \($0.name)" }.joined(separator: " and ")
        throw StreamFailure(
            .failed, "emu", "\(fleet.isEmpty ? "the devices" : fleet) take about \(needed) descriptors, and this process may have \(limit)",
            remedy: "raise the hard limit (`ulimit -Hn`, LimitNOFILE= of a service), give the fleet a smaller count, or let a part of it do without sockets (where: {over_tcp: …})")
    }

    /// A badge has its socket, the pair by which libmosquitto wakes itself, and the broker's end, where that is the lab's; a pile two sockets.
    private static func perDevice(_ kind: String, _ broker: BrokerChoice) -> Int {
        switch kind {
        case "badge": broker == .embedded ? 4 : 3
        case "pile": 2
        default: 4
        }
    }

    /// The hard limit, up to which the lab raises its own.
    static var limit: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        return Int(clamping: limit.rlim_max)
    }
}
