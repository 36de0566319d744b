import LabCore
import Testing

@testable import Emulators

@Suite("Update package: a zip with stored members (specs/rg500q.md §4.1, ota.md I10)")
struct UpdatePackageTests {
    private static let package = UpdatePackage(
        base: "RG500QEAAAR11A06M4G", baseSubVersion: "01.001.01.001", target: "RG500QEAAAR11A08M4G", targetSubVersion: "01.002.01.002",
        subEdition: "V02", space: 1_000, payload: Array("hello".utf8))

    /// Made with `python3 -c 'zipfile.ZipFile(f, "w", ZIP_STORED).writestr(ZipInfo("a.txt"), b"hello")'`.
    private static let foreign = Hexadecimal.bytes(
        "504b03041400000000000000210086a61036050000000500000005000000612e74787468656c6c6f504b010214031400000000000000210086a6103605000000"
            + "05000000050000000000000000000000800100000000612e747874504b0506000000000100010033000000280000000000")

    @Test("reads the archive of another program")
    func foreignArchive() throws {
        let bytes = try #require(Self.foreign)
        let archive = try StoredZip(bytes)
        #expect(archive.members == [StoredZip.Member(name: "a.txt", bytes: Array("hello".utf8))])
    }

    @Test("what is made is read again, and begins as a zip does")
    func roundTrip() throws {
        let bytes = Self.package.encoded
        #expect(bytes.prefix(4) == [0x50, 0x4b, 0x03, 0x04])
        #expect(try UpdatePackage(bytes) == Self.package)
    }

    @Test("every cut is refused")
    func cuts() {
        let bytes = Self.package.encoded
        for length in bytes.indices { #expect(throws: UpdatePackage.Refusal.self) { try UpdatePackage(Array(bytes.prefix(length))) } }
    }

    @Test("every flipped bit is refused, but for dates, versions and attributes of the archive, which say nothing")
    func flips() {
        let bytes = Self.package.encoded
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                guard let read = try? UpdatePackage(changed) else { continue }
                // It may be read only as what it was.
                #expect(read == Self.package, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test(
        "names that lead out of the folder are refused with 504",
        arguments: ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\b", "C:evil", "..", "a/..", "nul\0"])
    func traversal(name: String) {
        let archive = StoredZip(members: [.init(name: name, bytes: [1]), .init(name: "fota.txt", bytes: [1])])
        #expect { try UpdatePackage(archive.encoded) } throws: { ($0 as? UpdatePackage.Refusal)?.code == 504 }
    }

    @Test("a member that is there twice is refused with 504")
    func doubled() {
        let archive = StoredZip(members: [.init(name: "fota.txt", bytes: [1]), .init(name: "fota.txt", bytes: [2])])
        #expect { try UpdatePackage(archive.encoded) } throws: { ($0 as? UpdatePackage.Refusal)?.code == 504 }
    }

    @Test("a symbolic link is refused with 504")
    func link() throws {
        var bytes = StoredZip(members: [.init(name: "fota.txt", bytes: Array("/etc".utf8))]).encoded
        let header = try #require(bytes.firstRange(of: [0x50, 0x4b, 0x01, 0x02])?.lowerBound)
        bytes[header + 5] = 3
        bytes[header + 41] = 0xa1
        #expect { try UpdatePackage(bytes) } throws: { ($0 as? UpdatePackage.Refusal)?.code == 504 }
    }

    @Test("a member that is compressed cannot be unpacked: 501")
    func compressed() throws {
        var bytes = Self.package.encoded
        let header = try #require(bytes.firstRange(of: [0x50, 0x4b, 0x01, 0x02])?.lowerBound)
        bytes[header + 10] = 8
        #expect { try UpdatePackage(bytes) } throws: { ($0 as? UpdatePackage.Refusal)?.code == 501 }
    }

    @Test("a package without manifest or payload: 505; with another manifest: 504")
    func members() {
        func code(_ archive: StoredZip) -> Int? {
            do throws(UpdatePackage.Refusal) { _ = try UpdatePackage(archive.encoded) } catch { return error.code }
            return nil
        }
        #expect(code(StoredZip(members: [])) == 505)
        #expect(code(StoredZip(members: [.init(name: "fota.txt", bytes: [])])) == 505)
        #expect(code(StoredZip(members: [.init(name: "fota.txt", bytes: []), .init(name: "payload.bin", bytes: [])])) == 504)
        #expect(code(StoredZip(members: [.init(name: "fota.txt", bytes: [0xff]), .init(name: "payload.bin", bytes: [])])) == 504)
    }

    @Test("3,000 damaged packages are refused or are the same", arguments: [UInt64(4711)])
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "packages")
        let bytes = Self.package.encoded
        for round in 0..<3_000 {
            var changed = bytes
            for _ in 0...generator.integer(below: 4) {
                switch generator.integer(below: 3) {
                case 0: changed[Int(generator.integer(below: UInt64(changed.count)))] = UInt8(generator.integer(below: 256))
                case 1 where changed.count > 30: changed.removeLast(Int(generator.integer(below: 20)))
                default: changed += generator.bytes(Int(generator.integer(below: 20)))
                }
            }
            if let read = try? UpdatePackage(changed) { #expect(read == Self.package, "seed \(seed), round \(round)") }
        }
    }
}
