/// What a bootloader knows, and whom it trusts: programmed in the factory, changed by no update.
package struct ImageTrust: Sendable, Hashable {
    /// Public keys of MCUboot and ESP images. Empty: signatures are not asked for, hashes still are.
    package var keys: [ImageKey]
    /// DER certificates of the roots of RAUC bundles. Empty: the signature is not asked for.
    package var certificates: [[UInt8]]
    /// The hardware's own revision, such as `v1.0`. An image that names another is refused; one that names none is not.
    /// Empty: not looked at.
    package var hardware: String
    /// RAUC's `compatible`, such as `luna-badge`. Empty: not looked at.
    package var compatible: String
    /// Chip id of the ESP32 family, 9 is the S3. Nil: not looked at.
    package var chip: UInt16?
    /// Bytes of a slot, with what the bootloader keeps at its end. Nil: not looked at.
    package var slotSize: Int?
    /// The lowest security counter that is taken.
    package var minimumSecurityCounter: UInt32
    /// The moment at which certificates must be valid, Unix seconds. Nil: for a device whose clock is dead, the moment at which a bundle
    /// says that it was signed.
    package var time: Int64?

    package init(
        keys: [ImageKey] = [], certificates: [[UInt8]] = [], hardware: String = "", compatible: String = "", chip: UInt16? = nil,
        slotSize: Int? = nil, minimumSecurityCounter: UInt32 = 0, time: Int64? = nil
    ) {
        self.keys = keys
        self.certificates = certificates
        self.hardware = hardware
        self.compatible = compatible
        self.chip = chip
        self.slotSize = slotSize
        self.minimumSecurityCounter = minimumSecurityCounter
        self.time = time
    }
}
