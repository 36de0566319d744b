/// Why a bootloader does not take an image.
package struct ImageRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// One word for reports and scenarios: see `Reason`.
    package var reason: String
    /// Where in the file; nil where the whole file is meant.
    package var offset: Int?
    /// One sentence without a full stop: what is wrong, what was expected.
    package var text: String

    package init(_ reason: Reason, at offset: Int? = nil, _ text: String) {
        self.init(reason: reason.rawValue, offset: offset, text: text)
    }

    package init(reason: String, offset: Int?, text: String) {
        self.reason = reason
        self.offset = offset
        self.text = text
    }

    package var description: String { reason + (offset.map { " at \(HexText.offset($0))" } ?? "") + ": " + text }

    /// The words that all formats share.
    package enum Reason: String, Sendable, CaseIterable {
        case badMagic = "bad_magic"
        case truncated
        /// Does not fit into the slot, or claims more than 32 bits can count.
        case oversize
        /// Fields contradict each other, or leave their area.
        case badLayout = "bad_layout"
        case checksumMismatch = "checksum_mismatch"
        case hashMissing = "hash_missing"
        case hashMismatch = "hash_mismatch"
        case signatureMissing = "signature_missing"
        case signatureInvalid = "signature_invalid"
        /// Signed, but by nobody whom the bootloader knows.
        case unknownKey = "unknown_key"
        case wrongHardware = "wrong_hardware"
        /// The security counter is lower than the one that the device has seen.
        case downgradeCounter = "downgrade_counter"
        /// Marked as data, not as a program.
        case notBootable = "not_bootable"
        /// The body is encrypted, and the key is not there.
        case encrypted
    }
}
