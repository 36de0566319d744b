import FirmwareImages
import LabCore
import Testing

@Suite("Canonical JSON and moments of the release set")
struct CanonicalFormTests {
    @Test("keys in the order of their bytes, no spaces, escapes as short as JSON allows")
    func canonical() throws {
        let value = try JSONReader.read(#" { "b" : [ 1, -2 , true, null ], "a" : { "é" : "x\/\u0041\n\"" , "Z" : 0 } } "#)
        #expect(String(decoding: try CanonicalJSON.bytes(value), as: UTF8.self) == #"{"a":{"Z":0,"é":"x/A\n\""},"b":[1,-2,true,null]}"#)
    }

    @Test("numbers that are not whole are refused with their place")
    func numbers() throws {
        #expect(throws: CanonicalJSON.Failure(path: "a[1].b", reason: "only whole numbers of 64 bits can be signed")) {
            try CanonicalJSON.bytes(try JSONReader.read(#"{"a":[1,{"b":1e0}]}"#))
        }
    }

    /// `date -u -d @SECONDS +%FT%TZ` (coreutils).
    @Test(
        "moments",
        arguments: [
            (Int64(0), "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
        ])
    func moments(_ vector: (seconds: Int64, text: String)) {
        #expect(UTCTime.text(vector.seconds) == vector.text)
        #expect(UTCTime.seconds(vector.text) == vector.seconds)
    }

    @Test(
        "what is no moment",
        arguments: [
            "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "2026-01-0１T00:00:00Z", "2026-01-01t00:00:00z", "",
        ])
    func noMoment(_ text: String) { #expect(UTCTime.seconds(text) == nil) }
}
