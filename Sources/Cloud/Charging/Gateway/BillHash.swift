import Crypto

/// What a bill says, as one number: two frames with the same content are the same bill, however often and with whatever message id,
/// time of sending or reading of the moment they come (charging-protocols.md 2.14, 2.15, 4.5).
enum BillHash {
    /// SHA-256 of the parts.
    static func of(_ parts: [String]) -> [UInt8] { Array(SHA256.hash(data: Array(parts.joined(separator: "|").utf8))) }
}
