/// What the emulated payment services know of their one merchant, and how quick they are.
package struct PaymentServiceSettings: Sendable {
    package struct WeChat: Sendable {
        /// `mchid`.
        package var merchant: String
        package var application: String
        /// The serial number of the merchant's certificate, as in its `Authorization`.
        package var merchantSerial: String
        /// PEM.
        package var merchantKey: String
        /// The service's own key, PEM.
        package var platformKey: String
        package var platformCertificate: String
        package var platformSerial: String
        /// The APIv3 key, 32 bytes.
        package var secret: String
    }

    package struct Alipay: Sendable {
        /// `app_id`.
        package var application: String
        package var seller: String
        /// The application's public key, PEM.
        package var applicationKey: String
        /// The service's own key, PEM.
        package var platformKey: String
    }

    package var wechat: WeChat
    package var alipay: Alipay
    /// From a payment to its first notice.
    package var noticeDelay: Duration
    /// What a refund of WeChat takes; Alipay answers with the refund done.
    package var refundTime: Duration
    /// From an Alipay payment to TRADE_FINISHED; up to a year in contracts.
    package var refundWindow: Duration

    /// The merchant of the lab, with the test keys that everybody has.
    package init(noticeDelay: Duration = .seconds(1), refundTime: Duration = .seconds(5), refundWindow: Duration = .seconds(365 * 86_400)) {
        wechat = WeChat(
            merchant: "1900000001", application: "wx1ab0000000000001", merchantSerial: PaymentTestKeys.wechatMerchantSerial,
            merchantKey: PaymentTestKeys.wechatMerchantPublic, platformKey: PaymentTestKeys.wechatPlatformPrivate,
            platformCertificate: PaymentTestKeys.wechatPlatformCertificate, platformSerial: PaymentTestKeys.wechatPlatformSerial,
            secret: PaymentTestKeys.wechatSecret)
        alipay = Alipay(
            application: "2021000000000001", seller: "2088000000000001", applicationKey: PaymentTestKeys.alipayApplicationPublic,
            platformKey: PaymentTestKeys.alipayPlatformPrivate)
        self.noticeDelay = noticeDelay
        self.refundTime = refundTime
        self.refundWindow = refundWindow
    }
}
