import LabCore
import Testing

@testable import WireProtocols

@Suite("BKV pairs (charging-protocols.md 2.9)")
struct BKVPairTests {
    @Test("a value of 126 bytes has a length of two bytes, the first group first")
    func twoByteLength() throws {
        let pair = BKVPair(.socketContainer, Array(repeating: 7, count: 126))
        var bytes: [UInt8] = []
        pair.append(to: &bytes)
        #expect(bytes.prefix(4) == [0x81, 0x00, 0x01, 0x94])
        #expect(bytes.count == 130)
        #expect(try BKVPairs.decode(bytes[...]) == [pair])
    }

    @Test("a 1017 of a socket with five ports has such a length, and comes back")
    func cluster() throws {
        var socket = BKVSocketStatus()
        socket.ports = (0..<5).map { number in
            var port = BKVPortStatus()
            port.port = UInt8(number)
            return port
        }
        let record = BKVRecord(status: [socket], gateway: "82241218000382")
        let bytes = try BKVFrame(.record(record), isFromDevice: true, gateway: "82241218000382", sequence: 0).encoded()
        // Header 18, pairs 01, 02, 03 (5 + 11 + 10), then 81 and the low seven bits of 2 + 19 - 2 + 5 * 41.
        #expect(bytes[44] == 0x81)
        #expect(bytes[45] == UInt8((2 + 17 + 5 * 41) & 0x7f))
        guard case .record(let again) = try BKVFrame(bytes).content().message else {
            Issue.record("no record")
            return
        }
        #expect(try again.sockets() == [socket])
    }

    @Test("unknown keys stay, in their order")
    func unknownKeys() throws {
        var record = BKVRecord(acknowledging: 0x1017, gateway: "82241218000382")
        record.pairs.insert(BKVPair(.number(0xee), [1, 2, 3]), at: 0)
        record.pairs.append(BKVPair(.text(Array("vendor".utf8)), []))
        let bytes = record.encoded
        let again = try BKVRecord(bytes[...])
        #expect(again == record)
        #expect(again.isAcknowledged == true)
    }

    @Test("the first three pairs are found wherever they are")
    func order() throws {
        let pairs = BKVPairs.encode([
            BKVPair(.acknowledgement, number: 1), BKVPair(.gateway, [0x82, 0x24, 0x12, 0x18, 0, 3, 0x82]), BKVPair(.command, number: 0x1017),
        ])
        let record = try BKVRecord(pairs[...])
        #expect(record == BKVRecord(acknowledging: 0x1017, gateway: "82241218000382"))
    }

    @Test(
        "what is no list of pairs is refused with its place",
        arguments: [
            ([0x04, 0x01, 0x01, 0x10], BKVPairFault(.truncated(length: 4, left: 3), offset: 0)),
            ([0x00], BKVPairFault(.truncated(length: 0, left: 0), offset: 0)),
            ([0x81], BKVPairFault(.truncated(length: 1, left: 0), offset: 0)),
            ([0x8f, 0xff, 0xff, 0xff, 0x7f, 0x01], BKVPairFault(.endlessLength, offset: 0)),
            ([0x03, 0x05, 0x01, 0x02], BKVPairFault(.keyTooLong(length: 3, key: 5), offset: 0)),
            ([0x03, 0x01, 0x0f, 0x01], BKVPairFault(.missing(key: 1), offset: 0)),
            ([0x03, 0x01, 0x01, 0x10], BKVPairFault(.size(key: 1, found: 1, expected: 2), offset: 0)),
        ] as [([UInt8], BKVPairFault)])
    func refused(_ bytes: [UInt8], _ fault: BKVPairFault) { #expect(throws: fault) { try BKVRecord(bytes[...]) } }
}

@Suite("BKV inner frames and disputed points (charging-protocols.md 2.3, 2.6, 2.11, 2.13)")
struct BKVDisputeTests {
    private let gateway = "82241218000382"

    @Test("an inner length of 1, 2 or 3 for the same sub-command is taken, the wrong ones with a warning", arguments: [1, 2, 3] as [UInt8])
    func innerLength(_ length: UInt8) throws {
        var frame = try BKVFrame(.acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: 1)), isFromDevice: false, gateway: gateway, sequence: 0)
        frame.data[1] = length
        let content = try BKVFrame(try frame.encoded()).content()
        #expect(content.message == .acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: 1)))
        #expect((content.warning == nil) == (length == 2))
    }

    @Test("the end of a charge is acknowledged as 0C, 02 or 0F by setting; 0C is what a device has obeyed")
    func endForms() throws {
        func inner(_ form: BKVSettings.EndAcknowledgement, counts: Bool = false) throws -> String {
            let settings = BKVSettings(endAcknowledgement: form, countsSubCommand: counts)
            let message = BKVMessage.endAcknowledged(socket: 1, settings: settings)
            let frame = try BKVFrame(message, isFromDevice: false, gateway: gateway, sequence: 0, settings: settings)
            return Hexadecimal.text(frame.data)
        }
        #expect(BKVSettings.vendor.endAcknowledgement == .cardEnd)
        #expect(try inner(.cardEnd) == "00020c0101")
        #expect(try inner(.chargeEnd, counts: true) == "0003020101")
        #expect(try inner(.middleware, counts: true) == "00020f01")
        let captured = try PrintedFrames.bytes("bkv-051")
        let frame = try BKVFrame(.endAcknowledged(socket: 1), isFromDevice: false, gateway: gateway, sequence: 0)
        #expect(try frame.encoded() == captured)
    }

    @Test("a start by power is read under 0005 and 0015, and goes back under the one it came with", arguments: [0x0005, 0x0015] as [UInt16])
    func powerStart(_ outer: UInt16) throws {
        var start = BKVPowerStart()
        start.amount = 100
        start.tiers = [BKVPowerTier(power: 2_000, price: 25, minutes: 60), BKVPowerTier(power: 20_000, price: 500, minutes: 120)]
        let frame = try BKVFrame(.powerStart(outer: outer, start), isFromDevice: false, gateway: gateway, sequence: 7)
        #expect(frame.command == outer)
        #expect(try frame.content().message == .powerStart(outer: outer, start))
        // socket, port, on, 0064, 2 tiers: 07d0 0019 003c, 4e20 01f4 0078
        #expect(Hexadecimal.text(frame.data) == "0012" + "17" + "010001" + "0064" + "02" + "07d00019003c" + "4e2001f40078")
    }

    @Test(
        "status bytes: 90 alone is charging; the end's cause is in the same byte",
        arguments: [
            (0x80, false, .unknown), (0x90, true, .unknown), (0x98, false, .noLoad), (0xa0, false, .full), (0xb0, false, .timeUp),
            (0x94, true, .overTemperature), (0x92, true, .overCurrent), (0x91, true, .overPower),
        ] as [(UInt8, Bool, BKVStatus.EndCause)])
    func status(_ raw: UInt8, _ isCharging: Bool, _ cause: BKVStatus.EndCause) {
        let status = BKVStatus(rawValue: raw)
        #expect(status.isCharging == isCharging)
        #expect(status.endCause == cause)
    }

    @Test("the middleware takes A0 for charging (2.13)")
    func middleware() {
        #expect(BKVStatus(rawValue: 0xa0).isCharging(in: .iotServerCDZ))
        #expect(!BKVStatus(rawValue: 0x90).isCharging(in: .iotServerCDZ))
    }

    @Test("unknown commands and sub-commands keep their bytes")
    func unknown() throws {
        let frame = BKVFrame(isFromDevice: true, command: 0x2001, sequence: 5, gateway: gateway, data: [1, 2, 3])
        #expect(try frame.content().message == .unknown(command: 0x2001, sub: nil, payload: [1, 2, 3]))
        let inner = BKVFrame(isFromDevice: true, command: 0x0015, sequence: 5, gateway: gateway, data: [0, 2, 0x19, 8, 9])
        let content = try inner.content()
        #expect(content.message == .unknown(command: 0x0015, sub: 0x19, payload: [8, 9]))
        let again = try BKVFrame(content.message, isFromDevice: true, gateway: gateway, sequence: 5)
        #expect(again == inner)
    }

    @Test("fields that were appended are kept and go back")
    func longer() throws {
        var frame = try BKVFrame(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 9)), isFromDevice: true, gateway: gateway, sequence: 9)
        frame.data += [0xaa, 0xbb]
        let content = try frame.content()
        #expect(content.extra == [0xaa, 0xbb])
        #expect(content.message == .startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 9)))
    }

    @Test("a payload that is too short says which field is missing")
    func short() throws {
        let frame = BKVFrame(isFromDevice: true, command: 0x0015, sequence: 0, gateway: gateway, data: [0, 3, 2, 1, 0xff, 0xff])
        #expect(throws: BKVContentFault.field(FieldFault(.truncated(needed: 1, found: 0), field: "temperature", offset: 3))) { try frame.content() }
        let bare = BKVFrame(isFromDevice: true, command: 0x0015, sequence: 0, gateway: gateway, data: [0, 0])
        #expect(throws: BKVContentFault.noInnerFrame(found: 2)) { try bare.content() }
    }

    @Test("the printed card number is the last four bytes, read little endian (2.6)")
    func card() {
        // 0x00000002 little endian of 02000000; 0x52832900 = 1384327424.
        #expect(BKVCard.printed("000002000000") == "0000000002")
        #expect(BKVCard.printed("000000298352") == "1384327424")
        #expect(BKVCard.wire(printed: "1384327424") == "000000298352")
        #expect(BKVCard.wire(printed: "99999999999") == nil)
    }

    @Test("what does not fit is not encoded")
    func refused() {
        #expect(throws: BKVFrameError.tooLong(length: 513, most: 512)) {
            try BKVFrame(isFromDevice: true, command: 0, sequence: 0, gateway: gateway, data: Array(repeating: 0, count: 496)).encoded()
        }
        #expect(throws: BKVFrameError.gateway("8224")) {
            try BKVFrame(isFromDevice: true, command: 0, sequence: 0, gateway: "8224", data: []).encoded()
        }
        #expect(throws: FieldFault.self) {
            try BKVMaking.frame("0015/07", isFromDevice: false, values: ["gateway": .text(gateway), "minuts": .integer(5)])
        }
        #expect(throws: FieldFault.self) {
            try BKVMaking.frame("0015/07", isFromDevice: false, values: ["gateway": .text(gateway), "minutes": .integer(70_000)])
        }
    }
}
