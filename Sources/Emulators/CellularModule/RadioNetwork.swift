/// The network around a module: what it can find and how strong that is.
///
/// There is one truth, the received power of each cell; all signal commands are computed from it, so that they agree
/// (specs/rg500q.md §2.5 and §2.6).
package struct RadioNetwork: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable {
        /// 5G stand-alone.
        case standalone = "SA"
        /// LTE with an NR leg.
        case nonStandalone = "NSA"
        case lte = "LTE"
        /// No network far and wide.
        case none
    }

    package struct Cell: Sendable, Equatable {
        package var isTDD: Bool
        /// Hexadecimal without zeros in front: 7 digits in LTE, 8 or 9 in NR.
        package var id: String
        package var physicalID: Int
        package var trackingArea: String
        /// EARFCN or NR-ARFCN.
        package var channel: Int
        package var band: Int
        /// As the module numbers it (§2.6): LTE 0 to 5, NR 0 to 16.
        package var bandwidth: Int
        /// dBm, dB, dB.
        package var rsrp: Double
        package var rsrq: Double
        package var sinr: Double
    }

    package var mode = Mode.nonStandalone
    package private(set) var longName = "Lab Mobile"
    package private(set) var shortName = "LAB"
    /// 5 or 6 digits.
    package private(set) var plmn = "00101"
    package var lte = Cell(
        isTDD: false, id: "5F1EA15", physicalID: 12, trackingArea: "DE10", channel: 1650, band: 3, bandwidth: 5, rsrp: -100, rsrq: -12,
        sinr: 11)
    package var nr = Cell(
        isTDD: true, id: "19013B004", physicalID: 747, trackingArea: "690E0F", channel: 627264, band: 78, bandwidth: 12, rsrp: -90,
        rsrq: -11,
        sinr: 20)
    /// 0 to 4 for 15 to 240 kHz.
    package var subcarrierSpacing = 1

    package init() {}

    package var countryCode: String { String(plmn.prefix(3)) }
    package var networkCode: String { String(plmn.dropFirst(3)) }

    /// Names that are not given stay; a PLMN that is not 5 or 6 digits is not taken.
    package mutating func setOperator(name: String? = nil, shortName short: String? = nil, plmn: String? = nil) {
        if let name { longName = Self.quotable(name) }
        if let short = short ?? name { shortName = Self.quotable(String(short.prefix(8))) }
        if let plmn, (5...6).contains(plmn.utf8.count), plmn.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { self.plmn = plmn }
    }

    /// Names stand between quotation marks in answers, which have no escape.
    private static func quotable(_ name: String) -> String {
        String(name.unicodeScalars.filter { $0.value >= 0x20 && $0 != "\"" && $0.value != 0x7f }.prefix(24).map { Character($0) })
    }
}

/// What a module measures of one cell at one moment, in whole numbers as its commands print them.
struct Measurement: Equatable {
    /// dBm.
    var rsrp: Int
    /// dB.
    var rsrq: Int
    /// dBm over the whole bandwidth.
    var rssi: Int
    /// dB.
    var sinr: Int

    /// - Parameters:
    ///   - fade: dB by which the cell is weaker than it was set up.
    ///   - resourceBlocks: of the whole bandwidth, which RSRQ and RSSI refer to (3GPP TS 36.214 §5.1.3).
    init(_ cell: RadioNetwork.Cell, fade: Double, resourceBlocks: Int) {
        let power = min(max(cell.rsrp - fade, -140), -44)
        rsrp = Int(power.rounded())
        // A weaker cell is lost in noise rather than in interference: quality falls slower than power.
        rsrq = Int(min(max(cell.rsrq - fade / 4, -20), -3).rounded())
        sinr = Int(min(max(cell.sinr - fade, -20), 40).rounded())
        rssi = rsrp - rsrq + Self.decibels(resourceBlocks)
    }

    /// 10 · log10 for the bandwidths of LTE, without a logarithm that differs between libraries.
    private static func decibels(_ blocks: Int) -> Int {
        switch blocks {
        case ...6: 8
        case ...15: 12
        case ...25: 14
        case ...50: 17
        case ...75: 19
        default: 20
        }
    }

    /// 0 to 31 of `AT+CSQ`: dBm = -113 + 2n (3GPP TS 27.007 §8.5).
    var signalQuality: Int { min(max((rssi + 113) / 2, 0), 31) }
}

extension RadioNetwork.Cell {
    /// Resource blocks of the LTE bandwidths 0 to 5 (§2.6).
    var resourceBlocks: Int {
        switch bandwidth {
        case 0: 6
        case 1: 15
        case 2: 25
        case 3: 50
        case 4: 75
        default: 100
        }
    }
}
