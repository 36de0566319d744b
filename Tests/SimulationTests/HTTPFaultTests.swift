import LabCore
import Simulation
import Testing

/// What a client meets on the way to its server (specs/ota.md §4, N1 to N12, M6).
@Suite("HTTP faults")
struct HTTPFaultTests {
    private let call = HTTPCall(
        "GET", "/api/v1/versions/2.4.0/download?part=image",
        headers: [HTTPCall.Header("range", "bytes=4096-8191"), HTTPCall.Header("if-range", "\"sha256-00\"")])
    private let partial = HTTPAnswer(
        status: 206, headers: [HTTPCall.Header("content-range", "bytes 4096-4099/9000"), HTTPCall.Header("content-length", "4")],
        body: [1, 2, 3, 4])

    private func disturbance(_ kinds: HTTPFault.Kind...) -> HTTPDisturbance {
        var stack = HTTPFaultStack()
        for (id, kind) in kinds.enumerated() { stack.apply(HTTPFault(kind), id: id) }
        return stack.disturbance(of: call)
    }

    private func answer(_ kinds: HTTPFault.Kind...) -> HTTPAnswer? {
        var stack = HTTPFaultStack()
        for (id, kind) in kinds.enumerated() { stack.apply(HTTPFault(kind), id: id) }
        return try? stack.disturbance(of: call).disturb(.success(partial)).result.get()
    }

    @Test("without faults nothing differs")
    func nothing() {
        #expect(disturbance().isEmpty)
        #expect(disturbance().arriving == call)
        #expect(answer() == partial)
    }

    @Test("a server that ignores ranges sees none")
    func ignoredRange() {
        #expect(disturbance(.ignoreRange).arriving.headers == [])
    }

    @Test("another range than the one asked for: 4096-8191 moved by 512 is 4608-8703", arguments: [(512, "bytes=4608-8703"), (-5000, "bytes=0-3191")])
    func movedRange(_ bytes: Int64, _ range: String) {
        #expect(disturbance(.wrongOffset(by: bytes)).arriving.header("range") == range)
    }

    @Test("an answer that does not say which part it is, has another length, or goes on")
    func answers() {
        #expect(answer(.noContentRange)?.header("content-range") == nil)
        #expect(answer(.wrongLength(by: -1))?.header("content-length") == "3")
        #expect(answer(.endless(extra: 3))?.body == [1, 2, 3, 4, 0xa5, 0xa5, 0xa5])
        #expect(answer(.endless(extra: 3))?.header("content-length") == nil)
        #expect(answer(.corrupt)?.body == [1, 2, 2, 4])
    }

    @Test("a compressed answer is a gzip file as gzip itself writes stored blocks")
    func gzip() {
        // printf '\1\2\3\4' as one stored block: CRC-32 0xb63cfbcd, length 4 (python3: zlib.crc32(bytes([1,2,3,4]))).
        let expected: [UInt8] =
            [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 4, 0, 0xfb, 0xff, 1, 2, 3, 4, 0xcd, 0xfb, 0x3c, 0xb6, 4, 0, 0, 0]
        #expect(answer(.gzip)?.body == expected)
        #expect(answer(.gzip)?.header("content-encoding") == "gzip")
    }

    @Test("a connection breaks within the body, but not after it", arguments: [(0, true), (3, true), (4, false)])
    func reset(_ count: Int64, _ breaks: Bool) {
        #expect((answer(.reset(afterBytes: count)) == nil) == breaks)
    }

    @Test("4 bytes at 2 bytes a second take 2 s")
    func trickle() {
        #expect(disturbance(.trickle(bytesPerSecond: 2)).disturb(.success(partial)).delay == .seconds(2))
    }

    @Test("somebody on the way answers")
    func interceptions() {
        #expect(disturbance(.status(503, retryAfter: 7)).interception?.header("retry-after") == "7")
        #expect(disturbance(.captivePortal).interception?.status == 200)
        #expect(disturbance(.redirect(to: "http://evil.example/")).interception?.header("location") == "http://evil.example/")
        #expect(disturbance(.duplicate).interception == nil)
    }

    @Test("a fault for two requests with a text in their path does not concern the third, nor others")
    func scope() {
        var stack = HTTPFaultStack()
        stack.apply(HTTPFault(.stall, path: "/download", times: 2), id: 1)
        #expect(!stack.disturbance(of: HTTPCall("GET", "/api/v1/versions/check")).isStalled)
        #expect([0, 1, 2].map { _ in stack.disturbance(of: call).isStalled } == [true, true, false])
    }

    @Test("clearing one fault leaves the others")
    func clearing() {
        var stack = HTTPFaultStack()
        stack.apply(HTTPFault(.stall), id: 1)
        stack.apply(HTTPFault(.duplicate), id: 2)
        stack.clear(1)
        let left = stack.disturbance(of: call)
        #expect(left.isDuplicated && !left.isStalled)
    }

    @Test("the vocabulary reads every fault that it names")
    func vocabulary() throws {
        let arguments: Fields = [
            "bytes_per_second": 10, "by": 1, "extra": 5, "code": 403, "to": "/x", "time": .duration(1_000), "path": "/download", "times": 3,
        ]
        for kind in HTTPFaults.kinds {
            let taken = arguments.filter { field in kind.takes.contains { $0.name == field.name } }
            var fields = Fields()
            for entry in taken { fields[entry.name] = entry.value }
            #expect(try HTTPFaults.fault(kind.name, fields).name == kind.name)
        }
    }

    @Test("arguments that make no sense are refused", arguments: ["http.status", "http.trickle", "http.wrong_offset", "http.endless", "http.nothing"])
    func refusals(_ name: String) {
        #expect(throws: ActionFailure.self) { try HTTPFaults.fault(name, [:]) }
    }
}
