import LabCore
import Testing

@Suite("load.rows: items of a load in the log")
struct LoadRowsTests {
    private static func item(_ index: Int, _ planned: Int64, _ places: [LoadPlace: Int64], _ outcome: LoadItem.Outcome = .good) -> LoadItem {
        var item = LoadItem(index: index, planned: RunInstant(nanoseconds: planned), outcome: outcome, hasArrived: outcome == .good)
        for place in LoadPlace.allCases { if let moment = places[place] { item[place] = RunInstant(nanoseconds: moment) } }
        return item
    }

    @Test("hops are the times between the places that were passed, and add up to the whole (sla.md §1.2)")
    func hops() {
        let item = Self.item(0, 100, [.made: 103, .sent: 110, .received: 150, .committed: 190, .seen: 205])
        #expect(item.response == 105)
        #expect(item.service == 95)
        #expect(item.hops == [3, 7, 0, 40, 0, 40, 0, 15])
        #expect(item.hops?.reduce(0, +) == 105)
    }

    @Test("an item without an answer has neither a response nor hops")
    func unanswered() {
        let item = Self.item(0, 100, [.made: 103, .sent: 110], .unanswered)
        #expect(item.response == nil && item.service == nil && item.hops == nil)
    }

    @Test("what is written is read again: bytes in a run, text in a log from a file", arguments: [false, true])
    func roundTrip(fromFile: Bool) throws {
        var random = SeededGenerator(seed: 20_261_121)
        let items = (0..<400).map { index -> LoadItem in
            var item = LoadItem(
                index: Int(random.integer(below: 1_000_000)), planned: RunInstant(nanoseconds: Int64(random.integer(below: 1 << 50))),
                outcome: LoadItem.Outcome(rawValue: UInt8(random.integer(below: 5))) ?? .good, hasArrived: random.chance(0.5),
                isOutOfOrder: random.chance(0.1),
                labels: random.chance(0.5) ? [Requirement.Label(name: "route", value: "/a=\(index % 3)"), Requirement.Label(name: "status", value: "200")] : [],
                member: Int(random.integer(below: 50_000)))
            for place in LoadPlace.allCases.dropFirst() where random.chance(0.7) {
                item[place] = item.planned.advanced(byNanoseconds: Int64(random.integer(below: 1 << 40)) - 1_000)
            }
            return item
        }
        var fields = LoadRows.fields(load: "api", items: items)
        if fromFile { fields = try #require(try JSONReader.read(JSONWriter.text(.record(fields))).record) }
        #expect(LoadRows.items(in: fields) == items)
        #expect(fields["count"] == 400)
    }

    @Test("a damaged row is refused, not guessed")
    func damaged() throws {
        let fields = LoadRows.fields(load: "api", items: [Self.item(0, 5, [.seen: 9]), Self.item(1, 6, [.seen: 9])])
        guard case .bytes(let bytes)? = fields["rows"] else { throw NoBytes() }
        for count in 0..<bytes.count {
            var cut = fields
            cut["rows"] = .bytes(Array(bytes[..<count]))
            #expect(LoadRows.items(in: cut) == nil, "\(count) of \(bytes.count) bytes")
        }
        var longer = fields
        longer["rows"] = .bytes(bytes + [0])
        #expect(LoadRows.items(in: longer) == nil)
        var counted = fields
        counted["count"] = .integer(.max)
        #expect(LoadRows.items(in: counted) == nil)
    }

    private struct NoBytes: Error {}
}
