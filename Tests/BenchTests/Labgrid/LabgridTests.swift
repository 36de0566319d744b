import Bench
import Foundation
import LabCore
import Programs
import Testing
import Transports

@Suite("Places of labgrid 26, which others wrote", .serialized, .timeLimit(.minutes(5)))
struct LabgridTests {
    private static let port = "exporter1/bench/NetworkSerialPort"
    private static let bare = "exporter1/other/NetworkSerialPort"

    private func failure(_ action: () throws -> Void) -> StreamFailure? {
        do { try action() } catch { return error as? StreamFailure }
        return nil
    }

    @Test("a place is acquired, its port speaks RFC 2217, and it is released")
    func port() throws {
        guard let labgrid = try LabgridServices(for: "a place of labgrid") else { return }
        try labgrid.makePlace("modem", matches: [Self.port])
        let place = labgrid.place("modem")
        let port = try place.acquire()
        #expect((port.host, port.wire, port.speed, port.wasHeld) == ("127.0.0.1", .rfc2217, 9_600, false))
        #expect(port.holder.hasSuffix(".lab"))
        #expect(try place.holder() == port.holder)

        let sockets = StreamLoop()
        let reactor = labgrid.reactor
        let stream = RemoteSerialPort(
            port.wire, at: port.address, settings: SerialSettings(baud: 57_600), on: sockets, reportingTo: reactor, clock: { reactor.now })
        var (heard, failures): ([UInt8], [StreamFailure]) = ([], [])
        stream.onEvent = { event in
            switch event {
            case .opened: stream.send([1, 255, 3])
            case .bytes(let bytes, _): heard += bytes
            case .closed(let failure): failures.append(failure)
            }
        }
        stream.open()
        #expect(reactor.run(until: { heard.count >= 3 || !failures.isEmpty }, timeout: .seconds(20)))
        // The emulated device says it backwards.
        #expect(heard == [3, 255, 1])
        #expect(labgrid.terminal.clientSettings?.baud == 57_600)
        stream.close()

        try place.release()
        #expect(try place.holder() == nil)
        try place.release()
    }

    @Test("who has it is said; a place that somebody else has stays theirs")
    func busy() throws {
        guard let labgrid = try LabgridServices(for: "a busy place of labgrid") else { return }
        try labgrid.makePlace("modem", matches: [Self.port])
        #expect(try labgrid.run(["-p", "modem", "acquire"], user: "alice").status == 0)
        let place = labgrid.place("modem")
        let holder = try #require(try place.holder())
        #expect(holder.hasSuffix("/alice"))
        let refused = failure { _ = try place.acquire() }
        #expect(refused?.reason == .busy)
        #expect(
            refused?.description
                == "labgrid place modem: \(holder) has acquired it; wait, or ask for it: `labgrid-client -p modem release` there")
        try place.release()
        #expect(try place.holder() == holder)
        // A resource can be in another place too.
        try labgrid.makePlace("twin", matches: [Self.port])
        #expect(failure { _ = try labgrid.place("twin").acquire() }?.reason == .busy)
    }

    @Test("a place that a killed lab left is taken over; one that its user has acquired by hand is used and stays acquired")
    func leftOver() throws {
        guard let labgrid = try LabgridServices(for: "a place that was left") else { return }
        try labgrid.makePlace("modem", matches: [Self.port])
        // Nothing else of a killed lab is known to labgrid than that it acquired.
        let before = try labgrid.place("modem").acquire()
        let after = try labgrid.place("modem").acquire()
        #expect(after.wasHeld)
        #expect(after.address == before.address)
        try labgrid.place("modem").release()
        #expect(try labgrid.place("modem").holder() == nil)

        #expect(try labgrid.run(["-p", "modem", "acquire"]).status == 0)
        let byHand = try labgrid.place("modem").acquire()
        #expect(byHand.wasHeld)
        #expect(!byHand.holder.hasSuffix(".lab"))
        try labgrid.place("modem").release()
        #expect(try labgrid.place("modem").holder() == byHand.holder)
    }

    @Test("names that are not there are answered with those that are; parts of a name are no name")
    func unknown() throws {
        guard let labgrid = try LabgridServices(for: "unknown places of labgrid") else { return }
        try labgrid.makePlace("modem-left", matches: [Self.port])
        #expect(
            failure { _ = try labgrid.place("nothing").acquire() }?.description
                == "labgrid place nothing: there is no such place; there are: modem-left; correct the name in lab.yaml")
        #expect(failure { _ = try labgrid.place("modem").acquire() }?.reason == .notFound)
        #expect(try labgrid.run(["-p", "modem-left", "add-alias", "modem"]).status == 0)
        #expect(try labgrid.place("modem").acquire().host == "127.0.0.1")
    }

    @Test("a place with several ports: one is named, or the error lists them; a port that is not there leaves nothing acquired")
    func several() throws {
        guard let labgrid = try LabgridServices(for: "a place with several ports") else { return }
        try labgrid.makePlace("rack", matches: [Self.port])
        #expect(try labgrid.run(["-p", "rack", "add-named-match", Self.bare, "console"]).status == 0)
        let several = failure { _ = try labgrid.place("rack").acquire() }
        #expect(several?.reason == .notFound)
        #expect(several?.detail == "the place has several serial ports: RawSerialPort, console")
        let wrong = failure { _ = try labgrid.place("rack", resource: "debug").acquire() }
        #expect(wrong?.detail == "the place has no serial port of that name; it has: RawSerialPort, console")
        #expect(try labgrid.place("rack").holder() == nil)
        let console = try labgrid.place("rack", resource: "console").acquire()
        #expect((console.port, console.wire) == (7_777, .raw))
    }

    @Test("an exporter that has gone, and one that can be reached by SSH only")
    func exporters() throws {
        guard let labgrid = try LabgridServices(for: "exporters of labgrid") else { return }
        try labgrid.makePlace("modem", matches: [Self.port])
        try labgrid.stopExporter()
        let gone = failure { _ = try labgrid.place("modem").acquire() }
        #expect(gone?.reason == .notFound)
        #expect(gone?.detail == "labgrid says: Match exporter1/bench/NetworkSerialPort has no matching remote resource")
        try labgrid.startExporter(isolated: true)
        let isolated = failure { _ = try labgrid.place("modem").acquire() }
        #expect(isolated?.reason == .unsupported)
        #expect(try labgrid.place("modem").holder() == nil)
    }

    @Test("the place's power is switched and read by whom has acquired it")
    func power() throws {
        guard let labgrid = try LabgridServices(for: "power of a place", hasRelay: true) else { return }
        try labgrid.makePlace("modem", matches: ["exporter1/bench/*"])
        let place = labgrid.place("modem")
        #expect(failure { try place.setPower(false) }?.reason == .busy)
        _ = try place.acquire()
        #expect(try place.power() == true)
        try place.setPower(false)
        #expect(try place.power() == false)
        // As a command of lab.yaml does it, in the name of the user.
        #expect(try labgrid.run(["-p", "modem", "power", "on"]).status == 0)
        #expect(try labgrid.run(["-p", "modem", "power", "get"]).output == "power for place modem is on\n")
        try place.release()
    }

    @Test("a run has all of its places, or none; in the end it has none")
    func holdings() throws {
        guard let labgrid = try LabgridServices(for: "several places of labgrid") else { return }
        try labgrid.makePlace("rack", matches: [Self.port])
        #expect(try labgrid.run(["-p", "rack", "add-named-match", Self.bare, "console"]).status == 0)
        func source(_ place: PortSource.Place) -> PortSource {
            PortSource(place, location: SourceLocation(file: "lab.yaml", line: 1, column: 1))
        }
        let serial = source(.labgrid(place: "rack", resource: "RawSerialPort"))
        let console = source(.labgrid(place: "rack", resource: "console"))
        let holdings = LabgridHoldings(coordinator: labgrid.coordinator, program: labgrid.client)
        try holdings.acquire([serial, source(.tcp(host: "127.0.0.1", port: 1)), console])
        #expect(holdings.port(of: serial)?.wire == .rfc2217)
        #expect(holdings.port(of: console)?.port == 7_777)
        #expect(holdings.release() == [])
        #expect(holdings.port(of: serial) == nil)
        #expect(try labgrid.place("rack").holder() == nil)

        #expect(failure { try holdings.acquire([serial, source(.labgrid(place: "nothing", resource: nil))]) }?.reason == .notFound)
        #expect(try labgrid.place("rack").holder() == nil)
    }

    @Test("no coordinator, no labgrid")
    func nobody() throws {
        let missing = failure { _ = try LabgridPlace(name: "modem", program: "labgrid-client-that-is-not-there").acquire() }
        #expect(missing?.reason == .notFound)
        #expect(missing?.remedy.contains("pip install labgrid") == true)
        guard let labgrid = try LabgridServices(for: "a missing coordinator") else { return }
        let elsewhere = "127.0.0.1:\(try LabgridServices.freePort())"
        let refused = failure { _ = try LabgridPlace(name: "modem", coordinator: elsewhere, program: labgrid.client).acquire() }
        #expect(refused?.reason == .refused)
        #expect(refused?.remedy.contains(elsewhere) == true)
    }
}
