/// The containers in which firmware comes (specs/ota.md §5).
package enum ImageFormat: String, Sendable, CaseIterable {
    /// Header, body, TLVs; the bootloader of most microcontrollers.
    case mcuboot
    /// Application images of the ESP32 family.
    case esp32
    /// A squashfs with a CMS signature behind it.
    case rauc
}
