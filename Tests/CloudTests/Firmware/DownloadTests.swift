import Crypto
import Foundation
import FirmwareImages
import GRDB
import LabCore
import Testing

@testable import Cloud

extension FirmwareWorld {
    /// What is at a signed address: path with query, as `check` gives it.
    func download(_ address: String, method: String = "GET", headers: [(String, String)] = []) async throws -> APIAnswer {
        let parts = address.split(separator: "?", maxSplits: 1)
        let endpoint = try #require(try firmware.endpoints.first { $0.path.hasSuffix("/download") })
        let query = try FieldValidation.query(String(parts[1]), endpoint.query)
        return try await call(method, String(parts[0]), query: query, headers: headers, as: .anonymous)
    }

    /// The address of an offered update.
    func address(_ device: String, _ version: String = "2.3.0") async throws -> String {
        try #require(try await check(device, version).value(at: "update_info.download_url")?.text)
    }
}

@Suite("Downloads (badge-protocol.md \"Download\")")
struct DownloadTests {
    private func world(bugs: Set<SeededBug> = []) async throws -> (world: FirmwareWorld, image: [UInt8], address: String) {
        let world = try FirmwareWorld(bugs: bugs)
        try await world.addBadges(1...2)
        let image = try await world.release("2.4.0")
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        return (world, image, try await world.address("luna_badge_0001"))
    }

    private func header(_ answer: APIAnswer, _ name: String) -> String? { answer.headers.first { $0.name == name }?.value }

    @Test("a file whole, in parts, and beyond its end")
    func ranges() async throws {
        let (world, image, address) = try await world()
        let tag = "\"sha256-\(Hexadecimal.text(SHA256.hash(data: image)))\""
        let whole = try await world.download(address)
        #expect(whole.status == 200)
        #expect(whole.plain?.bytes == image)
        #expect(whole.plain?.contentType == "application/octet-stream")
        #expect(header(whole, "etag") == tag)
        #expect(header(whole, "accept-ranges") == "bytes")
        let part = try await world.download(address, headers: [("range", "bytes=10-19"), ("if-range", tag)])
        #expect(part.status == 206)
        #expect(part.plain?.bytes == Array(image[10...19]))
        #expect(header(part, "content-range") == "bytes 10-19/\(image.count)")
        #expect(header(part, "etag") == tag)
        let suffix = try await world.download(address, headers: [("range", "bytes=-5")])
        #expect(suffix.plain?.bytes == Array(image.suffix(5)))
        let changed = try await world.download(address, headers: [("range", "bytes=10-19"), ("if-range", "\"sha256-0\"")])
        #expect((changed.status, changed.plain?.bytes == image) == (200, true))
        let beyond = await failure { try await world.download(address, headers: [("range", "bytes=\(image.count)-")]) }
        #expect(beyond?.code == .rangeNotSatisfiable)
        #expect(beyond?.headers.first { $0.name == "content-range" }?.value == "bytes */\(image.count)")
        #expect(world.events("firmware.downloaded").map { $0["status"] } == [200, 206, 206, 200, 416])
        let head = try await world.download(address, method: "HEAD", headers: [("range", "bytes=10-19")])
        #expect(head.status == 200)
        #expect(head.plain?.bytes.count == image.count)
    }

    @Test("through the gateway: no token, no envelope, content-length, and HEAD without the body")
    func gateway() async throws {
        let (world, image, address) = try await world()
        let host = HTTPCall.Header("host", "cloud.lab")
        let get = try await world.cloud.respond(to: HTTPCall("GET", address, headers: [host, HTTPCall.Header("range", "bytes=0-1023")])).get()
        #expect(get.status == 206)
        #expect(get.body == Array(image[..<1024]))
        #expect(get.header("content-length") == "1024")
        #expect(get.header("content-type") == "application/octet-stream")
        #expect(get.header("content-range") == "bytes 0-1023/\(image.count)")
        let head = try await world.cloud.respond(to: HTTPCall("HEAD", address, headers: [host])).get()
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        #expect(head.header("content-length") == String(image.count))
        let beyond = try await world.cloud.respond(to: HTTPCall("GET", address, headers: [host, HTTPCall.Header("range", "bytes=999999-")])).get()
        #expect((beyond.status, beyond.error) == (416, "RANGE_NOT_SATISFIABLE"))
        #expect(beyond.header("content-range") == "bytes */\(image.count)")
        #expect(try await world.cloud.respond(to: HTTPCall("GET", address.replacing("signature=", with: "signature=0"), headers: [host])).get().error == "OTA_URL_INVALID")
    }

    @Test("an address is good until the second before it expires")
    func expiry() async throws {
        let (world, image, address) = try await world()
        world.advance(.seconds(86_399))
        #expect(try await world.download(address).plain?.bytes == image)
        world.advance(.seconds(1))
        #expect(await failure { try await world.download(address) }?.code == .urlExpired)
        let (broken, _, old) = try await self.world(bugs: [.downloadURLNeverExpires])
        broken.advance(.seconds(90_000))
        #expect(try await broken.download(old).status == 200)
    }

    @Test("an address is for one device, one version, one part, one moment")
    func bound() async throws {
        let (world, _, address) = try await world()
        _ = try await world.release("2.5.0")
        let changes: [(String, String)] = [
            ("device=luna_badge_0001", "device=luna_badge_0002"), ("device=luna_badge_0001", "device=nobody"), ("/2.4.0/", "/2.5.0/"),
            ("&signature=", "&part=delta&signature="), ("expires=1767312000", "expires=1767312001"),
        ]
        for (found, other) in changes {
            let changed = address.replacing(found, with: other)
            #expect(changed != address, "\(found)")
            #expect(await failure { try await world.download(changed) }?.code == .urlInvalid, "\(other)")
        }
        // Every single digit of the signature counts.
        let start = try #require(address.range(of: "signature=")?.upperBound)
        for offset in [0, 31, 63] {
            var digits = Array(address[start...])
            digits[offset] = digits[offset] == "0" ? "1" : "0"
            #expect(await failure { try await world.download(String(address[..<start]) + String(digits)) }?.code == .urlInvalid)
        }
        // A changed address that has also expired is not told that it has.
        world.advance(.seconds(90_000))
        #expect(await failure { try await world.download(address.replacing("/2.4.0/", with: "/2.5.0/")) }?.code == .urlInvalid)
    }

    @Test("another cloud's address, and one of a deleted device, are not taken")
    func foreign() async throws {
        let (world, _, address) = try await world()
        let other = try FirmwareWorld { $0.devices.deviceMasterKey = Array(repeating: 5, count: 32) }
        try await other.addBadges(1...1)
        _ = try await other.release("2.4.0")
        #expect(await failure { try await other.download(address) }?.code == .urlInvalid)
        let tenant = try FirmwareWorld { $0.devices.tenant = "other" }
        #expect(await failure { try await tenant.download(address) }?.code == .urlInvalid)
        try await world.call("DELETE", "/api/v1/devices/luna_badge_0001")
        #expect(await failure { try await world.download(address) }?.code == .urlInvalid)
    }

    @Test("a device that fetches over and over is held back, another is not")
    func traffic() async throws {
        let world = try FirmwareWorld { $0.firmware.downloadKiB = 16 }
        try await world.addBadges(1...2)
        let image = try await world.release("2.4.0")
        _ = try await world.rollout("2.4.0", ["devices": ["luna_badge_0001", "luna_badge_0002"]])
        let address = try await world.address("luna_badge_0001")
        let kib = (image.count + 1023) / 1024
        for _ in 0..<(16 / kib) { #expect(try await world.download(address).status == 200) }
        let error = await failure { try await world.download(address) }
        #expect(error?.code == .rateLimited)
        #expect(error?.headers.contains { $0.name == "retry-after" } == true)
        #expect(try await world.download(try await world.address("luna_badge_0002")).status == 200)
        world.advance(.seconds(600))
        #expect(try await world.download(address).status == 200)
    }

    @Test("a switched image has another tag (N5); a deleted version is not found (M5)")
    func faults() async throws {
        let (world, image, address) = try await world()
        let other = try FirmwareWorld.image("2.4.0", size: 8_192)
        let file: FieldValue = ["path": "x", "bytes": .bytes(other)]
        try world.cloud.setFault("firmware.switch", ["version": "2.4.0", "image": file], isActive: true)
        let tag = "\"sha256-\(Hexadecimal.text(SHA256.hash(data: image)))\""
        let resumed = try await world.download(address, headers: [("range", "bytes=100-"), ("if-range", tag)])
        #expect((resumed.status, resumed.plain?.bytes == other) == (200, true))
        try world.cloud.setFault("firmware.switch", ["version": "2.4.0", "image": file], isActive: false)
        #expect(try await world.download(address, headers: [("range", "bytes=100-"), ("if-range", tag)]).status == 206)
        try world.cloud.setFault("firmware.delete", ["version": "2.4.0"], isActive: true)
        #expect(await failure { try await world.download(address) }?.code == .versionNotFound)
        #expect(try await world.check("luna_badge_0001")["has_update"] == false)
        try world.cloud.setFault("firmware.delete", ["version": "2.4.0"], isActive: false)
        #expect(try await world.download(address).status == 200)
    }

    @Test("the manifest comes byte for byte, to devices of the type only")
    func manifest() async throws {
        let (world, image, _) = try await world()
        let device = Identity.device(id: "luna_badge_0001", epoch: 1)
        let answer = try await world.call("GET", "/api/v1/versions/2.4.0/manifest", as: device)
        #expect(answer.plain?.bytes == FirmwareWorld.manifest("2.4.0", image))
        #expect(answer.plain?.contentType == "application/json")
        try await world.draft("2.6.0")
        #expect(await failure { try await world.call("GET", "/api/v1/versions/2.6.0/manifest", as: device) }?.code == .versionNotFound)
        try await world.addBadges(9...9, type: "lamp")
        let lamp = Identity.device(id: "luna_badge_0009", epoch: 1)
        #expect(await failure { try await world.call("GET", "/api/v1/versions/2.4.0/manifest", as: lamp) }?.code == .versionNotFound)
    }
}

@Suite("Who may do what with firmware")
struct FirmwarePermissionTests {
    @Test("a device is refused on every operator's route, and every route has its permission")
    func routes() async throws {
        let world = try FirmwareWorld()
        try await world.addBadges(1...1)
        let cloud = try world.cloud
        let token = try cloud.tokens.issue(device: "luna_badge_0001", epoch: 1, tenant: "default").token
        let secret = try #require(try cloud.devices.deviceKey(id: "luna_badge_0001")).secret
        let permissions: [String: Permission] = [
            "GET /api/v1/versions": .read, "GET /api/v1/versions/{version}": .read, "POST /api/v1/versions": .manage,
            "PUT /api/v1/versions/{version}/image": .manage, "PUT /api/v1/versions/{version}/manifest": .manage,
            "PUT /api/v1/versions/{version}/delta": .manage, "POST /api/v1/versions/{version}/release": .manage,
            "DELETE /api/v1/versions/{version}": .delete, "GET /api/v1/versions/{version}/statistics": .read,
            "PUT /api/v1/firmware/roots/{number}": .manage, "PUT /api/v1/firmware/groups/{name}": .write, "GET /api/v1/firmware/groups/{name}": .read,
            "PUT /api/v1/devices/{device_id}/channel": .write, "GET /api/v1/devices/{device_id}/blocks": .read,
            "DELETE /api/v1/devices/{device_id}/blocks/{version}": .manage, "POST /api/v1/rollouts": .manage, "GET /api/v1/rollouts": .read,
            "GET /api/v1/rollouts/{rollout}": .read, "GET /api/v1/rollouts/{rollout}/statistics": .read,
            "GET /api/v1/rollouts/{rollout}/executions": .read, "POST /api/v1/rollouts/{rollout}/pause": .write,
            "POST /api/v1/rollouts/{rollout}/abort": .write, "POST /api/v1/rollouts/{rollout}/resume": .manage,
            "POST /api/v1/rollouts/{rollout}/rollback": .manage, "GET /api/v1/firmware/executions/{execution_id}": .read,
            "POST /api/v1/firmware/executions/{execution_id}/cancel": .write,
        ]
        var seen = 0
        for endpoint in cloud.firmware.endpoints {
            guard case .permission(let permission, let owner) = endpoint.access else { continue }
            seen += 1
            #expect(permissions["\(endpoint.method) \(endpoint.path)"] == permission, "\(endpoint.method) \(endpoint.path)")
            #expect(owner == nil)
            let path = endpoint.path.split(separator: "/", omittingEmptySubsequences: false).map { $0.hasPrefix("{") ? "x" : String($0) }.joined(separator: "/")
            let headers = Self.signed(endpoint.method, path, world: world, key: secret, number: seen) + [HTTPCall.Header("authorization", "Bearer " + token)]
            let answer = try await cloud.respond(to: HTTPCall(endpoint.method, path, headers: headers)).get()
            #expect((answer.status, answer.error) == (403, "PERMISSION_DENIED"), "\(endpoint.method) \(path)")
            world.advance(.seconds(2))
        }
        #expect(seen == permissions.count)
    }

    @Test("who may only read is not let at what changes something; a file must say that it is one")
    func roles() async throws {
        let world = try FirmwareWorld()
        let cloud = try world.cloud
        func send(_ role: UserRole, _ method: String, _ path: String, type: String? = nil, body: [UInt8] = []) async throws -> HTTPAnswer {
            var headers = [HTTPCall.Header("authorization", "Bearer " + (try cloud.operatorToken(role: role))), HTTPCall.Header("host", "cloud.lab")]
            if let type { headers.append(HTTPCall.Header("content-type", type)) }
            return try await cloud.respond(to: HTTPCall(method, path, headers: headers, body: body)).get()
        }
        let body = Array(#"{"version":"2.4.0","type":"stable"}"#.utf8)
        #expect(try await send(.guest, "POST", "/api/v1/versions", type: "application/json", body: body).error == "PERMISSION_DENIED")
        #expect(try await send(.user, "POST", "/api/v1/versions", type: "application/json", body: body).error == "PERMISSION_DENIED")
        #expect(try await send(.admin, "POST", "/api/v1/versions", type: "application/json", body: body).status == 201)
        #expect(try await send(.guest, "GET", "/api/v1/versions").status == 200)
        let image = try FirmwareWorld.image("2.4.0")
        let path = "/api/v1/versions/2.4.0/image"
        #expect(try await send(.admin, "PUT", path, type: "application/json", body: image).error == "UNSUPPORTED_MEDIA_TYPE")
        #expect(try await send(.admin, "PUT", path, body: image).error == "UNSUPPORTED_MEDIA_TYPE")
        #expect(try await send(.admin, "PUT", path, type: "application/octet-stream", body: image).status == 200)
        #expect(try await send(.admin, "PUT", "/api/v1/versions/2.4.0/manifest", type: "application/octet-stream", body: Array(repeating: 32, count: 65_537)).error == "BODY_TOO_LARGE")
        // Users have no update of their own.
        #expect(try await send(.admin, "GET", "/api/v1/versions/check?current_version=2.3.0").error == "PERMISSION_DENIED")
        // All of it is in the audit.
        let (entries, _) = try cloud.audit.entries(tenant: "default", page: 1, limit: 50)
        #expect(entries.contains { $0.route == "/api/v1/versions/{version}/image" && $0.status == 200 && $0.caller == "user lab-admin" })
    }

    /// The headers of a signature in version 1, by the words of badge-protocol.md.
    static func signed(_ method: String, _ path: String, world: FirmwareWorld, key: [UInt8], number: Int, device: String = "luna_badge_0001", body: [UInt8] = []) -> [HTTPCall.Header] {
        let seconds = String(DeviceWorld.epoch + world.now.nanoseconds / 1_000_000_000)
        let nonce = "nonce-" + String(1_000_000_000_000 + number)
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        let query = parts.count > 1 ? parts[1].split(separator: "&").sorted().joined(separator: "&") : ""
        let lines = ["v1", method, parts[0], query, "cloud.lab", seconds, nonce, device, "default", Hexadecimal.text(SHA256.hash(data: body))]
        let code = HMAC<SHA256>.authenticationCode(for: Array(lines.joined(separator: "\n").utf8), using: SymmetricKey(data: key))
        return [
            HTTPCall.Header("host", "cloud.lab"), HTTPCall.Header("x-device-id", device), HTTPCall.Header("x-timestamp", seconds),
            HTTPCall.Header("x-nonce", nonce), HTTPCall.Header("x-signature", "v1:sha256:" + Hexadecimal.text(code)),
        ]
    }
}
