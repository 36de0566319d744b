import Testing

@testable import Bench

@Suite("What labgrid-client says of a place")
struct LabgridTextTests {
    /// labgrid 26.0.1: a place with two ports, one of them under a name of its own.
    private static let acquired = """
        Place 'modem':
          aliases: dev1, spare
          comment: on the left
          matches:
            exporter1/bench/NetworkSerialPort
            exporter1/other/NetworkSerialPort -> console
          acquired: vm/root
          acquired resources:
            exporter1/bench/NetworkSerialPort/RawSerialPort
            exporter1/other/NetworkSerialPort/NetworkSerialPort -> console
          created: 2026-11-22 02:07:11.038640
          changed: 2026-11-22 02:08:35.160103
        Acquired resource 'RawSerialPort' (exporter1/bench/NetworkSerialPort/RawSerialPort):
          {'acquired': 'modem',
           'avail': True,
           'cls': 'NetworkSerialPort',
           'params': {'extra': {'path': '/dev/pts/0',
                                'proxy': 'localhost',
                                'proxy_required': False},
                      'host': '127.0.0.1',
                      'port': 58225,
                      'speed': 115200}}
        Acquired resource 'console' (exporter1/other/NetworkSerialPort/NetworkSerialPort):
          {'acquired': 'modem',
           'avail': True,
           'cls': 'NetworkSerialPort',
           'params': {'extra': {'proxy': 'gateway', 'proxy_required': True},
                      'host': '127.0.0.1',
                      'port': 7777,
                      'protocol': 'raw',
                      'speed': 9600}}

        """

    @Test("an acquired place: who has it, and its ports")
    func acquired() throws {
        let place = try #require(LabgridListing(Self.acquired))
        #expect(place.name == "modem")
        #expect(place.aliases == ["dev1", "spare"])
        #expect(place.holder == "vm/root")
        #expect(place.resources.map(\.name) == ["RawSerialPort", "console"])
        let port = try #require(place.resources.first)
        #expect(port.path == "exporter1/bench/NetworkSerialPort/RawSerialPort")
        #expect(
            (port.kind, port.isAvailable, port.host, port.port, port.speed) == ("NetworkSerialPort", true, "127.0.0.1", 58_225, 115_200))
        #expect((port.wire, port.proxy) == ("rfc2217", nil))
        #expect((place.resources[1].wire, place.resources[1].proxy) == ("raw", "gateway"))
    }

    @Test("a place that nobody has: its port has no server yet")
    func free() throws {
        let place = try #require(
            LabgridListing(
                """
                Place 'modem':
                  matches:
                    exporter1/bench/*
                  acquired: None
                  acquired resources:
                  created: 2026-11-22 02:07:11.038640
                  changed: 2026-11-22 02:07:11.792048
                Matching resource 'RawSerialPort' (exporter1/bench/NetworkSerialPort/RawSerialPort):
                  {'acquired': None,
                   'avail': True,
                   'cls': 'NetworkSerialPort',
                   'params': {'extra': {}, 'host': '127.0.0.1', 'port': None, 'speed': 115200}}
                """))
        #expect(place.holder == nil)
        #expect(place.resources.first?.port == nil)
    }

    @Test("a comment cannot pretend that somebody else has it")
    func comment() {
        let text = "Place 'a':\n  comment: nice\n  acquired: None\n  matches:\n  acquired: vm/alice\n  acquired resources:\n"
        #expect(LabgridListing(text)?.holder == "vm/alice")
    }

    @Test("other text is none", arguments: ["", "usage: labgrid-client", "Place modem", "Place '"])
    func none(_ text: String) { #expect(LabgridListing(text) == nil) }

    @Test("no cut of it makes another holder or another port of it")
    func cuts() {
        for count in stride(from: 0, to: Self.acquired.count, by: 3) {
            guard let place = LabgridListing(String(Self.acquired.prefix(count))) else { continue }
            #expect(place.name == "modem")
            #expect(place.resources.allSatisfy { $0.port == 58_225 || $0.port == 7_777 })
        }
    }

    @Test("names of places")
    func names() {
        #expect(LabgridListing.names(in: "Place 'b':\n  matches:\nPlace 'it's':\n  comment: Place 'x':\n") == ["b", "it's"])
    }
}

@Suite("Values as Python prints them")
struct PythonLiteralTests {
    @Test(
        "values",
        arguments: [
            ("None", PythonLiteral.none), (" True ", .bool(true)), ("-12", .integer(-12)), ("1.5", .word("1.5")),
            ("'a\\'b'", .string("a'b")),
            ("\"it's\"", .string("it's")), ("'\\x41\\u00e9\\n'", .string("Aé\n")), ("('long '\n 'text')", .list([.string("long text")])),
            ("[1, 'b',]", .list([.integer(1), .string("b")])), ("()", .list([])), ("{}", .dictionary([])),
            ("{'a': {'b': None}}", .dictionary([.init(key: .string("a"), value: .dictionary([.init(key: .string("b"), value: .none)]))])),
        ] as [(String, PythonLiteral)])
    func values(_ text: String, _ value: PythonLiteral) { #expect(PythonLiteral(text) == value) }

    @Test(
        "others are refused",
        arguments: ["", "'", "'\\", "'\\x4", "{", "{'a'}", "{'a': 1", "[1 2]", "1 2", "}", String(repeating: "[", count: 10_000)])
    func refused(_ text: String) { #expect(PythonLiteral(text) == nil) }
}
