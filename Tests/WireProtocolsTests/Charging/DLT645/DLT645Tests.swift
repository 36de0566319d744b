import LabCore
import Testing

@testable import WireProtocols

@Suite("DL/T 645-2007 frames (charging-protocols.md 5.4)")
struct DLT645Tests {
    @Test("every row says what it says in the file, and comes back", arguments: FrameVector.of("dlt645-2007"))
    func bothWays(_ vector: FrameVector) throws {
        let frame = try DLT645Frame(vector.bytes)
        #expect(frame.address == vector.text("address"))
        #expect(hexadecimal(frame.control) == vector.text("control"))
        #expect(Int64(frame.preamble) == vector["preamble"]?.integer)
        #expect(Int64(frame.data.count) == vector["data_len"]?.integer)
        #expect(try frame.encoded() == vector.bytes)
        switch frame.message {
        case .read(let item): #expect(hexadecimal(item.rawValue) == vector.text("data_id"))
        case .value(let item, let value):
            #expect(hexadecimal(item.rawValue) == vector.text("data_id"))
            #expect(DLT645Number.read(value).map { "\($0)" } == vector.text("value_bcd"))
        default: Issue.record("\(frame.message)")
        }
        #expect(try DLT645Frame(frame.message, address: frame.address, preamble: frame.preamble).encoded() == vector.bytes)
        let report = DLT645Report.explain(vector.bytes)
        #expect(!report.isRefused)
        var values = Fields()
        for field in report.fields { values[field.name] = field.value }
        #expect(try DLT645Report.frame(report.command, values: values) == vector.bytes)
    }

    @Test("the voltage of the answer reads 100.1 V")
    func voltage() throws {
        let row = try #require(FrameVector.all.first { $0.id == "dlt645-2007-004" })
        #expect(DLT645Report.explain(row.bytes)["value"]?.meaning == "100.1 V")
    }

    @Test("an address is asked with AA six times and answered with itself")
    func address() throws {
        let ask = try DLT645Frame(.readAddress, address: "").encoded()
        #expect(Hexadecimal.text(ask) == "fefefefe68aaaaaaaaaaaa681300df16")
        let answer = DLT645Frame(.address, address: "000000000161")
        #expect(answer.data == [0x61, 0x01, 0, 0, 0, 0])
        #expect(answer.message == .address)
    }

    @Test("numbers are BCD, the lowest byte first, and what is too large runs over as a register does")
    func numbers() {
        #expect(DLT645Number.write(123_456, size: 4) == [0x56, 0x34, 0x12, 0x00])
        #expect(DLT645Number.read([0x56, 0x34, 0x12, 0x00] as [UInt8]) == 123_456)
        #expect(DLT645Number.write(12_345, size: 2) == [0x45, 0x23])
        #expect(DLT645Number.read([0x0a] as [UInt8]) == nil)
    }

    @Test("a wrong checksum, head or tail is refused; every changed bit but the preamble's is")
    func refused() throws {
        let bytes = FrameVector.of("dlt645-2007")[2].bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var wrong = bytes
                wrong[index] ^= 1 << bit
                #expect(throws: DLT645Fault.self) { try DLT645Frame(wrong) }
                _ = DLT645Report.explain(wrong)
            }
        }
    }

    @Test("frames are found in a stream, with the FE before them, however it is cut")
    func stream() {
        let good = FrameVector.of("dlt645-2007").map(\.bytes)
        let stream = [0x68, 0x16] + Array(repeating: 0xfe as UInt8, count: 40) + Array(good.joined())
        for size in [1, 7, 1_000] {
            var decoder = DLT645StreamDecoder()
            var found: [DLT645Frame] = []
            var rest = stream[...]
            while !rest.isEmpty {
                decoder.append(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let item = decoder.next() { if case .frame(let frame, _, _) = item { found.append(frame) } }
            }
            #expect(found.map(\.control) == [0x11, 0x11, 0x91])
        }
    }
}

@Suite("Frames of other protocols (charging-protocols.md 5.2, 5.5, 5.6)")
struct OtherProtocolTests {
    @Test(
        "Modbus, JUY and YKC rows, whose messages nobody here implements, are frames of none of these three",
        arguments: FrameVector.all.filter { ["modbus-rtu", "juy-5aa5", "ykc-1.6"].contains($0.wire) })
    func notOurs(_ vector: FrameVector) {
        #expect(throws: BKVFrameError.self) { try BKVFrame(vector.bytes) }
        #expect(throws: EE66Fault.self) { try EE66Frame(vector.bytes) }
        #expect(throws: DLT645Fault.self) { try DLT645Frame(vector.bytes) }
    }
}
