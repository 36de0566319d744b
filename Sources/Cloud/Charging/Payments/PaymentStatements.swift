import FirmwareImages
import LabCore

/// WeChat Pay's trade bill (type ALL): one line a payment or refund, each field after a backtick, two lines of sums at the end.
enum WeChatStatement {
    /// Places of the fields that are read.
    private enum Column {
        static let time = 0, merchant = 2, transaction = 5, attempt = 6, state = 9, refund = 15, refundFen = 16, refundState = 19, fen = 24,
            count = 27
    }

    /// - Throws: `.malformed` where a line cannot be read, or the sums at the end are not those of the lines.
    static func rows(_ file: [UInt8], merchant: String) throws(ChannelFailure) -> [StatementRow] {
        guard let text = String(validating: file, as: UTF8.self) else { throw .malformed("the statement is not UTF-8") }
        let lines = text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("`") }
        guard let sums = lines.last else { throw .malformed("the statement has no sums") }
        var rows: [StatementRow] = []
        var (paid, refunded): (Int64, Int64) = (0, 0)
        for line in lines.dropLast() {
            let fields = fields(line)
            guard fields.count >= Column.count, fields[Column.merchant] == merchant, let time = BeijingTime.unix(fields[Column.time]) else {
                throw .malformed("line \(rows.count + 1) of the statement")
            }
            let isRefund = fields[Column.state] == "REFUND"
            guard let fen = YuanText.fen(fields[isRefund ? Column.refundFen : Column.fen]), isRefund || fields[Column.state] == "SUCCESS"
            else {
                throw .malformed("line \(rows.count + 1) of the statement")
            }
            if isRefund { refunded += fen } else { paid += fen }
            // A refund under way is listed as well; it counts when it is done.
            if isRefund, fields[Column.refundState] != "SUCCESS" { continue }
            rows.append(
                StatementRow(
                    transaction: fields[Column.transaction], attempt: fields[Column.attempt],
                    refund: isRefund ? fields[Column.refund] : nil, fen: fen, at: time))
        }
        let totals = Self.fields(sums)
        guard totals.count >= 7, Int(totals[0]) == lines.count - 1, YuanText.fen(totals[5]) == paid, YuanText.fen(totals[2]) == refunded
        else {
            throw .malformed("the statement's sums are not those of its lines")
        }
        return rows
    }

    private static func fields(_ line: Substring) -> [String] {
        line.dropFirst().split(separator: ",`", omittingEmptySubsequences: false).map(String.init)
    }
}

/// Alipay's detail file: comma-separated with tabs, in GBK. Numbers, times and amounts are ASCII, and no other field is read.
enum AlipayStatement {
    private enum Column { static let transaction = 0, attempt = 1, finished = 5, fen = 11, refund = 21, count = 22 }

    static func rows(_ file: [UInt8]) throws(ChannelFailure) -> [StatementRow] {
        var rows: [StatementRow] = []
        for line in file.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
            let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(text)
            // Comments, headings and sums do not begin with a number.
            guard let first = line.first(where: { $0 != 0x20 && $0 != 0x09 }), (0x30...0x39).contains(first), fields.count >= Column.count
            else { continue }
            guard let fen = YuanText.fen(fields[Column.fen], signed: true), let time = BeijingTime.unix(fields[Column.finished]), fen != 0,
                (fen < 0) == !fields[Column.refund].isEmpty
            else { throw .malformed("line \(rows.count + 1) of the statement") }
            rows.append(
                StatementRow(
                    transaction: fields[Column.transaction], attempt: fields[Column.attempt], refund: fen < 0 ? fields[Column.refund] : nil,
                    fen: abs(fen), at: time))
        }
        return rows
    }

    /// What is not ASCII becomes a question mark.
    private static func text(_ field: ArraySlice<UInt8>) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let kept = field.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        return String(decoding: kept.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}

/// Zip files of a few small entries (PKWARE APPNOTE 4.3), as Alipay packs its statements.
enum StatementArchive {
    /// Bytes that all entries may have together.
    static let maximumLength = 64 << 20

    /// - Returns: the content of the entries, in their order.
    static func entries(_ file: [UInt8]) throws(ChannelFailure) -> [[UInt8]] {
        func number(_ place: Int, _ width: Int) -> Int? {
            guard place >= 0, place + width <= file.count else { return nil }
            return (0..<width).reversed().reduce(0) { $0 << 8 | Int(file[place + $1]) }
        }
        // The end record stands at the end; a comment of up to 64 KiB may follow it.
        let earliest = max(0, file.count - 22 - 65_535)
        guard file.count >= 22, let end = (earliest...file.count - 22).last(where: { number($0, 4) == 0x0605_4b50 }),
            let count = number(end + 10, 2),
            var place = number(end + 16, 4), (1...100).contains(count)
        else { throw .malformed("the statement is no zip file") }
        var entries: [[UInt8]] = []
        var total = 0
        for _ in 0..<count {
            guard number(place, 4) == 0x0201_4b50, let method = number(place + 10, 2), let sum = number(place + 16, 4),
                let packed = number(place + 20, 4),
                let size = number(place + 24, 4), let name = number(place + 28, 2), let extra = number(place + 30, 2),
                let comment = number(place + 32, 2),
                let local = number(place + 42, 4), number(local, 4) == 0x0403_4b50, let localName = number(local + 26, 2),
                let localExtra = number(local + 28, 2)
            else { throw .malformed("the zip file's list is damaged") }
            let start = local + 30 + localName + localExtra
            total += size
            guard start + packed <= file.count, total <= maximumLength else { throw .malformed("the zip file is cut or too large") }
            let content = try unpacked(file, start..<start + packed, method: method, size: size)
            guard CRC32.of(content) == UInt32(truncatingIfNeeded: sum) else { throw .malformed("an entry of the zip file is damaged") }
            entries.append(content)
            place += 46 + name + extra + comment
        }
        return entries
    }

    private static func unpacked(_ file: [UInt8], _ range: Range<Int>, method: Int, size: Int) throws(ChannelFailure) -> [UInt8] {
        if method == 0, range.count == size { return Array(file[range]) }
        guard method == 8 else { throw .malformed("an entry of the zip file is packed in a way that is not known here (\(method))") }
        guard let content = RawDeflate.inflate(file, range, to: size) else { throw .malformed("an entry of the zip file is damaged") }
        return content
    }
}
