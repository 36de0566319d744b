import Testing
import WireProtocols

@Suite("MQTT 5.0 §2.4: reason codes")
struct MQTT5ReasonCodeTests {
    /// Table 2-6: value and the packets that may carry it; C CONNACK, A PUBACK and PUBREC, R PUBREL and PUBCOMP, S SUBACK,
    /// U UNSUBACK, D DISCONNECT, H AUTH.
    static let table: [(UInt8, String)] = [
        (0x00, "CARSUDH"), (0x01, "S"), (0x02, "S"), (0x04, "D"), (0x10, "A"), (0x11, "U"), (0x18, "H"), (0x19, "H"), (0x80, "CASUD"),
        (0x81, "CD"), (0x82, "CD"), (0x83, "CASUD"), (0x84, "C"), (0x85, "C"), (0x86, "C"), (0x87, "CASUD"), (0x88, "C"), (0x89, "CD"),
        (0x8A, "C"), (0x8B, "D"), (0x8C, "CD"), (0x8D, "D"), (0x8E, "D"), (0x8F, "SUD"), (0x90, "CAD"), (0x91, "ASU"), (0x92, "R"),
        (0x93, "D"), (0x94, "D"), (0x95, "CD"), (0x96, "D"), (0x97, "CASD"), (0x98, "D"), (0x99, "CAD"), (0x9A, "CD"), (0x9B, "CD"),
        (0x9C, "CD"), (0x9D, "CD"), (0x9E, "SD"), (0x9F, "CD"), (0xA0, "D"), (0xA1, "SD"), (0xA2, "SD"),
    ]
    static let letters: [(MQTTPacketType, Character?)] = [
        (.connect, nil), (.connack, "C"), (.publish, nil), (.puback, "A"), (.pubrec, "A"), (.pubrel, "R"), (.pubcomp, "R"), (.subscribe, nil),
        (.suback, "S"), (.unsubscribe, nil), (.unsuback, "U"), (.pingreq, nil), (.pingresp, nil), (.disconnect, "D"), (.auth, "H"),
    ]

    @Test("exist with the values of table 2-6, for the packets that it names")
    func codes() {
        #expect(MQTTReasonCode.allCases.map(\.rawValue) == Self.table.map(\.0))
        for (value, packets) in Self.table {
            for (type, letter) in Self.letters {
                let isAllowed = letter.map { packets.contains($0) } ?? false
                #expect(MQTTReasonCode(rawValue: value)?.mayAppear(in: type) == isAllowed, "\(value) in \(type)")
            }
            #expect(MQTTReasonCode(rawValue: value)?.isFailure == (value >= 0x80))
        }
    }

    @Test("all 256 bytes in every packet: those of the table are read, all others are a protocol error [MQTT-3.4.2-1] …")
    func everyByte() {
        let prefixes: [(UInt8, [UInt8], [UInt8], Character, MQTTRole)] = [
            (0x20, [0], [0], "C", .client), (0x40, [0, 1], [], "A", .client), (0x50, [0, 1], [], "A", .client), (0x62, [0, 1], [], "R", .client),
            (0x70, [0, 1], [], "R", .client), (0x90, [0, 1, 0], [], "S", .client), (0xB0, [0, 1, 0], [], "U", .client),
        ]
        for (first, before, after, letter, role) in prefixes {
            for byte in UInt8.min...UInt8.max {
                let isAllowed = Self.table.contains { $0.0 == byte && $0.1.contains(letter) }
                let body = before + [byte] + after
                let result = Result { try MQTTPacketDecoder.packets([first, UInt8(body.count)] + body, role: role, version: .v5_0) }
                switch result {
                case .success: #expect(isAllowed, "\(byte) in \(first)")
                case .failure(let error):
                    #expect(!isAllowed, "\(byte) in \(first)")
                    #expect((error as? MQTTDecodingError)?.violation == .reservedReturnCode(byte))
                    #expect((error as? MQTTDecodingError)?.reasonCode == .protocolError)
                }
            }
        }
    }

    /// The column "sent by" of the tables of §3.14.2.1 and §3.15.2.1.
    static let fromClients: [UInt8] = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]
    @Test("of DISCONNECT: a client may give fewer than a server")
    func sentBy() {
        for (value, packets) in Self.table where packets.contains("D") {
            let wire: [UInt8] = [0xE0, 1, value]
            let fromClient = try? MQTTPacketDecoder.packets(wire, role: .server, version: .v5_0)
            let fromServer = try? MQTTPacketDecoder.packets(wire, role: .client, version: .v5_0)
            #expect((fromClient != nil) == Self.fromClients.contains(value), "\(value)")
            #expect((fromServer != nil) == (value != 0x04), "\(value)")
        }
    }

    /// MQTT 3.1.1 table 3.1 and the code of the same name in 5.0.
    @Test("the return codes of 3.1.1 have their like", arguments: [(0, 0x00), (1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87)] as [(UInt8, UInt8)])
    func returnCodes(old: UInt8, new: UInt8) throws {
        let code = try #require(MQTTConnectReturnCode(rawValue: old))
        #expect(MQTTReasonCode(code).rawValue == new)
        #expect(MQTTConnectReturnCode(MQTTReasonCode(code)) == code)
    }
}
