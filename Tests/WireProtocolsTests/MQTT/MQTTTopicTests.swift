import Testing
import WireProtocols

@Suite("MQTT 3.1.1 §4.7: topic names and filters")
struct MQTTTopicTests {
    /// The examples of §4.7.1 to §4.7.3, then cases by hand.
    static let matches: [(filter: String, topic: String, matches: Bool)] = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("#", "anything/at/all", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "$SYS/broker", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/monitor", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("ACCOUNTS", "Accounts", false),
        ("/finance", "finance", false),
        ("a/b", "a/b", true),
        ("a/b", "a/b/", false),
        ("a//b", "a//b", true),
        ("a/+/b", "a//b", true),
        ("+/#", "a", true),
        ("a/+/#", "a", false),
        ("a/+/#", "a/b", true),
        ("ab", "a", false),
        ("a", "ab", false),
        ("luna/device/+/heartbeat", "luna/device/badge-1/heartbeat", true),
        ("luna/device/+/heartbeat", "luna/device/badge-1/logs", false),
    ]

    @Test("match as specified", arguments: matches)
    func match(filter: String, topic: String, matches: Bool) throws {
        #expect(try mqttFilter(filter).matches(try mqttTopic(topic)) == matches)
    }

    @Test("no normalization: precomposed and decomposed é differ [MQTT-4.7.3-4]")
    func noNormalization() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(composed == decomposed)
        #expect(try mqttTopic(composed) != mqttTopic(decomposed))
        #expect(try !mqttFilter(composed).matches(try mqttTopic(decomposed)))
        #expect(try mqttFilter(composed).matches(try mqttTopic(composed)))
        #expect(try Set([mqttTopic(composed), mqttTopic(decomposed), mqttTopic(composed)]).count == 2)
    }

    @Test("a combining mark after a separator does not hide it")
    func combiningSeparator() throws {
        #expect(try mqttFilter("a/+").matches(try mqttTopic("a/\u{301}b")))
        #expect(try mqttFilter("a/#").covers(try mqttFilter("a/\u{301}b/+")))
    }

    static let wrong: [(String, isName: Bool, MQTTTopicError)] = [
        ("", true, .empty), ("", false, .empty),
        ("a/+", true, .wildcardInName(offset: 2)), ("a#", true, .wildcardInName(offset: 1)),
        ("a\0", true, .nullCharacter(offset: 1)), ("\0", false, .nullCharacter(offset: 0)),
        ("sport/tennis#", false, .misplacedMultiLevelWildcard(offset: 12)),
        ("sport/tennis/#/ranking", false, .misplacedMultiLevelWildcard(offset: 13)),
        ("sport+", false, .misplacedSingleLevelWildcard(offset: 5)), ("+a", false, .misplacedSingleLevelWildcard(offset: 0)),
    ]

    @Test("are refused with clause and place", arguments: wrong)
    func refused(text: String, isName: Bool, error: MQTTTopicError) {
        if isName {
            #expect(throws: error) { try mqttTopic(text) }
        } else {
            #expect(throws: error) { try mqttFilter(text) }
        }
    }

    @Test("may have 65,535 bytes and no more [MQTT-4.7.3-3]")
    func length() throws {
        #expect(try mqttTopic(String(repeating: "a", count: 65_535)).text.utf8.count == 65_535)
        #expect(throws: MQTTTopicError.tooLong(bytes: 65_536)) { try mqttTopic(String(repeating: "a", count: 65_536)) }
        #expect(throws: MQTTTopicError.tooLong(bytes: 65_536)) { try mqttFilter(String(repeating: "a", count: 65_536)) }
    }

    /// Is everything that the second filter matches matched by the first?
    static let covers: [(String, String, Bool)] = [
        ("#", "a/b", true), ("#", "+/#", true), ("#", "#", true), ("#", "$SYS/#", false), ("+/#", "#", false),
        ("a/#", "a", true), ("a/#", "a/#", true), ("a/#", "a/+/c", true), ("a/#", "+/b", false), ("a/#", "b/#", false),
        ("a/+", "a/b", true), ("a/+", "a/+", true), ("a/+", "a/#", false), ("a/+", "a", false), ("a/+", "a/b/c", false),
        ("a/b", "a/b", true), ("a/b", "a/+", false), ("a/b", "A/b", false), ("a/b", "a/b/", false), ("a/b/", "a/b", false),
        ("luna/device/x/#", "luna/device/+/#", false), ("$SYS/#", "$SYS/broker/+", true), ("+/broker", "$SYS/broker", false),
        ("+/+", "/", true), ("a/+/#", "a/b", true), ("a/+/#", "a/b/#", true), ("a/+/#", "a/#", false),
    ]

    @Test("a right covers what is at most as wide", arguments: covers)
    func cover(right: String, asked: String, covers: Bool) throws {
        #expect(try mqttFilter(right).covers(try mqttFilter(asked)) == covers)
    }
}
