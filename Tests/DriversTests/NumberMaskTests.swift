import Testing
import WireProtocols

@testable import Drivers

@Suite("Numbers of people and modules, codes and passwords stay out of events (issue point 5, scenario-language.md, pitfalls)")
struct NumberMaskTests {
    @Test(
        "IMEI, IMSI and ICCID show their last 4 digits; other numbers stay",
        arguments: [
            ("860000000000009", "***********0009"), ("+QCCID: 89001010000000000018", "+QCCID: ****************0018"),
            (#"+EGMR: "860000000000009""#, #"+EGMR: "***********0009""#), ("+CSQ: 24,99", "+CSQ: 24,99"),
            (#"+COPS: 0,2,"310260",11"#, #"+COPS: 0,2,"310260",11"#),
            (#"+CMTI: "ME",1"#, #"+CMTI: "ME",1"#), ("8900101000000000001F", "***************0001F"),
        ])
    func lines(line: String, shown: String) { #expect(NumberMask.line(line) == shown) }

    @Test(
        "codes and passwords are left out of commands",
        arguments: [
            (#"AT+QICSGP=1,3,"internet","user","pass",3"#, "AT+QICSGP=***"), ("AT+CPIN=0000", "AT+CPIN=***"), ("AT+CPIN?", "AT+CPIN?"),
            (#"AT+CGDCONT=1,"IPV4V6","internet""#, #"AT+CGDCONT=1,"IPV4V6","internet""#), ("AT+CSQ;+CPIN=1234", "AT+CSQ;+CPIN=***"),
        ])
    func commands(text: String, shown: String) { #expect(NumberMask.command(ATCommand(text)) == shown) }

    @Test("an answer that shows a password does not")
    func answer() { #expect(NumberMask.line(#"+QICSGP: 1,"internet","user","pass",3"#) == "+QICSGP: ***") }
}
