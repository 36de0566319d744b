/// What a bootloader knows of an image that it takes.
package struct BootableImage: Sendable, Hashable {
    package var format: ImageFormat
    package var version: FirmwareVersion
    /// 0 where the image names none.
    package var securityCounter: UInt32
    /// Bytes that the image uses from the beginning of the slot: with its TLVs or signature, without padding or trailer.
    package var length: Int
    /// The format's own hash: over what its signature covers.
    package var digest: [UInt8]
    /// Where the program is, in bytes of the file.
    package var body: Range<Int>
    /// For which hardware: MCUboot's vendor TLV 0xA0, the chip's name, RAUC's `compatible`. Nil where the image does not say.
    package var hardware: String?

    package init(
        format: ImageFormat, version: FirmwareVersion, securityCounter: UInt32, length: Int, digest: [UInt8], body: Range<Int>,
        hardware: String?
    ) {
        self.format = format
        self.version = version
        self.securityCounter = securityCounter
        self.length = length
        self.digest = digest
        self.body = body
        self.hardware = hardware
    }
}
