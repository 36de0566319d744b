import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("MCUboot's trailer and decisions (specs/ota.md §5; MCUboot docs/design.md)")
struct MCUbootTests {
    private let images: BootBench.Images
    private var store: FirmwareStore

    init() throws {
        images = try BootBench.Images(.mcuboot)
        store = try FirmwareStore(model: .mcuboot, trust: images.trust, image: images.old, layout: BootBench.layout)
        _ = try store.boot()
    }

    /// The last bytes of a slot: a has sectors 0 to 6 of 1 KiB (five for the image, one to move into, the trailer), b 7 to 12.
    private func end(_ slot: FirmwareSlot, _ count: Int) throws -> [UInt8] {
        try store.flash.read(at: (slot == .a ? 7 : 13) * 1_024 - count, count: count)
    }

    private let magic: [UInt8] = [0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80]
    private let erased = Array(repeating: UInt8(0xff), count: 7)

    @Test("activation writes swap_info TEST and the magic, nothing else, and the second time nothing")
    mutating func activation() throws {
        try store.install(images.new)
        try store.activate()
        let unset = [0xff] + erased
        #expect(try end(.b, 48) == unset + [0x02] + erased + unset + unset + magic)
        let count = store.flash.operationCount
        try store.activate()
        #expect(store.flash.operationCount == count)
    }

    @Test("a test swap leaves copy_done set and image_ok unset; confirming sets image_ok to 01 at -24")
    mutating func testSwap() throws {
        try store.install(images.new)
        try store.activate()
        let running = try #require(try store.boot().running)
        #expect(running.image.version == BootBench.new)
        #expect(!running.isConfirmed)
        #expect(running.attempt == 1)
        #expect(running.signature == .valid)
        #expect(running.application?.version == "2.4.0")
        let size = [UInt8(truncatingIfNeeded: images.new.count), UInt8(truncatingIfNeeded: images.new.count >> 8), 0, 0, 0xff, 0xff, 0xff, 0xff]
        #expect(try end(.a, 48) == size + [0x02] + erased + [0x01] + erased + [0xff] + erased + magic)
        #expect(store.flash.isErased(sector: 12), "the secondary's trailer is erased")
        #expect(store.readUpdate(at: 0, count: images.old.count) == images.old)
        try store.confirm()
        #expect(try end(.a, 24) == [0x01] + erased + magic)
        #expect(store.securityCounter == 2)
        #expect(try store.boot().running?.isConfirmed == true)
    }

    @Test("an unconfirmed image is swapped back at the next reset, and the loser is not taken again")
    mutating func revert() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        #expect(store.isOnTrial)
        #expect(throws: FlashError.self) { try store.eraseUpdateSector(0) }
        let running = try #require(try store.boot(wasWatchdog: true).running)
        #expect(running.image.version == BootBench.old)
        #expect(running.isRevert)
        #expect(running.isConfirmed)
        #expect(try end(.a, 40).prefix(1) == [0x04])
        #expect(try store.rollBack() == false)
        #expect(store.slots.map(\.isBad) == [false, true])
        #expect(store.securityCounter == 1)
    }

    @Test("an invalid image in the secondary slot is erased, and the primary runs on")
    mutating func invalidSecondary() throws {
        var damaged = images.new
        damaged[1_000] ^= 1
        try store.install(damaged)
        guard case .failure(let refusal) = store.validateUpdate() else { return #expect(Bool(false), "taken") }
        #expect(refusal.reason == "hash_mismatch")
        try store.activate()
        let running = try #require(try store.boot().running)
        #expect(running.image.version == BootBench.old)
        #expect(running.isConfirmed)
        #expect(store.flash.isErased(sector: 7))
        #expect(store.flash.isErased(sector: 12))
        let count = store.flash.operationCount
        _ = try store.boot()
        #expect(store.flash.operationCount == count)
    }

    @Test("when the way back is damaged the image on trial is the last resort, and stays (A5)")
    mutating func rollbackFails() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        try store.flash.program(at: 7 * 1_024 + 512, Array(repeating: 0, count: 8))
        #expect(try store.rollBack() == false)
        let running = try #require(try store.boot(wasWatchdog: true).running)
        #expect(running.image.version == BootBench.new)
        #expect(running.isLastResort)
        #expect(running.isConfirmed)
    }

    @Test("an application can go back to the image before, which is on trial again")
    mutating func askedToGoBack() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        // Before the counter is raised by a confirmation the old image may still run.
        #expect(try store.rollBack())
        #expect(try store.boot().running?.image.version == BootBench.old)
    }

    @Test("an image below the stored security counter is not gone back to")
    mutating func counter() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        try store.confirm()
        #expect(try store.rollBack() == false)
        try store.install(images.old)
        guard case .failure(let refusal) = store.validateUpdate() else { return #expect(Bool(false), "taken") }
        #expect(refusal.reason == "downgrade_counter")
    }

    @Test("a damaged primary is replaced by what the secondary holds; without one it is stuck, and writes nothing")
    mutating func damagedPrimary() throws {
        try store.install(images.new)
        var other = store
        try store.flash.program(at: 512, Array(repeating: 0, count: 8))
        let running = try #require(try store.boot().running)
        #expect(running.image.version == BootBench.new)
        #expect(running.isLastResort)
        try other.flash.program(at: 512, Array(repeating: 0, count: 8))
        try other.flash.program(at: 7 * 1_024 + 512, Array(repeating: 0, count: 8))
        let count = other.flash.operationCount
        #expect(try other.boot() == .stuck(reason: "hash_mismatch"))
        #expect(other.flash.operationCount == count)
    }

    @Test("slots of another alignment have the other magic", arguments: [16, 32])
    func alignment(unit: Int) throws {
        let layout = FirmwareLayout(sectorSize: 2_048, imageSectors: 3, writeUnit: unit)
        var store = try FirmwareStore(model: .mcuboot, trust: images.trust, image: images.old, layout: layout)
        _ = try store.boot()
        try store.install(images.new)
        try store.activate()
        let end = try store.flash.read(at: (5 + 4) * 2_048 - 16, count: 16)
        #expect(end == [UInt8(unit), 0x00, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a])
        #expect(try store.boot().running?.image.version == BootBench.new)
    }
}
