import Cloud
package import LabCore
import Transports

/// The payment services of lab.yaml with the keys that were read: what a cloud in real time needs to use them.
package struct RealPayments: Sendable, Equatable {
    package struct Endpoint: Sendable, Equatable {
        /// The cloud's name for the service.
        package var service: String
        package var address: ServiceAddress
    }

    package let endpoints: [Endpoint]
    /// PEM text of those whose certificates of services are believed; the machine's where it is `nil`.
    let authorities: String?
    let settings: PaymentSettings

    /// Reads the keys, and looks whether they can be used.
    ///
    /// - Parameters:
    ///   - read: the content of a file.
    ///   - environment: the value of a variable.
    /// - Throws: what is wrong, at its place in lab.yaml, without the value.
    package init(_ places: PaymentPlaces, read: @escaping (String) throws -> [UInt8], environment: @escaping (String) -> String?) throws(Diagnostic) {
        let files = KeyFiles(read: read, environment: environment)
        var endpoints: [Endpoint] = []
        var settings = PaymentSettings()
        var locations: [String: SourceLocation] = [:]
        if let contract = places.wechat {
            let wechat = WeChatPaySettings(
                noticeAddress: contract.notices, merchant: contract.merchant, application: contract.application, merchantSerial: contract.merchantSerial,
                merchantKey: try files.secret(contract.merchantKey), secret: try files.secret(contract.secret),
                platformKeys: try files.platformKeys(contract.platformKeys))
            endpoints.append(Endpoint(service: wechat.service, address: contract.address))
            locations["payments.wechat.merchantKey"] = contract.merchantKey.location
            locations["payments.wechat.secret"] = contract.secret.location
            locations["payments.wechat.platformKeys"] = contract.platformKeys.first?.file.location
            settings.wechat = wechat
        }
        if let contract = places.alipay {
            let alipay = AlipaySettings(
                noticeAddress: contract.notices, application: contract.application, seller: contract.seller,
                applicationKey: try files.secret(contract.applicationKey), platformKey: try files.text(contract.platformKey),
                checksNoticeTime: contract.checksNoticeTime)
            endpoints += [Endpoint(service: alipay.service, address: contract.address), Endpoint(service: alipay.fileService, address: contract.files)]
            locations["payments.alipay.applicationKey"] = contract.applicationKey.location
            locations["payments.alipay.platformKey"] = contract.platformKey.location
            settings.alipay = alipay
        }
        do throws(ConfigurationError) { try settings.check() } catch {
            throw Diagnostic(at: locations[error.setting] ?? places.location, error.reason)
        }
        authorities = try places.authorities.map { entry throws(Diagnostic) in try files.authorities(entry) }
        (self.endpoints, self.settings) = (endpoints, settings)
    }

    static let notInMemory = "Real payment services need real time: --on emu or hw. In sim a role of kind payments is the emulated one."

    /// - Throws: `no_payments` where there are none.
    static func needed(_ payments: RealPayments?) throws(ActionFailure) -> RealPayments {
        guard let payments else { throw ActionFailure("no_payments", "The cloud wants real payment services, and there are none here. \(notInMemory)") }
        return payments
    }
}

/// Keys from where lab.yaml says they are.
private struct KeyFiles {
    let read: (String) throws -> [UInt8]
    let environment: (String) -> String?

    func secret(_ secret: PaymentPlaces.Secret) throws(Diagnostic) -> PaymentSecret {
        switch secret.source {
        case .file(let path): return PaymentSecret(try text(PaymentPlaces.Entry(path, at: secret.location)))
        case .environment(let name):
            guard let text = environment(name), !text.isEmpty else { throw Diagnostic(at: secret.location, "the environment variable \(name) is not set") }
            return PaymentSecret(text)
        }
    }

    /// Without the line feeds at its end, which editors add.
    func text(_ entry: PaymentPlaces.Entry) throws(Diagnostic) -> String {
        let bytes: [UInt8]
        do { bytes = try read(entry.text) } catch { throw Diagnostic(at: entry.location, "the key cannot be read from '\(entry.text)': \(error)") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Diagnostic(at: entry.location, "'\(entry.text)' is no text; keys are PEM") }
        return String(text.reversed().drop { $0.isNewline }.reversed())
    }

    func platformKeys(_ keys: [PaymentPlaces.PlatformKey]) throws(Diagnostic) -> [WeChatPaySettings.PlatformKey] {
        var found: [WeChatPaySettings.PlatformKey] = []
        for key in keys { found.append(WeChatPaySettings.PlatformKey(serial: key.serial, pem: try text(key.file))) }
        return found
    }

    func authorities(_ entry: PaymentPlaces.Entry) throws(Diagnostic) -> String {
        let text = try text(entry)
        do { _ = try PEMFile.certificates(in: text, from: entry.text) } catch {
            throw Diagnostic(at: entry.location, "the authorities cannot be read from '\(entry.text)': \(error.detail)")
        }
        return text
    }
}
