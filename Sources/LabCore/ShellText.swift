/// Words for a shell.
package enum ShellText {
    /// As it is where no sign of it means something to a shell, in single quotes otherwise (POSIX.1-2024, shell command language 2.2.2).
    package static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || "._-/=%:,@".utf8.contains(byte)
        }
        return isPlain ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
