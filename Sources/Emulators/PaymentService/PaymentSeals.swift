import Crypto
import CryptoExtras
import Foundation

/// The keys of the payment services, read once: SHA256-RSA2048 with PKCS#1 v1.5, whose signatures hold no chance.
struct PaymentSeals: Sendable {
    struct Unusable: Error, Hashable, CustomStringConvertible {
        var description: String
    }

    private let wechatPlatform: _RSA.Signing.PrivateKey
    private let wechatMerchant: _RSA.Signing.PublicKey
    private let alipayPlatform: _RSA.Signing.PrivateKey
    private let alipayApplication: _RSA.Signing.PublicKey
    private let secret: SymmetricKey

    init(_ settings: PaymentServiceSettings) throws(Unusable) {
        guard settings.wechat.secret.utf8.count == 32 else { throw Unusable(description: "The APIv3 key must have 32 bytes.") }
        do {
            wechatPlatform = try _RSA.Signing.PrivateKey(pemRepresentation: settings.wechat.platformKey)
            wechatMerchant = try _RSA.Signing.PublicKey(pemRepresentation: settings.wechat.merchantKey)
            alipayPlatform = try _RSA.Signing.PrivateKey(pemRepresentation: settings.alipay.platformKey)
            alipayApplication = try _RSA.Signing.PublicKey(pemRepresentation: settings.alipay.applicationKey)
        } catch { throw Unusable(description: "A key of the payment service is no RSA key of 2048 bits or more in PEM.") }
        secret = SymmetricKey(data: Data(settings.wechat.secret.utf8))
    }

    func wechatSignature(_ message: [UInt8]) -> String { Self.sign(message, wechatPlatform) }
    func alipaySignature(_ message: [UInt8]) -> String { Self.sign(message, alipayPlatform) }
    func isOfMerchant(_ signature: String, _ message: [UInt8]) -> Bool { Self.verify(signature, message, wechatMerchant) }
    func isOfApplication(_ signature: String, _ message: [UInt8]) -> Bool { Self.verify(signature, message, alipayApplication) }

    /// AEAD_AES_256_GCM, with the tag at the end, in base64.
    ///
    /// - Parameter nonce: 12 bytes.
    func sealed(_ plain: [UInt8], nonce: String, associated: String) -> String {
        guard let value = try? AES.GCM.Nonce(data: Data(nonce.utf8)),
            let box = try? AES.GCM.seal(plain, using: secret, nonce: value, authenticating: Array(associated.utf8))
        else { return "" }
        return (box.ciphertext + box.tag).base64EncodedString()
    }

    /// A key that was read can sign; were it otherwise, nobody would believe the empty signature.
    private static func sign(_ message: [UInt8], _ key: _RSA.Signing.PrivateKey) -> String {
        (try? key.signature(for: message, padding: .insecurePKCS1v1_5))?.rawRepresentation.base64EncodedString() ?? ""
    }

    private static func verify(_ signature: String, _ message: [UInt8], _ key: _RSA.Signing.PublicKey) -> Bool {
        guard let bytes = Data(base64Encoded: signature), !bytes.isEmpty else { return false }
        return key.isValidSignature(_RSA.Signing.RSASignature(rawRepresentation: bytes), for: message, padding: .insecurePKCS1v1_5)
    }

    static func sha1(_ bytes: [UInt8]) -> [UInt8] { Array(Insecure.SHA1.hash(data: bytes)) }
}

/// `application/x-www-form-urlencoded`, as Alipay has it: UTF-8, a space is `+`.
enum PaymentForm {
    /// - Returns: `nil` for what is no form: bad percent signs, no UTF-8, a name that occurs twice.
    static func read(_ bytes: [UInt8]) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        var names: Set<String> = []
        for pair in bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts[0]), let value = decoded(parts.count > 1 ? parts[1] : []), names.insert(name).inserted else {
                return nil
            }
            pairs.append((name, value))
        }
        return pairs
    }

    static func write(_ pairs: [(name: String, value: String)]) -> [UInt8] {
        Array(pairs.map { encoded($0.name) + "=" + encoded($0.value) }.joined(separator: "&").utf8)
    }

    /// What is signed: sorted by name, empty values left out, values as they are before encoding.
    static func signedText(_ pairs: [(name: String, value: String)], without left: Set<String>) -> [UInt8] {
        let kept = pairs.filter { !left.contains($0.name) && !$0.value.isEmpty }
        let sorted = kept.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
        return Array(sorted.map { "\($0.name)=\($0.value)" }.joined(separator: "&").utf8)
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else { return nil }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? { Character(Unicode.Scalar(digit)).hexDigitValue.map { UInt8($0) } }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-_.".unicodeScalars.contains(scalar)
            if isPlain {
                result.unicodeScalars.append(scalar)
            } else {
                result += "%" + String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

/// Times as the services write them: the civil time of Beijing, eight hours ahead of UTC all year.
enum PaymentTime {
    private static let offset: Int64 = 28_800

    static func day(_ unix: Int64) -> String {
        let time = CivilTime(unix: unix + offset)
        return "\(time.year.digits(4))-\(time.month.digits(2))-\(time.day.digits(2))"
    }

    /// `2026-01-02 12:33:20`
    static func plain(_ unix: Int64) -> String { "\(day(unix)) \(CivilTime(unix: unix + offset).time)" }
    /// RFC 3339: `2026-01-02T12:33:20+08:00`
    static func stamp(_ unix: Int64) -> String { "\(day(unix))T\(CivilTime(unix: unix + offset).time)+08:00" }

    /// Reads `2026-01-02 12:33:20`, and RFC 3339 with any offset.
    static func unix(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 19 || bytes.count == 25 || bytes.count == 20 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16),
            let second = number(17..<19),
            let local = CivilTime.unix(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        if bytes.count == 19 { return local - offset }
        if bytes.count == 20 { return bytes[19] == UInt8(ascii: "Z") ? local : nil }
        guard bytes[19] == UInt8(ascii: "+") || bytes[19] == UInt8(ascii: "-"), let hours = number(20..<22), let minutes = number(23..<25)
        else { return nil }
        let ahead = Int64(hours * 3_600 + minutes * 60)
        return bytes[19] == UInt8(ascii: "+") ? local - ahead : local + ahead
    }
}

/// Money as Alipay and the statements write it: yuan with two decimals.
enum PaymentMoney {
    static func yuan(_ fen: Int64) -> String {
        let digits = fen.magnitude % 100
        return "\(fen < 0 ? "-" : "")\(fen.magnitude / 100).\(digits < 10 ? "0" : "")\(digits)"
    }

    /// `12.35`, `12.3`, `12`; `nil` for anything else, such as a sign, an exponent or a third decimal.
    static func fen(_ yuan: String) -> Int64? {
        let parts = yuan.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = digits(parts[0]), parts[0].utf8.count <= 9 else { return nil }
        guard parts.count == 2 else { return whole * 100 }
        guard (1...2).contains(parts[1].utf8.count), let rest = digits(parts[1]) else { return nil }
        return whole * 100 + (parts[1].utf8.count == 1 ? rest * 10 : rest)
    }

    private static func digits(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}
