import LabCore

/// `payments` of a lab.yaml of sound form.
struct PaymentReader {
    let file: String

    /// - Returns: what is complete; what is not has been told by the form.
    func read(_ section: SourceValue) -> PaymentPlaces {
        PaymentPlaces(
            wechat: section["wechat"].flatMap(wechat), alipay: section["alipay"].flatMap(alipay),
            authorities: section["authorities"].flatMap(path), location: section.location)
    }

    private func wechat(_ value: SourceValue) -> PaymentPlaces.WeChat? {
        guard let address = address(value["url"]), let notices = text(value["notices"]), let merchant = text(value["merchant"]),
            let application = text(value["application"]), let serial = text(value["merchant_serial"]), let key = secret(value["merchant_key"]),
            let secret = secret(value["secret"])
        else { return nil }
        let keys = (value["platform_keys"]?.record ?? []).compactMap { entry in
            path(entry.value).map { PaymentPlaces.PlatformKey(serial: entry.name, file: $0) }
        }
        return PaymentPlaces.WeChat(
            address: address, notices: notices, merchant: merchant, application: application, merchantSerial: serial.uppercased(), merchantKey: key,
            secret: secret, platformKeys: keys)
    }

    private func alipay(_ value: SourceValue) -> PaymentPlaces.Alipay? {
        guard let address = address(value["url"]), let notices = text(value["notices"]), let application = text(value["application"]),
            let seller = text(value["seller"]), let key = secret(value["application_key"]), let platformKey = value["platform_key"].flatMap(path),
            let files = value["files"].map(self.address) ?? ServiceAddress("https://dwbillcenter.alipay.com")
        else { return nil }
        return PaymentPlaces.Alipay(
            address: address, files: files, notices: notices, application: application, seller: seller, applicationKey: key,
            platformKey: platformKey, checksNoticeTime: text(value["checks_notice_time"]) != "false")
    }

    private func text(_ value: SourceValue?) -> String? { value?.scalar?.text }

    private func address(_ value: SourceValue?) -> ServiceAddress? { text(value).flatMap { ServiceAddress($0) } }

    private func path(_ value: SourceValue) -> PaymentPlaces.Entry? {
        value.scalar.map { PaymentPlaces.Entry(FilePath.resolve($0.text, from: file), at: value.location) }
    }

    private func secret(_ value: SourceValue?) -> PaymentPlaces.Secret? {
        if let file = value?["file"], let path = path(file) { return PaymentPlaces.Secret(.file(path.text), at: path.location) }
        guard let name = value?["env"], let text = name.scalar?.text else { return nil }
        return PaymentPlaces.Secret(.environment(text), at: name.location)
    }
}
