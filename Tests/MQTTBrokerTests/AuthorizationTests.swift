import LabCore
import MQTTBroker
import Synchronization
import Testing
import WireProtocols

/// Rights that change while the broker runs.
final class ChangingAuthorizer: MQTTAuthorizer {
    private let receivable: Mutex<[String]>
    private let publishable: Mutex<[String]>
    init(receive: [String], publish: [String]) {
        receivable = Mutex(receive)
        publishable = Mutex(publish)
    }
    func set(receive: [String], publish: [String]) {
        receivable.withLock { $0 = receive }
        publishable.withLock { $0 = publish }
    }
    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        .accepted(MQTTIdentity(subject: credentials.clientID, clientID: credentials.clientID))
    }
    func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool {
        publishable.withLock { $0 }.contains { (try? MQTTTopicFilter($0))?.matches(topic) ?? false }
    }
    func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool { true }
    func mayReceive(_ identity: MQTTIdentity, from topic: MQTTTopic) -> Bool {
        receivable.withLock { $0 }.contains { (try? MQTTTopicFilter($0))?.matches(topic) ?? false }
    }
}

/// Like `ChangingAuthorizer`, but a subscription needs a right as wide as itself.
final class StrictAuthorizer: MQTTAuthorizer {
    private let rights: Mutex<[String]>
    init(_ filters: [String]) { rights = Mutex(filters) }
    func set(_ filters: [String]) { rights.withLock { $0 = filters } }
    private var list: [MQTTTopicFilter] { rights.withLock { $0 }.compactMap { try? MQTTTopicFilter($0) } }
    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        .accepted(MQTTIdentity(subject: credentials.clientID, clientID: credentials.clientID))
    }
    func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool { true }
    func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool { list.contains { $0.covers(filter) } }
    func mayReceive(_ identity: MQTTIdentity, from topic: MQTTTopic) -> Bool { list.contains { $0.matches(topic) } }
}

@Suite("Rights on topics: at publish, subscribe, delivery, and again when they change")
struct AuthorizationTests {
    @Test("a publish beyond them is acknowledged and goes nowhere [MQTT-3.3.5-2]; noted once for each topic")
    func publishRefused() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.attachCloud(["#"])
        try bench.connect(1, "x")
        #expect(try bench.feed(1, publish("t/other/up/a", "no", .atLeastOnce, id: 1, retain: true), publish("t/other/up/a", "no", .exactlyOnce, id: 2)) == [puback(1), pubrec(2)])
        #expect(try bench.feed(1, pubrel(2)) == [pubcomp(2)])
        #expect(try bench.feed(1, publish("t/x/up/a", "yes", .atLeastOnce, id: 3)).isEmpty)
        #expect(bench.delivered == ["yes"])
        #expect(bench.noted("mqtt.publish-refused") == 1)
        #expect(bench.broker.retainedCount == 0)
    }

    @Test("or ends the connection, where that is set")
    func publishCloses() throws {
        var bench = Bench(PatternAuthorizer()) { $0.unauthorizedPublish = .closeConnection }
        try bench.connect(1, "x")
        try bench.feed(1, publish("t/other/up/a", "no", .atLeastOnce, id: 1), .pingreq)
        #expect(bench.closed[1] == .unauthorizedPublish)
    }

    static let variants = ["t/X/up/a", "t//x/up/a", "/t/x/up/a", "t/x/up", "t/x/upper", "t/x/down/a", "t/x/up\u{301}/a"]

    @Test("compare case and separators exactly", arguments: AuthorizationTests.variants)
    func exactness(_ topic: String) throws {
        // "t/x/up/#" covers "t/x/up" itself; everything else differs.
        var bench = Bench(PatternAuthorizer())
        try bench.attachCloud(["#"])
        try bench.connect(1, "x")
        try bench.feed(1, publish(topic, "v"))
        #expect(bench.delivered == (topic == "t/x/up" ? ["v"] : []))
    }

    @Test("a client identifier or user name cannot widen a pattern (CVE-2017-7650)", arguments: ["+", "#", "a/b", "x/+", ""])
    func widening(_ name: String) throws {
        #expect(TopicRightPattern(.both, "t/%c/#").filter(clientID: name, username: nil) == nil)
        #expect(TopicRightPattern(.both, "t/%u/#").filter(clientID: "x", username: name) == nil)
        #expect(TopicRightPattern(.both, "t/%t/#").filter(clientID: "x", username: nil, tenant: name) == nil)
        #expect(TopicRightPattern(.both, "t/%u/#").filter(clientID: "x", username: nil) == nil)
        #expect(try TopicRightPattern(.both, "t/%t/%u/%c").filter(clientID: "c", username: "u", tenant: "n") == MQTTTopicFilter("t/n/u/c"))
    }

    @Test("a subscription wider than the right to hear gets only what may be heard, live and retained")
    func delivery() throws {
        var bench = Bench(ChangingAuthorizer(receive: ["mine/#"], publish: ["#"]))
        try bench.connect(1, "x")
        try bench.feed(1, publish("mine/r", "mine", retain: true), publish("other/r", "other", retain: true))
        #expect(try payloads(bench.feed(1, subscribe(1, ("#", .atMostOnce)))) == ["mine"])
        #expect(try payloads(bench.feed(1, publish("mine/a", "1"), publish("other/a", "2"))) == ["1"])
    }

    @Test("removed while subscribed, delivery stops (CVE-2021-34434), queued messages go, the publish right too")
    func revoked() throws {
        let authorizer = ChangingAuthorizer(receive: ["#"], publish: ["#"])
        var bench = Bench(authorizer) { $0.maximumInflight = 1 }
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("#", .atLeastOnce)))
        try bench.connect(2, "y")
        try bench.feed(2, publish("a", "1", .atLeastOnce, id: 1), publish("a", "2", .atLeastOnce, id: 2), publish("b", "3", .atLeastOnce, id: 3))
        #expect(try payloads(bench.take(1)) == ["1"])
        authorizer.set(receive: ["b"], publish: ["b"])
        bench.give(.rightsChanged(clientID: nil))
        #expect(try payloads(bench.feed(1, puback(1))) == ["3"])
        try bench.feed(2, publish("a", "4", .atLeastOnce, id: 4), publish("b", "5", .atLeastOnce, id: 5))
        #expect(try payloads(bench.feed(1, puback(2))) == ["5"])
        #expect(bench.noted("mqtt.publish-refused") == 1)
        #expect(bench.notes.contains(.dropped(client: "x", topic: nil, .rightRevoked, count: 1)))
    }

    @Test("subscriptions that are no longer allowed are dropped and noted; the others stay")
    func subscriptionRevoked() throws {
        let authorizer = StrictAuthorizer(["a/#", "b"])
        var bench = Bench(authorizer)
        try bench.connect(1, "x")
        #expect(try bench.feed(1, subscribe(1, ("a/#", .atMostOnce), ("b", .atMostOnce), ("c", .atMostOnce))) == [suback(1, 0, 0, 0x80)])
        authorizer.set(["a/1", "b"])
        bench.give(.rightsChanged(clientID: "x"))
        #expect(bench.notes.contains(.subscriptionRevoked(client: "x", filter: "a/#")))
        #expect(try payloads(bench.feed(1, publish("a/1", "no"), publish("b", "yes"))) == ["yes"])
        // Rights that come back do not bring the subscription back.
        authorizer.set(["a/#"])
        bench.give(.rightsChanged(clientID: "x"))
        #expect(try bench.feed(1, publish("a/1", "no")).isEmpty)
    }

    @Test("are asked again for messages that wait over a reconnect, QoS 1 and 2 (mosquitto 2.0.12)")
    func reconnect() throws {
        let authorizer = ChangingAuthorizer(receive: ["#"], publish: ["#"])
        var bench = Bench(authorizer) { $0.maximumInflight = 3 }
        try bench.connect(1, "x", clean: false)
        try bench.feed(1, subscribe(1, ("#", .exactlyOnce)))
        try bench.connect(2, "y")
        for (id, topic) in [(UInt16(1), "released"), (2, "secret"), (3, "open"), (4, "secret"), (5, "open")] {
            try bench.feed(2, publish(topic, "\(id)", .exactlyOnce, id: id))
        }
        #expect(try bench.feed(1, pubrec(1)).last == pubrel(1))
        bench.drop(1)
        authorizer.set(receive: ["open"], publish: ["#"])
        // No `.rightsChanged`: the broker asks by itself when a session goes on. The identifier of the message that
        // may have arrived is freed with PUBREL.
        #expect(
            try bench.connect(3, "x", clean: false) == [
                connack(present: true), pubrel(1), pubrel(2), publish("open", "3", .exactlyOnce, id: 3, dup: true),
            ])
        #expect(try bench.feed(3, pubcomp(1)) == [publish("open", "5", .exactlyOnce, id: 4)])
    }
}
