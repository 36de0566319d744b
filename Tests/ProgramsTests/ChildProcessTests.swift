import Foundation
import Glibc
import Programs
import Testing

/// The programs are those of POSIX (XCU) and of GNU coreutils; what they print is in their manuals.
@Suite("A child process", .timeLimit(.minutes(2)))
struct ChildProcessTests {
    /// Runs a script with nothing set but what the shell itself needs.
    private func shell(_ script: String, _ arguments: String..., input: [UInt8] = []) throws -> ChildProcess.Outcome {
        try ChildProcess("/bin/sh", ["-c", script, "sh"] + arguments, input: input).wait()
    }

    @Test("its exit status is told", arguments: [0, 1, 7, 255] as [Int32])
    func exitStatus(_ status: Int32) throws {
        let outcome = try shell("exit \(status)")
        #expect(outcome.ending == .exited(status: status))
        #expect(outcome.status == status)
    }

    @Test("a signal that ends it is told, and is no exit status", arguments: [SIGTERM, SIGKILL, SIGINT, SIGSEGV])
    func signal(_ number: Int32) throws {
        let outcome = try shell("kill -\(number) $$")
        #expect(outcome.ending == .signalled(number: number))
        #expect(outcome.status == -number)
        // 128 and the signal's number is what a shell gives in its place.
        #expect(try shell("sh -c 'kill -\(number) $$'; exit $?").ending == .exited(status: 128 + number))
    }

    @Test("it gets the signals that it is sent, each under its name")
    func signals() throws {
        let ends: [(ChildProcess.Ending, @Sendable (ChildProcess) -> Void)] = [
            (.signalled(number: SIGTERM), { $0.terminate() }), (.signalled(number: SIGKILL), { $0.kill() }),
            (.signalled(number: SIGINT), { $0.interrupt() }), (.signalled(number: SIGHUP), { $0.send(SIGHUP) }),
        ]
        for (ending, end) in ends {
            let child = try ChildProcess("sleep", ["1000"])
            #expect(child.isRunning)
            end(child)
            #expect(child.wait().ending == ending)
            #expect(!child.isRunning)
        }
    }

    @Test("once it has ended, no signal is sent to whoever has its number then")
    func signalAfterwards() throws {
        let child = try ChildProcess("true")
        #expect(child.wait().status == 0)
        #expect(!child.send(SIGKILL))
        child.terminate()
        // The child was waited for: the system knows no such child any more.
        let answer = waitpid(child.identifier, nil, WNOHANG)
        let reason = errno
        #expect(answer == -1 && reason == ECHILD)
    }

    @Test("everybody who waits gets the same outcome, also afterwards")
    func waiters() async throws {
        let child = try ChildProcess("sh", ["-c", "cat; exit 3"], input: Array("text".utf8))
        async let first = child.outcome()
        async let second = child.outcome()
        let outcomes = [await first, await second, await child.outcome()]
        #expect(outcomes.allSatisfy { $0.status == 3 && $0.output == "text" && $0.errors == "" && $0.omittedBytes == 0 })
        #expect(child.wait() == outcomes[0])
    }

    @Test("it is asked to end when nobody holds it any longer")
    func abandoned() throws {
        var child: ChildProcess? = try ChildProcess("sleep", ["1000"])
        let identifier = try #require(child).identifier
        #expect(isAlive(identifier))
        child = nil
        let end = ContinuousClock.now.advanced(by: .seconds(30))
        while isAlive(identifier), ContinuousClock.now < end { sched_yield() }
        #expect(!isAlive(identifier))
    }

    @Test("it and what it started are killed when its time is over; a child that is fast enough is not")
    func limit() throws {
        // The inner sleep has the pipe too; its name in the process table goes with it.
        let child = try ChildProcess("sh", ["-c", "sleep 1000 & echo $!; trap '' TERM; wait"], limit: .milliseconds(300))
        let outcome = child.wait()
        #expect(outcome.ending == .signalled(number: SIGKILL))
        let inner = try #require(Int32(outcome.output.dropLast()))
        let end = ContinuousClock.now.advanced(by: .seconds(30))
        while isAlive(inner), ContinuousClock.now < end { sched_yield() }
        #expect(!isAlive(inner))
        #expect(try ChildProcess("true", limit: .seconds(60)).wait().ending == .exited(status: 0))
    }

    /// There and no zombie that waits for somebody (proc(5): the state stands behind the name in parentheses).
    private func isAlive(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return text.split(separator: ") ").last?.hasPrefix("Z") == false
    }

    @Test("a descendant that keeps the streams open is not waited for")
    func descendant() throws {
        let outcome = try shell("sleep 1000 & echo $!")
        #expect(outcome.status == 0)
        let inner = try #require(Int32(outcome.output.dropLast()))
        #expect(isAlive(inner))
        Glibc.kill(inner, SIGKILL)
    }
}

@Suite("A child's streams", .timeLimit(.minutes(2)))
struct ChildStreamTests {
    @Test("both outputs are read at once, however much comes: 8 MiB on each")
    func large() throws {
        // Whoever read one pipe to its end first would wait for ever: the other holds 64 KiB (pipe(7)).
        let script = "head -c 8388608 /dev/zero >&2 & head -c 8388608 /dev/zero | tr '\\0' x; wait"
        let outcome = try ChildProcess("sh", ["-c", script]).wait()
        #expect(outcome.status == 0)
        #expect(outcome.outputBytes.count == 8_388_608)
        #expect(outcome.outputBytes.allSatisfy { $0 == UInt8(ascii: "x") })
        #expect(outcome.errorBytes.count == 8_388_608)
        #expect(outcome.errorBytes.allSatisfy { $0 == 0 })
    }

    @Test("what is in the pipes when it ends is not lost", arguments: 0..<50)
    func last(_ number: Int) throws {
        let outcome = try ChildProcess("sh", ["-c", "head -c 60000 /dev/zero; printf \(number) >&2"]).wait()
        #expect(outcome.outputBytes.count == 60_000)
        #expect(outcome.errors == "\(number)")
    }

    @Test("only so much is kept as was asked for; the child goes on, and the rest is counted")
    func bounded() throws {
        let outcome = try ChildProcess(
            "sh", ["-c", "printf abcdef; head -c 1000000 /dev/zero >&2"], output: .collected(atMost: 4), errors: .collected(atMost: 0)
        )
        .wait()
        #expect(outcome.status == 0)
        #expect(outcome.output == "abcd")
        #expect(outcome.errorBytes == [])
        #expect(outcome.omittedBytes == 2 + 1_000_000)
    }

    @Test("discarded streams lead to /dev/null")
    func discarded() throws {
        let outcome = try ChildProcess("readlink", ["/proc/self/fd/1", "/proc/self/fd/2"], errors: .discarded).wait()
        #expect(outcome.output.hasSuffix("\n/dev/null\n"))
        #expect(try ChildProcess("echo", ["x"], output: .discarded).wait().outputBytes == [])
    }

    @Test("inherited streams are this process's own")
    func inherited() throws {
        var ours = Glibc.stat()
        #expect(unsafe fstat(STDERR_FILENO, &ours) == 0)
        // %d:%i are device and inode (stat(1)).
        let outcome = try ChildProcess("stat", ["--dereference", "--format=%d:%i", "/proc/self/fd/2"], errors: .inherited).wait()
        #expect(outcome.output == "\(ours.st_dev):\(ours.st_ino)\n")
    }

    @Test("its input is what it is given, and then the end", arguments: [0, 1, 65_536, 3_000_000])
    func input(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let outcome = try ChildProcess("cat", input: bytes).wait()
        #expect(outcome.status == 0)
        #expect(outcome.outputBytes == bytes)
    }

    @Test("a child that does not read its input harms nobody")
    func unreadInput() throws {
        let outcome = try ChildProcess("sh", ["-c", "exec 0<&-; echo closed; sleep 0.1"], input: Array(repeating: 1, count: 1_000_000))
            .wait()
        #expect(outcome.output == "closed\n")
        #expect(outcome.status == 0)
    }

    @Test("what it prints can be waited for while it runs, and the end of it too")
    func whileRunning() throws {
        let child = try ChildProcess("sh", ["-c", "echo one; echo two; sleep 1000"])
        #expect(child.output { $0.hasSuffix("two\n") } == "one\ntwo\n")
        #expect(child.isRunning)
        child.kill()
        #expect(child.output { _ in false } == "one\ntwo\n")
        let silent = try ChildProcess("sh", ["-c", "printf last; exec 1>&-; sleep 1000"])
        #expect(silent.output { _ in false } == "last")
        #expect(silent.isRunning)
    }
}
