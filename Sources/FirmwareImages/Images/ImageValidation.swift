/// What a bootloader does before it starts an image: total on any input, one pass over the covered bytes.
package enum ImageValidation {
    /// The checks that a bootloader can be built without. Bounds are always checked.
    package struct Checks: OptionSet, Sendable {
        package var rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Hash and checksum against the bytes.
        package static let hash = Checks(rawValue: 1)
        /// Signature against the keys; only where the trust names any.
        package static let signature = Checks(rawValue: 2)
        package static let hardware = Checks(rawValue: 4)
        package static let securityCounter = Checks(rawValue: 8)
        package static let all: Checks = [.hash, .signature, .hardware, .securityCounter]
    }

    /// Whether the bootloader of that format would start `bytes`: the content of a slot from its first byte, or a file.
    ///
    /// Bytes behind the image do not matter, as in a slot. The first thing that is wrong is the refusal; the order is
    /// layout, size, hash, signature, hardware, security counter.
    package static func validate(
        _ bytes: [UInt8], as format: ImageFormat, trust: ImageTrust, checks: Checks = .all
    ) -> Result<BootableImage, ImageRefusal> {
        switch format {
        case .mcuboot: Result { () throws(ImageRefusal) in try MCUbootValidation.validate(bytes, trust: trust, checks: checks) }
        case .esp32: Result { () throws(ImageRefusal) in try ESP32Validation.validate(bytes, trust: trust, checks: checks) }
        case .rauc: Result { () throws(ImageRefusal) in try RAUCBundle.validate(bytes, trust: trust, checks: checks) }
        }
    }
}
