import BenchTable
import CloudClient
import Foundation
import LabCore
import LoadGenerator

/// A service that registers devices, in a process of its own.
protocol Peer: AnyObject {
    var name: String { get }
    var port: UInt16 { get }
    var process: Process { get }
}

enum Factory {
    /// Of the run; `lab serve` derives its keys from it.
    static let seed: UInt64 = 20_260
    /// As the lab's world makes it.
    static let master: [UInt8] = {
        var randomness = SeededGenerator(seed: seed, purpose: "factory master key")
        return randomness.bytes(32)
    }()

    static func serial(_ number: Int) -> String {
        "BDG-" + String(repeating: "0", count: max(0, 7 - String(number).count)) + String(number)
    }

    /// The bytes of a device's registration, signed now.
    static func registration(_ number: Int) -> [UInt8] {
        let serial = serial(number)
        let pair = { (value: Int) in String(value + 0x100, radix: 16).suffix(2) }
        let body =
            "{\"device_id\":\"luna_badge_\(serial.suffix(7))\",\"device_name\":\"Badge \(number)\",\"hardware_version\":\"A1\","
            + "\"mac_address\":\"02:00:00:\(pair(number >> 16 & 255)):\(pair(number >> 8 & 255)):\(pair(number & 255))\","
            + "\"serial_no\":\"\(serial)\",\"hardware_id\":\"hw-\(number)\",\"software_version\":\"2.3.0\"}"
        let signing = RequestSigning(signer: serial, key: FactoryKey.of(serial: serial, master: master), host: "cloud.lab")
        let call = signing.call(
            "POST", "/api/v1/devices/register", body: Array(body.utf8), timestamp: Int64(Date().timeIntervalSince1970),
            nonce: "nonce-of-device-\(number)")
        var text = "POST \(call.path) HTTP/1.1\r\n"
        for header in call.headers { text += "\(header.name): \(header.value)\r\n" }
        return Array((text + "content-length: \(call.body.count)\r\n\r\n").utf8) + call.body
    }
}

/// The cloud of `lab serve`, with its database on the disk.
final class LabCloud: Peer {
    let name = "lab"
    let port: UInt16
    let process = Process()

    init(_ path: String, folder: URL, devices: Int) throws {
        let output = Pipe()
        // In a folder without a lab.yaml: a cloud and a broker, and no devices.
        process.currentDirectoryURL = folder
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = [
            "serve", "--ports", "http=0,mqtt=0", "--token", "admin", "--no-rate-limits", "--seed", String(Factory.seed), "--database",
            folder.appendingPathComponent("lab.sqlite").path,
        ]
        process.standardOutput = output
        try process.run()
        var told = ""
        while !told.contains("Ctrl-C") {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { throw Problem("\(path) did not start: \(told)") }
            told += String(decoding: bytes, as: UTF8.self)
        }
        guard let address = told.range(of: "http://127.0.0.1:"), let bearer = told.range(of: "Bearer "),
            let port = UInt16(told[address.upperBound...].prefix { $0.isNumber })
        else { throw Problem("\(path) did not tell its address and a token: \(told)") }
        self.port = port
        try provision(devices, token: String(told[bearer.upperBound...].prefix { $0 != "'" }))
    }

    deinit { kill(process.processIdentifier, SIGKILL) }

    /// What the factory would have done.
    private func provision(_ count: Int, token: String) throws {
        let request = try RequestTemplate(
            "POST", "/api/v1/factory/devices",
            headers: [.init("authorization", "Bearer \(token)"), .init("content-type", "application/json")],
            body: "{\"serial_no\":\"BDG-${k:7}\"}"
        ).compiled(host: "cloud.lab", seed: 1)
        let rate = 4_000.0
        let plan = try ArrivalPlan(rates: [rate], over: .nanoseconds(Int64(Double(count) / rate * 1e9)), exactCount: count)
        var settings = LoadSettings(host: "127.0.0.1", port: port, shape: .arrivals(plan), requests: [(request, 1)])
        settings.connections = 32
        settings.waiting = count
        settings.timeout = .seconds(300)
        settings.drain = .seconds(300)
        let load = try LoadGenerator(settings) { _ in }
        try load.start()
        let totals = load.wait().totals
        guard totals.answered == count else { throw Problem("the factory could not provision \(count) devices: \(totals)") }
    }
}

/// Peers/register_fastapi.py under uvicorn with one worker.
final class FastAPIService: Peer {
    let name = "FastAPI"
    private let child: PortProcess

    init(_ python: String?, folder: URL, devices: Int) throws {
        let peers = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Peers")
        child = try PortProcess(
            "the FastAPI service", URL(fileURLWithPath: try python ?? Self.install(peers)),
            [
                peers.appendingPathComponent("register_fastapi.py").path, "--master", Hexadecimal.text(Factory.master), "--provision",
                String(devices), "--database", folder.appendingPathComponent("fastapi.sqlite").path,
            ])
    }

    var port: UInt16 { child.port }
    var process: Process { child.process }

    private static func install(_ peers: URL) throws -> String {
        let process = Process()
        process.executableURL = peers.appendingPathComponent("install-fastapi")
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let path = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).trimmingCharacters(
            in: .whitespacesAndNewlines)
        process.waitUntilExit()
        guard process.terminationStatus == 0, !path.isEmpty else { throw Problem("fastapi and uvicorn cannot be installed") }
        return path
    }
}
