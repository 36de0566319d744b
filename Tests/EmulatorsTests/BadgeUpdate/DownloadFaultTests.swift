import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: what goes wrong in downloads (specs/ota.md §4, N1 to N10)")
struct DownloadFaultTests {
    /// A badge whose downloads meet something, and how it ends.
    private func run(
        bugs: Set<SeededBug> = [], match: String = "/download?", skip: Int = 0, times: Int = .max,
        _ change: @escaping @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>?
    ) -> BadgeBench {
        var bench = BadgeBench.updating(settings: Release.settings(bugs))
        bench.centre?.intervene(match, skip: skip, times: times, change)
        bench.runToEnd(.seconds(7_200))
        return bench
    }

    private static func changing(_ change: @escaping @Sendable (inout HTTPAnswer) -> Void) -> @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? {
        { _, answer in
            var answer = answer
            change(&answer)
            return .success(answer)
        }
    }

    private static func set(_ name: String, _ value: String?) -> @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? {
        changing { answer in
            answer.headers.removeAll { $0.name == name }
            if let value { answer.headers.append(.init(name, value)) }
        }
    }

    @Test("N1: a stalled range is given up after 60 s without 100 bytes a second, and the download resumed where it was")
    func stall() {
        let bench = run(skip: 1, times: 1) { _, _ in nil }
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "low_speed" })
        #expect(bench.centre?.ranges.dropFirst().prefix(2).allSatisfy { $0.hasPrefix("bytes=4096-") } == true)
        #expect(bench.now.nanoseconds > 60_000_000_000)
    }

    @Test("N1: a connection that breaks again and again ends the update, after growing pauses; the old image goes on")
    func interrupted() {
        let bench = run { _, _ in .failure(.interrupted) }
        #expect(bench.centre?.result == "failed")
        #expect(bench.centre?.reason == "download_failed")
        #expect(bench.count("ota.retry") == 12)
        #expect(bench.firmware["version"] == "2.3.0")
        let once = run(skip: 2, times: 3) { _, _ in .failure(.interrupted) }
        #expect(once.centre?.result == "succeeded")
    }

    @Test("N2: 200 in the place of 206 is taken from its first byte, not appended")
    func ignoredRange() {
        let whole: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? = { call, _ in
            var call = call
            call.headers.removeAll { $0.name == "range" }
            return .success(VersionCentre.serve(Release.image(), call))
        }
        let bench = run(skip: 1, times: 1, whole)
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.centre?.downloads.count == 2)
        #expect(!bench.notes.contains { $0.name == "ota.retry" })
        let bug = run(bugs: [.resumeAppendsOn200], skip: 1, times: 1, whole)
        #expect(bug.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "hash_mismatch" })
    }

    @Test("N3: another range than the one asked for is refused, whatever is wrong with it")
    func wrongRange() {
        let size = Release.image().count
        let wrongs: [@Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>?] = [
            Self.set("content-range", nil), Self.set("content-range", "bytes 4097-8192/\(size)"), Self.set("content-range", "bytes 0-4095/\(size)"),
            Self.set("content-range", "bytes 4096-8192/\(size)"), Self.set("content-range", "items 4096-8191/\(size)"),
            Self.set("content-range", "bytes 4096-8191/*"),
            Self.changing { $0.body.append(0) }, Self.changing { $0.body.removeLast() },
        ]
        for wrong in wrongs {
            let bench = run(match: "4096-", times: 1, wrong)
            #expect(bench.centre?.result == "succeeded")
            #expect(bench.count("ota.retry") == 1)
            // From the beginning: nothing of it is trusted.
            #expect(bench.centre?.ranges.count { $0.hasPrefix("bytes=0-") } == 2)
        }
        let always = run(match: "4096-", wrongs[1])
        #expect(always.centre?.reason == "download_failed")
        // With the bug the bytes of the wrong place are taken, and only the hash at the end finds it.
        let shifted: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? = { call, _ in
            var call = call
            call.headers = [.init("range", "bytes=4608-8703")]
            return .success(VersionCentre.serve(Release.image(), call))
        }
        let bug = run(bugs: [.contentRangeIgnored], match: "4096-", times: 1, shifted)
        #expect(bug.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "hash_mismatch" })
        let right = run(match: "4096-", times: 1, shifted)
        #expect(right.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "content_range" })
    }

    @Test("N4: 416 where all is there means that it is complete; elsewhere the file is another one")
    func notSatisfiable() {
        #expect(
            RangeVerdict(.success(HTTPAnswer(status: 416)), first: 100, count: 0, length: 100, tag: "", bugs: []) == .end)
        let bench = run(match: "4096-", times: 1) { _, _ in .success(HTTPAnswer(status: 416, headers: [.init("content-range", "bytes */10")])) }
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.notes.contains { $0.fields.text("reason") == "range_not_satisfiable" })
    }

    @Test("N5: a file that is switched in mid-download is noticed by its tag at once, and the download begun again, once")
    func switched() {
        let other = Release.image("2.5.0")
        let switching: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? = { call, _ in
            .success(VersionCentre.serve(other, call))
        }
        let back = run(match: "4096-", times: 1, switching)
        #expect(back.centre?.result == "succeeded")
        #expect(back.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "file_changed" })
        let stays = run(skip: 1, switching)
        #expect(stays.centre?.result == "failed")
        #expect(stays.centre?.reason == "hash_mismatch")
        #expect(stays.firmware["version"] == "2.3.0")
        // Without If-Range nobody notices before the end.
        let bug = run(bugs: [.ifRangeMissing], match: "4096-", times: 1, switching)
        #expect(!bug.notes.contains { $0.name == "ota.retry" && $0.fields.text("reason") == "file_changed" })
    }

    @Test("N6: a wrong length, an encoding, redirects to other hosts and in circles are refused and bounded")
    func proxies() {
        #expect(run(times: 1, Self.set("content-length", "5000")).centre?.result == "succeeded")
        #expect(run(times: 1, Self.set("content-encoding", "gzip")).centre?.result == "succeeded")
        let gzip = run(Self.set("content-encoding", "gzip"))
        #expect(gzip.centre?.reason == "download_failed")
        func redirecting(_ target: String, times: Int = .max) -> BadgeBench {
            run(times: times) { _, _ in .success(HTTPAnswer(status: 302, headers: [.init("location", target)])) }
        }
        let away = redirecting("https://evil.example/api/v1/versions/2.4.0/download?expires=9")
        #expect(away.centre?.reason == "download_failed")
        #expect(!away.requests.contains { $0.call.header("host") != "cloud.lab" })
        let circle = redirecting("/api/v1/versions/2.4.0/download?expires=9")
        #expect(circle.centre?.reason == "download_failed")
        #expect((circle.centre?.downloads.count ?? 0) < 60)
        let inside = redirecting("https://cloud.lab/api/v1/versions/2.4.0/download?expires=9", times: 1)
        #expect(inside.centre?.result == "succeeded")
    }

    @Test("N7: endless data stops at the signed size")
    func endless() {
        let more: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? = { call, _ in
            .success(HTTPAnswer(status: 206, headers: [.init("content-range", "bytes 0-999999/1000000")], body: Array(repeating: 0xa5, count: 20_000)))
        }
        func written(_ bench: BadgeBench) -> Int64 {
            bench.notes.filter { $0.name == "ota.block_written" }.compactMap { ($0.fields["offset"]?.integer ?? 0) + ($0.fields["size"]?.integer ?? 0) }.max() ?? 0
        }
        let bench = run(more)
        #expect(bench.centre?.result == "failed")
        #expect(written(bench) <= Int64(Release.image().count))
        #expect(written(run(bugs: [.endlessDownload], more)) > Int64(Release.image().count))
    }

    @Test("N8: where the address has expired, a check gives a fresh one and the download resumes")
    func expired() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.block_written")
        bench.centre?.oldestAddress = 2
        bench.runToEnd()
        #expect(bench.centre?.result == "succeeded")
        #expect(bench.centre?.ranges.count { $0.hasPrefix("bytes=0-") } == 1)
        #expect(bench.count("ota.started") == 1)
        var never = BadgeBench.updating()
        never.centre?.oldestAddress = 1_000
        never.runToEnd()
        #expect(never.centre?.reason == "url_expired")
    }

    @Test("N9: no room, write errors and a bad sector are clean failures; the slot is given back and the old image untouched")
    func flashFull() {
        for (fault, fields, reason) in [
            ("flash.full", [:], "disk_full"), ("flash.bad_sector", ["sector": 1], "flash_error"),
        ] as [(String, Fields, String)] {
            var bench = BadgeBench.updating()
            bench.fault(fault, fields)
            bench.runToEnd()
            #expect(bench.centre?.result == "failed")
            #expect(bench.centre?.reason == reason)
            #expect(bench.firmware["version"] == "2.3.0")
            #expect(bench.firmware["other"] == nil)
            #expect(bench.count("boot.started") == 1)
        }
    }

    @Test("N9: flash that holds something else than was written ends in a restart on the old image, reported as rolled back")
    func corruptFlash() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.block_written")
        bench.fault("flash.corrupt")
        bench.runToEnd()
        #expect(bench.centre?.result == "rolled_back")
        #expect(bench.centre?.reason == "flash_error")
        #expect(bench.count("boot.done") == 2)
        #expect(bench.last("boot.done")?.text("firmware") == "2.3.0")
    }

    @Test("N10: a page for people is no image")
    func captivePortal() {
        let page: @Sendable (HTTPCall, HTTPAnswer) -> Result<HTTPAnswer, HTTPFailure>? = { _, _ in
            .success(HTTPAnswer(status: 200, headers: [.init("content-type", "text/html")], body: Array("<html>Log in!</html>".utf8)))
        }
        #expect(run(times: 2, page).centre?.result == "succeeded")
        #expect(run(page).centre?.reason == "download_failed")
    }

    @Test("N12: 429 and 503 with retry-after are obeyed")
    func later() {
        let bench = run(times: 1) { _, _ in .success(HTTPAnswer(status: 503, headers: [.init("retry-after", "120")])) }
        let times = bench.requests.filter { $0.call.path.contains("/download?") }.map(\.at)
        #expect(times[0].duration(to: times[1]) >= .seconds(120))
        #expect(bench.centre?.result == "succeeded")
    }

    @Test("M5: a version that is gone ends the update; an offer that is withdrawn while the badge was away does, too")
    func gone() {
        #expect(run { _, _ in .success(HTTPAnswer(status: 404)) }.centre?.reason == "download_failed")
        var bench = BadgeBench.updating()
        bench.run(until: "ota.block_written")
        bench.centre?.isOffering = false
        bench.give(.powerLost)
        bench.give(.poweredOn)
        bench.runToEnd()
        #expect(bench.centre?.reason == "download_failed")
    }

    @Test("one bit that is wrong in what the server sends is found by the hash; the file is fetched once more, then given up")
    func corrupted() {
        let flip = Self.changing { $0.body[$0.body.count / 2] ^= 1 }
        let once = run(skip: 1, times: 1, flip)
        #expect(once.centre?.result == "succeeded")
        #expect(once.centre?.ranges.count { $0.hasPrefix("bytes=0-") } == 2)
        let always = run(skip: 1, flip)
        #expect(always.centre?.result == "failed")
        #expect(always.centre?.reason == "hash_mismatch")
        #expect(always.firmware["version"] == "2.3.0")
    }
}
