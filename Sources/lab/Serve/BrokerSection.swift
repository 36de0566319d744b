import LabCore
import MQTTBroker
import Runner
import ScenarioLanguage
import Transports
import WireProtocols

/// `broker` of lab.yaml as settings of the lab's own broker, with everything that is wrong in it.
///
/// The form is the grammar's business; here is what the grammar cannot know: addresses, topic filters, codes, files.
struct BrokerSection {
    private(set) var settings = BrokerServiceSettings(listeners: [])
    private(set) var diagnostics: [Diagnostic] = []
    /// Where the certificate is named, for errors that show only when it is used.
    private(set) var certificateLocation: SourceLocation?
    private let folder: String

    /// - Parameters:
    ///   - value: of sound form.
    ///   - file: lab.yaml; paths are relative to it.
    init(_ value: SourceValue?, of file: String) {
        folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        guard let value, value.record != nil else { return }
        for listener in value["listeners"]?.list ?? [] { read(listener: listener) }
        if let tls = value["tls"] { read(tls: tls) }
        if let anonymous = value["anonymous"] { read(anonymous: anonymous) }
        for user in value["users"]?.record ?? [] { read(user: user) }
        for filter in value["denied_filters"]?.list ?? [] { read(deniedFilter: filter) }
        if let code = value["denied_reason_code"] { read(deniedCode: code) }
        settings.serverKeepAlive = Self.number(value["server_keep_alive"])
        settings.limits.maximumKeepAlive = Self.number(value["maximum_keep_alive"])
        settings.receiveMaximum = Self.number(value["receive_maximum"])
        settings.topicAliasMaximum = Self.number(value["topic_alias_maximum"])
        settings.limits.maximumPacketSize = Self.number(value["maximum_packet_size"]) ?? settings.limits.maximumPacketSize
        settings.limits.maximumBufferedInput = max(settings.limits.maximumBufferedInput, settings.limits.maximumPacketSize + 5)
        settings.limits.maximumQueued = Self.number(value["maximum_queued"]) ?? settings.limits.maximumQueued
        settings.limits.sessionExpiry = value["session_expiry"]?.scalar.flatMap { DurationText.parse($0.text) }.map { .nanoseconds($0) }
    }

    private static func number<Number: FixedWidthInteger>(_ value: SourceValue?) -> Number? { value?.scalar.flatMap { Number($0.text) } }

    private mutating func complain(_ value: SourceValue, _ message: String) {
        diagnostics.append(Diagnostic(at: value.location, message))
    }

    // MARK: Where it listens

    private mutating func read(listener value: SourceValue) {
        let text = value.scalar?.text ?? ""
        guard let listener = BrokerServiceSettings.Listener(text) else {
            return complain(value, "listener '\(text)' must be an address such as mqtt://127.0.0.1:1883 (mqtt, mqtts, ws or wss)")
        }
        if listener.address.port > 0, settings.listeners.contains(where: { $0.address == listener.address }) {
            return complain(value, "another listener has the address \(listener.address) already")
        }
        settings.listeners.append(listener)
    }

    private mutating func read(tls value: SourceValue) {
        let files = ["certificate", "key", "clients"].map { name in value[name].flatMap { read(file: $0) } }
        guard let certificate = files[0], let key = files[1] else { return }
        certificateLocation = value["certificate"]?.location
        var security = ServerSecurity(StreamIdentity(certificateChain: certificate, privateKey: key))
        if let authorities = files[2] {
            security.clientCertificates =
                value["optional"]?.scalar?.text == "true" ? .optional(authorities: authorities) : .required(authorities: authorities)
        } else if value["clients"] == nil, let choice = value["optional"] {
            complain(choice, "'optional' is about certificates of clients and needs 'clients'")
        }
        settings.security = security
    }

    private mutating func read(file value: SourceValue) -> String? {
        let name = value.scalar?.text ?? ""
        do throws(Descriptor.Unreadable) {
            let bytes = try Descriptor.read(name.hasPrefix("/") ? name : folder + name, atMost: 1 << 20)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            complain(value, "cannot read '\(name)': \(error)")
            return nil
        }
    }

    // MARK: For whom

    private mutating func read(anonymous value: SourceValue) {
        if let scalar = value.scalar {
            settings.allowsAnonymous = scalar.text == "true"
        } else {
            settings.anonymousRights = rights(value)
        }
    }

    private mutating func read(user entry: SourceValue.Entry) {
        let (password, subject) = (entry.value["password"]?.scalar?.text, entry.value["certificate"]?.scalar?.text)
        if password == nil, subject == nil { complain(entry.value, "the user '\(entry.name)' needs a 'password' or a 'certificate'") }
        if subject != nil, let certificate = entry.value["certificate"], settings.security?.clientCertificates ?? .notAsked == .notAsked {
            complain(certificate, "certificates of clients are asked for only where 'tls' has 'clients'")
        }
        settings.users.append(
            StaticAuthorizer.User(
                entry.name, password: password, certificateSubject: subject, isAdmin: entry.value["admin"]?.scalar?.text == "true",
                rights: rights(entry.value)))
    }

    private mutating func rights(_ value: SourceValue) -> [TopicRightPattern] {
        let (publish, receive) = (value["publish"], value["receive"])
        if publish == nil, receive == nil { return StaticAuthorizer.everything }
        return patterns(publish, .publish) + patterns(receive, .receive)
    }

    private mutating func patterns(_ value: SourceValue?, _ access: TopicRightPattern.Access) -> [TopicRightPattern] {
        var patterns: [TopicRightPattern] = []
        for item in value?.list ?? [] {
            let pattern = TopicRightPattern(access, item.scalar?.text ?? "")
            if pattern.filter(clientID: "client", username: "user") == nil {
                complain(
                    item,
                    "'\(pattern.pattern)' must be a topic filter such as a/b, a/+, a/# or devices/%c/# (%c: client identifier, %u: user)")
            }
            patterns.append(pattern)
        }
        return patterns
    }

    private mutating func read(deniedFilter value: SourceValue) {
        let text = value.scalar?.text ?? ""
        if (try? MQTTTopicFilter(text)) == nil { complain(value, "'\(text)' must be a topic filter such as a/b, a/+ or a/#") }
        settings.deniedFilters.append(text)
    }

    private mutating func read(deniedCode value: SourceValue) {
        let text = value.scalar?.text ?? ""
        let code = text.hasPrefix("0x") ? UInt8(text.dropFirst(2), radix: 16) : UInt8(text)
        guard let code, let reason = MQTTReasonCode(rawValue: code), reason.isFailure, reason.mayAppear(in: .suback) else {
            return complain(
                value,
                "'\(text)' must be a failure that SUBACK can carry: 0x87 (not authorized), 0x80, 0x83, 0x8f, 0x91, 0x97, 0x9e, 0xa1 or 0xa2"
            )
        }
        settings.deniedFilterCode = code
    }
}
