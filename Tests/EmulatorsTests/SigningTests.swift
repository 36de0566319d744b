import CloudClient
import LabCore
import Testing

@testable import Emulators

/// Expected values: Python's hmac and hashlib, one of them checked with
/// `printf 'mqtt-v1\nluna_badge_0007\n1767225600\nAAECAwQFBgcICQoLDA0ODw' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2021…3f`.
@Suite("Signatures (badge protocol, \"Signed requests\")")
struct SigningTests {
    private let key = (32..<64).map { UInt8($0) }
    private let nonce = "AAECAwQFBgcICQoLDA0ODw"

    private func signing(_ signer: String, tenant: String = "default") -> RequestSigning {
        RequestSigning(signer: signer, key: key, host: "cloud.lab", tenant: tenant)
    }

    @Test("the canonical text has ten lines, without a line feed at the end")
    func canonicalText() {
        let text = signing("BDG-0007").canonicalText(
            "POST", "/api/v1/devices/register", body: Array(#"{"a":1}"#.utf8), timestamp: 1_767_225_600, nonce: nonce)
        #expect(text == """
            v1
            POST
            /api/v1/devices/register

            cloud.lab
            1767225600
            AAECAwQFBgcICQoLDA0ODw
            BDG-0007
            default
            015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862
            """)
    }

    @Test("a request with a body carries the signature that Python computes, and no tenant header for the default tenant")
    func post() {
        let call = signing("BDG-0007").call(
            "POST", "/api/v1/devices/register", body: Array(#"{"a":1}"#.utf8), timestamp: 1_767_225_600, nonce: nonce)
        #expect(call.headers == [
            .init("host", "cloud.lab"), .init("content-type", "application/json"), .init("x-device-id", "BDG-0007"),
            .init("x-timestamp", "1767225600"), .init("x-nonce", nonce),
            .init("x-signature", "v1:sha256:7db816ecd9ff5b123e31c01c01834dea90d5752a87c1de4df9024f2053050f3f"),
        ])
    }

    @Test("query pairs are sorted bytewise in the signature, sent as they are, and the tenant is named")
    func query() {
        let call = signing("luna_badge_0007", tenant: "acme").call(
            "GET", "/api/v1/devices?status=online&page=1&limit=10", bearer: "abc", timestamp: 1_767_225_600, nonce: nonce)
        #expect(call.path == "/api/v1/devices?status=online&page=1&limit=10")
        #expect(call.header("authorization") == "Bearer abc")
        #expect(call.header("x-tenant") == "acme")
        #expect(call.header("content-type") == nil)
        #expect(call.header("x-signature") == "v1:sha256:278944b67b37032f862bb900aaef29ff624ac8a7525f22d7c86dde7864b5f65f")
    }

    @Test("the MQTT password is the one that openssl computes")
    func password() {
        #expect(
            RequestSigning.password(clientID: "luna_badge_0007", secret: key, timestamp: 1_767_225_600, nonce: nonce)
                == "v1:1767225600:AAECAwQFBgcICQoLDA0ODw:0c94ba14bdded10d34bc6dd329a49e30c75d2b8407d5e20b1449586590e44901")
    }

    @Test("the cloud's time is believed with its signature only")
    func serverTime() {
        let signature = "c13b0c72df289aa815be846ee9051083d5e819659028ef4fd201b2d642196405"
        #expect(RequestSigning.isServerTime(1_767_229_200, signature: signature, nonce: nonce, key: key))
        #expect(!RequestSigning.isServerTime(1_767_229_201, signature: signature, nonce: nonce, key: key))
        #expect(!RequestSigning.isServerTime(1_767_229_200, signature: signature, nonce: "other", key: key))
        #expect(!RequestSigning.isServerTime(1_767_229_200, signature: String(signature.dropLast(2)), nonce: nonce, key: key))
        #expect(!RequestSigning.isServerTime(1_767_229_200, signature: "no hexadecimal", nonce: nonce, key: key))
    }

    @Test("the factory key of BDG-0007 is Python's HKDF-SHA256 (RFC 5869)")
    func factoryKey() {
        #expect(
            Hexadecimal.text(BadgeFactory.key(master: (0..<32).map { UInt8($0) }, serial: "BDG-0007"))
                == "bb612414fed13f7373521c053f9111079e649054f9a66170d98960a8d7c4d978")
    }

    @Test("base64url is strict (RFC 4648 §5 and §3.5)")
    func base64() {
        #expect(Base64URL.text((0..<16).map { UInt8($0) }) == nonce)
        #expect(Base64URL.bytes(nonce) == (0..<16).map { UInt8($0) })
        #expect(Base64URL.text([0xfb, 0xff]) == "-_8")
        #expect(Base64URL.bytes("-_8") == [0xfb, 0xff])
        for wrong in ["-_9", "+/8", "AA==", "A", "A A", "é"] { #expect(Base64URL.bytes(wrong) == nil, "\(wrong)") }
    }
}

@Suite("Identity (badge protocol, \"Identity and keys\")")
struct IdentityTests {
    private let factory = BadgeFactory(master: Array(repeating: 7, count: 32))

    @Test("the device id takes what follows the last dash of the serial number")
    func deviceID() {
        #expect(factory.identity(serial: "BDG-0007", seed: 1).deviceID == "luna_badge_0007")
        #expect(factory.identity(serial: "EU-BDG-42", seed: 1).deviceID == "luna_badge_42")
        #expect(factory.identity(serial: "X9", seed: 1).deviceID == "luna_badge_X9")
    }

    @Test("the hardware id has 24 hexadecimal digits, the same for seed and serial number, another for others")
    func hardwareID() {
        let id = BadgeFactory.hardwareID(seed: 1, serial: "BDG-0007")
        #expect(BadgeIdentity.isHardwareID(id))
        #expect(id == BadgeFactory.hardwareID(seed: 1, serial: "BDG-0007"))
        #expect(id != BadgeFactory.hardwareID(seed: 2, serial: "BDG-0007"))
        #expect(id != BadgeFactory.hardwareID(seed: 1, serial: "BDG-0008"))
    }

    @Test("the address is locally administered and made from the hardware id")
    func macAddress() {
        let identity = BadgeIdentity(serialNumber: "S", hardwareID: "00112233445566778899aabb", factoryKey: [])
        #expect(identity.macAddress == "02:77:88:99:aa:bb")
    }

    @Test("the factory sector is read back whole, and not at all with any byte changed")
    func factorySector() {
        let identity = factory.identity(serial: "BDG-0007", seed: 1)
        #expect(BadgeIdentity(bytes: identity.bytes + [0xff, 0xff]) == identity)
        for index in identity.bytes.indices {
            var bytes = identity.bytes
            bytes[index] ^= 0x10
            #expect(BadgeIdentity(bytes: bytes) == nil, "byte \(index)")
        }
        for length in 0..<identity.bytes.count { #expect(BadgeIdentity(bytes: Array(identity.bytes.prefix(length))) == nil) }
    }
}

@Suite("Timestamps (badge protocol, \"MQTT\")")
struct TimestampTests {
    @Test("are what Python's datetime writes", arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"), (1_767_225_630, "2026-01-01T00:00:30Z"), (4_102_444_799, "2099-12-31T23:59:59Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
    func text(seconds: Int64, text: String) { #expect(Timestamp.text(unixSeconds: seconds) == text) }

    @Test("stay within the years 1970 to 9999")
    func limits() {
        #expect(Timestamp.text(unixSeconds: -1) == "1970-01-01T00:00:00Z")
        #expect(Timestamp.text(unixSeconds: .min) == "1970-01-01T00:00:00Z")
        #expect(Timestamp.text(unixSeconds: .max) == "9999-12-31T23:59:59Z")
    }
}

@Suite("Back-off (issue point 6)")
struct BackoffTests {
    @Test("doubles to its limit, and half of it is chance")
    func bounds() {
        var generator = SeededGenerator(seed: 1)
        var backoff = Backoff()
        // 500 ms doubled: 0.5, 1, 2, 4, 8, 16, 32, then 60 s for ever.
        for longest in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000] {
            let drawn = backoff.next(first: .milliseconds(500), longest: .seconds(60), &generator)
            #expect(drawn >= .milliseconds(longest / 2) && drawn <= .milliseconds(longest))
        }
        for _ in 0..<1_000 { #expect(backoff.next(first: .milliseconds(500), longest: .seconds(60), &generator) <= .seconds(60)) }
        backoff.reset()
        #expect(backoff.next(first: .milliseconds(500), longest: .seconds(60), &generator) <= .milliseconds(500))
    }

    @Test("two badges do not come back at the same moment")
    func jitter() {
        var waits: Set<Int64> = []
        for seed in UInt64(0)..<100 {
            var generator = SeededGenerator(seed: seed)
            var backoff = Backoff()
            waits.insert(backoff.next(first: .seconds(1), longest: .seconds(60), &generator).nanoseconds / 1_000_000)
        }
        #expect(waits.count > 70)
    }
}
