/// What a networked frame says, by command, sub-command and direction (charging-protocols.md 2.3 to 2.9).
package enum BKVMessage: Sendable, Equatable {
    // 0000
    case heartbeat(BKVHeartbeat)
    case clock(BKVClock)
    // 0005
    case replaceList(BKVSocketList)
    case addSocket(BKVSocketEntry)
    case removeSocket(BKVSocketEntry)
    case setThresholds(BKVThresholds)
    case setPortLimits(BKVPortLimits)
    case queryThresholds(BKVSocketNumber)
    /// Up: the answer to 08, 09, 0A (and, presumably, 03 and 06), which is `sub`.
    case networkResult(sub: UInt8, BKVResult)
    // 0007
    case upgrade(BKVUpgrade)
    // 0015
    case query(BKVSocketNumber)
    case socketStatus(BKVSocketStatus)
    case start(BKVStart)
    case startAnswer(BKVStartAnswer)
    /// `outer` is 0015, or 0005 as the guide's bytes have it.
    case powerStart(outer: UInt16, BKVPowerStart)
    case powerStartAnswer(BKVStartAnswer)
    case chargeEnd(BKVChargeEnd)
    case powerEnd(BKVPowerEnd)
    case cardSwipe(BKVCardSwipe)
    case cardOrder(BKVCardOrder)
    case cardOrderTaken(BKVPortResult)
    case cardEnd(BKVCardEnd)
    /// Down: `socket 01` under the sub-command 02, 0C, 18 or 1C.
    case acknowledgement(sub: UInt8, BKVAcknowledgement)
    /// Down: `0f 01`, the middleware's answer to everything (2.13).
    case middlewareAcknowledgement(BKVResult)
    case balanceQuery(BKVBalanceQuery)
    case balance(BKVBalance)
    case sound(BKVSound)
    case soundResult(BKVPortResult)
    // 1000
    case record(BKVRecord)
    /// A command, or a sub-command (`nil` where there is no inner frame), that no source explains; with its payload.
    case unknown(command: UInt16, sub: UInt8?, payload: [UInt8])
}

/// The inner frame of 0005 and 0015: `inner length | sub-command | payload` (2.3).
package struct BKVInnerFrame: Sendable, Equatable {
    /// As on the wire; nobody is served by believing it.
    package var declared: UInt16
    package var sub: UInt8
    package var payload: ArraySlice<UInt8>

    /// - Returns: `nil` for fewer than three bytes.
    package init?(_ data: ArraySlice<UInt8>) {
        guard data.count >= 3 else { return nil }
        declared = data.bigEndian16(at: data.startIndex)
        sub = data[data.startIndex + 2]
        payload = data[(data.startIndex + 3)...]
    }

    /// Whether it counts the payload without the sub-command, as the vendor's bytes do.
    package var isVendorForm: Bool { Int(declared) == payload.count }

    /// What to say about a length that is not the vendor's: the outer length is the one that counts.
    package var warning: String? {
        guard !isVendorForm else { return nil }
        let form = Int(declared) == payload.count + 1 ? " (it counts the sub-command, as the second platform does)" : ""
        return "inner length \(declared) where \(payload.count) bytes follow the sub-command\(form); the frame's length is taken"
    }
}

/// A message with what the frame had beside it.
package struct BKVContent: Sendable, Equatable {
    package var message: BKVMessage
    /// Bytes behind the known fields: vendors append some.
    package var extra: [UInt8]
    /// About an inner length that is not the vendor's.
    package var warning: String?

    package init(_ message: BKVMessage, extra: [UInt8] = [], warning: String? = nil) {
        self.message = message
        self.extra = extra
        self.warning = warning
    }
}

/// Why a frame with a right checksum says nothing that can be read.
package enum BKVContentFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The inner frame needs three bytes.
    case noInnerFrame(found: Int)
    case field(FieldFault)
    case pair(BKVPairFault)
    case frame(BKVFrameError)

    package var description: String {
        switch self {
        case .noInnerFrame(let found): "the inner frame needs 3 bytes (length, sub-command), \(found) are there"
        case .field(let fault): fault.description
        case .pair(let fault): fault.description
        case .frame(let error): error.description
        }
    }
}

extension BKVFrame {
    /// The inner frame of 0005 and 0015; `nil` for other commands and for fewer than three bytes.
    package var inner: BKVInnerFrame? {
        command == Command.network || command == Command.control ? BKVInnerFrame(data[...]) : nil
    }

    /// What the frame says.
    package func content(_ settings: BKVSettings = .vendor) throws(BKVContentFault) -> BKVContent {
        if command == Command.record {
            do {
                let record = settings.dialect == .gnMiddleware ? try BKVRecord(tagLengthValue: data[...], gateway: gateway) : try BKVRecord(data[...])
                return BKVContent(.record(record))
            } catch { throw .pair(error) }
        }
        var payload = data[...]
        var sub: UInt8?
        var warning: String?
        if command == Command.network || command == Command.control {
            guard let inner = BKVInnerFrame(data[...]) else { throw .noInnerFrame(found: data.count) }
            (payload, sub, warning) = (inner.payload, inner.sub, inner.warning)
        }
        var message = BKVMessage.blank(command: command, sub: sub, isFromDevice: isFromDevice, size: payload.count)
        if case .unknown = message { return BKVContent(.unknown(command: command, sub: sub, payload: Array(payload)), warning: warning) }
        var reader = FieldReader(payload)
        var extra: [UInt8] = []
        do {
            try message.walk(&reader)
            try reader.rest(&extra)
        } catch { throw .field(error) }
        return BKVContent(message, extra: extra, warning: warning)
    }

    /// A frame that says `message`.
    ///
    /// - Parameters:
    ///   - sequence: 0 for what a device starts and its answer; else the number of the request.
    ///   - extra: bytes behind the known fields.
    package init(
        _ message: BKVMessage, isFromDevice: Bool, gateway: String, sequence: UInt32, settings: BKVSettings = .vendor, extra: [UInt8] = []
    ) throws(BKVContentFault) {
        let data = try Self.data(of: message, settings: settings, extra: extra)
        self.init(isFromDevice: isFromDevice, command: message.command, sequence: sequence, gateway: gateway, data: data)
    }

    private static func data(of message: BKVMessage, settings: BKVSettings, extra: [UInt8]) throws(BKVContentFault) -> [UInt8] {
        if case .record(let record) = message { return record.encoded }
        var message = message
        var writer = FieldWriter()
        do { try message.walk(&writer) } catch { throw .field(error) }
        guard let sub = message.sub else { return writer.bytes + extra }
        let size = writer.bytes.count + extra.count
        // The middleware's query counts the sub-command although nothing else of it does (2.13).
        var counts = settings.countsSubCommand
        if settings.dialect == .iotServerCDZ, case .query = message { counts = true }
        guard size < lengths.upperBound else { throw .frame(.tooLong(length: size + 20, most: lengths.upperBound)) }
        var data: [UInt8] = []
        data.reserveCapacity(size + 3)
        data.append(bigEndian: UInt16(size + (counts ? 1 : 0)))
        data.append(sub)
        data += writer.bytes
        data += extra
        return data
    }
}
