import LabCore
import Testing

@testable import Emulators

@Suite("Flash operations: trace, wear, time")
struct FlashTraceTests {
    private func flash() throws -> VirtualFlash {
        VirtualFlash(try VirtualFlash.Geometry(sectorCount: 4, sectorSize: 1_024, writeUnit: 8))
    }

    @Test("the trace has kind, address and length of each operation, the interrupted one included")
    func trace() throws {
        var flash = try flash()
        flash.startTrace()
        try flash.erase(sector: 1)
        try flash.program(at: 1_024, Array(repeating: 0, count: 16))
        flash.cutPower(atOperation: 1, tear: .nothing)
        #expect(throws: FlashError.self) { try flash.program(at: 2_048, Array(repeating: 0, count: 8)) }
        let trace = flash.stopTrace()
        #expect(trace.map(\.kind) == [.erase, .program, .program])
        #expect(trace.map(\.address) == [1_024, 1_024, 2_048])
        #expect(trace.map(\.count) == [1_024, 16, 8])
        flash.restorePower()
        #expect(flash.trace.isEmpty)
    }

    @Test("erases are counted for each sector, torn ones too")
    func wear() throws {
        var flash = try flash()
        try flash.erase(sector: 2)
        flash.cutPower(atOperation: 1, tear: .half)
        #expect(throws: FlashError.self) { try flash.erase(sector: 2) }
        #expect(flash.eraseCounts == [0, 0, 2, 0])
    }

    @Test("copying a sector is one operation and does what reading and programming would", arguments: [1_024, 40])
    func copy(length: Int) throws {
        var flash = try flash()
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        try flash.program(at: 0, bytes)
        try flash.copy(sector: 0, to: 3)
        #expect(flash.operationCount == 2)
        #expect(try flash.read(at: 3_072, count: length) == bytes)
        flash.cutPower(atOperation: 1, tear: .half)
        #expect(throws: FlashError.powerLost(operation: 3)) { try flash.copy(sector: 0, to: 1) }
        #expect(try flash.read(at: 1_024, count: length) == Array(bytes.prefix(512)) + Array(repeating: 0xff, count: max(0, length - 512)))
        flash.restorePower()
        try flash.program(at: 2_048, Array(repeating: 0, count: 8))
        #expect(throws: FlashError.needsErase(address: 2_049)) { try flash.copy(sector: 0, to: 2) }
    }

    @Test("a sector's erase takes 20 ms, each begun 256 bytes half a millisecond")
    func time() throws {
        var flash = try flash()
        flash.startTrace()
        try flash.erase(sector: 0)
        try flash.program(at: 0, Array(repeating: 0, count: 264))
        try flash.program(at: 512, Array(repeating: 0, count: 8))
        let timing = FlashTiming.standard
        #expect(timing.duration(of: flash.trace) == .microseconds(21_500))
        #expect(timing.operation(under: .zero, of: flash.trace) == 1)
        #expect(timing.operation(under: .milliseconds(20), of: flash.trace) == 2)
        #expect(timing.operation(under: .microseconds(21_400), of: flash.trace) == 3)
        #expect(timing.operation(under: .microseconds(21_500), of: flash.trace) == nil)
    }
}
