import LabCore

/// Addresses that are their own permission: for one device, one version, one part, until one second.
struct DownloadAddress: Sendable {
    private let hash: KeyedHash

    /// - Parameter master: 32 bytes or more that nobody else has; the key is derived, so that it signs nothing else.
    init(master: [UInt8]) { hash = KeyedHash(key: KeyDerivation(master: master, salt: "lab download v1").key("download-address")) }

    /// What one address is for.
    struct Grant: Sendable, Equatable {
        var tenant: String
        var deviceType: String
        var version: String
        var part: FirmwarePart
        var device: String
        /// Unix seconds; from then on it is not good any more.
        var expires: Int64

        /// Lines of texts that contain no line feed: no two grants have the same bytes.
        var signedBytes: [UInt8] {
            Array("download-v1\n\(tenant)\n\(deviceType)\n\(version)\n\(part.rawValue)\n\(device)\n\(expires)".utf8)
        }
    }

    /// The path with its query.
    func path(_ grant: Grant) -> String {
        let code = hash.code(for: grant.signedBytes)
        let part = grant.part == .image ? "" : "&part=\(grant.part.rawValue)"
        return "/api/v1/versions/\(Self.encoded(grant.version))/download?device=\(grant.device)&expires=\(grant.expires)\(part)&signature=\(Hexadecimal.text(code))"
    }

    /// Compares in constant time.
    func isGenuine(_ grant: Grant, signature: String) -> Bool {
        guard signature.utf8.count == 64, DeviceNames.isHexadecimal(signature), let bytes = Hexadecimal.bytes(signature) else { return false }
        return hash.isValid(bytes, for: grant.signedBytes)
    }

    /// Versions are words and `+`, which a path may hold as it is (RFC 3986 §3.3); queries of others may not.
    static func encoded(_ version: String) -> String { version.replacing("+", with: "%2B") }
}
