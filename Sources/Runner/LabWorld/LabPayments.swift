import Cloud
import Emulators

extension PaymentSettings {
    /// The merchant that the emulated payment services know, with the test keys that everybody has.
    static func lab(hostName: String) -> PaymentSettings {
        let (service, keys) = (PaymentServiceSettings(), PaymentTestKeys.self)
        return PaymentSettings(
            wechat: WeChatPaySettings(
                merchant: service.wechat.merchant, application: service.wechat.application, merchantSerial: service.wechat.merchantSerial,
                merchantKey: PaymentSecret(keys.wechatMerchantPrivate), secret: PaymentSecret(service.wechat.secret),
                platformKeys: [WeChatPaySettings.PlatformKey(serial: service.wechat.platformSerial, pem: service.wechat.platformCertificate)]),
            alipay: AlipaySettings(
                application: service.alipay.application, seller: service.alipay.seller, applicationKey: PaymentSecret(keys.alipayApplicationPrivate),
                platformKey: keys.alipayPlatformPublic),
            publicAddress: "https://" + hostName)
    }
}
