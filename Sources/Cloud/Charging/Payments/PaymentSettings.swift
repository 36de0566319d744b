/// The contracts with payment services, and where they reach this cloud. Without a contract a channel is not offered.
///
/// The keys are secrets of the caller; no description, dump or error shows them.
package struct PaymentSettings: Sendable, Equatable {
    package var wechat: WeChatPaySettings?
    package var alipay: AlipaySettings?
    /// `https://` and host, without a slash at the end; the services send notices to `/api/v1/payments/notices/<channel>` there, unless a
    /// contract names an address of its own.
    package var publicAddress: String
    /// How long a user may pay; then the attempt is asked about and closed, and the next one gets a new number.
    package var payTimeout: Duration
    /// How far the time of an answer or notice may be from this cloud's.
    package var maximumSkew: Duration
    /// Minutes after midnight in Beijing at which yesterday's statements are fetched; the services have them from 10:00 on.
    package var statementMinute: Int
    /// Requests to payment services that are under way at the same time.
    package var parallelRequests: Int

    package init(
        wechat: WeChatPaySettings? = nil, alipay: AlipaySettings? = nil, publicAddress: String = "https://cloud.lab",
        payTimeout: Duration = .seconds(900),
        maximumSkew: Duration = .seconds(300), statementMinute: Int = 630, parallelRequests: Int = 8
    ) {
        self.wechat = wechat
        self.alipay = alipay
        self.publicAddress = publicAddress
        self.payTimeout = payTimeout
        self.maximumSkew = maximumSkew
        self.statementMinute = statementMinute
        self.parallelRequests = parallelRequests
    }

    /// Looks at times, addresses and keys, without asking anybody.
    ///
    /// - Throws: the first setting that cannot be used, without its value.
    package func check() throws(ConfigurationError) { _ = try makeClients() }

    func makeClients() throws(ConfigurationError) -> (wechat: WeChatPayClient?, alipay: AlipayClient?) {
        guard payTimeout >= .seconds(60), payTimeout <= .seconds(7_200) else {
            throw ConfigurationError(setting: "payments.payTimeout", reason: "it must be 1 minute to 2 hours")
        }
        guard publicAddress.hasPrefix("https://"), !publicAddress.hasSuffix("/"), !publicAddress.contains("?") else {
            throw ConfigurationError(
                setting: "payments.publicAddress", reason: "it must be https:// and a host, without a slash at the end")
        }
        var clients: (wechat: WeChatPayClient?, alipay: AlipayClient?)
        if let wechat { clients.wechat = try WeChatPayClient(wechat, maximumSkew: maximumSkew) }
        if let alipay { clients.alipay = try AlipayClient(alipay, maximumSkew: maximumSkew) }
        return clients
    }
}

/// A merchant's contract with WeChat Pay, API v3.
package struct WeChatPaySettings: Sendable, Equatable {
    /// The name under which the environment reaches `https://api.mch.weixin.qq.com`.
    package var service: String
    /// Where it sends notices, in place of the public address with the usual path.
    package var noticeAddress: String?
    /// `mchid`.
    package var merchant: String
    /// `appid`.
    package var application: String
    /// Of the merchant's certificate, in capital hexadecimal digits.
    package var merchantSerial: String
    /// The merchant's private key, PEM.
    package var merchantKey: PaymentSecret
    /// The APIv3 key, 32 bytes.
    package var secret: PaymentSecret
    /// The service's public keys by their numbers (`PUB_KEY_ID_…`, or serial numbers of certificates), PEM of a key or a certificate.
    /// Empty: its certificates are downloaded, and again every twelve hours.
    package var platformKeys: [PlatformKey]

    package struct PlatformKey: Sendable, Equatable {
        package var serial: String
        package var pem: String
        package init(serial: String, pem: String) {
            self.serial = serial
            self.pem = pem
        }
    }

    package init(
        service: String = "wechat", noticeAddress: String? = nil, merchant: String, application: String, merchantSerial: String, merchantKey: PaymentSecret,
        secret: PaymentSecret,
        platformKeys: [PlatformKey] = []
    ) {
        self.service = service
        self.noticeAddress = noticeAddress
        self.merchant = merchant
        self.application = application
        self.merchantSerial = merchantSerial
        self.merchantKey = merchantKey
        self.secret = secret
        self.platformKeys = platformKeys
    }
}

/// An application's contract with Alipay, RSA2 with public keys.
package struct AlipaySettings: Sendable, Equatable {
    /// The name under which the environment reaches `https://openapi.alipay.com`.
    package var service: String
    /// The name under which it reaches the host of statement files.
    package var fileService: String
    /// Where it sends notices, in place of the public address with the usual path.
    package var noticeAddress: String?
    /// `app_id`.
    package var application: String
    /// `seller_id`.
    package var seller: String
    /// The application's private key, PEM.
    package var applicationKey: PaymentSecret
    /// Alipay's public key, PEM.
    package var platformKey: String
    /// Notices carry the time at which they were sent, to the second; switched off, an old one is taken as well.
    package var checksNoticeTime: Bool

    package init(
        service: String = "alipay", fileService: String = "alipay-files", noticeAddress: String? = nil, application: String, seller: String,
        applicationKey: PaymentSecret,
        platformKey: String, checksNoticeTime: Bool = true
    ) {
        self.service = service
        self.fileService = fileService
        self.noticeAddress = noticeAddress
        self.application = application
        self.seller = seller
        self.applicationKey = applicationKey
        self.platformKey = platformKey
        self.checksNoticeTime = checksNoticeTime
    }
}

/// A text that shows itself to nobody.
package struct PaymentSecret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable,
    ExpressibleByStringLiteral
{
    let text: String
    package init(_ text: String) { self.text = text }
    package init(stringLiteral text: String) { self.text = text }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
