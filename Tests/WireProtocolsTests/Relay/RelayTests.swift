import LabCore
import Testing
import WireProtocols

@Suite("LCUS relay boards (makers' note: A0, channel, state, sum)")
struct LCUSFrameTests {
    /// The examples of the note, and its rule worked out by hand: A0 + 04 + 01 = A5; A0 + FF + 01 = 1A0, low byte A0.
    private static let vectors: [(channel: Int, isOn: Bool, wire: [UInt8])] = [
        (1, true, [0xa0, 0x01, 0x01, 0xa2]), (1, false, [0xa0, 0x01, 0x00, 0xa1]), (4, true, [0xa0, 0x04, 0x01, 0xa5]),
        (8, false, [0xa0, 0x08, 0x00, 0xa8]), (255, true, [0xa0, 0xff, 0x01, 0xa0]),
    ]

    @Test("frames are those of the note", arguments: vectors)
    func frames(_ vector: (channel: Int, isOn: Bool, wire: [UInt8])) throws {
        #expect(try LCUSFrame(channel: vector.channel, isOn: vector.isOn).bytes == vector.wire)
        #expect(try LCUSFrame(vector.wire) == LCUSFrame(channel: vector.channel, isOn: vector.isOn))
    }

    @Test("channels that no board has are refused", arguments: [0, -1, 256])
    func channels(_ number: Int) {
        #expect(throws: RelayFault.channel(number, highest: 255)) { try LCUSFrame(channel: number, isOn: true) }
    }

    @Test("half a frame asks for more, a wrong one is refused")
    func wrong() {
        for count in 0..<4 {
            #expect(throws: RelayFault.truncated(needed: 4, found: count)) { try LCUSFrame(Array([0xa0, 0x01, 0x01, 0xa2].prefix(count))) }
        }
        #expect(throws: RelayFault.unexpected(byte: 0xa1, wanted: 0xa0, offset: 0)) { try LCUSFrame([0xa1, 1, 1, 0xa2]) }
        #expect(throws: RelayFault.sum(expected: 0xa2, found: 0xa3)) { try LCUSFrame([0xa0, 1, 1, 0xa3]) }
        #expect(throws: RelayFault.unexpected(byte: 2, wanted: 1, offset: 2)) { try LCUSFrame([0xa0, 1, 2, 0xa3]) }
        #expect(throws: RelayFault.channel(0, highest: 255)) { try LCUSFrame([0xa0, 0, 1, 0xa1]) }
    }
}

@Suite("Relay boards with Modbus RTU (MODBUS Application Protocol V1.1b3 §6.1, §6.5, §7)")
struct ModbusCoilTests {
    @Test("the CRC is that of the specification's worked example: 02 07 gives 1241 (Serial Line V1.02, appendix B)")
    func crc() {
        #expect(ModbusCoil.crc([0x02, 0x07]) == 0x1241)
        #expect(ModbusCoil.crc([]) == 0xffff)
        // CRC-16/MODBUS of the nine digits, as catalogues of CRCs give it.
        #expect(ModbusCoil.crc("123456789".utf8) == 0x4b37)
    }

    /// Frames as the manuals of 8-channel relay boards print them; the last one is the example of §6.5 (coil 173) with unit 1 and its CRC.
    private static let requests: [(request: ModbusCoil, wire: [UInt8])] = [
        (.write(unit: 1, coil: 0, isOn: true), [0x01, 0x05, 0x00, 0x00, 0xff, 0x00, 0x8c, 0x3a]),
        (.write(unit: 1, coil: 0, isOn: false), [0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0xcd, 0xca]),
        (.write(unit: 1, coil: 1, isOn: true), [0x01, 0x05, 0x00, 0x01, 0xff, 0x00, 0xdd, 0xfa]),
        (.read(unit: 1, coil: 0), [0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0xfd, 0xca]),
        (.write(unit: 1, coil: 172, isOn: true), [0x01, 0x05, 0x00, 0xac, 0xff, 0x00, 0x4c, 0x1b]),
    ]

    @Test("requests are those of the manuals", arguments: requests)
    func request(_ vector: (request: ModbusCoil, wire: [UInt8])) { #expect(vector.request.bytes == vector.wire) }

    @Test("channel 1 is coil 0")
    func channels() throws {
        #expect(try ModbusCoil.coil(ofChannel: 1) == 0)
        #expect(try ModbusCoil.coil(ofChannel: 65_536) == 65_535)
        for number in [0, -3, 65_537] {
            #expect(throws: RelayFault.channel(number, highest: 65_536)) { try ModbusCoil.coil(ofChannel: number) }
        }
    }

    @Test("the answer to a write is the request; to a read a byte of coils")
    func answers() throws {
        let on = ModbusCoil.write(unit: 1, coil: 0, isOn: true)
        #expect(try on.answer([0x01, 0x05, 0x00, 0x00, 0xff, 0x00, 0x8c, 0x3a]) == true)
        let off = ModbusCoil.write(unit: 1, coil: 0, isOn: false)
        #expect(try off.answer([0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0xcd, 0xca]) == false)
        let read = ModbusCoil.read(unit: 1, coil: 0)
        #expect(try read.answer([0x01, 0x01, 0x01, 0x00, 0x51, 0x88]) == false)
        #expect(try read.answer([0x01, 0x01, 0x01, 0x01, 0x90, 0x48]) == true)
    }

    @Test("every cut asks for more")
    func cuts() {
        let answer: [UInt8] = [0x01, 0x05, 0x00, 0x00, 0xff, 0x00, 0x8c, 0x3a]
        for count in 0..<8 {
            #expect(throws: RelayFault.truncated(needed: 8, found: count)) {
                try ModbusCoil.write(unit: 1, coil: 0, isOn: true).answer(Array(answer.prefix(count)))
            }
        }
    }

    @Test("an exception says why: function 5 comes back as 85 with a code")
    func exceptions() {
        // CRC of 01 85 02, worked out by another program.
        #expect(throws: RelayFault.exception(code: 2)) { try ModbusCoil.write(unit: 1, coil: 0, isOn: true).answer([0x01, 0x85, 0x02, 0xc3, 0x51]) }
        #expect(RelayFault.exception(code: 2).description == "the board refuses: it has no such channel (exception 2)")
        #expect(throws: RelayFault.truncated(needed: 5, found: 3)) { try ModbusCoil.write(unit: 1, coil: 0, isOn: true).answer([0x01, 0x85, 0x02]) }
    }

    @Test("answers of others, to others, and damaged ones are refused")
    func wrong() {
        let on = ModbusCoil.write(unit: 1, coil: 0, isOn: true)
        // Another unit; another function; another coil; the other state; a bit that fell over.
        #expect(throws: RelayFault.unexpected(byte: 2, wanted: 1, offset: 0)) { try on.answer([0x02, 0x05, 0x00, 0x00, 0xff, 0x00, 0x8c, 0x09]) }
        #expect(throws: RelayFault.unexpected(byte: 6, wanted: 5, offset: 1)) { try on.answer([0x01, 0x06]) }
        #expect(throws: RelayFault.unexpected(byte: 1, wanted: 0, offset: 3)) { try on.answer([0x01, 0x05, 0x00, 0x01, 0xff, 0x00, 0xdd, 0xfa]) }
        #expect(throws: RelayFault.unexpected(byte: 0, wanted: 0xff, offset: 4)) { try on.answer([0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0xcd, 0xca]) }
        #expect(throws: RelayFault.sum(expected: 0x3a8c, found: 0x3a8d)) { try on.answer([0x01, 0x05, 0x00, 0x00, 0xff, 0x00, 0x8d, 0x3a]) }
    }
}
