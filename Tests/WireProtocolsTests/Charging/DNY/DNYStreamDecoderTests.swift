import LabCore
import Testing

@testable import WireProtocols

@Suite("DNY streams (charging-protocols.md 1, 4.2)")
struct DNYStreamDecoderTests {
    typealias Item = DNYStreamDecoder.Item
    static let iccid = "898604D9162390488297"

    private func items(_ bytes: [UInt8], ends: Bool = true) -> [Item] {
        var decoder = DNYStreamDecoder()
        var items = decoder.decode(bytes)
        guard ends else { return items }
        decoder.end()
        while let item = decoder.next() { items.append(item) }
        #expect(decoder.pendingCount == 0)
        return items
    }

    private func frame(_ id: String) throws -> (bytes: [UInt8], item: Item) {
        let bytes = try DNYVector.good(id)
        return (bytes, .frame(try DNYFrame.decode(bytes)))
    }

    @Test("ICCID, a frame and link in one segment")
    func segment() throws {
        let (bytes, item) = try frame("ap3000-056")
        #expect(items(Array(Self.iccid.utf8) + bytes + Array("link".utf8)) == [.iccid(Self.iccid), item, .link])
    }

    @Test("link without an end of the stream comes at once, and so does a frame")
    func atOnce() throws {
        let (bytes, item) = try frame("ap3000-056")
        #expect(items(bytes + Array("link".utf8), ends: false) == [item, .link])
    }

    @Test("ICCID and link stand between frames and joined to them")
    func between() throws {
        let (first, firstItem) = try frame("ap3000-038")
        let (second, secondItem) = try frame("ap3000-059")
        let bytes = first + Array("link".utf8) + second + Array("linklink".utf8) + Array(Self.iccid.utf8) + first
        #expect(items(bytes) == [firstItem, .link, secondItem, .link, .link, .iccid(Self.iccid), firstItem])
    }

    @Test("garbage is given with its place, and costs no frame")
    func garbage() throws {
        let (bytes, item) = try frame("ap3000-056")
        let noise: [UInt8] = [0x00, 0xff, 0x44, 0x4e, 0x00, 0x38, 0x39, 0x6c, 0x69]
        #expect(items(noise + bytes + noise) == [.garbage(noise, offset: 0), item, .garbage(noise, offset: 9 + bytes.count)])
    }

    @Test("what comes out does not depend on how the bytes were split")
    func splits() throws {
        let (bytes, _) = try frame("ap3000-038")
        var damaged = bytes
        damaged[20] ^= 1
        let all = [0x44] + Array(Self.iccid.utf8) + bytes + Array("link".utf8) + damaged + hex("444e59ffff") + bytes + [1, 2, 3] + bytes
        let expected = items(all, ends: false)
        #expect(expected.count > 7)
        for cut in 0...all.count {
            var decoder = DNYStreamDecoder()
            #expect(decoder.decode(all[..<cut]) + decoder.decode(all[cut...]) == expected, "cut at \(cut)")
        }
        var decoder = DNYStreamDecoder()
        #expect(all.flatMap { decoder.decode([$0]) } == expected)
    }

    @Test("a wrong checksum is refused with the bytes, and the next frame comes")
    func checksum() throws {
        let wrong = try #require(DNYVector.wrong.first { $0.id == "ap3000-064" }).bytes
        let (bytes, item) = try frame("ap3000-056")
        #expect(items(wrong + bytes) == [.refused(.checksum(expected: 0x0397, found: 0x9999), bytes: wrong, offset: 0), item])
    }

    @Test("a length of 8, and one of 65535, are refused at the head", arguments: [8, 0xffff, 513, 0])
    func length(_ length: Int) throws {
        let (bytes, item) = try frame("ap3000-056")
        let head = DNYFrame.magic + [UInt8(length & 0xff), UInt8(length >> 8)]
        #expect(items(head + bytes, ends: false) == [.refused(.length(found: length, allowed: 9...512), bytes: head, offset: 0), item])
    }

    @Test("a false head inside data does not matter, a false head before a frame costs one byte")
    func falseHead() throws {
        // 42 with the data 44 4e 59 10 00, and a whole frame as data of another.
        let inside = hex("444e590e00f36ca204010042444e5910003c04")
        let nested = hex("444e591700f36ca204090042444e590900f36ca2040200120d036f06")
        #expect(items(inside + nested) == [.frame(try DNYFrame.decode(inside)), .frame(try DNYFrame.decode(nested))])

        // A head that claims 20 bytes, and takes the frame behind it for them.
        let head = hex("444e591400")
        let (bytes, item) = try frame("ap3000-059")
        let found = items(head + bytes + bytes)
        #expect(found.count == 3)
        #expect(Array(found.dropFirst()) == [item, item])
        guard case .refused(.checksum, let refused, 0) = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(refused == head + bytes + bytes.prefix(6))
    }

    @Test("a lost byte costs its own frame only")
    func lostByte() throws {
        let (bytes, item) = try frame("ap3000-038")
        for lost in bytes.indices {
            var short = bytes
            short.remove(at: lost)
            let found = items(short + bytes + bytes)
            #expect(found.filter { $0 == item }.count == 2, "without byte \(lost)")
        }
    }

    @Test("the end of a stream gives what hides behind a head that promised more")
    func end() throws {
        let head = hex("444e590002 01")
        let (bytes, item) = try frame("ap3000-059")
        var decoder = DNYStreamDecoder()
        #expect(decoder.decode(head + bytes) == [])
        #expect(decoder.pendingCount == 20)
        decoder.end()
        #expect(decoder.next() == .refused(.truncated(needed: 517, found: 20), bytes: head + bytes, offset: 0))
        #expect(decoder.next() == item)
        #expect(decoder.next() == nil)
        #expect(decoder.decode(bytes) == [item])
    }

    @Test("nothing inside of a refused frame is taken for ICCID or link")
    func insideRefused() throws {
        var damaged = try DNYVector.good("ap3000-048")
        damaged[13] ^= 0x01
        #expect(items(damaged).count == 1)
        #expect(items(damaged + Array("link".utf8)).last == .link)
    }

    @Test(
        "an ICCID has 20 hexadecimal digits and begins with 8986",
        arguments: ["898604D916239048829", "898604X9162390488297", "888604D9162390488297"])
    func noICCID(_ text: String) {
        #expect(items(Array(text.utf8)) == [.garbage(Array(text.utf8), offset: 0)])
    }

    @Test("offsets count from the first byte of the stream")
    func offsets() throws {
        let (bytes, _) = try frame("ap3000-059")
        var decoder = DNYStreamDecoder()
        var offsets: [Int] = []
        for _ in 0..<3_000 {
            decoder.append(bytes)
            while decoder.next() != nil { offsets.append(decoder.itemOffset) }
        }
        #expect(offsets == (0..<3_000).map { $0 * 14 })
    }
}

@Suite("DNY against bad input (charging-protocols.md 1, 4.2)")
struct DNYBadInputTests {
    /// Every byte is in some item; the sum of all items is bounded.
    private func account(_ bytes: [UInt8], seed: UInt64 = 0) {
        var decoder = DNYStreamDecoder()
        var covered = 0
        var given = 0
        func take(_ item: DNYStreamDecoder.Item, at offset: Int) {
            let size =
                switch item {
                case .frame(let frame): frame.data.count + 14
                case .iccid: 20
                case .link: 4
                case .garbage(let bytes, _), .refused(_, let bytes, _): bytes.count
                }
            if offset > covered { Issue.record("bytes \(covered) to \(offset) are in no item, seed \(seed)") }
            covered = max(covered, offset + size)
            given += size
        }
        decoder.append(bytes)
        decoder.end()
        while let item = decoder.next() { take(item, at: decoder.itemOffset) }
        if covered != bytes.count { Issue.record("\(covered) of \(bytes.count) bytes are in items, seed \(seed)") }
        if given > bytes.count * 3 + 517 { Issue.record("\(given) bytes out of \(bytes.count), seed \(seed)") }
    }

    @Test("heads that promise 512 bytes each, one behind the other, are no more work than bytes")
    func heads() {
        let head = hex("444e590002")
        account((0..<40_000).flatMap { _ in head })
    }

    @Test("heads of all lengths, of none, and pieces of ICCID and link")
    func pieces() {
        account((0..<20_000).flatMap { [0x44, 0x4e, 0x59, UInt8($0 & 0xff), UInt8($0 >> 8 & 1)] })
        account(Array(repeating: 0x44, count: 100_000))
        account((0..<20_000).flatMap { _ in Array("8986".utf8) })
        account((0..<20_000).flatMap { _ in Array("lin".utf8) })
    }

    @Test("no more is kept than one frame and 512 other bytes")
    func bounded() {
        var decoder = DNYStreamDecoder()
        var most = 0
        for _ in 0..<2_000 {
            _ = decoder.decode(hex("444e590002") + Array(repeating: 0, count: 60))
            most = max(most, decoder.pendingCount)
        }
        #expect(most <= 517 + 512)
    }

    @Test("100,000 mutants neither crash nor lose a byte, and what can be read is written back", arguments: [0x5eed_0005 as UInt64])
    func mutants(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "mutants of DNY frames")
        let frames = DNYVector.good.map(\.bytes).filter { $0.count < 100 }
        for _ in 0..<100_000 {
            var bytes = frames[Int(chance.integer(below: UInt64(frames.count)))]
            for _ in 0...chance.integer(below: 3) {
                guard !bytes.isEmpty else { break }
                let index = Int(chance.integer(below: UInt64(bytes.count)))
                switch chance.integer(below: 4) {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: chance.next())
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: chance.next()), at: index)
                default: bytes[index] ^= 1 << UInt8(chance.integer(below: 8))
                }
            }
            account(bytes, seed: seed)
            // The same data behind a right checksum: messages of any length must be read and written back, or refused.
            guard bytes.count > 14 else { continue }
            let frame = DNYFrame(physicalID: 1, messageID: 1, command: bytes[11], data: Array(bytes[12..<bytes.count - 2]))
            for sender in DNYSender.allCases {
                guard let message = try? DNYMessage(frame, from: sender) else { continue }
                let again = try message.frame(to: 1, messageID: 1)
                if again != frame { Issue.record("\(frame) became \(again), seed \(seed)") }
            }
        }
    }

    @Test("any command with any few bytes is read or refused, never crashed on", arguments: [0x5eed_0006 as UInt64])
    func commands(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "any DNY command")
        for command in 0...UInt8.max {
            for count in 0..<60 {
                let frame = DNYFrame(physicalID: 0x04a2_6cf3, messageID: 7, command: command, data: chance.bytes(count))
                for sender in DNYSender.allCases {
                    guard let message = try? DNYMessage(frame, from: sender) else { continue }
                    #expect(try message.frame(to: frame.physicalID, messageID: 7) == frame, "seed \(seed)")
                }
                if count % 7 == 0 { #expect(DNYReport.explain(try frame.encoded()).length == count + 14) }
            }
        }
    }
}
