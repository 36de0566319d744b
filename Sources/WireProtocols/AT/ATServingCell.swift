/// `+QENG: "servingcell"`: the cells that serve the module, in the three forms that it has (rg500q.md §2.6).
package struct ATServingCell: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        /// No cell.
        case search = "SEARCH"
        /// Camped on a cell without service.
        case limited = "LIMSRV"
        case idle = "NOCONN"
        case connected = "CONNECT"
    }

    package enum Access: String, Sendable, CaseIterable {
        case lte = "LTE"
        case standalone = "NR5G-SA"
        case nonStandalone = "NR5G-NSA"
        case wcdma = "WCDMA"
    }

    /// One cell; what the module does not measure, or leaves out, is `nil`.
    package struct Cell: Sendable, Hashable {
        package var access: Access
        /// `TDD`, `FDD`; `nil` for the NR cell in NSA.
        package var duplex: String?
        /// Text, because of leading zeros.
        package var mcc: String?
        package var mnc: String?
        /// Hexadecimal, as it came.
        package var cellID: String?
        package var physicalCell: Int?
        /// Hexadecimal, as it came.
        package var area: String?
        package var channel: Int?
        package var band: Int?
        /// MHz, downlink.
        package var bandwidth: Double?
        /// dBm
        package var rsrp: Int?
        /// dB
        package var rsrq: Int?
        /// dBm
        package var rssi: Int?
        /// NR: dB. LTE: the printed value, of which it is not known whether it is dB or an index (rg500q.md §2.6).
        package var sinr: Int?
        /// 0 to 15
        package var cqi: Int?
        /// dBm
        package var transmitPower: Double?
        /// kHz
        package var subcarrierSpacing: Int?

        /// MCC and MNC.
        package var network: String? { mcc.flatMap { mcc in mnc.map { mcc + $0 } } }

        init(_ access: Access) { self.access = access }
    }

    package var state: State
    /// Empty while it searches; LTE before NR in NSA.
    package var cells: [Cell]

    /// The cell that data flow over: NR in NSA where it is measured, else the only one.
    package var main: Cell? { cells.last { $0.rsrp != nil } ?? cells.first }

    package init(answer lines: [String]) throws(ATReadingError) {
        var state: State?
        cells = []
        for fields in try ATFields.all("+QENG", in: lines) {
            if fields.text(0) == "servingcell" {
                let word = try fields.requiredText(1, "<state>")
                guard let known = State(rawValue: word) else { throw fields.wrong(1, "'\(word)' is no state of a cell") }
                state = known
                if fields.word(2) != nil { cells.append(try Self.cell(fields, at: 2)) }
            } else {
                cells.append(try Self.cell(fields, at: 0))
            }
        }
        guard let state else { throw ATReadingError(line: 0, offset: 0, "the answer has no line with the state of the serving cell") }
        self.state = state
    }

    private static func cell(_ fields: ATFields, at index: Int) throws(ATReadingError) -> Cell {
        let word = try fields.requiredText(index, "<AcT>")
        guard let access = Access(rawValue: word) else { throw fields.wrong(index, "'\(word)' is no access technology") }
        var cell = Cell(access)
        switch access {
        case .lte: cell.readLTE(fields, from: index + 1)
        case .standalone: cell.readStandalone(fields, from: index + 1)
        case .nonStandalone: cell.readNonStandalone(fields, from: index + 1)
        case .wcdma: cell.readWCDMA(fields, from: index + 1)
        }
        return cell
    }
}

extension ATServingCell.Cell {
    private static let lteBandwidths = [1.4, 3, 5, 10, 15, 20]
    /// Source: rg500q.md §2.6; an older manual has other numbers from 9 on.
    private static let nrBandwidths: [Double] = [5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 200, 400, 35, 45]
    private static let spacings = [15, 30, 60, 120, 240]

    private static func entry<Value>(_ table: [Value], _ index: Int?) -> Value? {
        index.flatMap { table.indices.contains($0) ? table[$0] : nil }
    }

    /// duplex, MCC, MNC, cell, PCID, EARFCN, band, ul, dl, TAC, RSRP, RSRQ, RSSI, SINR, CQI, power, srxlev
    fileprivate mutating func readLTE(_ fields: ATFields, from start: Int) {
        readPlace(fields, from: start)
        channel = fields.whole(start + 5)
        band = fields.whole(start + 6)
        bandwidth = Self.entry(Self.lteBandwidths, fields.whole(start + 8))
        area = fields.word(start + 9)
        rsrp = fields.reading(start + 10, in: ATRanges.rsrp)
        rsrq = fields.reading(start + 11, in: ATRanges.rsrq)
        rssi = fields.reading(start + 12, in: ATRanges.rssi)
        sinr = fields.reading(start + 13, in: -60...250)
        cqi = fields.reading(start + 14, in: 0...15)
        transmitPower = fields.reading(start + 15, in: -1_000...1_000).map { Double($0) / 10 }
    }

    /// duplex, MCC, MNC, cell, PCID, TAC, ARFCN, band, bw, RSRP, RSRQ, SINR, scs, srxlev
    fileprivate mutating func readStandalone(_ fields: ATFields, from start: Int) {
        readPlace(fields, from: start)
        area = fields.word(start + 5)
        channel = fields.whole(start + 6)
        band = fields.whole(start + 7)
        bandwidth = Self.entry(Self.nrBandwidths, fields.whole(start + 8))
        rsrp = fields.reading(start + 9, in: ATRanges.rsrp)
        rsrq = fields.reading(start + 10, in: ATRanges.rsrq)
        sinr = fields.reading(start + 11, in: ATRanges.sinr)
        subcarrierSpacing = Self.entry(Self.spacings, fields.whole(start + 12))
    }

    /// MCC, MNC, PCID, RSRP, SINR, RSRQ, ARFCN, band, bw, scs: the SINR stands before the RSRQ here.
    fileprivate mutating func readNonStandalone(_ fields: ATFields, from start: Int) {
        mcc = fields.word(start)
        mnc = fields.word(start + 1)
        // 65535 stands for a cell that is not measured.
        physicalCell = fields.reading(start + 2, in: 0...1_007)
        rsrp = fields.reading(start + 3, in: ATRanges.rsrp)
        sinr = fields.reading(start + 4, in: ATRanges.sinr)
        rsrq = fields.reading(start + 5, in: ATRanges.rsrq)
        channel = fields.whole(start + 6)
        band = fields.whole(start + 7)
        bandwidth = Self.entry(Self.nrBandwidths, fields.whole(start + 8))
        subcarrierSpacing = Self.entry(Self.spacings, fields.whole(start + 9))
    }

    /// MCC, MNC, LAC, cell, UARFCN, PSC, RAC, RSCP, EcNo. Source: the form of other Quectel series; no capture of this one is known.
    fileprivate mutating func readWCDMA(_ fields: ATFields, from start: Int) {
        mcc = fields.word(start)
        mnc = fields.word(start + 1)
        area = fields.word(start + 2)
        cellID = fields.word(start + 3)
        channel = fields.whole(start + 4)
        rssi = fields.reading(start + 7, in: ATRanges.rssi)
    }

    private mutating func readPlace(_ fields: ATFields, from start: Int) {
        duplex = fields.word(start)
        mcc = fields.word(start + 1)
        mnc = fields.word(start + 2)
        cellID = fields.word(start + 3)
        physicalCell = fields.whole(start + 4)
    }
}
