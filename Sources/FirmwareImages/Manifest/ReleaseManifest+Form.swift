package import LabCore

extension ReleaseManifest {
    /// 2^53 - 1, which every JSON reader keeps exactly.
    private static let largestNumber: Int64 = 9_007_199_254_740_991

    init(reading document: SignedDocument) throws(ManifestRefusal) {
        let fields = ManifestFields(fields: document.signed)
        guard try fields.text("_type") == "release" else { throw .malformed("`_type` must be \"release\".") }
        _ = try fields.integer("spec_version", 1...1)
        guard let format = ImageFormat(rawValue: try fields.text("format")) else {
            throw .malformed("`format` must be one of \(ImageFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        self.init(
            version: try fields.integer("version", 1...Self.largestNumber), issued: try fields.moment("issued"),
            expires: try fields.moment("expires"),
            product: try fields.text("product"), tenant: try fields.text("tenant"), firmware: try fields.version("firmware"),
            format: format,
            length: Int(try fields.integer("length", 1...Int64(Int32.max))), sha256: try fields.hash("sha256"),
            hardware: try fields.texts("hardware"),
            securityCounter: UInt32(try fields.integer("security_counter", 0...Int64(UInt32.max))))
        if fields.fields["min_compatible"] != nil { minimumCompatible = try fields.version("min_compatible") }
        if fields.fields["delta"] != nil { delta = try Delta(reading: try fields.record("delta")) }
        guard issued < expires else { throw .malformed("`expires` must come after `issued`.") }
    }

    /// The part of the document that is signed.
    package var signed: Fields {
        var fields: Fields = [
            "_type": "release", "spec_version": 1, "version": .integer(version), "issued": .text(UTCTime.text(issued)),
            "expires": .text(UTCTime.text(expires)), "product": .text(product), "tenant": .text(tenant),
            "firmware": .text(firmware.description),
            "format": .text(format.rawValue), "length": .integer(Int64(length)), "sha256": .text(Hexadecimal.text(sha256)),
            "hardware": .list(hardware.map { .text($0) }), "security_counter": .integer(Int64(securityCounter)),
        ]
        if let minimumCompatible { fields["min_compatible"] = .text(minimumCompatible.description) }
        if let delta { fields["delta"] = .record(delta.signed) }
        return fields
    }
}

extension ReleaseManifest.Delta {
    init(reading fields: ManifestFields) throws(ManifestRefusal) {
        self.init(
            baseFirmware: try fields.version("base_firmware"), baseSHA256: try fields.hash("base_sha256"),
            length: Int(try fields.integer("length", 1...Int64(Int32.max))), sha256: try fields.hash("sha256"),
            resultSHA256: try fields.hash("result_sha256"))
    }

    var signed: Fields {
        [
            "base_firmware": .text(baseFirmware.description), "base_sha256": .text(Hexadecimal.text(baseSHA256)),
            "length": .integer(Int64(length)),
            "sha256": .text(Hexadecimal.text(sha256)), "result_sha256": .text(Hexadecimal.text(resultSHA256)),
        ]
    }
}
