import LabCore

extension Grammar {
    /// `payments` of lab.yaml: real payment services, the contracts with them, and where the keys are.
    static let payments = RecordShape(
        "'payments'",
        [
            .optional("wechat", .record(wechat), "A merchant's contract with WeChat Pay, API v3"),
            .optional("alipay", .record(alipay), "An application's contract with Alipay, RSA2"),
            .optional("authorities", .text, "A file with the authorities of the services' certificates, in PEM; the machine's where it is missing"),
        ], oneOf: ["wechat", "alipay"])

    private static let wechat = RecordShape(
        "'wechat'",
        [
            .required("url", .form(.serviceAddress), "Where it answers: https://api.mch.weixin.qq.com"),
            .required("notices", .form(.noticeAddress), "Where it sends notices to this cloud (notify_url)"),
            .required("merchant", .form(.digits), "mchid, in quotes"),
            .required("application", .text, "appid"),
            .required("merchant_serial", .form(.hexadecimalDigits), "Serial number of the merchant's certificate, in quotes"),
            .required("merchant_key", secret, "The merchant's private key, in PEM"),
            .required("secret", secret, "The APIv3 key, 32 bytes"),
            .optional(
                "platform_keys",
                .record(RecordShape("'platform_keys'", [], others: RecordShape.Others(keys: .keyNumber, shape: .text), minimum: 1)),
                "Files with the service's public keys or certificates, in PEM, by their numbers (PUB_KEY_ID_…); certificates are downloaded where they are missing"),
        ])

    private static let alipay = RecordShape(
        "'alipay'",
        [
            .required("url", .form(.serviceAddress), "Where it answers: https://openapi.alipay.com"),
            .optional("files", .form(.serviceAddress), "The host of statement files; https://dwbillcenter.alipay.com where it is missing"),
            .required("notices", .form(.noticeAddress), "Where it sends notices to this cloud (notify_url)"),
            .required("application", .form(.digits), "app_id, in quotes"),
            .required("seller", .form(.digits), "seller_id, in quotes"),
            .required("application_key", secret, "The application's private key, in PEM"),
            .required("platform_key", .text, "A file with Alipay's public key, in PEM"),
            .optional("checks_notice_time", .bool, "Old notices are refused; true where it is missing"),
        ])

    /// Secrets are where only those can read them who may, and nowhere else: not here, and not in messages.
    private static let secret = Shape.variants(VariantShape(
        noun: "secret",
        variants: [
            VariantShape.Variant(key: "file", record: RecordShape("a secret", [.required("file", .text, "Its file, relative to this one")])),
            VariantShape.Variant(key: "env", record: RecordShape("a secret", [.required("env", .variable, "Its environment variable")])),
        ], keysAreNoun: false, mayBeShown: false))
}

extension TextForm {
    static let serviceAddress = TextForm(
        wanted: "https:// with host and perhaps port, without user, path and final slash, such as https://api.mch.weixin.qq.com (http:// only on this machine)",
        pattern: "^https?://[^/?#@]+$"
    ) { ServiceAddress($0) != nil }

    static let noticeAddress = TextForm(
        wanted: "https:// with host and path and no query, such as https://pay.example.com/api/v1/payments/notices/wechat",
        pattern: "^https://[^/?#@]+/[^?#]*$"
    ) { text in
        guard text.hasPrefix("https://"), text.utf8.count <= 255, !text.contains(where: { "?#@ ".contains($0) }) else { return false }
        let rest = text.dropFirst("https://".count)
        guard let slash = rest.firstIndex(of: "/") else { return false }
        return ServiceAddress("https://" + rest[..<slash]) != nil
    }

    /// An account's number; as a number it could lose digits.
    static let digits = TextForm(wanted: "digits in quotes, such as \"1900000001\"", pattern: "^[0-9]{1,32}$") { isDigits($0, atMost: 32) }

    static let keyNumber = TextForm(wanted: "the number of a key, such as PUB_KEY_ID_0119…", pattern: "^[A-Za-z0-9_]{1,64}$") { text in
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) || Name.isLetter($0) }
    }

    static let hexadecimalDigits = TextForm(wanted: "hexadecimal digits in quotes", pattern: "^[0-9A-Fa-f]{1,64}$") { text in
        text.utf8.count <= 64 && isHexadecimal(text)
    }
}
