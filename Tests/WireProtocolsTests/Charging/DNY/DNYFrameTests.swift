import LabCore
import Testing

@testable import WireProtocols

@Suite("DNY frame (charging-protocols.md 4.2)")
struct DNYFrameTests {
    /// ap3000-016: 44+4E+59+09+00+3B+37+AB+04+01+00+81 = 0297.
    static let query = hex("444e59 0900 3b37ab04 0100 81 9702")

    @Test("the worked example: magic, length 9, little-endian numbers, the sum of all bytes before it")
    func worked() throws {
        let frame = DNYFrame(physicalID: 0x04ab_373b, messageID: 1, command: 0x81)
        #expect(try frame.encoded() == Self.query)
        #expect(try DNYFrame.decode(Self.query) == frame)
        #expect(DNYFrame.checksum(Self.query.dropLast(2)) == 0x0297)
    }

    @Test("the sum goes modulo 65536: 503 bytes of FF and a head")
    func wrapping() throws {
        // 510 * FF + 44+4E+59+00+02 = 130050 + 237 = 130287, less 65536 is 64751 = FCEF.
        let frame = DNYFrame(physicalID: .max, messageID: .max, command: 0xff, data: Array(repeating: 0xff, count: 503))
        let bytes = try frame.encoded()
        #expect(bytes.count == 517)
        #expect(bytes.suffix(2) == [0xef, 0xfc])
    }

    @Test("asks for more bytes at every cut", arguments: 5..<14)
    func truncated(count: Int) {
        #expect(throws: DNYFrameFault.truncated(needed: 14, found: count)) { try DNYFrame.decode(Self.query.prefix(count)) }
    }

    @Test("without its head not even the size is known", arguments: 0..<5)
    func headless(count: Int) {
        #expect(throws: DNYFrameFault.truncated(needed: 5, found: count)) { try DNYFrame.decode(Self.query.prefix(count)) }
    }

    @Test("every wrong byte is noticed", arguments: 0..<14)
    func damaged(index: Int) {
        var bytes = Self.query
        bytes[index] ^= 0x10
        #expect(throws: DNYFrameFault.self) { try DNYFrame.decode(bytes) }
    }

    @Test("lengths outside 9 to 512 are refused, those inside are not", arguments: [0, 1, 8, 9, 512, 513, 0x7fff, 0xffff])
    func lengths(_ length: Int) {
        let head = DNYFrame.magic + [UInt8(length & 0xff), UInt8(length >> 8)]
        if (9...512).contains(length) {
            #expect(throws: DNYFrameFault.truncated(needed: length + 5, found: 5)) { try DNYFrame.decode(head) }
        } else {
            #expect(throws: DNYFrameFault.length(found: length, allowed: 9...512)) { try DNYFrame.decode(head) }
        }
    }

    @Test("a frame that would be too long is not written")
    func tooLong() {
        let frame = DNYFrame(physicalID: 1, messageID: 1, command: 0xe0, data: Array(repeating: 0, count: 504))
        #expect(throws: DNYFrameFault.length(found: 513, allowed: 9...512)) { try frame.encoded() }
    }

    @Test("bytes behind the frame are told, not passed over")
    func trailing() {
        #expect(throws: DNYFrameFault.trailing(3)) { try DNYFrame.decode(Self.query + [1, 2, 3]) }
    }

    @Test("the vendor's old packets of 256 bytes fit: length 269")
    func oldPacket() throws {
        let frame = DNYFrame(physicalID: 1, messageID: 1, command: 0xf8, data: Array(repeating: 1, count: 260))
        let bytes = try frame.encoded()
        #expect(Array(bytes[3...4]) == [0x0d, 0x01])
        #expect(try DNYFrame.decode(bytes) == frame)
    }
}

@Suite("DNY identities and order numbers (charging-protocols.md 4.2, 4.13)")
struct DNYIdentityTests {
    @Test("40 AA CE 04 on the wire is 04CEAA40: two ports, number 13544000")
    func identity() throws {
        let frame = try DNYFrame.decode(hex("444e59 0900 40aace04 0100 81") + sum("444e59 0900 40aace04 0100 81"))
        let id = DNYPhysicalID(frame.physicalID)
        #expect(id.text == "04ceaa40")
        #expect(id.code == .double)
        #expect(id.number == 13_544_000)
        #expect(DNYPhysicalID("04CEAA40") == id)
        #expect(DNYPhysicalID(.double, number: 13_544_000) == id)
        #expect(id.quickResponsePath(port: 1) == "40aace04/1")
        #expect(id.quickResponsePath(port: nil) == "40aace04/ff")
    }

    private func sum(_ text: String) -> [UInt8] {
        let sum = hex(text).reduce(0) { $0 + Int($1) }
        return [UInt8(sum & 0xff), UInt8(sum >> 8)]
    }

    @Test("only eight hexadecimal digits are an identity", arguments: ["", "04ceaa4", "04ceaa400", "04ceaa4g", "+4ceaa40", "0x4ceaa4"])
    func wrong(_ text: String) { #expect(DNYPhysicalID(text) == nil) }

    @Test("the fallbacks of a broken memory are known", arguments: [10_011_001, 12_000_000, 13_000_001] as [UInt32])
    func fallback(_ number: UInt32) {
        #expect(DNYPhysicalID(.double, number: number).isFallback)
        #expect(!DNYPhysicalID(.double, number: number + 1).isFallback)
    }

    @Test("an order is cut to 16 bytes, so that longer ones collide")
    func cut() {
        #expect(DNYOrder("ORDER_20250619002") == DNYOrder("ORDER_20250619003"))
        #expect(DNYOrder("ORDER_20250619002").text == "ORDER_2025061900")
        #expect(DNYOrder("ORDER_2025061900") != DNYOrder("ORDER_2025061901"))
    }

    @Test("an order keeps any bytes")
    func bytes() {
        let bytes = hex("12345678123456781234567812345600")
        #expect(DNYOrder(bytes).bytes == bytes)
        #expect(DNYOrder(bytes).text == nil)
        #expect(DNYOrder(bytes).description == "12345678123456781234567812345600")
        #expect(DNYOrder("A1").bytes == [0x41, 0x31] + Array(repeating: 0, count: 14))
        #expect(DNYOrder("A1").description == "A1")
        #expect(DNYOrder.none.isNone && !DNYOrder("A1").isNone)
    }
}

@Suite("The dialect of the middleware iot-server-cdz (charging-protocols.md 4.14)")
struct DNYMiddlewareTests {
    static let settings: DNYSettings = {
        var settings = DNYSettings()
        settings.dialect = .iotServerCDZ
        return settings
    }()

    @Test("the length is that of the whole frame, the device is a text")
    func encode() throws {
        // 44+4E+59+13+08+30+34+41+32+36+43+46+33+02+01+22 = 02F4
        let bytes = hex("444e59 1300 08 3034413236434633 0201 22 f402")
        let frame = DNYFrame(physicalID: 0x04a2_6cf3, messageID: 0x0102, command: 0x22, name: "04A26CF3")
        #expect(try frame.encoded(Self.settings) == bytes)
        #expect(try DNYFrame.decode(bytes, Self.settings) == frame)
    }

    @Test("a name that is no identity is kept")
    func name() throws {
        let frame = try DNYFrame.decode(hex("444e59 1200 05 5048592d31 0700 20 0102 7b02"), Self.settings)
        #expect(frame == DNYFrame(physicalID: 0, messageID: 7, command: 0x20, data: [1, 2], name: "PHY-1"))
    }

    @Test("a name longer than the frame is refused")
    func longName() {
        let body = hex("444e59 1200 40 5048592d31 0700 20 0102")
        let sum = DNYFrame.checksum(body)
        #expect(throws: DNYFrameFault.name(size: 64)) {
            try DNYFrame.decode(body + [UInt8(sum & 0xff), UInt8(sum >> 8)], Self.settings)
        }
    }

    @Test("neither end understands the other, and neither hangs")
    func foreign() throws {
        let vendor = try DNYVector.good("ap3000-056")
        #expect(throws: DNYFrameFault.self) { try DNYFrame.decode(vendor, Self.settings) }
        var decoder = DNYStreamDecoder()
        let items = decoder.decode(hex("444e59 1300 08 3034413236434633 0201 22 f402") + vendor)
        #expect(items.last == .frame(try DNYFrame.decode(vendor)))
    }
}
