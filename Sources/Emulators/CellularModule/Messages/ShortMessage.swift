/// A short message as it lies in a memory: its TPDU and its state (3GPP TS 23.040 §9.2, TS 27.005 §3.1).
package struct ShortMessage: Sendable, Equatable {
    package enum Status: Int, Sendable, CaseIterable {
        case unread = 0
        case read = 1
        case unsent = 2
        case sent = 3

        /// In text mode.
        var word: String {
            switch self {
            case .unread: "REC UNREAD"
            case .read: "REC READ"
            case .unsent: "STO UNSENT"
            case .sent: "STO SENT"
            }
        }
    }

    package var status: Status
    /// Service centre, in international form or empty for that of the SIM.
    package var serviceCentre: String
    /// SMS-DELIVER or SMS-SUBMIT.
    package var tpdu: [UInt8]

    package init(status: Status, serviceCentre: String = "", tpdu: [UInt8]) {
        self.status = status
        self.serviceCentre = serviceCentre
        self.tpdu = tpdu
    }

    /// With the service centre in front, as PDU mode shows it.
    var pdu: [UInt8] {
        guard !serviceCentre.isEmpty else { return [0] + tpdu }
        let address = PhoneAddress(serviceCentre)
        return [UInt8(truncatingIfNeeded: 1 + address.semiOctets.count), address.type] + address.semiOctets + tpdu
    }

    /// Reads a PDU with the service centre in front.
    ///
    /// - Returns: `nil` if it is shorter than it says, or no SMS-DELIVER or SMS-SUBMIT.
    init?(pdu: [UInt8], status: Status) {
        guard let length = pdu.first.map({ Int($0) }), length <= 12, pdu.count > length + 1 else { return nil }
        let centre = length >= 2 ? PhoneAddress(type: pdu[1], semiOctets: Array(pdu[2...length])).text : ""
        self.init(status: status, serviceCentre: centre, tpdu: Array(pdu[(length + 1)...]))
        guard parts != nil else { return nil }
    }
}

/// A telephone number as PDUs have it (3GPP TS 23.040 §9.1.2.5).
struct PhoneAddress: Equatable {
    /// 0x91 international, 0x81 unknown, 0xD0 letters.
    var type: UInt8
    var semiOctets: [UInt8]
    /// Digits, or semi-octets for letters.
    var length: Int

    private static let digits = Array("0123456789*#abc".unicodeScalars)

    /// Characters that are no digits are left out; letters make it an alphanumeric sender.
    init(_ text: String) {
        let isNumber = text.unicodeScalars.dropFirst(text.hasPrefix("+") ? 1 : 0).allSatisfy { Self.digits.contains($0) }
        guard isNumber else {
            let septets = Array((GSMAlphabet.septets(text) ?? []).prefix(11))
            type = 0xd0
            semiOctets = GSMAlphabet.pack(septets)
            length = (septets.count * 7 + 3) / 4
            return
        }
        type = text.hasPrefix("+") ? 0x91 : 0x81
        let values = text.unicodeScalars.compactMap { Self.digits.firstIndex(of: $0) }.prefix(20).map { UInt8($0) }
        length = values.count
        semiOctets = stride(from: 0, to: values.count, by: 2).map { index in
            values[index] | (index + 1 < values.count ? values[index + 1] : 0x0f) << 4
        }
    }

    init(type: UInt8, semiOctets: [UInt8], length: Int? = nil) {
        self.type = type
        self.semiOctets = semiOctets
        self.length = length ?? semiOctets.count * 2
    }

    /// `+15551234567`; alphanumeric senders as their letters.
    var text: String {
        if type & 0x70 == 0x50 { return GSMAlphabet.text(GSMAlphabet.unpack(semiOctets, count: length * 4 / 7)) }
        var text = String.UnicodeScalarView(type & 0x70 == 0x10 ? "+".unicodeScalars : "".unicodeScalars)
        for nibble in semiOctets.flatMap({ [$0 & 15, $0 >> 4] }).prefix(length) where nibble < 15 { text.append(Self.digits[Int(nibble)]) }
        return String(text)
    }

    /// 145 international, 129 unknown (3GPP TS 24.008 §10.5.4.7).
    var numberType: Int { Int(type) }
}

extension ShortMessage {
    /// What a TPDU says.
    struct Parts: Equatable {
        var isSubmit: Bool
        var firstOctet: UInt8
        var address: PhoneAddress
        var protocolID: UInt8
        var codingScheme: UInt8
        /// Seven octets; empty in SMS-SUBMIT.
        var timestamp: [UInt8]
        var text: String
        /// Septets or octets, as the TPDU counts them.
        var dataLength: Int
    }

    /// `nil` for a TPDU that is shorter than it says, longer than there can be, or of another kind.
    var parts: Parts? {
        var reader = PDUReader(bytes: tpdu)
        guard let first = reader.octet() else { return nil }
        let isSubmit = first & 3 == 1
        guard isSubmit || first & 3 == 0 else { return nil }
        if isSubmit, reader.octet() == nil { return nil }
        guard let digits = reader.octet().map({ Int($0) }), digits <= 20, let type = reader.octet(),
            let number = reader.take((digits + 1) / 2), let protocolID = reader.octet(), let scheme = reader.octet()
        else { return nil }
        var timestamp: [UInt8] = []
        if isSubmit {
            // No validity, relative, or seven octets.
            guard reader.take([0, 7, 1, 7][Int(first >> 3 & 3)]) != nil else { return nil }
        } else {
            guard let stamp = reader.take(7) else { return nil }
            timestamp = stamp
        }
        guard let length = reader.octet().map({ Int($0) }) else { return nil }
        let isSevenBit = scheme & 0x0c == 0 || scheme & 0xf0 == 0xf0 && scheme & 4 == 0
        guard isSevenBit ? length <= 160 : length <= 140, let data = reader.take(isSevenBit ? (length * 7 + 7) / 8 : length), reader.isAtEnd
        else { return nil }
        let header = first & 0x40 != 0 ? data.first.map { Int($0) + 1 } ?? 0 : 0
        guard header <= data.count else { return nil }
        return Parts(
            isSubmit: isSubmit, firstOctet: first, address: PhoneAddress(type: type, semiOctets: number, length: digits),
            protocolID: protocolID,
            codingScheme: scheme, timestamp: timestamp,
            text: Self.text(data, scheme: scheme, isSevenBit: isSevenBit, length: length, header: header), dataLength: length)
    }

    private static func text(_ data: [UInt8], scheme: UInt8, isSevenBit: Bool, length: Int, header: Int) -> String {
        if isSevenBit {
            let skipped = (header * 8 + 6) / 7
            return GSMAlphabet.text(GSMAlphabet.unpack(data, count: length, fill: 0).dropFirst(skipped))
        }
        let body = Array(data.dropFirst(header))
        if scheme & 0x0c == 8 {
            let units = stride(from: 0, to: body.count - 1, by: 2).map { UInt16(body[$0]) << 8 | UInt16(body[$0 + 1]) }
            return String(decoding: units, as: UTF16.self)
        }
        return String(decoding: body, as: UTF8.self)
    }

    /// A message that comes in. `nil` if the text is longer than one message holds.
    init?(from sender: String, text: String, at unix: Int64, serviceCentre: String) {
        guard let (scheme, length, data) = Self.userData(text) else { return nil }
        let address = PhoneAddress(sender)
        var tpdu: [UInt8] = [0x04, UInt8(address.length), address.type] + address.semiOctets + [0, scheme]
        tpdu += Self.timestamp(unix) + [UInt8(length)] + data
        self.init(status: .unread, serviceCentre: serviceCentre, tpdu: tpdu)
    }

    /// A message that goes out, or is kept to go out.
    init?(to receiver: String, text: String, status: Status) {
        guard let (scheme, length, data) = Self.userData(text) else { return nil }
        let address = PhoneAddress(receiver)
        self.init(
            status: status,
            tpdu: [0x11, 0, UInt8(address.length), address.type] + address.semiOctets + [0, scheme, 0xa7, UInt8(length)] + data)
    }

    /// In the GSM alphabet if that has all characters, else in UCS2.
    private static func userData(_ text: String) -> (scheme: UInt8, length: Int, data: [UInt8])? {
        if let septets = GSMAlphabet.septets(text) {
            return septets.count <= 160 ? (0, septets.count, GSMAlphabet.pack(septets)) : nil
        }
        let octets = text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        return octets.count <= 140 ? (8, octets.count, octets) : nil
    }

    /// Seven octets of swapped digits, zone 0 (3GPP TS 23.040 §9.2.3.11).
    private static func timestamp(_ unix: Int64) -> [UInt8] {
        let time = CivilTime(unix: unix)
        return [time.year % 100, time.month, time.day, time.hour, time.minute, time.second, 0].map { UInt8(($0 % 10) << 4 | $0 / 10) }
    }
}

extension ShortMessage.Parts {
    /// `24/01/15,10:20:30+04`; the zone in quarters of an hour.
    var writtenTime: String? {
        guard timestamp.count == 7 else { return nil }
        let values = timestamp.map { Int($0 & 15) * 10 + Int($0 >> 4) }
        let zone = Int(timestamp[6] & 7) * 10 + Int(timestamp[6] >> 4)
        let sign = timestamp[6] & 8 == 0 ? "+" : "-"
        let (date, time) = (values[0...2].map { $0.digits(2) }, values[3...5].map { $0.digits(2) })
        return "\(date.joined(separator: "/")),\(time.joined(separator: ":"))\(sign)\(zone.digits(2))"
    }
}

private struct PDUReader {
    let bytes: [UInt8]
    var position = 0
    var isAtEnd: Bool { position == bytes.count }

    mutating func octet() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func take(_ count: Int) -> [UInt8]? {
        guard bytes.count - position >= count else { return nil }
        defer { position += count }
        return Array(bytes[position..<(position + count)])
    }
}
