import LabCore

/// 1017: the state of one or more sockets, in the words of 1C (charging-protocols.md 2.10).
extension BKVRecord {
    package static let statusCommand: UInt16 = 0x1017

    /// The sockets of a 1017.
    ///
    /// - Throws: where a container holds no pairs, or a port lacks its number or status.
    package func sockets() throws(BKVPairFault) -> [BKVSocketStatus] {
        var sockets: [BKVSocketStatus] = []
        for pair in pairs where pair.key == .number(BKVKey.socketContainer.rawValue) {
            sockets.append(try BKVSocketStatus(try BKVPairs.decode(pair.value[...])))
        }
        return sockets
    }

    package init(status sockets: [BKVSocketStatus], gateway: String) {
        self.init(command: Self.statusCommand, gateway: gateway)
        pairs = sockets.map { BKVPair(.socketContainer, BKVPairs.encode($0.pairs)) }
    }

    /// The answer `0F = 01` to a 1017 or, with socket and port, to a 1004 (2.10).
    package init(acknowledging command: UInt16, gateway: String, socket: UInt8? = nil, port: UInt8? = nil, isDone: Bool = true) {
        self.init(command: command, gateway: gateway)
        pairs.append(BKVPair(.acknowledgement, number: isDone ? 1 : 0))
        if let socket { pairs.append(BKVPair(.socket, number: UInt64(socket))) }
        if let port { pairs.append(BKVPair(.port, number: UInt64(port))) }
    }

    /// What 0F says; `nil` where it is not there.
    package var isAcknowledged: Bool? { number(.acknowledgement).map { $0 == 1 } }
}

extension BKVSocketStatus {
    init(_ pairs: [BKVPair]) throws(BKVPairFault) {
        self.init()
        socket = try pairs.need(.socket)
        firmware = pairs.number(.firmware).flatMap { UInt16(exactly: $0) } ?? .max
        temperature = pairs.optional(.temperature)
        rssi = pairs.optional(.rssi)
        for pair in pairs where pair.key == .number(BKVKey.portContainer.rawValue) {
            ports.append(try BKVPortStatus(try BKVPairs.decode(pair.value[...])))
        }
    }

    var pairs: [BKVPair] {
        [
            BKVPair(.socket, number: UInt64(socket)), BKVPair(.firmware, number: UInt64(firmware)),
            BKVPair(.temperature, number: UInt64(temperature)), BKVPair(.rssi, number: UInt64(rssi)),
        ] + ports.map { BKVPair(.portContainer, BKVPairs.encode($0.pairs)) }
    }
}

extension BKVPortStatus {
    init(_ pairs: [BKVPair]) throws(BKVPairFault) {
        self.init()
        port = try pairs.need(.port)
        status = BKVStatus(rawValue: try pairs.need(.status))
        business = pairs.optional(.business)
        voltage = pairs.optional(.voltage)
        power = pairs.optional(.power)
        current = pairs.optional(.current)
        energy = pairs.optional(.energy)
        minutes = pairs.optional(.minutes)
    }

    var pairs: [BKVPair] {
        [
            BKVPair(.port, number: UInt64(port)), BKVPair(.status, number: UInt64(status.rawValue)),
            BKVPair(.business, number: UInt64(business)), BKVPair(.voltage, number: UInt64(voltage)),
            BKVPair(.power, number: UInt64(power)), BKVPair(.current, number: UInt64(current)),
            BKVPair(.energy, number: UInt64(energy)), BKVPair(.minutes, number: UInt64(minutes)),
        ]
    }
}

/// 1013: sent once after every connect, for reasons that nobody has written down (2.10).
extension BKVRecord {
    package static let connectedCommand: UInt16 = 0x1013

    /// - Parameter word: the value of key 5A; 3111 and 3112 have been seen.
    package init(connected time: BKVTime, word: UInt16, gateway: String, socket: UInt8 = 1) {
        self.init(command: Self.connectedCommand, gateway: gateway)
        pairs = [
            BKVPair(.socket, number: UInt64(socket)), BKVPair(.port, number: 0x7f),
            BKVPair(.time, Hexadecimal.bytes(time.digits) ?? []), BKVPair(.bootWord, number: UInt64(word)),
        ]
    }
}
