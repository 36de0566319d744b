import LabCore
import Testing

@testable import Emulators

private func flash(sectors: Int = 4, size: Int = 256, unit: Int = 8, bad: [Int] = []) throws -> VirtualFlash {
    VirtualFlash(try VirtualFlash.Geometry(sectorCount: sectors, sectorSize: size, writeUnit: unit), badSectors: bad)
}

@Suite("Virtual flash (architecture.md §4)")
struct VirtualFlashTests {
    @Test("refuses a geometry that no chip has", arguments: [
        (0, 256, 8), (4_097, 256, 8), (4, 128, 8), (4, 300, 8), (4, 524_288, 8), (4, 256, 0), (4, 256, 3), (4, 256, 512),
    ])
    func badGeometry(sectors: Int, size: Int, unit: Int) {
        #expect(throws: FlashError.self) { try VirtualFlash.Geometry(sectorCount: sectors, sectorSize: size, writeUnit: unit) }
    }

    @Test("reads 0xFF wherever nothing was programmed, over the border of sectors too")
    func erased() throws {
        var flash = try flash()
        try flash.program(at: 256, Array(repeating: 0x11, count: 8))
        #expect(try flash.read(at: 252, count: 16) == [0xff, 0xff, 0xff, 0xff] + Array(repeating: 0x11, count: 8) + [0xff, 0xff, 0xff, 0xff])
        #expect(try flash.read(at: 0, count: 1_024).count == 1_024)
        #expect(flash.isErased(sector: 0))
        #expect(!flash.isErased(sector: 1))
        #expect(flash.isErased(sector: 1, from: 8))
    }

    @Test("programming only clears bits; a bit that must be set needs an erase")
    func clearsBits() throws {
        var flash = try flash(unit: 1)
        try flash.program(at: 5, [0b1111_0000])
        try flash.program(at: 5, [0b1010_0000])
        #expect(try flash.read(at: 5, count: 1) == [0b1010_0000])
        #expect(throws: FlashError.needsErase(address: 5)) { try flash.program(at: 5, [0b0000_0001]) }
        try flash.erase(sector: 0)
        try flash.program(at: 5, [0b0000_0001])
        #expect(try flash.read(at: 5, count: 1) == [0b0000_0001])
    }

    @Test("refuses what lies outside, beside the write unit, or in two sectors, and changes nothing")
    func refused() throws {
        var flash = try flash()
        let eight = Array(repeating: UInt8(0), count: 8)
        #expect(throws: FlashError.outOfRange(address: 1_024, count: 8, size: 1_024)) { try flash.program(at: 1_024, eight) }
        #expect(throws: FlashError.outOfRange(address: -8, count: 8, size: 1_024)) { try flash.program(at: -8, eight) }
        #expect(throws: FlashError.outOfRange(address: 0, count: .max, size: 1_024)) { try flash.read(at: 0, count: .max) }
        #expect(throws: FlashError.outOfRange(address: 1_024, count: 256, size: 1_024)) { try flash.erase(sector: 4) }
        #expect(throws: FlashError.misaligned(address: 4, count: 8, writeUnit: 8)) { try flash.program(at: 4, eight) }
        #expect(throws: FlashError.misaligned(address: 0, count: 3, writeUnit: 8)) { try flash.program(at: 0, [1, 2, 3]) }
        #expect(throws: FlashError.crossesSector(address: 248, count: 16)) { try flash.program(at: 248, eight + eight) }
        #expect(flash.operationCount == 0)
        #expect(try flash.read(at: 0, count: 1_024).allSatisfy { $0 == 0xff })
    }

    @Test("a torn write does its operation in part", arguments: [
        (VirtualFlash.Tear.nothing, 0), (.oneByte, 1), (.half, 8), (.allButOneByte, 15), (.everything, 16),
    ])
    func tornProgram(tear: VirtualFlash.Tear, share: Int) throws {
        var flash = try flash()
        flash.cutPower(atOperation: 2, tear: tear)
        try flash.program(at: 0, Array(repeating: 0, count: 8))
        #expect(throws: FlashError.powerLost(operation: 2)) { try flash.program(at: 16, Array(repeating: 0x22, count: 16)) }
        #expect(try flash.read(at: 16, count: 16) == Array(repeating: 0x22, count: share) + Array(repeating: 0xff, count: 16 - share))
    }

    @Test("a torn erase leaves the rest of the sector", arguments: [
        (VirtualFlash.Tear.nothing, 0), (.oneByte, 1), (.half, 128), (.allButOneByte, 255), (.everything, 256),
    ])
    func tornErase(tear: VirtualFlash.Tear, share: Int) throws {
        var flash = try flash()
        try flash.program(at: 0, Array(repeating: 0, count: 256))
        flash.cutPower(atOperation: 1, tear: tear)
        #expect(throws: FlashError.powerLost(operation: 2)) { try flash.erase(sector: 0) }
        #expect(try flash.read(at: 0, count: 256) == Array(repeating: 0xff, count: share) + Array(repeating: 0, count: 256 - share))
    }

    @Test("a scattered tear programs some bits and erases some bits, never others", arguments: 0..<20)
    func scattered(seed: UInt64) throws {
        var flash = try flash()
        try flash.program(at: 0, Array(repeating: 0b1010_1010, count: 8))
        flash.cutPower(atOperation: 1, tear: .scattered(seed: seed))
        #expect(throws: FlashError.self) { try flash.program(at: 0, Array(repeating: 0b1000_0010, count: 8)) }
        for byte in try flash.read(at: 0, count: 8) { #expect(byte & 0b1000_0010 == 0b1000_0010 && byte | 0b1010_1010 == 0b1010_1010) }
        flash.restorePower()
        flash.cutPower(atOperation: 1, tear: .scattered(seed: seed))
        #expect(throws: FlashError.self) { try flash.erase(sector: 0) }
        for byte in try flash.read(at: 0, count: 8) { #expect(byte & 0b1000_0010 == 0b1000_0010) }
    }

    @Test("does nothing without power, and works again when it is back; a cancelled cut does not come")
    func power() throws {
        var flash = try flash()
        flash.cutPower(atOperation: 1, tear: .nothing)
        #expect(throws: FlashError.powerLost(operation: 1)) { try flash.erase(sector: 0) }
        #expect(!flash.isPowered)
        #expect(throws: FlashError.powerLost(operation: 1)) { try flash.program(at: 0, Array(repeating: 0, count: 8)) }
        #expect(flash.isErased(sector: 0))
        flash.restorePower()
        flash.cutPower(atOperation: 1)
        flash.cancelCut()
        try flash.program(at: 0, Array(repeating: 0, count: 8))
        #expect(flash.operationCount == 2)
    }

    @Test("a bad sector neither programs nor erases, and can be read")
    func badSector() throws {
        var flash = try flash(bad: [2, 17])
        #expect(flash.badSectors == [2])
        #expect(throws: FlashError.badSector(2)) { try flash.erase(sector: 2) }
        #expect(throws: FlashError.badSector(2)) { try flash.program(at: 512, Array(repeating: 0, count: 8)) }
        #expect(try flash.read(at: 512, count: 8) == Array(repeating: 0xff, count: 8))
        try flash.program(at: 0, Array(repeating: 0x7f, count: 8))
        flash.markBad(0)
        #expect(throws: FlashError.badSector(0)) { try flash.erase(sector: 0) }
        #expect(try flash.read(at: 0, count: 2) == [0x7f, 0x7f])
    }

    @Test("takes memory only for what was programmed")
    func lazy() throws {
        var flash = try flash(sectors: 4_096, size: 262_144, unit: 256)
        #expect(flash.footprint == 0)
        try flash.program(at: 262_144, Array(repeating: 0, count: 256))
        #expect(flash.footprint < 1_024)
        try flash.erase(sector: 1)
        #expect(flash.footprint == 0)
    }
}
