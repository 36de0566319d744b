import LabCore

extension Grammar {
    /// `firmware` of lab.yaml: what the factory puts into emulated devices.
    static let firmware = RecordShape(
        "'firmware'",
        [
            .optional("product", .word, "The product that release manifests must name; luna-badge where it is missing"),
            .optional("root", .text, "A file with the first root of the release manifests that devices trust"),
            .optional("keys", .list(.text), "Files with public keys that bootloaders trust, in PEM"),
            .optional("certificates", .list(.text), "Files with certificates of authorities whose bundles are installed, in PEM"),
        ])
}
