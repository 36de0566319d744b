import LabCore
import Testing

@testable import Emulators

private typealias Key = RecordStore.Key

/// The tears of a cut, in all kinds.
private let tears: [VirtualFlash.Tear] =
    [.nothing, .oneByte, .half, .allButOneByte, .everything] + (0..<4).map { .scattered(seed: $0) }

@Suite("Record store (architecture.md §4, specs/ota.md P1 and P2)")
struct RecordStoreTests {
    private func flash(unit: Int = 8, sectors: Int = 4, bad: [Int] = []) throws -> VirtualFlash {
        VirtualFlash(try VirtualFlash.Geometry(sectorCount: sectors, sectorSize: 256, writeUnit: unit), badSectors: bad)
    }

    private func key(_ number: UInt8) -> Key { Key(rawValue: number) }

    /// Whether power goes while it is done.
    private func losesPower(_ change: () throws -> Void) throws -> Bool {
        do { try change() } catch let error as FlashError {
            guard case .powerLost = error else { throw error }
            return true
        }
        return false
    }

    @Test("the CRC-32 of 123456789 is CBF43926 (the check value of every catalogue)")
    func crc() {
        #expect(CRC32.of(Array("123456789".utf8)) == 0xcbf4_3926)
        #expect(CRC32.of([]) == 0)
    }

    @Test("keeps values over a new mount, the last one of each key", arguments: [1, 2, 8, 16, 32])
    func keeps(unit: Int) throws {
        var flash = try flash(unit: unit)
        var store = RecordStore(mounting: 0..<2, of: flash)
        #expect(store.value(key(1), in: flash) == nil)
        try store.put(key(1), [1, 2, 3], in: &flash)
        try store.put(key(2), Array(repeating: 9, count: 40), in: &flash)
        try store.put(key(1), [4], in: &flash)
        let again = RecordStore(mounting: 0..<2, of: flash)
        #expect(again == store)
        #expect(again.value(key(1), in: flash) == [4])
        #expect(again.value(key(2), in: flash) == Array(repeating: 9, count: 40))
        #expect(again.keys == [key(1), key(2)])
    }

    @Test("the layout is as documented: header, then record, little-endian, with the CRCs of zlib")
    func layout() throws {
        var flash = try flash(unit: 8)
        var store = RecordStore(mounting: 0..<2, of: flash)
        try store.put(key(7), [0xab, 0xcd], in: &flash)
        // python3: zlib.crc32(b"RSv1" + struct.pack("<I", 1)), zlib.crc32(bytes([7, 1]) + struct.pack("<HI", 2, 1) + b"\xab\xcd")
        #expect(try Hexadecimal.text(flash.read(at: 0, count: 32)) ==
            "52537631" + "01000000" + "77c09a99" + "ffffffff" + "0701" + "0200" + "01000000" + "bb687237" + "abcd" + "ffff")
    }

    @Test("removes, and an empty value is the same as none")
    func removes() throws {
        var flash = try flash()
        var store = RecordStore(mounting: 0..<2, of: flash)
        try store.put(key(1), [1], in: &flash)
        try store.put(key(2), [2], in: &flash)
        try store.remove(key(1), in: &flash)
        try store.put(key(2), [], in: &flash)
        try store.remove(key(3), in: &flash)
        #expect(store.keys.isEmpty)
        #expect(RecordStore(mounting: 0..<2, of: flash).keys.isEmpty)
    }

    @Test("goes from sector to sector for ever, and leaves spare sectors alone")
    func pingPong() throws {
        var flash = try flash()
        var store = RecordStore(mounting: 0..<4, of: flash)
        for round in 0..<1_000 { try store.put(key(UInt8(round % 3)), [UInt8(round & 0xff), UInt8(round >> 8)], in: &flash) }
        #expect(store.value(key(0), in: flash) == [0xe7, 0x03])  // 999
        #expect(flash.isErased(sector: 2) && flash.isErased(sector: 3))
        #expect(RecordStore(mounting: 0..<4, of: flash) == store)
    }

    @Test("refuses what does not fit, and keeps what it had")
    func full() throws {
        var flash = try flash()
        var store = RecordStore(mounting: 0..<2, of: flash)
        // A sector of 256 bytes less a header of 16 leaves 240; a value of n bytes takes 12 + n, filled up to 8.
        #expect(RecordStore.capacity(of: flash.geometry) == 240)
        try store.put(key(1), Array(repeating: 1, count: 100), in: &flash)  // 112
        #expect(throws: FlashError.storeFull(needed: 248, available: 240)) {
            try store.put(key(2), Array(repeating: 2, count: 120), in: &flash)  // 136
        }
        try store.put(key(2), Array(repeating: 2, count: 116), in: &flash)  // 128: 240 in all
        #expect(throws: FlashError.self) { try store.put(key(3), [3], in: &flash) }
        #expect(throws: FlashError.self) { try store.put(key(3), Array(repeating: 3, count: 70_000), in: &flash) }
        let again = RecordStore(mounting: 0..<2, of: flash)
        #expect(again.value(key(1), in: flash) == Array(repeating: 1, count: 100))
        #expect(again.value(key(2), in: flash) == Array(repeating: 2, count: 116))
        #expect(again.keys.count == 2)
    }

    @Test("uses the next sector where one is bad, also one that goes bad in use; says so when none is left")
    func badSectors() throws {
        var flash = try flash(bad: [0])
        var store = RecordStore(mounting: 0..<3, of: flash)
        try store.put(key(1), [1], in: &flash)
        #expect(store.active == 1)
        flash.markBad(1)
        try store.put(key(1), [2], in: &flash)
        #expect(store.active == 2)
        #expect(RecordStore(mounting: 0..<3, of: flash).value(key(1), in: flash) == [2])
        flash.markBad(2)
        #expect(throws: FlashError.noUsableSector) { try store.put(key(1), [3], in: &flash) }
        #expect(RecordStore(mounting: 0..<3, of: flash).value(key(1), in: flash) == [2])
    }

    @Test("a power cut at any operation leaves the old value or the new one, and a store that works", arguments: [1, 8, 16])
    func everyCut(unit: Int) throws {
        var flash = try flash(unit: unit)
        var generator = SeededGenerator(seed: 20_260_101, purpose: "record store, unit \(unit)")
        var model: [UInt8: [UInt8]] = [:]
        var store = RecordStore(mounting: 1..<4, of: flash)
        var cuts = 0
        for _ in 0..<60 {
            let number = UInt8(generator.integer(below: 4))
            let value: [UInt8]? = generator.chance(0.15) ? nil : generator.bytes(1 + Int(generator.integer(below: 30)))
            for tear in tears { cuts += try cutEverywhere(flash, store, model, number, value, tear) }
            if let value { try store.put(key(number), value, in: &flash) } else { try store.remove(key(number), in: &flash) }
            model[number] = value
        }
        #expect(cuts > 60 * tears.count)
    }

    /// Tries one change with power going at its first operation, its second, and so on until it is done. Returns how often.
    private func cutEverywhere(
        _ flash: VirtualFlash, _ store: RecordStore, _ model: [UInt8: [UInt8]], _ number: UInt8, _ value: [UInt8]?,
        _ tear: VirtualFlash.Tear
    ) throws -> Int {
        for operation in 1..<100 {
            var (flash, store) = (flash, store)
            flash.cutPower(atOperation: UInt64(operation), tear: tear)
            let isCut = try losesPower {
                if let value { try store.put(key(number), value, in: &flash) } else { try store.remove(key(number), in: &flash) }
            }
            if !isCut { return operation - 1 }
            flash.restorePower()
            var back = RecordStore(mounting: 1..<4, of: flash)
            for other in UInt8(0)..<4 {
                let found = back.value(key(other), in: flash)
                let expected = other == number ? [model[other], value] : [model[other]]
                #expect(expected.contains(found), "key \(other) after operation \(operation), \(tear)")
            }
            try back.put(key(9), [9, 9], in: &flash)
            try back.put(key(9), [8, 8], in: &flash)
            let last = RecordStore(mounting: 1..<4, of: flash)
            #expect(last.value(key(9), in: flash) == [8, 8])
            #expect(last == back)
        }
        Issue.record("the change never ended")
        return 0
    }

    @Test("several changes at once are all there after a cut, or none")
    func atomic() throws {
        var flash = try flash()
        var store = RecordStore(mounting: 0..<3, of: flash)
        for number in UInt8(1)...3 { try store.put(key(number), [number], in: &flash) }
        let changes: [(key: Key, value: [UInt8]?)] = [(key(1), nil), (key(2), [22]), (key(4), [44])]
        var done = false
        for operation in UInt64(1)..<20 where !done {
            for tear in tears {
                var (flash, store) = (flash, store)
                flash.cutPower(atOperation: operation, tear: tear)
                done = try !losesPower { try store.commit(changes, in: &flash) }
                flash.restorePower()
                let back = RecordStore(mounting: 0..<3, of: flash)
                let values = (UInt8(1)...4).map { back.value(key($0), in: flash) }
                #expect(values == [[1], [2], [3], nil] || values == [nil, [22], [3], [44]])
                if done { #expect(values == [nil, [22], [3], [44]]) }
            }
        }
        #expect(done)
    }

    @Test("power that goes again and again while it recovers does no harm", arguments: 0..<10)
    func repeatedCuts(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "repeated cuts")
        var flash = try flash()
        var store = RecordStore(mounting: 0..<2, of: flash)
        var value: [UInt8] = [0]
        try store.put(key(1), value, in: &flash)
        for round in 1..<300 {
            let next = [UInt8(round & 0xff), UInt8(round >> 8)]
            flash.cutPower(atOperation: 1 + generator.integer(below: 5), tear: .scattered(seed: generator.next()))
            if try losesPower({ try store.put(key(1), next, in: &flash) }) { flash.restorePower() }
            store = RecordStore(mounting: 0..<2, of: flash)
            let found = try #require(store.value(key(1), in: flash), "seed \(seed), round \(round)")
            #expect(found == value || found == next, "seed \(seed), round \(round)")
            value = found
        }
    }

    @Test("a flash full of anything is mounted without a crash", arguments: 0..<50)
    func garbage(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "garbage")
        var flash = try flash(unit: 1)
        for sector in 0..<4 { try flash.program(at: sector * 256, generator.bytes(256)) }
        var store = RecordStore(mounting: 0..<4, of: flash)
        #expect(store.keys.isEmpty)
        try store.put(key(1), [1], in: &flash)
        #expect(RecordStore(mounting: 0..<4, of: flash).value(key(1), in: flash) == [1])
    }
}
