import BenchTable
import CloudClient
import Foundation
import LabCore
import Simulation

/// Ten thousand badges whose cloud was away while a version was released: each comes back when its own waiting time is over, asks for
/// updates, fetches the manifest and the image.
final class StormPart {
    private let count: Int
    private let image: String
    private let server: ServedProcess
    private let loop: LoadLoop
    private var badges: [Badge] = []
    private var times: [Step: [Int64]] = [:]
    private var errors: [String: Int] = [:]
    private var finished = 0
    private var backAt: Int64 = 0

    enum Step: String, CaseIterable { case check, manifest, image }

    private struct Badge {
        var client: HTTPClient
        var signing: RequestSigning
        var token = ""
        var backoff = Backoff()
        var generator: SeededGenerator
        var address = ""
    }

    /// - Parameter image: the path of a signed image with its manifest beside it.
    init(count: Int, image: String) throws {
        self.count = count
        self.image = image
        server = try ServedProcess()
        loop = try LoadLoop()
    }

    func run() throws {
        defer { server.end() }
        try register()
        try server.say("listening", ["is": false])
        for number in 0..<count { check(number) }
        // Long enough that the waiting times of most have grown.
        let begin = loop.now
        try loop.run("the outage is over", within: .seconds(60)) { [self] in loop.now - begin > 10_000_000_000 }
        let version = try server.say("release", ["image": .text(image)])["version"]?.text ?? ""
        try server.perform("rollout.create", ["version": .text(version), "percentages": [100]])
        let cpu = server.processorTime
        try server.say("listening", ["is": true])
        backAt = loop.now
        try loop.run("all badges have the image", within: .seconds(300)) { [self] in finished == count }
        report(seconds: Double(loop.now - backAt) * 1e-9, processorTime: server.processorTime - cpu)
    }

    // MARK: Before the outage

    private func register() throws {
        var registered = 0
        var failures: [String] = []
        for number in 0..<count {
            let serial = "BENCH-\(number)"
            badges.append(
                Badge(
                    client: HTTPClient(loop, port: server.httpPort),
                    signing: RequestSigning(
                        signer: serial, key: FactoryKey.of(serial: serial, master: [UInt8](repeating: 0x42, count: 32)), host: "cloud.lab"),
                    generator: SeededGenerator(seed: UInt64(number), purpose: "storm")))
        }
        // A few hundred at a time.
        var next = 0
        func begin() {
            guard next < count else { return }
            let number = next
            next += 1
            let body: Fields = [
                "device_id": .text("badge-\(number)"), "device_name": "bench", "device_type": "luna_badge", "hardware_version": "v1.0",
                "mac_address": .text(Self.address(number)), "serial_no": .text("BENCH-\(number)"), "hardware_id": .text("hw-\(number)"),
                "software_version": "2.3.0",
            ]
            send(number, "POST", "/api/v1/devices/register", body: JSONWriter.bytes(.record(body))) { [unowned self] answer in
                if let answer, let grant = RegistrationGrant(answer.data, for: "badge-\(number)") {
                    badges[number].signing = RequestSigning(signer: grant.deviceID, key: grant.secret, host: "cloud.lab")
                    badges[number].token = grant.token
                } else {
                    failures.append(answer.map { String(decoding: $0.body.prefix(300), as: UTF8.self) } ?? "no answer")
                }
                registered += 1
                begin()
            }
        }
        for _ in 0..<200 { begin() }
        try loop.run("all badges are registered", within: .seconds(180)) { [self] in registered == count }
        if let failure = failures.first { throw Problem("\(failures.count) badges are not registered: \(failure)") }
    }

    private static func address(_ number: Int) -> String {
        let digits = Hexadecimal.text([UInt8(number >> 16 & 0xff), UInt8(number >> 8 & 0xff), UInt8(number & 0xff)])
        let pairs = stride(from: 0, to: 6, by: 2).map { String(Array(digits)[$0...($0 + 1)]) }
        return "02:00:00:\(pairs.joined(separator: ":"))"
    }

    private func send(_ number: Int, _ method: String, _ path: String, body: [UInt8] = [], isSigned: Bool = true, done: @escaping (HTTPClient.Answer?) -> Void) {
        let badge = badges[number]
        let nonce = Hexadecimal.text(badges[number].generator.bytes(12))
        let call =
            isSigned
            ? badge.signing.call(
                method, path, body: body, bearer: badge.token.isEmpty ? nil : badge.token, timestamp: Int64(Date().timeIntervalSince1970), nonce: nonce)
            : HTTPCall(method, path)
        badge.client.send(HTTPClient.bytes(call), done: done)
    }

    // MARK: The storm

    private func check(_ number: Int) {
        let path = "/api/v1/versions/check?current_version=2.3.0&hardware_version=v1.0&format=mcuboot"
        ask(number, .check, path) { [unowned self] answer in
            guard let info = answer.data?.record?["update_info"]?.record, let manifest = info["manifest_url"]?.text,
                let image = info["download_url"]?.text
            else {
                errors["no update: \(String(decoding: answer.body.prefix(200), as: UTF8.self))", default: 0] += 1
                finished += 1
                return
            }
            ask(number, .manifest, manifest) { [unowned self] _ in
                ask(number, .image, image, isSigned: false) { [unowned self] answer in
                    if answer.body.count < 1_000 { errors["short image", default: 0] += 1 }
                    finished += 1
                }
            }
        }
    }

    /// Until there is an answer; each attempt waits as a badge does.
    private func ask(_ number: Int, _ step: Step, _ path: String, isSigned: Bool = true, then: @escaping (HTTPClient.Answer) -> Void) {
        let begin = loop.now
        send(number, "GET", path, isSigned: isSigned) { [unowned self] answer in
            guard let answer, answer.status == 200 else {
                if let answer {
                    let data = answer.data?.record?["error"]?.text ?? ""
                    errors["\(step.rawValue) \(answer.status) \(data)", default: 0] += 1
                } else if backAt > 0 {
                    errors["\(step.rawValue): no answer", default: 0] += 1
                }
                var generator = badges[number].generator
                let wait = badges[number].backoff.next(first: .milliseconds(500), longest: .seconds(60), &generator)
                badges[number].generator = generator
                loop.kernel.schedule(after: wait) { [unowned self] in ask(number, step, path, isSigned: isSigned, then: then) }
                return
            }
            badges[number].backoff.reset()
            times[step, default: []].append(loop.now - begin)
            then(answer)
        }
    }

    private func report(seconds: Double, processorTime: UInt64) {
        for (what, count) in errors.sorted(by: { $0.key < $1.key }) { print("storm: \(count) × \(what)") }
        BenchRow(
            "update storm of \(count) badges after an outage", "all done in \(BenchRow.text(seconds, digits: 1)) s", target: "every badge served, no error",
            isMet: errors.isEmpty && finished == count
        ).show()
        for step in Step.allCases {
            BenchRow("  \(step.rawValue): the server's answer times", BenchTimes(times[step] ?? []).text).show()
        }
        BenchRow("  the cloud's CPU for a badge", "\(BenchRow.text(Double(processorTime) * 1e-3 / Double(count), digits: 0)) µs").show()
    }
}
