/// Real payment services as `payments` of lab.yaml names them: addresses, contracts, and where their keys are.
///
/// No secret stands in it: whoever needs one reads it, since files that are read with lab.yaml are kept with runs.
package struct PaymentPlaces: Sendable, Equatable {
    /// A text and where it is written, for errors that only its use shows.
    package struct Entry: Sendable, Hashable {
        package var text: String
        package var location: SourceLocation

        package init(_ text: String, at location: SourceLocation) { (self.text, self.location) = (text, location) }
    }

    package struct Secret: Sendable, Hashable {
        package enum Source: Sendable, Hashable {
            /// A path.
            case file(String)
            /// The name of an environment variable.
            case environment(String)
        }

        package var source: Source
        package var location: SourceLocation

        package init(_ source: Source, at location: SourceLocation) { (self.source, self.location) = (source, location) }
    }

    /// A key of a service: the number by which the service names it, and its file.
    package struct PlatformKey: Sendable, Hashable {
        package var serial: String
        package var file: Entry

        package init(serial: String, file: Entry) { (self.serial, self.file) = (serial, file) }
    }

    package struct WeChat: Sendable, Equatable {
        package var address: ServiceAddress
        /// Where the service sends its notices.
        package var notices: String
        package var merchant: String
        package var application: String
        package var merchantSerial: String
        package var merchantKey: Secret
        /// The APIv3 key.
        package var secret: Secret
        /// Empty: the certificates are downloaded.
        package var platformKeys: [PlatformKey]

        package init(
            address: ServiceAddress, notices: String, merchant: String, application: String, merchantSerial: String, merchantKey: Secret,
            secret: Secret, platformKeys: [PlatformKey]
        ) {
            self.address = address
            self.notices = notices
            self.merchant = merchant
            self.application = application
            self.merchantSerial = merchantSerial
            self.merchantKey = merchantKey
            self.secret = secret
            self.platformKeys = platformKeys
        }
    }

    package struct Alipay: Sendable, Equatable {
        package var address: ServiceAddress
        /// The host of statement files.
        package var files: ServiceAddress
        package var notices: String
        package var application: String
        package var seller: String
        package var applicationKey: Secret
        package var platformKey: Entry
        package var checksNoticeTime: Bool

        package init(
            address: ServiceAddress, files: ServiceAddress, notices: String, application: String, seller: String, applicationKey: Secret,
            platformKey: Entry, checksNoticeTime: Bool
        ) {
            self.address = address
            self.files = files
            self.notices = notices
            self.application = application
            self.seller = seller
            self.applicationKey = applicationKey
            self.platformKey = platformKey
            self.checksNoticeTime = checksNoticeTime
        }
    }

    package var wechat: WeChat?
    package var alipay: Alipay?
    /// A file with the authorities of the services' own certificates; the machine's where it is `nil`.
    package var authorities: Entry?
    package var location: SourceLocation

    package init(wechat: WeChat? = nil, alipay: Alipay? = nil, authorities: Entry? = nil, location: SourceLocation) {
        self.wechat = wechat
        self.alipay = alipay
        self.authorities = authorities
        self.location = location
    }
}

/// Where a service answers: `https://` and a host, or `http://` on this machine, where nobody listens in.
package struct ServiceAddress: Sendable, Hashable, CustomStringConvertible {
    package var isSecure: Bool
    /// A name or an address, without brackets.
    package var host: String
    package var port: Int

    /// - Returns: `nil` for anything but scheme, host and port.
    package init?(_ text: String) {
        guard let colon = text.firstRange(of: "://"), text.utf8.count <= 300 else { return nil }
        let scheme = text[..<colon.lowerBound]
        guard scheme == "https" || scheme == "http" else { return nil }
        isSecure = scheme == "https"
        port = isSecure ? 443 : 80
        var rest = text[colon.upperBound...]
        if let mark = rest.lastIndex(of: ":"), !rest[mark...].contains("]") {
            let digits = rest[rest.index(after: mark)...]
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                (1...65_535).contains(number)
            else { return nil }
            port = number
            rest = rest[..<mark]
        }
        let isBracketed = rest.hasPrefix("[") && rest.hasSuffix("]")
        host = String(isBracketed ? rest.dropFirst().dropLast() : rest)
        let isHost = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || byte == 0x2d || byte == 0x2e || (isBracketed && byte == 0x3a)
        }
        guard !host.isEmpty, isHost, isSecure || Self.loopback.contains(host) else { return nil }
    }

    private static let loopback: Set<String> = ["127.0.0.1", "::1", "localhost"]

    package var description: String { "\(isSecure ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
