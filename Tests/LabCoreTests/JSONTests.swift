@testable import LabCore
import Testing

@Suite("JSON, reading (RFC 8259)")
struct JSONReaderTests {
    struct Reading: CustomTestStringConvertible {
        let text: String
        let value: FieldValue
        var testDescription: String { text }
        init(_ text: String, _ value: FieldValue) { (self.text, self.value) = (text, value) }
    }

    @Test(
        "reads every kind of value (§3)",
        arguments: [
            Reading("null", .null), Reading("true", true), Reading("false", false), Reading("0", 0), Reading("-0", 0),
            Reading("9223372036854775807", .integer(.max)), Reading("-9223372036854775808", .integer(.min)),
            Reading("1.5", 1.5), Reading("-1.25e-2", -0.0125), Reading("1E3", 1_000.0), Reading("1e+3", 1_000.0), Reading("1.0", 1.0),
            Reading("18446744073709551616", 18_446_744_073_709_551_616.0), Reading("\"\"", ""), Reading("\"2.40\"", "2.40"),
            Reading("[]", []), Reading("{}", [:]), Reading("[1,[2,{}]]", [1, [2, [:]]]), Reading(" \t\r\n[ 1 , 2 ] ", [1, 2]),
            Reading(#"{"b":1,"a":{"c":null}}"#, ["b": 1, "a": ["c": .null]]), Reading(#"{"":0}"#, ["": 0]),
        ])
    func reads(_ reading: Reading) throws { #expect(try JSONReader.read(reading.text) == reading.value) }

    @Test("keeps the order of keys")
    func order() throws {
        let value = try JSONReader.read(#"{"z":1,"a":2,"m":3}"#)
        #expect(value.record?.map(\.name) == ["z", "a", "m"])
    }

    @Test(
        "reads escapes (§7)",
        arguments: [
            Reading(#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), Reading(#""\u0041\u00e9\u4E2D""#, "Aé中"),
            Reading(#""\ud83d\ude00""#, "😀"), Reading(#""\u0000""#, "\0"), Reading("\"\u{7f}é中😀\"", "\u{7f}é中😀"),
            Reading(#""\udbff\udfff""#, .text("\u{10ffff}")),
        ])
    func escapes(_ reading: Reading) throws { #expect(try JSONReader.read(reading.text) == reading.value) }

    struct Refusal: CustomTestStringConvertible {
        let text: String
        let offset: Int
        let reason: String
        var testDescription: String { text }
        init(_ text: String, _ offset: Int, _ reason: String) { (self.text, self.offset, self.reason) = (text, offset, reason) }
    }

    @Test(
        "refuses what is no JSON, and says where",
        arguments: [
            Refusal("", 0, "the document ends where a value must stand"), Refusal("[1", 2, "',' or ']' expected"),
            Refusal("[1,]", 3, "no value begins like this"), Refusal("[,1]", 1, "no value begins like this"),
            Refusal("{,}", 1, "a key in quotes expected"), Refusal(#"{"a":1,}"#, 7, "a key in quotes expected"),
            Refusal(#"{"a" 1}"#, 5, "':' expected"), Refusal(#"{"a":}"#, 5, "no value begins like this"),
            Refusal(#"{"a":1 "b":2}"#, 7, "',' or '}' expected"), Refusal("{a:1}", 1, "a key in quotes expected"),
            Refusal("{'a':1}", 1, "a key in quotes expected"), Refusal("tru", 3, "'true' expected"), Refusal("True", 0, "no value begins like this"),
            Refusal("nul ", 3, "'null' expected"), Refusal("NaN", 0, "no value begins like this"), Refusal("Infinity", 0, "no value begins like this"),
            Refusal("+1", 0, "no value begins like this"), Refusal(".5", 0, "no value begins like this"), Refusal("1.", 2, "a digit expected"),
            Refusal("-", 1, "a digit expected"), Refusal("1e", 2, "a digit expected"), Refusal("1e+", 3, "a digit expected"),
            Refusal("01", 1, "text after the end of the document"), Refusal("-01", 2, "text after the end of the document"),
            Refusal("1 2", 2, "text after the end of the document"), Refusal("[]]", 2, "text after the end of the document"),
            Refusal("1e400", 0, "number 1e400 is out of range"), Refusal("0x10", 1, "text after the end of the document"),
            Refusal("// c\n1", 0, "no value begins like this"), Refusal("\u{feff}1", 0, "no value begins like this"),
            Refusal("\u{a0}1", 0, "no value begins like this"),
        ])
    func refuses(_ refusal: Refusal) {
        #expect(throws: JSONReader.Failure(offset: refusal.offset, reason: refusal.reason)) { try JSONReader.read(refusal.text) }
    }

    @Test(
        "refuses broken texts (§7)",
        arguments: [
            Refusal("\"a", 2, "text without an end"), Refusal("\"a\\", 3, "text without an end"), Refusal("\"\t\"", 1, "control character in a text"),
            Refusal("\"\n\"", 1, "control character in a text"), Refusal(#""\x""#, 3, "unknown escape"), Refusal(#""\a""#, 3, "unknown escape"),
            Refusal(#""\u12""#, 5, "four hexadecimal digits expected"), Refusal(#""\u12g4""#, 5, "four hexadecimal digits expected"),
            Refusal(#""\ud83d""#, 7, "half of a surrogate pair"), Refusal(#""\ud83dx""#, 7, "half of a surrogate pair"),
            Refusal(#""\ud83d\n""#, 8, "second half of a surrogate pair expected"), Refusal(#""\ud83d\u0041""#, 13, "half of a surrogate pair"),
            Refusal(#""\ude00""#, 7, "half of a surrogate pair"),
        ])
    func brokenTexts(_ refusal: Refusal) {
        #expect(throws: JSONReader.Failure(offset: refusal.offset, reason: refusal.reason)) { try JSONReader.read(refusal.text) }
    }

    @Test(
        "refuses bytes that are not UTF-8 (§8.1)",
        arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe4, 0xb8], [0xf5, 0x80, 0x80, 0x80]] as [[UInt8]])
    func notUTF8(_ bytes: [UInt8]) {
        #expect(throws: JSONReader.Failure(offset: 1, reason: "text is not UTF-8")) {
            try JSONReader.read([0x22] + bytes + [0x22])
        }
    }

    @Test("refuses a doubled key, escaped or not, at its second place")
    func doubledKeys() {
        #expect(throws: JSONReader.Failure(offset: 7, reason: "key 'a' occurs twice")) { try JSONReader.read(#"{"a":1,"a":2}"#) }
        #expect(throws: JSONReader.Failure(offset: 7, reason: "key 'a' occurs twice")) { try JSONReader.read(#"{"a":1,"\u0061":2}"#) }
        let many = (0..<40).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(throws: JSONReader.Failure(offset: many.utf8.count + 2, reason: "key 'k3' occurs twice")) {
            try JSONReader.read("{\(many),\"k3\":1}")
        }
        #expect(throws: Never.self) { try JSONReader.read(#"{"a":{"a":1},"b":{"a":1}}"#) }
    }

    @Test("accepts nesting up to the limit and refuses one more")
    func depth() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(throws: Never.self) { try JSONReader.read(nested(32)) }
        #expect(throws: JSONReader.Failure(offset: 32, reason: "nested deeper than 32")) { try JSONReader.read(nested(33)) }
        #expect(throws: JSONReader.Failure(offset: 5, reason: "nested deeper than 1")) { try JSONReader.read(#"{"a":{}}"#, maximumDepth: 1) }
        #expect(try JSONReader.read("7", maximumDepth: 0) == 7)
        #expect(throws: JSONReader.Failure.self) { try JSONReader.read(String(repeating: "[", count: 1_000_000)) }
    }

    @Test("a record of 50,000 keys takes time in proportion", .timeLimit(.minutes(10)))
    func wide() throws {
        let text = "{" + (0..<50_000).map { "\"k\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try JSONReader.read(text).record?.count == 50_000)
    }

    @Test("changed bytes are read or refused, never worse", arguments: [UInt64(1), 2, 3, 4])
    func fuzz(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        let source = Array(#"{"seq":12,"t":-1.5e3,"x":["a\u00e9\n",true,null,{"y":[]}],"node":"badges#17"}"#.utf8)
        for _ in 0..<2_000 {
            var bytes = source
            for _ in 0...chance.integer(below: 4) {
                bytes[Int(chance.integer(below: UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: chance.next())
            }
            bytes = Array(bytes.prefix(Int(chance.integer(below: UInt64(bytes.count + 1)))))
            guard let value = try? JSONReader.read(bytes) else { continue }
            #expect((try? JSONReader.read(JSONWriter.bytes(value))) == value, "seed \(seed): \(bytes)")
        }
    }
}

@Suite("JSON, writing (RFC 8259)")
struct JSONWriterTests {
    struct Writing: CustomTestStringConvertible {
        let value: FieldValue
        let text: String
        var testDescription: String { text }
        init(_ value: FieldValue, _ text: String) { (self.value, self.text) = (value, text) }
    }

    @Test(
        "writes each kind of value in one form",
        arguments: [
            Writing(.null, "null"), Writing(true, "true"), Writing(.integer(.min), "-9223372036854775808"), Writing(0, "0"),
            Writing(1.5, "1.5"), Writing(1.0, "1.0"), Writing(1e300, "1e+300"), Writing(0.1, "0.1"), Writing(.number(.nan), "null"),
            Writing(.number(-.infinity), "null"), Writing("a\"b\\c/é😀", #""a\"b\\c/é😀""#),
            Writing("\n\r\t\0\u{1f}\u{7f}", "\"\\n\\r\\t\\u0000\\u001f\u{7f}\""), Writing(.bytes([0x00, 0xab]), #""00ab""#),
            Writing(.duration(250_000_000), #""250ms""#), Writing([1, [], [:]], "[1,[],{}]"),
            Writing(["z": 1, "a": ["b": false]], #"{"z":1,"a":{"b":false}}"#),
        ])
    func writes(_ writing: Writing) { #expect(JSONWriter.text(writing.value) == writing.text) }

    @Test("numbers read back as the same number", arguments: [UInt64(1), 2])
    func numbers(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let number = Double(bitPattern: chance.next())
            guard number.isFinite else { continue }
            let text = JSONWriter.text(.number(number))
            #expect(try JSONReader.read(text) == .number(number), "seed \(seed): \(text)")
        }
    }

    @Test("hexadecimal reads pairs of digits only")
    func hexadecimal() {
        #expect(Hexadecimal.bytes("00aBfF") == [0x00, 0xab, 0xff])
        #expect(Hexadecimal.bytes("0x10") == [0x10])
        #expect(Hexadecimal.bytes("") == [])
        for text in ["0", "0g", "1 2", "0X10", "é1"] { #expect(Hexadecimal.bytes(text) == nil) }
    }
}
