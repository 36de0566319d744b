import Foundation

/// Programs of the machine that make or judge files for tests, in a folder of their own that goes with the value.
final class ToolFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("lab-firmware-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Whether all of the programs are there; tells which is not, and that its tests are skipped.
    static func has(_ names: String...) -> Bool {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init) + ["/usr/sbin"]
        func isThere(_ name: String) -> Bool {
            folders.contains { folder in FileManager.default.isExecutableFile(atPath: folder + "/" + name) }
        }
        let missing = names.filter { !isThere($0) }
        if !missing.isEmpty { print("SKIPPED firmware tests: \(missing.joined(separator: ", ")) is not installed") }
        return missing.isEmpty
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path).appendingPathComponent(name))
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path).appendingPathComponent(name))) }

    func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }

    /// Runs one command line without a shell; words are separated by single spaces.
    ///
    /// - Returns: its exit code and what it wrote.
    @discardableResult
    func attempt(_ line: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = line.split(separator: " ").map(String.init)
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Runs a command line that must succeed.
    @discardableResult
    func run(_ line: String) throws -> String {
        let result = try attempt(line)
        guard result.status == 0 else { throw Failure(description: "`\(line)` ended with \(result.status):\n\(result.output)") }
        return result.output
    }

    /// Makes an authority `<name>-ca` and a signer `<name>` below it, as `<name>.key`, `<name>.pem`, `<name>-ca.pem` and `<name>-ca.der`.
    ///
    /// - Parameters:
    ///   - extensions: lines for the signer's certificate.
    ///   - days: how long the signer's certificate is valid from now on.
    func makeAuthority(
        _ name: String, extensions: String = "keyUsage=digitalSignature", days: Int = 3_650,
        key: String = "EC -pkeyopt ec_paramgen_curve:P-256"
    ) throws {
        try write("ext.cnf", extensions + "\n")
        try run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out \(name)-ca.key")
        try run(
            "openssl req -x509 -new -key \(name)-ca.key -subj /O=Test/CN=\(name)-ca -days 3650 -out \(name)-ca.pem "
                + "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign")
        try run("openssl genpkey -algorithm \(key) -out \(name).key")
        try run("openssl req -new -key \(name).key -subj /O=Test/CN=\(name) -out \(name).csr")
        try run(
            "openssl x509 -req -in \(name).csr -CA \(name)-ca.pem -CAkey \(name)-ca.key -CAcreateserial -days \(days) -extfile ext.cnf -out \(name).pem"
        )
        try run("openssl x509 -in \(name)-ca.pem -outform DER -out \(name)-ca.der")
    }

    /// Unix seconds in ten minutes: certificates that are made while a test runs are valid then, however slow the machine is.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) + 600 }
}
