import CloudClient
import LabCore
import Testing

@testable import Emulators

@Suite("Badge: actions on the cloud and the broker (issue point 8)")
struct BadgeActionTests {
    @Test("`request` sends the badge's own token and signature, and gives what the cloud says")
    func request() throws {
        var bench = BadgeBench.online()
        bench.forget()
        let action = bench.act("request", ["path": "/api/v1/devices/luna_badge_0007?b=2&a=1"])
        bench.run(for: .seconds(1))
        #expect(bench.given(action) == [
            "status": 200, "code": 0, "message": "success", "data": ["path": "/api/v1/devices/luna_badge_0007?b=2&a=1"],
        ])
        let call = try #require(bench.requests.first?.call)
        #expect(call.method == "GET")
        #expect(call.body.isEmpty)
        #expect(call.header("authorization") == "Bearer token-1767226500")
        #expect(call.header("x-device-id") == "luna_badge_0007")
        let signing = RequestSigning(signer: "luna_badge_0007", key: BadgeBench.secret, host: "cloud.lab", tenant: "default")
        #expect(
            signing.call("GET", call.path, bearer: "token-1767226500", timestamp: 1_767_225_601, nonce: call.header("x-nonce") ?? "") == call)
    }

    @Test("`request` can carry another's token, a body, or no signature")
    func foreign() throws {
        var bench = BadgeBench.online()
        bench.forget()
        bench.act("request", ["method": "put", "path": "/x", "token": "stolen", "body": ["config_key": "volume"], "signed": false])
        let call = try #require(bench.requests.first?.call)
        #expect(call.method == "PUT")
        #expect(call.headers == [
            .init("host", "cloud.lab"), .init("content-type", "application/json"), .init("authorization", "Bearer stolen"),
        ])
        #expect(call.body == Array(#"{"config_key":"volume"}"#.utf8))
        bench.act("request", ["path": "/x", "body": "as it is"])
        #expect(bench.requests.last?.call.body == Array("as it is".utf8))
    }

    @Test("a refused `request` fails with status, code and error")
    func refused() {
        var bench = BadgeBench.online()
        bench.replies = [.refusal(403, "NOT_OWNER"), .failure(.timedOut), .raw(404, Array("<html>".utf8))]
        let actions = (0..<3).map { _ in bench.act("request", ["path": "/x"]) }
        bench.run(for: .seconds(1))
        guard case .failure(let refusal)? = bench.result(actions[0]), case .failure(let silence)? = bench.result(actions[1]),
            case .failure(let odd)? = bench.result(actions[2])
        else {
            Issue.record("not all have failed: \(bench.finished)")
            return
        }
        #expect(refusal.reason == "refused")
        #expect(refusal.fields == ["status": 403, "code": 1_000, "error": "NOT_OWNER"])
        #expect(silence.reason == "no_answer")
        #expect(silence.fields == ["status": 0, "error": "timed_out"])
        #expect(odd.fields == ["status": 404, "error": "malformed_answer"])
    }

    @Test("`request` and `reveal_token` need a registered badge, and a path that is one", arguments: ["", "x", "/a b", "/é", "/\n"])
    func arguments(path: String) {
        var bench = BadgeBench()
        bench.replies = [.silence]
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        #expect(bench.failureNow("request", ["path": "/x"]) == "not_registered")
        #expect(bench.failureNow("reveal_token") == "not_registered")
        var online = BadgeBench.online()
        #expect(online.failureNow("request", ["path": .text(path)]) == "bad_argument")
        #expect(online.failureNow("request") == "bad_argument")
    }

    @Test("`publish` sends anything anywhere; quality 1 ends with the acknowledgement, or with the connection")
    func publish() {
        var bench = BadgeBench.online()
        bench.forget()
        #expect(bench.givenNow("publish", ["topic": "luna/device/luna_badge_0008/heartbeat", "payload": #"{"a":1}"#]) == [:])
        #expect(bench.published.last == .init(topic: "luna/device/luna_badge_0008/heartbeat", payload: Array(#"{"a":1}"#.utf8), quality: 0))
        let delivered = bench.act("publish", ["topic": "t", "payload": ["a": [1, true, nil]], "quality": 1])
        #expect(bench.result(delivered) == nil)
        bench.run(for: .seconds(1))
        #expect(bench.given(delivered) == [:])
        #expect(bench.published.last?.payload == Array(#"{"a":[1,true,null]}"#.utf8))
        bench.acknowledges = false
        let lost = bench.act("publish", ["topic": "t", "quality": 2])
        bench.give(.mqtt(.disconnected("not authorized")))
        #expect(bench.failure(lost) == "disconnected")
        #expect(bench.failureNow("publish", ["topic": "t"]) == "not_connected")
    }

    @Test("`publish` and `subscribe` refuse what is no argument")
    func badArguments() {
        var bench = BadgeBench.online()
        #expect(bench.failureNow("publish", ["payload": "x"]) == "bad_argument")
        #expect(bench.failureNow("publish", ["topic": "t", "quality": 3]) == "bad_argument")
        #expect(bench.failureNow("subscribe") == "bad_argument")
        #expect(bench.failureNow("subscribe", ["filter": "t", "quality": -1]) == "bad_argument")
        #expect(bench.failureNow("fly") == "unknown_action")
    }

    @Test("`subscribe` gives the granted quality, or fails where the broker refuses")
    func subscribe() {
        var bench = BadgeBench.online()
        let granted = bench.act("subscribe", ["filter": "luna/#", "quality": 1])
        bench.run(for: .seconds(1))
        #expect(bench.given(granted) == ["code": 1])
        let refused = bench.act("subscribe", ["filter": "$SYS/#"])
        bench.give(.mqtt(.subscribed(filter: "$SYS/#", code: 0x80)))
        #expect(bench.failure(refused) == "refused")
    }

    @Test("`disconnect` goes in order and comes back after the pause")
    func disconnect() {
        var bench = BadgeBench.online()
        bench.forget()
        #expect(bench.givenNow("disconnect", ["pause": .duration(60_000_000_000)]) == [:])
        #expect(bench.last("offline") == ["reason": "requested"])
        bench.run(for: .seconds(59))
        #expect(bench.connections.isEmpty)
        bench.run(for: .seconds(2))
        #expect(bench.state["online"] == true)
    }

    @Test("an action that waits when power goes is finished as power_lost")
    func powerLost() {
        var bench = BadgeBench.online()
        bench.replies = [.silence]
        bench.acknowledges = false
        let actions = [
            bench.act("request", ["path": "/x"]), bench.act("publish", ["topic": "t", "quality": 1]), bench.act("subscribe", ["filter": "f"]),
            bench.act("reboot"),
        ]
        bench.give(.powerLost)
        #expect(actions.map { bench.failure($0) } == ["power_lost", "power_lost", "power_lost", "power_lost"])
    }

    @Test("each action of the vocabulary is known to the badge, and is finished in every state within a minute", arguments: 0..<4)
    func everyAction(state: Int) {
        for action in Badge.kind.actions {
            var bench = state == 0 ? BadgeBench() : BadgeBench.online()
            if state == 1 { bench.fault("app.hang") }
            if state == 2 { bench.give(.mqtt(.disconnected("cut"))) }
            let token = bench.act(action.name, ["path": "/x", "message": "m", "topic": "t", "filter": "f", "quality": 1])
            bench.run(for: .seconds(60))
            #expect(bench.result(token) != nil, "\(action.name)")
            #expect(bench.failure(token) != "unknown_action", "\(action.name)")
        }
    }
}

@Suite("Badge: vocabulary (scenario-language.md, semantics 9)")
struct BadgeVocabularyTests {
    @Test("names occur once, and are those of the shipped scenarios")
    func names() {
        let kind = Badge.kind
        #expect(kind.name == "badge")
        #expect(kind.abilities == ["reboot", "power"])
        for names in [kind.actions.map(\.name), kind.events.map(\.name), kind.queries.map(\.name), kind.faults.map(\.name)] {
            #expect(Set(names).count == names.count)
        }
        for action in ["boot", "reboot", "factory_reset", "power_on", "power_off", "log", "publish", "request", "reveal_token", "disconnect", "heartbeat"] {
            #expect(kind.action(action) != nil)
        }
        for event in [
            "boot.started", "boot.done", "registered", "registration.failed", "online", "offline", "connection.refused", "config.applied",
            "config.rejected", "command.executed", "heartbeat.sent", "log.sent", "power.lost", "power.restored", "factory_reset",
            "watchdog.reset", "flash.written",
        ] { #expect(kind.event(event) != nil) }
        for fault in ["power.cut", "app.hang", "clock.wrong", "flash.cut", "sensor.overheat"] { #expect(kind.fault(fault) != nil) }
        #expect(kind.event("heartbeat.sent")?.volume == .traffic)
        #expect(kind.event("registered")?.volume == .milestone)
    }

    @Test("queries answer with the fields that they promise")
    func queries() throws {
        let bench = BadgeBench.online()
        let state = try #require(Badge.kind.query("state")).gives.map(\.name)
        #expect(Set(bench.state.map(\.name)) == Set(state))
    }
}
