import Cloud
import LabCore
import Testing

@Suite("Organisations: operator, region, site (charging-platform.md 1.3)")
struct OrganisationTests {
    @Test("ids begin with the operator's, so that two operators may use one code")
    func ids() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        #expect(bench.stations.tree.subtree(of: "acme").map(\.id) == ["acme", "acme.depot", "acme.east", "acme.mall"])
        #expect(bench.stations.tree["bolt.depot"]?.operatorID == "bolt")
        #expect(bench.stations.tree.line(from: "acme.depot").map(\.id) == ["acme.depot", "acme.east", "acme"])
        #expect(bench.stations.tree.isWithin("acme.depot", "acme.east"))
        #expect(!bench.stations.tree.isWithin("acme.mall", "acme.east"))
        #expect(!bench.stations.tree.isWithin("bolt.depot", "acme"))
    }

    @Test(
        "what does not fit into the tree is refused",
        arguments: [
            (OrganisationKind.company, "x", "acme" as String?), (.region, "x", nil), (.site, "x", nil), (.site, "x", "acme.depot"),
            (.region, "x", "acme.mall"),
            (.site, "x", "nobody"),
        ])
    func kinds(kind: OrganisationKind, code: String, parent: String?) async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        let error = await #expect(throws: APIError.self) { try await bench.stations.addOrganisation(kind, code: code, parent: parent) }
        #expect(error?.code.name == "ORGANISATION_KIND")
    }

    @Test("a code is a word, and one operator uses it once", arguments: ["", "a b", "a.b", "a/b", "ä", String(repeating: "x", count: 33)])
    func codes(code: String) async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        let wrong = await #expect(throws: APIError.self) { try await bench.stations.addOrganisation(.site, code: code, parent: "acme") }
        #expect(wrong?.code.name == "INVALID_FIELD")
        let twice = await #expect(throws: APIError.self) { try await bench.stations.addOrganisation(.site, code: "depot", parent: "acme") }
        #expect(twice?.code.name == "ORGANISATION_EXISTS")
    }

    @Test("the tree has eight levels and no more")
    func depth() async throws {
        let bench = try StationBench()
        _ = try await bench.stations.addOrganisation(.company, code: "deep")
        var parent = "deep"
        for level in 1...7 { parent = try await bench.stations.addOrganisation(.region, code: "r\(level)", parent: parent).id }
        let error = await #expect(throws: APIError.self) { try await bench.stations.addOrganisation(.site, code: "s", parent: parent) }
        #expect(error?.code.name == "ORGANISATION_KIND")
    }

    @Test("piles belong to a site, know its operator and its civil time, and survive the cloud")
    func piles() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        _ = try await bench.stations.addOrganisation(.site, code: "lhasa", parent: "bolt", utcOffset: 360)
        try await bench.stations.enter([PileEntry(id: "82241218000382-1", wire: .bkv, ports: 1, ratedPower: 35_000)], site: "bolt.lhasa")
        try bench.restart()
        let expected = RegisteredPile(
            id: "82241218000382-1", operatorID: "bolt", site: "bolt.lhasa", ports: 1, ratedPower: 35_000, utcOffset: 360)
        #expect(bench.stations.pile("82241218000382-1") == expected)
        #expect(bench.stations.pile("00000001")?.operatorID == "acme")
        #expect(bench.stations.pile("deadbeef") == nil, "nobody has entered it (F57)")
        let region = await #expect(throws: APIError.self) {
            try await bench.stations.enter([PileEntry(id: "000000aa", wire: .dny, ports: 1)], site: "acme.east")
        }
        #expect(region?.code.name == "ORGANISATION_KIND")
    }

    @Test("a list of piles is entered as a whole or not at all")
    func allOrNothing() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators(piles: 1)
        let list = ["000000a1", "00000001", "000000a2"].map { PileEntry(id: $0, wire: .dny, ports: 2) }
        let error = await #expect(throws: APIError.self) { try await bench.stations.enter(list, site: "bolt.mall") }
        #expect(error?.code.name == "PILE_EXISTS")
        #expect(error?.details["pile"] == "00000001")
        #expect(bench.stations.pile("000000a1") == nil && bench.stations.pile("00000001")?.operatorID == "acme")
        try bench.restart()
        #expect(bench.stations.pile("000000a1") == nil)
    }

    @Test(
        "an id that the protocol cannot have is refused",
        arguments: [
            (PileProtocol.dny, "04CEAA40"), (.dny, "04ceaa4"), (.dny, "04ceaa400"), (.bkv, "82241218000382"), (.bkv, "82241218000382-0"),
            (.bkv, "82241218000382-01"), (.bkv, "8224121800038-1"), (.bkv, "82241218000382-251"), (.ee66, ""), (.ee66, "a b"),
        ])
    func wrongIDs(wire: PileProtocol, id: String) {
        #expect(PileEntry(id: id, wire: wire, ports: 2).fault != nil)
    }

    @Test("ids of the three protocols, ports and power within their bounds are taken")
    func rightIDs() {
        for entry in [
            PileEntry(id: "04ceaa40", wire: .dny, ports: 2), PileEntry(id: "82241218000382-250", wire: .bkv, ports: 2),
            PileEntry(id: "EE_0007", wire: .ee66, ports: 32),
        ] {
            #expect(entry.fault == nil)
        }
        #expect(PileEntry(id: "04ceaa40", wire: .dny, ports: 0).fault != nil)
        #expect(PileEntry(id: "04ceaa40", wire: .dny, ports: 33).fault != nil)
        #expect(PileEntry(id: "04ceaa40", wire: .dny, ports: 2, ratedPower: 0).fault != nil)
    }

    @Test("a pile moves to another site of its operator, and never to another operator")
    func moving() async throws {
        let bench = try StationBench()
        try await bench.withTwoOperators()
        try await bench.stations.changePile("00000001", name: "Gate 1", site: "acme.mall")
        #expect(bench.stations.pile("00000001")?.site == "acme.mall")
        let error = await #expect(throws: APIError.self) { try await bench.stations.changePile("00000001", name: nil, site: "bolt.mall") }
        #expect(error?.code.name == "ORGANISATION_NOT_FOUND")
        try bench.restart()
        #expect(bench.stations.pile("00000001")?.site == "acme.mall")
        #expect(bench.stations.snapshot(of: "00000001")?.name == "Gate 1")
    }
}
