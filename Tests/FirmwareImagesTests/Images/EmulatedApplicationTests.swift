import FirmwareImages
import Testing

@Suite("The program that an emulated badge finds in an image")
struct EmulatedApplicationTests {

    @Test("The block in bytes")
    func encoded() {
        let text = "version=2.4.0\nbehaviour=crash\nschema=3\n"
        #expect(
            EmulatedApplication(version: "2.4.0", behaviour: .crash, schema: 3).encoded == Array("LUNAAPP1".utf8) + [39, 0]
                + Array(text.utf8))
    }

    @Test("Found at every multiple of 16 of the body, and nowhere else", arguments: 0...48)
    func found(_ place: Int) {
        let application = EmulatedApplication(version: "1.0.0", behaviour: .hang)
        let bytes = Array(repeating: UInt8(7), count: 32 + place) + application.encoded + Array(repeating: 7, count: 20)
        #expect(EmulatedApplication.find(in: bytes, body: 32..<bytes.count) == (place % 16 == 0 ? application : nil))
    }

    @Test("Not found where it is cut, damaged, or the body lies outside of the file")
    func notFound() {
        let encoded = EmulatedApplication(version: "1.0.0").encoded
        for length in 0..<encoded.count { #expect(EmulatedApplication.find(in: Array(encoded[..<length]), body: 0..<length) == nil) }
        #expect(EmulatedApplication.find(in: encoded, body: 0..<1_000_000)?.version == "1.0.0")
        #expect(EmulatedApplication.find(in: encoded, body: 1_000..<2_000) == nil)
        #expect(EmulatedApplication.find(in: Array("LUNAAPP1".utf8) + [0xff, 0xff], body: 0..<10) == nil)
        #expect(EmulatedApplication.find(in: Array("LUNAAPP1".utf8) + [12, 0] + Array("behaviour=no".utf8), body: 0..<22) == nil)
    }

    @Test(
        "Factory images are taken by the bootloader with the key that comes with them",
        arguments: ImageFormat.allCases.filter { $0 != .rauc })
    func factory(_ format: ImageFormat) throws {
        let seed = [UInt8](repeating: 9, count: 32)
        let made = try FactoryImage.make(
            version: FirmwareVersion(2, 3, 0), format: format, size: 4_096, behaviour: .hang, securityCounter: 5, privateKey: seed)
        let image = try #require(validate(made.image, format, ImageTrust(keys: format == .mcuboot ? [made.key] : [])).image)
        #expect(image.version == FirmwareVersion(2, 3, 0))
        #expect(image.securityCounter == 5)
        #expect(EmulatedApplication.find(in: made.image, body: image.body) == EmulatedApplication(version: "2.3.0", behaviour: .hang))
        let again = try FactoryImage.make(
            version: FirmwareVersion(2, 3, 0), format: format, size: 4_096, behaviour: .hang, securityCounter: 5, privateKey: seed)
        #expect(again.image == made.image)
        #expect(throws: FactoryImageError.badSize(100)) {
            try FactoryImage.make(version: FirmwareVersion(1, 0, 0), format: format, size: 100, privateKey: seed)
        }
        #expect(throws: FactoryImageError.badSeed) {
            try FactoryImage.make(version: FirmwareVersion(1, 0, 0), format: format, privateKey: [1])
        }
    }

    @Test("The factory's RAUC payload holds the program, too")
    func payload() throws {
        let made = try FactoryImage.make(
            version: FirmwareVersion(2, 3, 0), format: .rauc, size: 5_000, privateKey: [UInt8](repeating: 9, count: 32))
        #expect(made.image.count == 8_192)
        #expect(made.image.starts(with: Array("hsqs".utf8)))
        #expect(EmulatedApplication.find(in: made.image, body: 0..<made.image.count)?.version == "2.3.0")
    }
}
