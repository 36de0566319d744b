import Testing
import WireProtocols

@Suite("Unsolicited lines of an update (specs/rg500q.md §4.2, §4.3)")
struct ATFirmwareUpdateTests {
    @Test(
        "each line of the sequence",
        arguments: [
            (#"+QIND: "FOTA","HTTPSTART""#, ATUpdateReport.downloadStarted), (#"+QIND: "FOTA","FTPSTART""#, .downloadStarted),
            (#"+QIND: "FOTA","HTTPEND",0"#, .downloadEnded(code: 0)), (#"+QIND: "FOTA","HTTPEND",702"#, .downloadEnded(code: 702)),
            (#"+QIND: "FOTA","FTPEND",601"#, .downloadEnded(code: 601)), (#"+QIND: "FOTA","START""#, .started),
            (#"+QIND: "FOTA","UPDATING",1"#, .updating(percent: 1)), (#"+QIND: "FOTA","UPDATING",100"#, .updating(percent: 100)),
            (#"+QIND: "FOTA","END",0"#, .ended(code: 0)), (#"+QIND: "FOTA","END",510"#, .ended(code: 510)),
            (#"+QIND:"FOTA", "END", 510"#, .ended(code: 510)),
        ])
    func lines(line: String, report: ATUpdateReport) { #expect(ATUpdateReport(line) == report) }

    @Test(
        "anything else is none",
        arguments: [
            "+QIND: SMS DONE", #"+QIND: "csq",20,99"#, #"+QIND: "FOTA""#, #"+QIND: "FOTA","END""#, #"+QIND: "FOTA","END",x"#,
            #"+QIND: "FOTA","UPDATING",101"#, #"+QIND: "FOTA","UPDATING",-1"#, #"+QIND: "ABFOTA","END",0"#, "OK", "",
        ])
    func others(line: String) { #expect(ATUpdateReport(line) == nil) }

    @Test("the command holds a URL of at most 255 bytes without blanks and quotation marks")
    func command() {
        #expect(ATUpdateCommand.command(url: "http://192.0.2.10/update.zip")?.text == #"AT+QFOTADL="http://192.0.2.10/update.zip""#)
        #expect(ATUpdateCommand.command(url: String(repeating: "a", count: 255)) != nil)
        for url in ["", "a b", "a\"b", "a\rb", "ä", String(repeating: "a", count: 256)] {
            #expect(ATUpdateCommand.command(url: url) == nil)
        }
    }

    @Test(
        "a version without its sub-version fits any of it (§4.5)",
        arguments: [
            ("RG500QEAAAR11A08M4G_01.002.01.002", "RG500QEAAAR11A08M4G", true), ("RG500QEAAAR11A08M4G", "RG500QEAAAR11A08M4G", true),
            ("RG500QEAAAR11A08M4G_01.002.01.002", "RG500QEAAAR11A08M4G_01.002.01.002", true),
            ("RG500QEAAAR11A08M4G_01.002.01.002", "RG500QEAAAR11A08M4G_01.001.01.001", false),
            ("RG500QEAAAR11A06M4G_01.001.01.001", "RG500QEAAAR11A08M4G", false), ("RG500QEAAAR11A08M4G", "", false),
            ("RG500QEAAAR11A08M4G", "RG500QEAAAR11A08", false),
        ])
    func versions(running: String, wanted: String, fits: Bool) {
        #expect(ATModuleVersion.matches(running: running, wanted: wanted) == fits)
    }
}
