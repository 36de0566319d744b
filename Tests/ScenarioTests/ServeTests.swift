import Foundation
import Programs
import Testing

/// A `lab serve` that is up.
final class ServeProcess {
    private let process: ChildProcess
    /// What it printed until it was ready.
    let page: [String]

    /// - Throws: where it did not become ready.
    ///
    /// - Parameter environment: added to the test's own.
    init(_ arguments: [String], in folder: String, environment: [String: String] = [:]) throws {
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // The limit ends whatever a test is waiting for.
        process = try ChildProcess(LabProcess.path, ["serve"] + arguments, in: folder, environment: variables, limit: .seconds(90))
        let ready = "Ctrl-C stops it.\n"
        let printed = process.output { $0.contains(ready) }
        guard let end = printed.range(of: ready)?.upperBound else { throw NotReady(description: "\(process.wait())") }
        page = printed[..<end].split(separator: "\n").map(String.init)
    }

    /// What it has printed when the condition holds for it, or at its end.
    func output(until condition: (String) -> Bool) -> String { process.output(until: condition) }

    struct NotReady: Error, CustomStringConvertible { var description: String }

    /// What it wrote on its standard error until it was stopped.
    private(set) var errors = ""

    /// What stands behind a word of the page: an address, a command.
    func entry(_ word: String) -> String? {
        page.first { $0.hasPrefix("  \(word) ") }.map { $0.dropFirst(2 + word.count).trimmingCharacters(in: .whitespaces) }
    }

    func port(_ word: String) -> String {
        let address = entry(word)?.replacingOccurrences(of: "/mqtt", with: "") ?? ""
        return address.split(separator: ":").last.map(String.init) ?? ""
    }

    /// - Returns: with the last line that it printed after it was ready.
    func stop(_ signal: Int32 = SIGINT) -> (status: Int32, last: String) {
        process.send(signal)
        let outcome = process.wait()
        errors = outcome.errors
        let last = outcome.output.split(separator: "\n").dropFirst(page.count).last.map(String.init) ?? ""
        return (outcome.status, last)
    }

    /// Runs a command as a user would paste it.
    static func paste(_ command: String) throws -> LabProcess.Result {
        try LabProcess.run("/bin/bash", ["-c", command], in: Repository.root)
    }
}

@Suite("lab serve --broker-only (cli.md)")
struct ServeBrokerTests {
    /// A folder with a lab.yaml whose `broker` has these lines.
    private static func folder(_ broker: String...) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let lines = ["lab: 1", "about: A broker for a test.", "broker:"] + broker.map { "  \($0)" }
        try folder.write(lines.joined(separator: "\n") + "\n", to: "lab.yaml")
        return folder
    }

    @Test("prints addresses and commands that work as pasted, and ends with 0 when it is stopped", arguments: [SIGINT, SIGTERM])
    func commands(signal: Int32) throws {
        guard Tool.find("mosquitto_sub", for: "lab serve with mosquitto's clients") != nil else { return }
        let folder = try TemporaryFolder()
        let serve = try ServeProcess(["--broker-only", "--ports", "mqtt=0,ws=0"], in: folder.path)
        #expect(serve.page.first == "lab 0.1.0 · serve · broker only")
        #expect(serve.entry("mqtt")?.hasPrefix("mqtt://127.0.0.1:") == true)
        #expect(serve.entry("ws")?.hasPrefix("ws://127.0.0.1:") == true)
        let (hear, say) = (try #require(serve.entry("hear")), try #require(serve.entry("say")))
        // A retained message is there for whoever comes later, so the two need not be started at the same time.
        #expect(try ServeProcess.paste("\(say) -r -q 1").status == 0)
        let heard = try ServeProcess.paste("\(hear) -C 1 -W 10")
        #expect(heard.output == "demo/greeting hello\n", "\(heard.all)")
        let (status, last) = serve.stop(signal)
        #expect(status == 0)
        #expect(last.hasPrefix("stopped: 2 connections, 1 message in, 1 out"))
        #expect(serve.errors.contains("stopping"))
    }

    @Test("over TLS its own authority is trusted where it is named, and gone afterwards")
    func tls() throws {
        guard Tool.find("mosquitto_sub", for: "lab serve over TLS") != nil else { return }
        let folder = try TemporaryFolder()
        let serve = try ServeProcess(["--broker-only", "--ports", "mqtts=0"], in: folder.path)
        let (hear, say) = (try #require(serve.entry("hear")), try #require(serve.entry("say")))
        #expect(try ServeProcess.paste("\(say) -r -q 1").status == 0)
        #expect(try ServeProcess.paste("\(hear) -C 1 -W 10").output == "demo/greeting hello\n")
        #expect(try ServeProcess.paste("mosquitto_pub -h 127.0.0.1 -p \(serve.port("mqtts")) -t a -m b --capath /nowhere").status != 0)
        let authority = try #require(serve.entry("CA"))
        #expect(FileManager.default.fileExists(atPath: authority))
        #expect(serve.stop().status == 0)
        #expect(!FileManager.default.fileExists(atPath: authority))
    }

    @Test("users, rights, denied filters and their code, keep-alive and maxima come from lab.yaml")
    func settings() throws {
        guard Tool.find("mosquitto_sub", for: "settings of lab serve") != nil else { return }
        let folder = try Self.folder(
            #"listeners: ["mqtt://127.0.0.1:0"]"#, "anonymous: false", "server_keep_alive: 60", "receive_maximum: 20",
            "topic_alias_maximum: 10",
            "denied_filters: [test/nosubscribe]", "denied_reason_code: 0x80", "users:",
            ##"  ann: {password: secret, publish: ["ann/#"], receive: ["#"]}"##,
            #"  bob: {password: "12345", receive: ["ann/+"]}"#)
        let serve = try ServeProcess(["--broker-only"], in: folder.path)
        #expect(serve.entry("hear")?.contains("-u ann -P PASSWORD") == true)
        #expect(!serve.page.joined().contains("secret"))
        let place = "-h 127.0.0.1 -p \(serve.port("mqtt"))"
        // MQTT 3.1.1 table 3.1: 5, not authorized; 4, bad user name or password.
        let anonymous = try ServeProcess.paste("mosquitto_pub \(place) -t ann/x -m 1")
        #expect(anonymous.status == 5, "\(anonymous.all)")
        #expect(try ServeProcess.paste("mosquitto_pub \(place) -u ann -P wrong -t ann/x -m 1").status != 0)
        #expect(try ServeProcess.paste("mosquitto_pub \(place) -u ann -P secret -t ann/x -m 1 -r -q 1").status == 0)
        #expect(try ServeProcess.paste("mosquitto_sub \(place) -u bob -P 12345 -t ann/+ -C 1 -W 10 -v").output == "ann/x 1\n")
        let debug = try ServeProcess.paste("mosquitto_sub \(place) -V mqttv5 -d -u ann -P secret -t test/nosubscribe -E -W 10")
        #expect(debug.output.contains("Subscribed (mid: 1): 128"), "\(debug.all)")
        guard Tool.find("python3", for: "maxima of lab serve") != nil else { return }
        // CONNECT of MQTT 5.0 by hand: keep-alive 120 s, client a, user ann, password secret (5.0 §3.1).
        let connect = "101b" + "00044d515454" + "05" + "c2" + "0078" + "00" + "000161" + "0003616e6e" + "0006736563726574"
        let script = """
            import socket
            s = socket.create_connection(("127.0.0.1", \(serve.port("mqtt"))), 10)
            s.sendall(bytes.fromhex("\(connect)"))
            print(s.recv(200).hex())
            """
        let answer = try LabProcess.run("/usr/bin/env", ["python3", "-c", script], in: folder.path).output
        // 5.0 §3.2.2.3: 13 server keep alive 60, 21 receive maximum 20, 22 topic alias maximum 10.
        for property in ["13003c", "210014", "22000a"] { #expect(answer.contains(property), "\(answer)") }
        #expect(serve.stop().status == 0)
    }

    @Test("everything that is wrong in lab.yaml is told at its place, and lab check tells it too; the exit code is 2")
    func wrong() throws {
        let folder = try Self.folder(
            #"listeners: ["mqtt://127.0.0.1:99999", "mqtt://127.0.0.1:1", "mqtt://127.0.0.1:1"]"#, "tls: {certificate: no.pem, key: /etc}",
            #"users: {ann: {publish: ["a/#/b"]}, bob: {certificate: CN=bob}}"#, "denied_reason_code: 5", #"denied_filters: ["a#"]"#)
        let expected = [
            "lab.yaml:4:15: error: listener 'mqtt://127.0.0.1:99999' must be an address such as mqtt://127.0.0.1:1883 (mqtt, mqtts, ws or wss)",
            "lab.yaml:4:63: error: another listener has the address 127.0.0.1:1 already",
            "lab.yaml:5:22: error: cannot read 'no.pem': no such file",
            "lab.yaml:5:35: error: cannot read '/etc': it is a folder",
            "lab.yaml:6:16: error: the user 'ann' needs a 'password' or a 'certificate'",
            "lab.yaml:6:27: error: 'a/#/b' must be a topic filter such as a/b, a/+, a/# or devices/%c/# (%c: client identifier, %u: user)",
            "lab.yaml:6:57: error: certificates of clients are asked for only where 'tls' has 'clients'",
            "lab.yaml:7:23: error: '5' must be a failure that SUBACK can carry: 0x87 (not authorized), 0x80, 0x83, 0x8f, 0x91, 0x97, 0x9e, 0xa1 or 0xa2",
            "lab.yaml:8:20: error: 'a#' must be a topic filter such as a/b, a/+ or a/#", "9 errors in 1 file",
        ]
        let serve = try LabProcess.run(["serve", "--broker-only"], in: folder.path)
        #expect(serve.status == 2)
        #expect(serve.error.split(separator: "\n").map(String.init) == expected)
        try folder.write("lab: 1\nabout: Nothing.\nsteps: [wait: 1s]\n", to: "scenarios/none.yaml")
        let check = try LabProcess.run(["check"], in: folder.path)
        #expect(check.status == 2)
        #expect(Set(check.output.split(separator: "\n").map(String.init)) == Set(expected))
    }

    @Test(
        "the form of the settings is the grammar's business",
        arguments: [
            ("listners: []", "lab.yaml:4:3: error: unknown key 'listners' in 'broker' — did you mean 'listeners'?"),
            ("listeners: []", "lab.yaml:4:14: error: 'listeners' is empty; at least one entry is needed"),
            ("receive_maximum: 0", "lab.yaml:4:20: error: value 0 for 'receive_maximum' must be a whole number from 1 to 65535"),
            ("server_keep_alive: 1m", "lab.yaml:4:22: error: "), ("tls: {key: k}", "lab.yaml:4:8: error: 'tls' needs 'certificate'"),
            ("users: {ann: {password: 5}}", "lab.yaml:4:27: error: "), ("anonymous: perhaps", "lab.yaml:4:14: error: "),
        ])
    func form(line: String, message: String) throws {
        let folder = try Self.folder(line)
        let result = try LabProcess.run(["serve", "--broker-only"], in: folder.path)
        #expect(result.status == 2)
        #expect(result.error.hasPrefix(message), "\(result.error)")
    }

    @Test("a broker that is not the lab's own cannot be served")
    func otherBroker() throws {
        let folder = try TemporaryFolder()
        try folder.write("lab: 1\nabout: x.\nbroker: mosquitto\n", to: "lab.yaml")
        let result = try LabProcess.run(["serve", "--broker-only"], in: folder.path)
        #expect(result.status == 2)
        #expect(
            result.error.hasPrefix(
                "lab.yaml:3:9: error: broker 'mosquitto': `lab serve --broker-only` is the lab's own broker; write 'embedded' or settings\n"
            ))
    }

    @Test("a certificate that cannot be used is the file's fault: 2; a port that is taken is the machine's: 3")
    func environment() throws {
        let folder = try Self.folder(#"listeners: ["mqtts://127.0.0.1:0"]"#, "tls: {certificate: c.pem, key: k.pem}")
        try folder.write("nonsense", to: "c.pem")
        try folder.write("nonsense", to: "k.pem")
        let certificate = try LabProcess.run(["serve", "--broker-only"], in: folder.path)
        #expect(certificate.status == 2)
        #expect(
            certificate.error
                == "lab.yaml:5:22: error: the server's certificate or key cannot be read; both must be PEM, and the key without a password\n"
        )
        let other = try TemporaryFolder()
        let serve = try ServeProcess(["--broker-only", "--ports", "mqtt=0"], in: other.path)
        let taken = try LabProcess.run(["serve", "--broker-only", "--ports", "mqtt=\(serve.port("mqtt"))"], in: other.path)
        #expect(taken.status == 3)
        #expect(taken.error == "tcp 127.0.0.1:\(serve.port("mqtt")): the port is in use; choose another port, or 0 for any free one\n")
        let foreign = try LabProcess.run(["serve", "--broker-only", "--ports", "mqtt", "--host", "192.0.2.1"], in: other.path)
        #expect(foreign.status == 3 && foreign.error.hasPrefix("tcp 192.0.2.1:1883: this machine does not have that address"))
        #expect(serve.stop().status == 0)
    }

    @Test(
        "options that are wrong say what is allowed",
        arguments: [
            (["--ports", "mqt=1"], "--ports 'mqt=1': unknown name 'mqt' — did you mean 'mqtt'?"),
            (["--ports", "mqtt=70000"], "--ports 'mqtt=70000': '70000' must be"),
            (["--ports", "mqtt,mqtt=0"], "--ports 'mqtt,mqtt=0': 'mqtt' occurs twice"), (["--ports", ""], "--ports '': unknown name ''"),
            (["--ports", "http=0"], "--ports: with --broker-only there is no cloud, so there is no 'http'"),
            (["--lab", "none.yaml"], "none.yaml:1:1: error: cannot read 'none.yaml'"),
        ])
    func options(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        let result = try LabProcess.run(["serve", "--broker-only"] + arguments, in: folder.path)
        #expect(result.status == 2)
        #expect(result.error.hasPrefix(message), "\(result.error)")
    }
}

@Suite("lab serve (cli.md)")
struct ServeWorldTests {
    private static func folder(_ lines: String...) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write((["lab: 1", "about: Served."] + lines).joined(separator: "\n") + "\n", to: "lab.yaml")
        return folder
    }

    private static let badge = ["nodes:", "  badge_7:", "    kind: badge", #"    facts: {serial_no: "BDG-0007", firmware: "2.3.0"}"#]

    private static func badgeFolder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write((["lab: 1", "about: Served."] + badge).joined(separator: "\n") + "\n", to: "lab.yaml")
        return folder
    }

    /// Asks again until the answer has the text; the test's process is ended by its own time limit if it never has.
    private static func paste(_ command: String, until text: String, tries: Int = 200) throws -> String {
        var output = ""
        for _ in 0..<tries {
            output = try ServeProcess.paste("\(command) --silent --max-time 20").output
            if output.contains(text) { return output }
        }
        return output
    }

    @Test("with a database a killed cloud comes back with its keys: the badge is known, and no clone of itself")
    func database() throws {
        guard Tool.find("curl", for: "lab serve with curl") != nil else { return }
        let folder = try Self.badgeFolder()
        var seeds: [String?] = []
        for signal in [SIGKILL, SIGTERM] {
            let serve = try ServeProcess(["--ports", "http=0,mqtt=0", "--token", "admin", "--database", "cloud.db"], in: folder.path)
            let devices = try Self.paste(try #require(serve.entry("admin")), until: #""online":true"#)
            #expect(devices.contains(#""online":true"#), "\(devices)")
            seeds.append(folder.read("cloud.db.seed"))
            _ = serve.stop(signal)
        }
        #expect(seeds[0]?.hasPrefix("0x") == true && seeds[0] == seeds[1])
        let rights = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/cloud.db.seed")[.posixPermissions] as? Int
        #expect(rights == 0o600)
        try folder.write("nonsense\n", to: "cloud.db.seed")
        let refused = try LabProcess.run(["serve", "--ports", "http=0,mqtt=0", "--database", "cloud.db"], in: folder.path)
        #expect(refused.status == 2 && refused.error.contains("cloud.db.seed: a seed such as 0x5eed1a7e expected"), "\(refused.all)")
    }

    @Test("its curl commands work as pasted, the devices of lab.yaml come online, and it ends with 0", arguments: [SIGINT, SIGTERM])
    func curl(signal: Int32) throws {
        guard Tool.find("curl", for: "lab serve with curl") != nil else { return }
        let folder = try Self.badgeFolder()
        let serve = try ServeProcess(["--ports", "http=0,https=0,mqtt=0", "--token", "guest"], in: folder.path)
        #expect(serve.page.first == "lab 0.1.0 · serve · cloud, broker and 1 device")
        #expect(serve.entry("badge_7") == "badge  BDG-0007")
        let health = #"{"code":0,"data":{"status":"ok","database":"ok"},"message":"success"}"#
        #expect(try ServeProcess.paste("\(try #require(serve.entry("health"))) --silent").output == health)
        #expect(try ServeProcess.paste("\(try #require(serve.entry("over TLS"))) --silent").output == health)
        #expect(try ServeProcess.paste("\(try #require(serve.entry("openapi"))) --silent").output.hasPrefix(#"{"openapi":"3."#))
        let guest = try #require(serve.entry("guest"))
        let devices = try Self.paste(guest, until: #""online":true"#)
        #expect(devices.contains(#""serial_no":"BDG-0007""#) && devices.contains(#""online":true"#), "\(devices)")
        // A guest looks and does not touch.
        let change =
            guest + #"/luna_badge_0007/config -X PUT -H 'content-type: application/json' -d '{"config_key":"volume","config_value":3}'"#
        #expect(try ServeProcess.paste("\(change) --silent").output.contains("PERMISSION_DENIED"))
        let authority = try #require(serve.entry("CA"))
        #expect(serve.stop(signal).status == 0)
        #expect(!FileManager.default.fileExists(atPath: authority))
        #expect(try ServeProcess.paste("\(guest) --silent").status == 7)
    }

    @Test("a user configures a badge with curl, and the badge applies it")
    func configuration() throws {
        guard Tool.find("curl", for: "configuration with curl") != nil else { return }
        let folder = try Self.badgeFolder()
        let serve = try ServeProcess(["--ports", "http=0,mqtt=0", "--token", "user", "--events"], in: folder.path)
        #expect(serve.entry("https") == nil && serve.entry("CA") == nil)
        let user = try #require(serve.entry("user"))
        #expect(try Self.paste(user, until: #""online":true"#).contains(#""online":true"#))
        let change =
            user + #"/luna_badge_0007/config -X PUT -H 'content-type: application/json' -d '{"config_key":"volume","config_value":3}'"#
        #expect(try ServeProcess.paste("\(change) --silent").output.contains(#""config_version":1"#))
        let status = user.replacingOccurrences(of: "/devices", with: "/devices/luna_badge_0007/status")
        #expect(try Self.paste(status, until: #""reported_config_version":1"#).contains(#""reported_config_version":1"#))
        #expect(serve.stop().status == 0)
    }

    @Test("an image of several MiB is uploaded with curl; other requests and strangers keep the limit of a MiB")
    func upload() throws {
        guard Tool.find("curl", for: "uploading with curl") != nil else { return }
        let folder = try Self.badgeFolder()
        try folder.write(String(repeating: "x", count: 3_000_000), to: "package")
        let serve = try ServeProcess(["--ports", "http=0,mqtt=0", "--token", "admin"], in: folder.path)
        let versions = try #require(serve.entry("admin")).replacingOccurrences(of: "/devices", with: "/versions")
        let draft = #"{"version":"R2","type":"stable","device_type":"rg500q","format":"dfota","base_version":"R1"}"#
        #expect(try ServeProcess.paste("\(versions) --silent -H 'content-type: application/json' -d '\(draft)'").output.contains(#""state":"draft""#))
        let file = "--silent -X PUT -H 'content-type: application/octet-stream' --data-binary @\(folder.path)/package"
        let taken = try ServeProcess.paste("\(versions)'/R2/image?device_type=rg500q' \(file)")
        // sha256sum of three million letters x.
        #expect(taken.output.contains("sha256:e55b8bdf621ddaa8f462c74745db9680d3bb7536a9cf854f8d6668b34a287890"), "\(taken.all)")
        for path in ["'/R2/manifest?device_type=rg500q'", "/R2/release"] {
            #expect(try ServeProcess.paste("\(versions)\(path) \(file) -o /dev/null -w '%{http_code}'").output == "413", "\(path)")
        }
        let stranger = "curl http://127.0.0.1:\(serve.port("http"))/api/v1/versions/R2/image"
        #expect(try ServeProcess.paste("\(stranger) \(file) -o /dev/null -w '%{http_code}'").output == "413")
        #expect(serve.stop().status == 0)
    }

    @Test("a cellular module answers on its modem port, registers, and shows its cell to the cloud")
    func module() throws {
        guard Tool.find("curl", for: "a module at lab serve") != nil else { return }
        let folder = try TemporaryFolder()
        let node = ["nodes:", "  modem:", "    kind: rg500q", "    facts: {serial_no: QT_001, boot_time: 1s, attach_time: 1s}"]
        try folder.write((["lab: 1", "about: Served."] + node).joined(separator: "\n") + "\n", to: "lab.yaml")
        let serve = try ServeProcess(
            ["--ports", "http=0,mqtt=0", "--token", "user", "--serial-ports", "\(folder.path)/tty"], in: folder.path)
        #expect(serve.entry("modem") == "rg500q  QT_001")
        #expect(serve.entry("modem.at") == "\(folder.path)/tty/modem.at")
        let status = try #require(serve.entry("user")).replacingOccurrences(of: "/devices", with: "/devices/QT_001/status")
        let shown = try Self.paste(status, until: #""cellular_signal":"#, tries: 2_000)
        for text in [#""online":true"#, #""capabilities":["#, #""rat":""#, #""sim":"ready""#] { #expect(shown.contains(text), "\(shown)") }
        if let python = Tool.find("python3", for: "a serial port of lab serve") {
            let script = """
                import os, tty, select
                port = os.open("\(folder.path)/tty/modem.modem", os.O_RDWR | os.O_NOCTTY)
                tty.setraw(port)
                os.write(port, b"ATI\\r")
                data = b""
                while b"OK" not in data and select.select([port], [], [], 20)[0]: data += os.read(port, 1000)
                print(data.decode())
                """
            #expect(try LabProcess.run(python, ["-c", script], in: folder.path).output.contains("RG500Q-EA"))
        }
        #expect(serve.stop().status == 0)
        #expect(folder.files.filter { $0.hasPrefix("tty/") } == [])
    }

    @Test("a user hears the devices with mosquitto_sub, as pasted, and can say nothing")
    func listening() throws {
        guard Tool.find("mosquitto_sub", for: "hearing devices at lab serve") != nil else { return }
        let folder = try Self.badgeFolder()
        // A heartbeat of every 30 s comes twice a second.
        let serve = try ServeProcess(["--ports", "http=0,mqtt=0", "--token", "guest", "--speed", "60x"], in: folder.path)
        let hear = try #require(serve.entry("hear"))
        let heard = try ServeProcess.paste("\(hear) -C 1 -W 30")
        #expect(heard.output.hasPrefix("luna/device/luna_badge_0007/"), "\(heard.all)")
        let other = try ServeProcess.paste("\(hear.replacingOccurrences(of: "luna/device/#", with: "#")) -C 1 -W 3")
        #expect(other.output == "")
        let say = hear.replacingOccurrences(of: "mosquitto_sub", with: "mosquitto_pub -V mqttv5 -q 1 -m x").replacingOccurrences(
            of: "/#' -v", with: "/x/status'")
        #expect(try ServeProcess.paste(say).all.lowercased().contains("not authori"))
        #expect(serve.stop().status == 0)
    }

    @Test("without --token no token is printed, and strangers are refused by the cloud and by the broker")
    func strangers() throws {
        guard Tool.find("curl", for: "strangers at lab serve") != nil else { return }
        let folder = try Self.folder()
        let serve = try ServeProcess(["--ports", "http=0,mqtt=0"], in: folder.path)
        #expect(serve.page.first == "lab 0.1.0 · serve · cloud, broker and 0 devices")
        #expect(!serve.page.contains { $0.contains("Bearer ey") })
        #expect(
            try ServeProcess.paste("curl --silent http://127.0.0.1:\(serve.port("http"))/api/v1/devices").output.contains(
                "AUTHENTICATION_REQUIRED"))
        if Tool.find("mosquitto_pub", for: "strangers at the broker") != nil {
            #expect(try ServeProcess.paste("mosquitto_pub -h 127.0.0.1 -p \(serve.port("mqtt")) -t luna/device/x/status -m 1").status != 0)
        }
        #expect(serve.stop().status == 0)
    }

    @Test("a port that is taken ends it with 3, whichever it is, and says what to do")
    func taken() throws {
        let folder = try Self.folder()
        let serve = try ServeProcess(["--ports", "http=0,mqtt=0"], in: folder.path)
        for (word, scheme) in [("http", "http"), ("mqtt", "tcp")] {
            let result = try LabProcess.run(["serve", "--ports", "\(word)=\(serve.port(word))"], in: folder.path)
            #expect(result.status == 3, "\(result.all)")
            #expect(
                result.error == "\(scheme) 127.0.0.1:\(serve.port(word)): the port is in use; choose another port, or 0 for any free one\n")
        }
        #expect(serve.stop().status == 0)
    }

    @Test(
        "options that are wrong say what is allowed",
        arguments: [
            (["--token", "root"], "--token 'root' must be one of admin, user, guest"),
            (["--ports", "wss=0"], "--ports: 'wss' is there with --broker-only; use 'ws' here"),
            (["--speed", "0.5"], "--speed '0.5' must be 1x to 1000x"),
            (["--broker", "rabbit"], "--broker 'rabbit' must be embedded, mosquitto or an address"),
            (["--broker-only", "--token", "guest"], "--token has no meaning with --broker-only"),
            (["--broker-only", "--events"], "--events has no meaning with --broker-only"),
        ])
    func options(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        let result = try LabProcess.run(["serve"] + arguments, in: folder.path)
        #expect(result.status == 2)
        #expect(result.error.hasPrefix(message), "\(result.error)")
    }
}
