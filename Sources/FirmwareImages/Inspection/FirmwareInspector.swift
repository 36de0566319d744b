/// Tells what a file is by its content, and whether it is fit.
///
/// Fit means: its maker's own tool accepts it (imgtool verify, esptool image-info and espsecure verify-signature, rauc info),
/// with the same keys, and it is whole: bounds, hashes and chip ids that every bootloader checks are errors, though imgtool and
/// esptool pass over some. What else a bootloader may refuse, depending on its build, is a warning that says so.
package enum FirmwareInspector {
    /// Any bytes are taken; the time is bounded by their number.
    /// - Parameter trust: whose signatures are known, which hardware. Without keys signatures are unchecked.
    package static func inspect(_ bytes: [UInt8], trust: ImageTrust = ImageTrust()) -> Result<ImageReport, UnreadableImage> {
        if IntelHex.isLikely(bytes) { return inspectHex(bytes, trust) }
        guard let kind = detect(bytes) else { return .failure(unreadable(bytes)) }
        switch kind {
        case .mcuboot: return .success(MCUbootInspector.inspect(bytes, trust: trust))
        case .esp32: return .success(ESP32Inspector.inspect(bytes, trust: trust))
        case .otadata: return .success(OTADataInspector.inspect(bytes))
        case .rauc: return .success(RAUCBundle.inspect(bytes, trust: trust))
        case .manifest: return .success(ReleaseInspector.inspect(manifest: bytes))
        case .root: return .success(ReleaseInspector.inspect(root: bytes))
        case .delta: return .success(DeltaInspector.inspect(bytes))
        }
    }

    private static func inspectHex(_ text: [UInt8], _ trust: ImageTrust) -> Result<ImageReport, UnreadableImage> {
        Result { () throws(UnreadableImage) in
            let image = try IntelHex.decode(text)
            // What an image in hexadecimal holds is not hexadecimal again.
            guard !IntelHex.isLikely(image.bytes) else { throw UnreadableImage("Intel HEX in Intel HEX") }
            var report = try inspect(image.bytes, trust: trust).get()
            report.state("form", "Intel HEX from address \(HexText.offset(Int(clamping: image.address))), from which all offsets count")
            return report
        }
    }

    /// The format that `bytes` begin as, whole or not.
    package static func detect(_ bytes: [UInt8]) -> ImageReport.Kind? {
        if OTAData.isLikely(bytes) { return .otadata }
        switch LittleEndian.u32(bytes, at: 0) {
        case MCUbootHeader.magic, MCUbootHeader.oldMagic, MCUbootHeader.magic.byteSwapped: return .mcuboot
        case 0x7371_7368: return .rauc
        default: break
        }
        if bytes.first == ESP32Header.magic { return .esp32 }
        if bytes.starts(with: DeltaImage.magic) { return .delta }
        return ReleaseInspector.kind(bytes)
    }

    private static func unreadable(_ bytes: [UInt8]) -> UnreadableImage {
        guard let first = bytes.first else { return UnreadableImage("the file is empty") }
        if bytes.allSatisfy({ $0 == first }) {
            return UnreadableImage("\(bytes.count) bytes of \(HexText.fixed(first)): erased or never written flash")
        }
        let beginning = bytes.prefix(4).map { String(HexText.fixed($0).dropFirst(2)) }.joined(separator: " ")
        return UnreadableImage(
            "neither an MCUboot nor an ESP32 image, RAUC bundle, release manifest or delta: it begins with \(beginning)")
    }
}
