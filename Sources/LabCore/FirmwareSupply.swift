/// What the factory puts into emulated devices so that they can take updates: lab.yaml's `firmware`, with the content of its files.
package struct FirmwareSupply: Sendable, Equatable {
    /// The product that release manifests must name.
    package var product: String
    /// The first root of the release manifests that devices trust; without one they refuse every manifest.
    package var root: PlanFile?
    /// Public keys that bootloaders trust, in PEM.
    package var keys: [PlanFile]
    /// Certificates of authorities whose bundles are installed, in PEM.
    package var certificates: [PlanFile]

    package init(product: String = "luna-badge", root: PlanFile? = nil, keys: [PlanFile] = [], certificates: [PlanFile] = []) {
        self.product = product
        self.root = root
        self.keys = keys
        self.certificates = certificates
    }
}
