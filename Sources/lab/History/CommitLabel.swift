import Foundation

/// What a run is called in histories: the commit of the working folder, read without git itself.
enum CommitLabel {
    private static let variable = "LAB_LABEL"
    private static let longest = 80

    /// `LAB_LABEL` where it is set; else the first ten digits of the commit; empty outside of a repository.
    ///
    /// Changes that are not committed are not seen.
    static func current() -> String {
        if let label = ProcessInfo.processInfo.environment[variable], !label.isEmpty { return String(VisibleLabel.clean(label).prefix(longest)) }
        guard let folder = repository(), let head = line("\(folder)/HEAD") else { return "" }
        guard head.hasPrefix("ref: ") else { return digits(head) }
        let name = String(head.dropFirst(5))
        // A second working tree has its own HEAD; branches lie in the folder that all share.
        let shared = line("\(folder)/commondir").map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" } ?? folder
        return digits(line("\(shared)/\(name)") ?? packed(name, in: "\(shared)/packed-refs") ?? "")
    }

    private static func digits(_ text: String) -> String {
        text.count >= 40 && text.allSatisfy(\.isHexDigit) ? String(text.prefix(10)) : ""
    }

    /// The folder `.git` of this folder or of one above; a file of this name says where it is.
    private static func repository() -> String? {
        var folder = FileManager.default.currentDirectoryPath
        while true {
            let path = folder == "/" ? "/.git" : "\(folder)/.git"
            switch Descriptor.kind(of: path) {
            case .folder?: return path
            case .file?:
                guard let text = line(path), text.hasPrefix("gitdir: ") else { return nil }
                let target = String(text.dropFirst(8))
                return target.hasPrefix("/") ? target : "\(folder)/\(target)"
            default: break
            }
            guard let slash = folder.lastIndex(of: "/"), folder != "/" else { return nil }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
    }

    private static func packed(_ name: String, in path: String) -> String? {
        guard let bytes = try? Descriptor.read(path, atMost: 16 << 20) else { return nil }
        for entry in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where entry.hasSuffix(" \(name)") {
            return entry.split(separator: " ").first.map(String.init)
        }
        return nil
    }

    private static func line(_ path: String) -> String? {
        guard Descriptor.kind(of: path) == .file, let bytes = try? Descriptor.read(path, atMost: 4096) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}

/// A label is printed in tables and pages: one line, nothing that moves a cursor.
private enum VisibleLabel {
    static func clean(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }
}
