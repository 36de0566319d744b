import Glibc
package import LabCore

/// The flag with which the kernel lets a USB device work: at 0 its interfaces and ports are gone, at 1 it is set up anew. Its power stays.
///
/// Source: Linux, Documentation/usb/authorization.rst.
package struct AuthorizedFlag: Sendable {
    private let device: String
    private let node: String
    private let path: String

    /// - Parameters:
    ///   - device: as the kernel names it: bus, and ports from the root hub on, `2-1` or `1-1.4.2`.
    ///   - root: the folder below which `sys` is.
    package init(_ device: String, of node: String, root: String = "") {
        self.device = device
        self.node = node
        path = "\(root)/sys/bus/usb/devices/\(device)/authorized"
    }

    /// Whether a text is the name of a USB device, and of no interface or hub of the host.
    package static func isDevice(_ name: some StringProtocol) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        let numbers = [parts[0]] + parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return numbers.allSatisfy { !$0.isEmpty && $0.utf8.count <= 3 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    package func state() throws(StreamFailure) -> Bool {
        switch try read() {
        case "0": false
        case "1": true
        case let text: throw StreamFailure(.malformed, name, "the flag reads '\(text)'", remedy: "plug the device in anew")
        }
    }

    package func set(_ isOn: Bool) throws(StreamFailure) {
        try check()
        let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        let text: [UInt8] = [isOn ? 0x31 : 0x30]
        let count = unsafe write(descriptor, text, 1)
        let code = errno
        close(descriptor)
        guard count == 1 else { throw failure(code) }
        guard try state() == isOn else {
            throw StreamFailure(.failed, name, "it was set to \(isOn ? 1 : 0), and reads \(isOn ? 0 : 1)", remedy: "plug the device in anew")
        }
    }

    private var name: String { "USB device \(device) (\(node))" }

    private func check() throws(StreamFailure) {
        guard Self.isDevice(device) else {
            throw StreamFailure(.unsupported, name, "that is no name of a USB device", remedy: "write it as in /sys/bus/usb/devices, such as 2-1")
        }
    }

    private func read() throws(StreamFailure) -> String {
        try check()
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw failure(errno) }
        return String(decoding: bytes.prefix(count).prefix { $0 > 0x20 }, as: UTF8.self)
    }

    private func failure(_ code: Int32) -> StreamFailure {
        switch code {
        case ENOENT, ENOTDIR, ENODEV:
            StreamFailure(.notFound, name, "there is no such USB device", remedy: "plug it in, or correct its name; `lsusb -t` shows buses and ports")
        case EACCES, EPERM, EROFS:
            StreamFailure(
                .permissionDenied, name, "its flag may not be written",
                remedy: "give the group of the lab the right with a udev rule: RUN+=\"/bin/chgrp dialout /sys$devpath/authorized\", RUN+=\"/bin/chmod g+w /sys$devpath/authorized\"")
        default: StreamFailure(.failed, name, "its flag cannot be used (error \(code))", remedy: "plug the device in anew")
        }
    }
}
