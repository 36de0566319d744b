import LabCore

extension Grammar {
    private static let port = Shape.integer(0...65_535, orTemplate: false)

    /// `cloud` of lab.yaml: where the lab's cloud is for devices that are not the lab's own.
    static let cloud = RecordShape(
        "'cloud'",
        [
            .optional("address", .text, "The name under which devices reach it; goes into download addresses and signatures; cloud.lab where it is missing"),
            .optional("host", .text, "The address of this machine that it listens on in emu and hw; 127.0.0.1 where it is missing"),
            .optional("http", port, "The port of its REST surface; any free one where it is missing"),
            .optional("mqtt", port, "The port of its broker"),
            .optional("piles", port, "The port of the gateway of charging piles"),
            .optional("factory_key", .text, "A file with the key of the devices' factory, 64 hexadecimal digits; from the seed where it is missing"),
        ])
}
