import Foundation

/// The blocks of a PEM text (RFC 7468); other text between them is passed over.
package enum PEM {
    package struct Block: Sendable, Hashable {
        /// `PUBLIC KEY`, `CERTIFICATE`.
        package var label: String
        package var bytes: [UInt8]
    }

    /// Blocks that are not complete or not Base64 are left out.
    package static func blocks(_ text: String) -> [Block] {
        var blocks: [Block] = []
        var label: String?
        var content = ""
        // `\r\n` is one character for Swift, so split at what is a line's end in bytes.
        for line in text.utf8.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
            let line = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespaces)
            if let name = marked(line, "-----BEGIN ") {
                label = name
                content = ""
            } else if let name = marked(line, "-----END ") {
                if name == label, let data = Data(base64Encoded: content), !data.isEmpty {
                    blocks.append(Block(label: name, bytes: Array(data)))
                }
                label = nil
            } else if label != nil, !line.contains(":") {
                content += line
            }
        }
        return blocks
    }

    private static func marked(_ line: String, _ beginning: String) -> String? {
        guard line.hasPrefix(beginning), line.hasSuffix("-----"), line.count > beginning.count + 5 else { return nil }
        return String(line.dropFirst(beginning.count).dropLast(5))
    }
}
