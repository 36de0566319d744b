import Crypto
import Foundation
import LabCore

/// Images for devices to which nobody gave a file: the same arguments give the same bytes.
package enum FactoryImage {
    /// Makes an image of about `size` bytes with an `EmulatedApplication` in it, and the key that a bootloader needs for it.
    ///
    /// MCUboot images are signed with Ed25519. ESP images carry checksum and hash but no signature, RAUC payloads no CMS: the
    /// bootloader of such a device is given no keys.
    /// - Parameters:
    ///   - size: of the body, 512 to 16,777,215 bytes; brought to a multiple of 4,096 for RAUC, of 16 for the others.
    ///   - seed: the Ed25519 private key, 32 bytes.
    ///   - content: names the program's bytes; images of the same content differ in what they say of themselves only, as a small
    ///     change of a program does. By itself each version and behaviour has its own.
    package static func make(
        version: FirmwareVersion, format: ImageFormat, size: Int = 40_960, behaviour: EmulatedApplication.Behaviour = .normal,
        schema: Int = 1,
        securityCounter: UInt32 = 1, hardware: String = "v1.0", compatible: String = "luna-badge", privateKey seed: [UInt8],
        content: String? = nil
    ) throws(FactoryImageError) -> (image: [UInt8], key: ImageKey) {
        guard (512..<16 << 20).contains(size) else { throw .badSize(size) }
        guard seed.count == 32, let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else { throw .badSeed }
        let application = EmulatedApplication(version: version.description, behaviour: behaviour, schema: schema)
        let image: [UInt8] =
            switch format {
            case .mcuboot: mcuboot(version, body(application, size: size, content), securityCounter, hardware, key)
            case .esp32: esp32(version, body(application, size: size, content), securityCounter)
            case .rauc: payload(version, application, size: size, content, securityCounter: securityCounter, compatible: compatible)
            }
        return (image, .ed25519(Array(key.publicKey.rawRepresentation)))
    }

    /// Bytes that neither repeat nor compress, with the application's block at 0x100.
    private static func body(_ application: EmulatedApplication, size: Int, _ content: String?) -> [UInt8] {
        let content = content ?? "\(application.version) \(application.behaviour.rawValue)"
        var generator = SeededGenerator(seed: 1, purpose: "factory image \(content)")
        var body = generator.bytes(Bounds.roundedUp(size, to: 16))
        body.replaceSubrange(256..<256 + application.encoded.count, with: application.encoded)
        return body
    }

    private static func mcuboot(
        _ version: FirmwareVersion, _ body: [UInt8], _ counter: UInt32, _ hardware: String, _ key: Curve25519.Signing.PrivateKey
    ) -> [UInt8] {
        func record(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
            LittleEndian.bytes(type) + LittleEndian.bytes(UInt16(value.count)) + value
        }
        var protected = record(MCUbootRecord.Kind.securityCounter.rawValue, LittleEndian.bytes(counter))
        if !hardware.isEmpty { protected += record(MCUbootRecord.hardware, Array(hardware.utf8.prefix(64))) }
        protected = LittleEndian.bytes(MCUbootLayout.protectedAreaMagic) + LittleEndian.bytes(UInt16(protected.count + 4)) + protected
        var image = LittleEndian.bytes(MCUbootHeader.magic) + LittleEndian.bytes(UInt32(0)) + LittleEndian.bytes(UInt16(MCUbootHeader.size))
        image += LittleEndian.bytes(UInt16(protected.count)) + LittleEndian.bytes(UInt32(body.count)) + LittleEndian.bytes(UInt32(0))
        image += [UInt8(truncatingIfNeeded: version.major), UInt8(truncatingIfNeeded: version.minor)]
        image +=
            LittleEndian.bytes(UInt16(truncatingIfNeeded: version.revision)) + LittleEndian.bytes(version.build)
            + LittleEndian.bytes(UInt32(0))
        image += body + protected
        let digest = Array(SHA256.hash(data: image))
        let encoded = ImageKey.ed25519(Array(key.publicKey.rawRepresentation)).encoded
        // Ed25519 signatures are a function of key and message (RFC 8032 §5.1.6), which cannot fail for a key that was read.
        let signature = (try? key.signature(for: digest)).map(Array.init) ?? []
        let records =
            record(MCUbootRecord.Kind.sha256.rawValue, digest)
            + record(MCUbootRecord.Kind.keyHash.rawValue, Array(SHA256.hash(data: encoded)))
            + record(MCUbootRecord.Kind.ed25519.rawValue, signature)
        return image + LittleEndian.bytes(MCUbootLayout.areaMagic) + LittleEndian.bytes(UInt16(records.count + 4)) + records
    }

    /// One segment in flash, at the address whose place in a page is that of its data in the file.
    private static func esp32(_ version: FirmwareVersion, _ body: [UInt8], _ counter: UInt32) -> [UInt8] {
        func field(_ text: String, _ length: Int) -> [UInt8] {
            (Array(text.utf8.prefix(length)) + Array(repeating: 0, count: length)).prefix(length).map(\.self)
        }
        var description = LittleEndian.bytes(ESP32Description.magic) + LittleEndian.bytes(counter) + Array(repeating: 0, count: 8)
        description +=
            field(version.description, 32) + field("luna-badge", 32) + field("00:00:00", 16) + field("Jan  1 2026", 16) + field("v5.5", 32)
        description += Array(SHA256.hash(data: body)) + Array(repeating: 0, count: ESP32Description.size - 176)
        let data = description + body
        var image: [UInt8] = [ESP32Header.magic, 1, 2, 0x4f] + LittleEndian.bytes(UInt32(0x4037_8000))
        image += [0xee, 0, 0, 0] + LittleEndian.bytes(UInt16(9)) + [0, 0, 0] + LittleEndian.bytes(UInt16(99)) + [0, 0, 0, 0, 1]
        image += LittleEndian.bytes(UInt32(0x3c00_0020)) + LittleEndian.bytes(UInt32(data.count)) + data
        let checksum = 0xef ^ XOR.of(data, 0..<data.count)
        image += Array(repeating: 0, count: 15 - image.count % 16) + [checksum]
        return image + Array(SHA256.hash(data: image))
    }

    /// What a slot of a RAUC device holds: a squashfs superblock whose `bytes_used` is the whole payload, the manifest as text
    /// behind it, then the program. There is no signature behind it: the factory writes the payload, not the bundle.
    private static func payload(
        _ version: FirmwareVersion, _ application: EmulatedApplication, size: Int, _ content: String?, securityCounter: UInt32, compatible: String
    ) -> [UInt8] {
        let length = Bounds.roundedUp(size, to: 4_096)
        var image = body(application, size: length, content)
        let manifest = "[update]\ncompatible=\(compatible)\nversion=\(version)\n\n[meta.lab]\nsecurity-counter=\(securityCounter)\n"
        let superblock =
            LittleEndian.bytes(UInt32(0x7371_7368)) + Array(repeating: 0, count: 36)
            + LittleEndian.bytes(UInt32(truncatingIfNeeded: length))
            + LittleEndian.bytes(UInt32(0)) + Array(repeating: 0, count: 48)
        image.replaceSubrange(0..<superblock.count, with: superblock)
        image.replaceSubrange(96..<256, with: (Array(manifest.utf8) + Array(repeating: 0, count: 160)).prefix(160))
        return image
    }
}

/// Arguments that no image can be made of.
package enum FactoryImageError: Error, Sendable, Hashable, CustomStringConvertible {
    case badSize(Int), badSeed

    package var description: String {
        switch self {
        case .badSize(let size): "an image of \(size) bytes; from 512 bytes to 16 MB can be made"
        case .badSeed: "an Ed25519 private key has 32 bytes"
        }
    }
}
