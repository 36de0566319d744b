import LabCore
import Testing

@testable import WireProtocols

@Suite("BKV streams: resynchronising by one byte (charging-protocols.md 1, 2.2)")
struct BKVStreamTests {
    private static func items(_ pieces: [[UInt8]]) -> [BKVStreamDecoder.Item] {
        var decoder = BKVStreamDecoder()
        var items: [BKVStreamDecoder.Item] = []
        for piece in pieces {
            decoder.append(piece)
            while let item = decoder.next() { items.append(item) }
        }
        decoder.finish()
        while let item = decoder.next() { items.append(item) }
        return items
    }

    private static func frames(_ items: [BKVStreamDecoder.Item]) -> [[UInt8]] {
        items.compactMap { item in
            switch item {
            case .frame(_, let bytes, _), .native(_, let bytes, _): bytes
            default: nil
            }
        }
    }

    private static let good = FrameVector.of("bkv", "gn", "bkv-native").map(\.bytes)

    @Test("all rows behind one another are all rows")
    func joined() { #expect(Self.frames(Self.items([Array(Self.good.joined())])) == Self.good) }

    @Test("a stream in single bytes gives what the whole gives")
    func bytewise() {
        let stream = [0xfc, 0xfe, 0x00] + Array(Self.good.map { $0 + [0xfc, 0xee, 0x01] }.joined())
        #expect(Self.items(stream.map { [$0] }) == Self.items([stream]))
        #expect(Self.frames(Self.items([stream])) == Self.good)
    }

    @Test("a cut at every byte of three frames loses nothing")
    func cuts() throws {
        let three: [[UInt8]] = [try PrintedFrames.bytes("bkv-039"), try PrintedFrames.bytes("bkv-048"), try PrintedFrames.bytes("bkv-050")]
        let stream = Array(three.joined())
        for cut in 0...stream.count {
            #expect(Self.frames(Self.items([Array(stream[..<cut]), Array(stream[cut...])])) == three)
        }
    }

    @Test("FCEE, FCFE and FCFF in the data end and begin nothing: the length wins")
    func magicInside() throws {
        for business: UInt16 in [0xfcee, 0xfcfe, 0xfcff] {
            var end = BKVChargeEnd()
            end.business = business
            let bytes = try BKVFrame(.chargeEnd(end), isFromDevice: true, gateway: "82241218000382", sequence: 0).encoded()
            let stream = bytes + bytes
            #expect(Self.frames(Self.items(stream.map { [$0] })) == [bytes, bytes])
        }
    }

    @Test("a head that is none takes no good frame with it, whatever length it claims")
    func falseHead() throws {
        let frame = try PrintedFrames.bytes("bkv-050")
        for length: [UInt8] in [[0x00, 0x00], [0x00, 0x10], [0x00, 0x11], [0x00, 0x29], [0x01, 0x00], [0x02, 0x00], [0x02, 0x01], [0xff, 0xff]] {
            let items = Self.items([[0xfc, 0xfe] + length + frame + frame])
            #expect(Self.frames(items) == [frame, frame], "length \(length)")
        }
    }

    @Test("a good frame inside a refused one is found")
    func inside() throws {
        let inner = try PrintedFrames.bytes("bkv-042")
        let outer: [UInt8] = [0xfc, 0xfe, 0x00, UInt8(inner.count + 17)] + Array(repeating: 0, count: 14) + inner + [0x00, 0xfc, 0xee]
        let items = Self.items([outer])
        #expect(Self.frames(items) == [inner])
        guard case .refused(.checksum, let bytes, 0) = items.first else {
            Issue.record("\(items)")
            return
        }
        #expect(bytes == outer)
    }

    @Test("every changed bit of a frame is refused, and the frame behind it survives")
    func bits() throws {
        let frame = try PrintedFrames.bytes("bkv-042")
        for index in frame.indices {
            for bit in 0..<8 {
                var wrong = frame
                wrong[index] ^= 1 << bit
                // The head's last bit says who sends it, and no checksum covers it.
                guard !(index == 1 && bit == 0) else { continue }
                #expect(Self.frames(Self.items([wrong + frame])) == [frame], "byte \(index) bit \(bit)")
            }
        }
    }

    @Test("4 GB lengths, garbage and half frames need no memory and end")
    func garbage() throws {
        var decoder = BKVStreamDecoder()
        let piece = Array(repeating: [0xfc, 0xfe, 0x02, 0x00] as [UInt8], count: 4_096).reduce(into: []) { $0 += $1 }
        for _ in 0..<8 {
            decoder.append(piece)
            while decoder.next() != nil {}
            #expect(decoder.pending <= 516)
        }
        let frame = try PrintedFrames.bytes("bkv-039")
        decoder.append(frame)
        decoder.finish()
        var last: BKVStreamDecoder.Item?
        while let item = decoder.next() { last = item }
        guard case .frame(_, frame, 131_072) = last else {
            Issue.record("\(String(describing: last))")
            return
        }
    }

    @Test("random bytes with frames among them: no crash, every frame found", arguments: [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64])
    func fuzz(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, purpose: "BKV stream")
        var stream: [UInt8] = []
        var sent: [[UInt8]] = []
        for _ in 0..<200 {
            // No FC in the noise: what looks like a head before a frame may rightly swallow its first bytes until more has come.
            stream += chance.bytes(Int(chance.integer(below: 40))).map { $0 == 0xfc ? 0 : $0 }
            let frame = Self.good[Int(chance.integer(below: UInt64(Self.good.count)))]
            stream += frame
            sent.append(frame)
        }
        var pieces: [[UInt8]] = []
        var rest = stream[...]
        while !rest.isEmpty {
            let size = 1 + Int(chance.integer(below: 90))
            pieces.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        let items = Self.items(pieces)
        #expect(Self.frames(items) == sent, "seed \(seed)")
        #expect(items == Self.items([stream]), "seed \(seed)")
    }

    @Test("damaged rows: no crash in frames, contents or reports", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func damaged(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "BKV damage")
        for _ in 0..<400 {
            var frame = try BKVFrame(try #require(Self.good.first { $0[2...].count > 40 && !BKVNativeFrame.begins($0[...]) }))
            let source = Self.good[Int(chance.integer(below: UInt64(Self.good.count)))]
            guard let picked = try? BKVFrame(source) else { continue }
            frame = picked
            for _ in 0...chance.integer(below: 4) where !frame.data.isEmpty {
                frame.data[Int(chance.integer(below: UInt64(frame.data.count)))] = UInt8(truncatingIfNeeded: chance.next())
            }
            if chance.chance(0.3) { frame.data.removeLast(min(frame.data.count, Int(chance.integer(below: 12)))) }
            let bytes = try frame.encoded()
            _ = try? frame.content()
            _ = try? frame.content(BKVSettings(dialect: .gnMiddleware))
            let report = BKVReport.explain(bytes)
            #expect(report.fields.allSatisfy { $0.offset + $0.size <= bytes.count }, "seed \(seed): \(Hexadecimal.text(bytes))")
        }
    }
}
