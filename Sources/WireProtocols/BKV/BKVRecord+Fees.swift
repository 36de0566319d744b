import LabCore

/// A step of the price over the day: until this time, electricity and service cost this much (key 83).
package struct BKVFeeTier: Sendable, Hashable {
    package var endHour: UInt8
    package var endMinute: UInt8
    /// 0.01 yuan per kWh
    package var electricity: UInt16
    /// 0.01 yuan per kWh
    package var service: UInt16

    package init(endHour: UInt8, endMinute: UInt8, electricity: UInt16, service: UInt16) {
        self.endHour = endHour
        self.endMinute = endMinute
        self.electricity = electricity
        self.service = service
    }

    init?(_ value: [UInt8]) {
        guard value.count == 6 else { return nil }
        self.init(endHour: value[0], endMinute: value[1], electricity: value[...].bigEndian16(at: 2), service: value[...].bigEndian16(at: 4))
    }

    var value: [UInt8] {
        var bytes = [endHour, endMinute]
        bytes.append(bigEndian: electricity)
        bytes.append(bigEndian: service)
        return bytes
    }
}

/// 1007: start or stop by electricity and service fee (2.10).
package struct BKVFeeStart: Sendable, Hashable {
    package var socket: UInt8
    package var port: UInt8
    package var isOn: Bool
    /// 1 time, 4 electricity and service fee.
    package var mode: UInt8 = 4
    /// 1 scan, 2 card.
    package var control: UInt8 = 1
    /// 0.01 yuan
    package var prepaid: UInt16
    /// The service fee is by energy (1), not by time (0).
    package var isServiceByEnergy = true
    /// The last must end 23:59.
    package var tiers: [BKVFeeTier]

    package init(socket: UInt8, port: UInt8, isOn: Bool = true, prepaid: UInt16, tiers: [BKVFeeTier]) {
        self.socket = socket
        self.port = port
        self.isOn = isOn
        self.prepaid = prepaid
        self.tiers = tiers
    }

    /// Reads a 1007 of the platform.
    package init(_ record: BKVRecord) throws(BKVPairFault) {
        let pairs = record.pairs
        self.init(
            socket: pairs.optional(.socket), port: try pairs.need(.port), isOn: pairs.number(.isOn) == 1, prepaid: pairs.optional(.prepaid),
            tiers: pairs.filter { $0.key == .number(BKVKey.feeTier.rawValue) }.compactMap { BKVFeeTier($0.value) })
        mode = pairs.optional(.chargeMode)
        control = pairs.optional(.control)
        isServiceByEnergy = pairs.number(.feeMode) == 1
    }

    /// In the order of the vendor's example, key F4 included, whose meaning is not known.
    package func record(gateway: String, sequence: UInt64) -> BKVRecord {
        BKVRecord(
            command: 0x1007, sequence: sequence, gateway: gateway,
            pairs: [
                BKVPair(.socket, number: UInt64(socket)), BKVPair(.port, number: UInt64(port)), BKVPair(.isOn, number: isOn ? 1 : 0),
                BKVPair(.chargeMode, number: UInt64(mode)), BKVPair(.control, number: UInt64(control)), BKVPair(.unknownF4, [2]),
                BKVPair(.prepaid, number: UInt64(prepaid)), BKVPair(.feeMode, number: isServiceByEnergy ? 1 : 0),
                BKVPair(.tierCount, number: UInt64(tiers.count)),
            ] + tiers.map { BKVPair(.feeTier, $0.value) })
    }
}

/// 1004: the end of a charge by fee (2.10).
package struct BKVFeeEnd: Sendable, Hashable {
    /// The fields that it shares with 02; firmware and RSSI are not in it.
    package var end: BKVChargeEnd
    package var endTime: BKVTime
    /// Only 08 has been seen.
    package var reason: UInt8
    package var mode: UInt8
    /// 0.01 yuan
    package var electricityFee: UInt16
    /// 0.01 yuan
    package var serviceFee: UInt16
    /// Time and energy of each tier; how they share the 6 bytes is not known.
    package var tierUse: [[UInt8]]

    package init(end: BKVChargeEnd, endTime: BKVTime, reason: UInt8 = 8, mode: UInt8 = 4, electricityFee: UInt16, serviceFee: UInt16, tierUse: [[UInt8]] = []) {
        self.end = end
        self.endTime = endTime
        self.reason = reason
        self.mode = mode
        self.electricityFee = electricityFee
        self.serviceFee = serviceFee
        self.tierUse = tierUse
    }

    package init(_ record: BKVRecord) throws(BKVPairFault) {
        let pairs = record.pairs
        end = BKVChargeEnd()
        end.temperature = pairs.optional(.temperature)
        end.socket = pairs.optional(.socket)
        end.port = try pairs.need(.port)
        end.status = BKVStatus(rawValue: pairs.optional(.status))
        end.business = try pairs.need(.business)
        end.power = pairs.optional(.power)
        end.current = pairs.optional(.current)
        end.energy = pairs.optional(.energy)
        end.minutes = pairs.optional(.minutes)
        endTime = BKVTime(digits: Hexadecimal.text(pairs.value(.endTime) ?? []))
        reason = pairs.optional(.endReason)
        mode = pairs.optional(.chargeMode)
        electricityFee = pairs.optional(.electricityFee)
        serviceFee = pairs.optional(.serviceFee)
        tierUse = pairs.filter { $0.key == .number(BKVKey.tierUse.rawValue) }.map(\.value)
    }

    package func record(gateway: String) -> BKVRecord {
        BKVRecord(
            command: 0x1004, gateway: gateway,
            pairs: [
                BKVPair(.temperature, number: UInt64(end.temperature)), BKVPair(.socket, number: UInt64(end.socket)),
                BKVPair(.port, number: UInt64(end.port)), BKVPair(.status, number: UInt64(end.status.rawValue)),
                BKVPair(.business, number: UInt64(end.business)), BKVPair(.power, number: UInt64(end.power)),
                BKVPair(.current, number: UInt64(end.current)), BKVPair(.energy, number: UInt64(end.energy)),
                BKVPair(.minutes, number: UInt64(end.minutes)), BKVPair(.endTime, Hexadecimal.bytes(endTime.digits) ?? []),
                BKVPair(.endReason, number: UInt64(reason)), BKVPair(.chargeMode, number: UInt64(mode)),
                BKVPair(.electricityFee, number: UInt64(electricityFee)), BKVPair(.serviceFee, number: UInt64(serviceFee)),
                BKVPair(.tierCount, number: UInt64(tierUse.count)),
            ] + tierUse.map { BKVPair(.tierUse, $0) })
    }
}
