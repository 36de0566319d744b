import Emulators
import Testing

@Suite("Order numbers on the wire (charging-protocols.md 4.13)")
struct PileOrderTests {
    @Test("keep 16 bytes, cut what is longer and fill up what is shorter")
    func sixteenBytes() {
        #expect(PileOrder(text: "ORDER_20250619002").text == "ORDER_2025061900")
        #expect(PileOrder(text: "AB").bytes == [0x41, 0x42] + Array(repeating: 0, count: 14))
        #expect(PileOrder(text: "AB").text == "AB")
        #expect(PileOrder(bytes: 1...16).bytes == Array(1...16))
    }

    @Test("that are no text are shown as hexadecimal digits, and read from them")
    func digits() {
        let order = PileOrder(bytes: [0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x00])
        #expect(order.text == "12345678123456781234567812345600")
        #expect(PileOrder(text: order.text) == order)
    }
}
