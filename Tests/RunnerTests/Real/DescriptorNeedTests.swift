import LabCore
import Testing
import Transports

@testable import Runner

@Suite("A fleet on real media must fit into the descriptors of the process")
struct DescriptorNeedTests {
    private static func badges(_ count: Int) -> [Role] {
        let place = SourceLocation(file: "fleet.yaml", line: 1, column: 1)
        return [Role(name: "badges", kind: "badge", count: count, location: place), Role(name: "cloud", kind: "cloud", location: place)]
    }

    @Test("50,000 badges with four descriptors each are refused where there may be 20,000, before any of them is switched on")
    func refused() throws {
        let failure = #expect(throws: StreamFailure.self) { try DescriptorNeed.refuse(Self.badges(50_000), .embedded, limit: 20_000) }
        #expect(failure?.description == "emu: 50000 badges take about 200504 descriptors, and this process may have 20000; raise the hard limit (`ulimit -Hn`, LimitNOFILE= of a service), give the fleet a smaller count, or let a part of it do without sockets (where: {over_tcp: …})")
    }

    @Test("of 50,000 badges 4,800 with sockets fit, 5,000 do not")
    func partly() throws {
        var roles = Self.badges(50_000)
        func withSockets(_ count: Int64) -> [Role] {
            roles[0].facts = Match([Match.Condition(field: "over_tcp", test: .equals(.constant(.integer(count))))])
            return roles
        }
        try DescriptorNeed.refuse(withSockets(4_800), .embedded, limit: 20_000)
        #expect(throws: StreamFailure.self) { try DescriptorNeed.refuse(withSockets(5_000), .embedded, limit: 20_000) }
    }

    @Test("4,800 badges fit; so do 6,000 where the broker is another process; 6,000 with the lab's own do not")
    func fits() throws {
        try DescriptorNeed.refuse(Self.badges(4_800), .embedded, limit: 20_000)
        try DescriptorNeed.refuse(Self.badges(6_000), .mosquitto, limit: 20_000)
        #expect(throws: StreamFailure.self) { try DescriptorNeed.refuse(Self.badges(6_000), .embedded, limit: 20_000) }
    }
}
