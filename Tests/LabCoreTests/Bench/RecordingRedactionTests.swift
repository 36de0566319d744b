import LabCore
import Testing

@Suite("Redaction of recordings: numbers of people, SIMs and modules")
struct RecordingRedactionTests {
    /// Stands for a keyed hash; what counts here is where numbers are found.
    static let hash: NumberReplacement.KeyedHash = { message in
        var seed: UInt64 = 0x5eed
        for byte in message { seed = (seed ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(32)
    }

    /// Lines of the device, or with `>` of the host, cut into pieces of a length.
    private func redacted(_ lines: [String], cut: Int = .max) -> [String] {
        var pieces: [PortRecording.Piece] = []
        for (index, line) in lines.enumerated() {
            let isHost = line.hasPrefix(">")
            let bytes = Array((isHost ? line.dropFirst() + "\r" : "\r\n\(line)\r\n").utf8)
            for start in stride(from: 0, to: bytes.count, by: min(cut, bytes.count)) {
                let part = Array(bytes[start..<min(bytes.count, start + min(cut, bytes.count))])
                pieces.append(.init(at: RunInstant(nanoseconds: Int64(index) * 1_000_000), isHost ? .sent(part) : .received(part)))
            }
        }
        let recording = PortRecording(header: .init(node: "m", kind: "rg500q", port: "at"), pieces: pieces).redacted(keyedHash: Self.hash)
        #expect(recording.header.isRedacted)
        #expect(recording.pieces.map(\.at) == pieces.map(\.at))
        var text = ""
        for (piece, original) in zip(recording.pieces, pieces) {
            switch (piece.content, original.content) {
            case (.sent(let bytes), .sent(let before)), (.received(let bytes), .received(let before)):
                #expect(bytes.count == before.count, "same length")
                text += String(decoding: bytes, as: UTF8.self)
            default: Issue.record("the kind of a piece changed")
            }
        }
        return text.split(whereSeparator: \.isNewline).map(String.init)
    }

    @Test("an IMEI, an IMSI, an ICCID stay one, and the same number becomes the same", arguments: [Int.max, 7, 3, 1])
    func identity(cut: Int) {
        // The numbers of rg500q-transcripts.jsonl, which are synthetic.
        let lines = redacted(
            [
                ">AT+CGSN", "860000000000009", "OK", ">AT+CIMI", "001010123456780", "OK", "+QCCID: 89001010000000000018", "+QCCID: 8900101000000000001F",
                "+EGMR: \"860000000000009\"", "IMEI860000000000009;",
            ], cut: cut)
        #expect(lines[1] != "860000000000009" && lines[1].count == 15 && lines[1].hasPrefix("86000"))
        #expect(NumberReplacement.isLuhnValid(Array(lines[1].utf8)))
        #expect(lines[4] != "001010123456780" && lines[4].count == 15 && lines[4].hasPrefix("00101"))
        let card = lines[6].dropFirst(8)
        #expect(card != "89001010000000000018" && card.count == 20 && card.hasPrefix("89001"))
        #expect(lines[7].hasSuffix("F") && lines[7].count == 28 && lines[7] != "+QCCID: 8900101000000000001F")
        #expect(lines[8] == "+EGMR: \"\(lines[1])\"" && lines[9] == "IMEI\(lines[1]);")
    }

    @Test("telephone numbers in commands, answers, dialled and in texts", arguments: [Int.max, 5, 2])
    func telephone(cut: Int) {
        let lines = redacted(
            [
                "+CNUM: ,\"15550000001\",129", ">ATD15550000001;", ">AT+CMGS=\"+15550000001\"", "+CLIP: \"15550000001\",129",
                "+CMGL: 1,\"REC READ\",\"+15551234567\",,\"24/01/15,10:20:30+04\"", "call 15550000001 or 112 before 20240115", "OK",
                "+CSCA: \"+15550000000\",145",
            ], cut: cut)
        let number = lines[0].dropFirst(9).prefix(11)
        #expect(number != "15550000001" && number.hasPrefix("15"))
        #expect(lines[0] == "+CNUM: ,\"\(number)\",129")
        #expect(lines[1] == "ATD\(number);" && lines[2] == "AT+CMGS=\"+\(number)\"" && lines[3] == "+CLIP: \"\(number)\",129")
        #expect(lines[4].hasPrefix("+CMGL: 1,\"REC READ\",\"+15") && lines[4].hasSuffix("\",,\"24/01/15,10:20:30+04\""))
        #expect(!lines[4].contains("15551234567") && !lines[4].contains(number))
        // In a text eight digits are taken for a number, too: better one too many.
        #expect(lines[5].hasPrefix("call \(number) or 112 before ") && !lines[5].contains("20240115"))
        #expect(!lines[7].contains("15550000000"))
    }

    @Test("numbers in PDUs: service centre, sender, receiver, and the packed text", arguments: [Int.max, 9, 1])
    func messages(cut: Int) throws {
        // The two examples that descriptions of 3GPP TS 23.040 use: from +31641600986 "How are you?", to +46708251358 "hellohello".
        let deliver = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
        let submit = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37"
        let lines = redacted(["+CMGL: 1,1,,28", deliver, "OK", ">AT+CMGS=23", ">" + submit, "+CLIP: \"+31641600986\",145"], cut: cut)
        #expect(lines[1].count == deliver.count && lines[1] != deliver)
        // Everything but the digits of two addresses is as it was.
        let masked = Array(lines[1]).indices.filter { Array(lines[1])[$0] != Array(deliver)[$0] }
        #expect(masked.allSatisfy { (4..<16).contains($0) || (22..<34).contains($0) })
        #expect(lines[1].hasPrefix("0791") && Array(lines[1])[14] == "F" && Array(lines[1])[32] == "F")
        // The sender of the PDU and the number in the call are the same person.
        var sender = ""
        let digits = Array(lines[1])[22..<34].map(String.init)
        for pair in stride(from: 0, to: 12, by: 2) { sender += digits[pair + 1] + (digits[pair] == "F" ? "" : digits[pair]) }
        #expect(lines[5] == "+CLIP: \"+\(sender)\",145" && sender != "31641600986" && sender.hasPrefix("31"))
        #expect(lines[4] != submit && lines[4].hasPrefix("0011000B91") && lines[4].hasSuffix("0000AA0AE8329BFD4697D9EC37"))
    }

    @Test("a number within the packed text of a PDU, and in UCS2")
    func text() {
        // "0123456789" in seven bits is B0986C46ABD96EB81C (arithmetic by hand: 3GPP TS 23.038 §6.1.2.1.1).
        let submit = "0001000B916407281553F800000AB0986C46ABD96EB81C"
        let wide = "+CNUM: ,\"00310035003500350030003000300030003000300031\",129"
        let lines = redacted([">AT+CMGS=22", ">" + submit, wide, "+CNUM: ,\"15550000001\",129"])
        #expect(lines[1].hasPrefix("0001000B91") && !lines[1].hasSuffix("B0986C46ABD96EB81C") && lines[1].count == submit.count)
        let number = lines[3].dropFirst(9).prefix(11)
        #expect(lines[2] == "+CNUM: ,\"" + number.map { "003\($0)" }.joined() + "\",129")
    }

    @Test("files of the SIM: the number of the card with its digits swapped")
    func card() {
        // Transcript 286: EF ICCID, its digits in pairs.
        let lines = redacted(["+CRSM: 144,0,\"98680010325476981032\"", "+QCCID: 89860001234567890123", "+CRSM: 144,0,\"00544553542053494DFFFFFFFFFFFFFFFF\""])
        let card = Array(lines[1].dropFirst(8))
        #expect(lines[1] != "+QCCID: 89860001234567890123")
        // A run of twenty digits is a number in either order; the replacement is not the card's own.
        #expect(!lines[0].contains("98680010325476981032") && lines[0].count == 35 && card.count == 20)
        // The name of the operator has no number.
        #expect(lines[2] == "+CRSM: 144,0,\"00544553542053494DFFFFFFFFFFFFFFFF\"")
    }

    @Test("codes and passwords of commands")
    func codes() {
        let lines = redacted([">AT+CPIN=\"1234\"", ">AT+CLCK=\"SC\",1,\"1234\"", ">AT+CGAUTH=1,2,\"somebody\",\"secret7\"", ">AT+CPIN?"])
        #expect(!lines[0].contains("1234") && lines[0].count == 14)
        #expect(lines[1].hasPrefix("AT+CLCK=\"SC\",1,\"") && !lines[1].contains("1234"))
        #expect(lines[2] == "AT+CGAUTH=1,2,\"xxxxxxxx\",\"xxxxxxx\"")
        #expect(lines[3] == "AT+CPIN?")
    }

    @Test("what is no number of anybody stays")
    func untouched() {
        let lines = [
            "ATI", "Revision: RG500QEAAAR11A06M4G", "+QENG: \"LTE\",\"FDD\",460,00,5F1EA15,12,1650,3,5,5,DE10,-99,-12,-67,11,9,230,-",
            "+QMBNCFG: \"List\",0,0,0,\"Telstra_Australia_Commercial\",0x0A010F00,202201111", "+QLTS: \"2017/01/13,03:40:48+32,0\"",
            "+CGPADDR: 1,\"10.76.51.180\"", "+QGPSLOC: 142748.0,2259.0881S,04321.5515W,2.0,-83.0,2,0.00,0.0,0.0,140119,10", "+QFUPL: 1188,2d13",
        ]
        #expect(redacted(lines) == lines)
    }

    @Test("different numbers become different ones, and another key other ones")
    func injective() {
        var replacement = NumberReplacement(keyedHash: Self.hash)
        var seen: Set<[UInt8]> = []
        for number in 0..<5_000 {
            let digits = Array("8600000000\(10_000 + number)".utf8)
            #expect(seen.insert(replacement.replacement(of: digits)).inserted)
        }
        var other = NumberReplacement { Self.hash($0 + [1]) }
        let digits = Array("860000000000009".utf8)
        #expect(other.replacement(of: digits) != replacement.replacement(of: digits))
    }

    @Test("the check digit of an IMEI: 49015420323751 has 8 (3GPP TS 23.003 annex B)")
    func luhn() {
        #expect(NumberReplacement.isLuhnValid(Array("490154203237518".utf8)))
        #expect(!NumberReplacement.isLuhnValid(Array("490154203237519".utf8)))
    }

    @Test("whatever comes, lengths, times and order stay, and nothing waits without end", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "noise at a port")
        var redaction = RecordingRedaction(keyedHash: Self.hash)
        var given: [PortRecording.Piece] = []
        var got: [PortRecording.Piece] = []
        let words = ["860000000000009", "+CMGL: 1,1,,28\r\n", "07911326040000F0040B911346610089F6", "\r\n", "+", "\"", "ATD", "0031", "\u{1a}", "F"]
        for step in 0..<4_000 {
            let bytes = generator.chance(0.7) ? Array(words[Int(generator.integer(below: UInt64(words.count)))].utf8) : generator.bytes(Int(generator.integer(below: 40)))
            let content: PortRecording.Content =
                switch generator.integer(below: 12) {
                case 0: .opened
                case 1: .closed(.vanished, detail: "")
                case 2...5: .sent(bytes)
                default: .received(bytes)
                }
            let piece = PortRecording.Piece(at: RunInstant(nanoseconds: Int64(step) * 1_000_000), content)
            given.append(piece)
            got += redaction.take(piece)
            #expect(given.count - got.count < 4_200, "seed \(seed) step \(step)")
        }
        got += redaction.flush()
        #expect(got.map(\.at) == given.map(\.at), "seed \(seed)")
        for (piece, original) in zip(got, given) {
            switch (piece.content, original.content) {
            case (.sent(let bytes), .sent(let before)), (.received(let bytes), .received(let before)): #expect(bytes.count == before.count, "seed \(seed)")
            default: #expect(piece == original, "seed \(seed)")
            }
        }
    }
}
