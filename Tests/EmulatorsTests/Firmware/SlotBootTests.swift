import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("ESP-IDF's otadata (specs/ota.md §2 and §5)")
struct ESPBootTests {
    private let images: BootBench.Images
    private var store: FirmwareStore

    init() throws {
        images = try BootBench.Images(.esp)
        store = try FirmwareStore(model: .esp, trust: images.trust, image: images.old, layout: BootBench.layout)
        _ = try store.boot()
    }

    /// Otadata is in sectors 10 and 11, behind two slots of five.
    private func entry(_ index: Int) throws -> [UInt8] { try store.flash.read(at: (10 + index) * 1_024, count: 32) }
    private let label = Array(repeating: UInt8(0xff), count: 20)

    @Test("entries are as gen_esp32part and otatool write them: CRC 4743989A for sequence 1, 55F63774 for 2")
    mutating func entries() throws {
        #expect(try entry(0) == [1, 0, 0, 0] + label + [2, 0, 0, 0] + [0x9a, 0x98, 0x43, 0x47])
        try store.install(images.new)
        try store.activate()
        #expect(try entry(1) == [2, 0, 0, 0] + label + [0, 0, 0, 0] + [0x74, 0x37, 0xf6, 0x55])
        let running = try #require(try store.boot().running)
        #expect(running.slot == "b")
        #expect(running.attempt == 1)
        #expect(try entry(1)[24..<28] == [1, 0, 0, 0], "PENDING_VERIFY")
        try store.confirm()
        #expect(try entry(1)[24..<28] == [2, 0, 0, 0], "VALID")
        #expect(store.securityCounter == 2)
    }

    @Test("an image has one boot: it is ABORTED at the next reset, however innocent (P7)")
    mutating func oneAttempt() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        let running = try #require(try store.boot().running)
        #expect(running.slot == "a")
        #expect(running.isRevert)
        #expect(running.image.version == BootBench.old)
        #expect(try entry(1)[24..<28] == [4, 0, 0, 0], "ABORTED")
        #expect(store.slots.map(\.isBad) == [false, true])
    }

    @Test("an image that is not valid is marked INVALID and not started")
    mutating func invalid() throws {
        var damaged = images.new
        damaged[2_000] ^= 0x40
        try store.install(damaged)
        try store.activate()
        #expect(try store.boot().running?.image.version == BootBench.old)
        #expect(try entry(1)[24..<28] == [3, 0, 0, 0], "INVALID")
    }

    @Test("going back fails where the other image is below secure_version, and the running one stays (A5)")
    mutating func rollbackFails() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        try store.confirm()
        #expect(try store.rollBack() == false)
        #expect(try store.boot().running?.image.version == BootBench.new)
    }

    @Test("an image that was given up is the last resort when the other one is damaged")
    mutating func lastResort() throws {
        try store.install(images.new)
        try store.activate()
        _ = try store.boot()
        try store.flash.program(at: 512, Array(repeating: 0, count: 8))
        for _ in 0..<3 {
            let running = try #require(try store.boot(wasWatchdog: true).running)
            #expect(running.image.version == BootBench.new)
            #expect(running.isLastResort)
            #expect(!running.isConfirmed)
        }
        #expect(throws: Never.self) { try store.eraseUpdateSector(0) }
    }

    @Test("without otadata whatever boots is started, slot a first")
    mutating func noOTAData() throws {
        try store.flash.erase(sector: 10)
        #expect(try store.boot().running?.slot == "a")
        #expect(store.isRunningConfirmed)
    }
}

@Suite("A bootloader as RAUC wants it: order, attempts, marks (specs/ota.md §2)")
struct RAUCBootTests {
    private let images: BootBench.Images
    private var store: FirmwareStore

    init() throws {
        images = try BootBench.Images(.rauc)
        store = try FirmwareStore(model: .rauc, trust: images.trust, image: images.old, layout: BootBench.layout)
        _ = try store.boot()
    }

    private mutating func install() throws {
        try store.install(images.new)
        try store.activate(length: images.new.count)
    }

    @Test("an image has three attempts, then the other slot is taken, for good")
    mutating func attempts() throws {
        try install()
        for attempt in 1...3 {
            let running = try #require(try store.boot().running)
            #expect(running.slot == "b")
            #expect(running.attempt == attempt)
            #expect(store.slots.map(\.attemptsLeft) == [3, 3 - attempt])
        }
        for _ in 0..<5 {
            let running = try #require(try store.boot().running)
            #expect(running.slot == "a")
            #expect(running.isRevert)
        }
    }

    @Test("mark-good fills the counter up; the slot's status has length and hash")
    mutating func markGood() throws {
        try install()
        _ = try store.boot()
        try store.confirm()
        #expect(store.bootState[.b].attempts == 3)
        #expect(store.bootState[.b].length == images.new.count)
        #expect(store.bootState[.b].digest.count == 32)
        #expect(store.securityCounter == 2)
    }

    @Test("a slot that is being written is bad: it is not started though it was good before")
    mutating func marksBadFirst() throws {
        try install()
        _ = try store.boot()
        try store.confirm()
        _ = try store.boot()
        #expect(store.updateSlot == .a)
        try store.eraseUpdateSector(0)
        #expect(store.slots.map(\.isBad) == [true, false])
    }

    @Test("an application can leave a slot that is on trial")
    mutating func rollBack() throws {
        try install()
        _ = try store.boot()
        #expect(try store.rollBack())
        let running = try #require(try store.boot().running)
        #expect(running.slot == "a")
        #expect(running.isRevert)
        #expect(running.isConfirmed)
    }

    @Test("a damaged good slot is left for the other; the record says so once")
    mutating func damaged() throws {
        try install()
        _ = try store.boot()
        try store.flash.program(at: 5 * 1_024 + 304, Array(repeating: 0, count: 8))
        try store.flash.program(at: 5 * 1_024, Array(repeating: 0, count: 8))
        #expect(try store.boot().running?.slot == "a")
        let count = store.flash.operationCount
        #expect(try store.boot().running?.slot == "a")
        #expect(store.flash.operationCount == count)
    }

    @Test("a record that is lost leaves both slots to be tried")
    mutating func lostRecord() throws {
        try store.flash.erase(sector: 10)
        try store.flash.erase(sector: 11)
        #expect(try store.boot().running?.image.version == BootBench.old)
    }
}
