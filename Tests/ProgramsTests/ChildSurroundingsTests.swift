import Foundation
import Glibc
import Programs
import Testing

@Suite("A child's surroundings", .timeLimit(.minutes(2)), .serialized)
struct ChildSurroundingsTests {
    @Test("it has the variables that it is given and no others")
    func environment() throws {
        let outcome = try ChildProcess("/usr/bin/env", environment: ["ONE": "1", "TEXT": "two words = ü", "EMPTY": ""]).wait()
        #expect(outcome.output.split(separator: "\n").sorted() == ["EMPTY=", "ONE=1", "TEXT=two words = ü"])
        #expect(try ChildProcess("/usr/bin/env", environment: [:]).wait().output == "")
        let own = try #require(ProcessInfo.processInfo.environment["PATH"])
        #expect(try ChildProcess("sh", ["-c", "printf %s \"$PATH\""]).wait().output == own)
    }

    @Test("arguments arrive as they are")
    func arguments() throws {
        let arguments = ["", " ", "a b", "$HOME", "'\"\\", "ü\n", "--"]
        let outcome = try ChildProcess("/usr/bin/printf", ["%s\\0"] + arguments).wait()
        #expect(outcome.output == arguments.map { $0 + "\0" }.joined())
    }

    @Test("it works in the folder that it is given")
    func folder() throws {
        let folder = try Folder()
        #expect(try ChildProcess("pwd", ["-P"], in: folder.path).wait().output == "\(folder.path)\n")
        #expect(try ChildProcess("pwd", ["-P"]).wait().output == "\(FileManager.default.currentDirectoryPath)\n")
    }

    @Test("a relative path begins where this process is, whatever folder the child works in")
    func relativePath() throws {
        let folder = try Folder()
        let up = String(repeating: "../", count: FileManager.default.currentDirectoryPath.split(separator: "/").count)
        #expect(try ChildProcess("\(up)bin/sh", ["-c", "pwd -P"], in: folder.path).wait().output == "\(folder.path)\n")
    }

    /// Signal sets of proc(5), as bits; signal 1 is the lowest.
    private func signalSet(_ name: String, _ status: String) -> UInt64? {
        status.split(separator: "\n").first { $0.hasPrefix("\(name):") }.flatMap { UInt64($0.drop { $0 != "\t" }.dropFirst(), radix: 16) }
    }

    @Test("no signal is blocked in it, and none is ignored, whatever is so in this process")
    func cleanSignals() throws {
        var (blocked, before) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&blocked)
        for signal in [SIGTERM, SIGINT, SIGUSR1, SIGCHLD] { unsafe sigaddset(&blocked, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &blocked, &before)
        let ignored = Glibc.signal(SIGUSR2, SIG_IGN)
        defer {
            Glibc.signal(SIGUSR2, ignored)
            unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        }
        let own = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        #expect((signalSet("SigBlk", own) ?? 0) & 1 << (SIGTERM - 1) != 0)
        #expect((signalSet("SigIgn", own) ?? 0) & 1 << (SIGUSR2 - 1) != 0)
        let child = try ChildProcess("cat", ["/proc/self/status"]).wait().output
        #expect(signalSet("SigBlk", child) == 0)
        // 32 and 33 belong to the C library, which ignores them in every child (nptl(7)).
        #expect(try #require(signalSet("SigIgn", child)) & ~(1 << 31 | 1 << 32) == 0)
        let sleeping = try ChildProcess("sleep", ["1000"])
        sleeping.terminate()
        #expect(sleeping.wait().ending == .signalled(number: SIGTERM))
    }

    @Test("it leads a process group of its own")
    func processGroup() throws {
        let child = try ChildProcess("sleep", ["1000"])
        #expect(getpgid(child.identifier) == child.identifier)
        child.kill()
    }

    @Test("it inherits no descriptors but its three streams, also where this process has opened them for inheritance")
    func descriptors() throws {
        var ends: [Int32] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        let high = fcntl(ends[0], F_DUPFD, 500)
        defer { for descriptor in ends + [high] { close(descriptor) } }
        #expect(fcntl(high, F_GETFD) & FD_CLOEXEC == 0)
        // The shell expands the pattern itself; what it opens for that is closed when it is done.
        let outcome = try ChildProcess(
            "sh", ["-c", "cd /proc/self/fd; for n in 0 1 2 3 4 5 6 7 8 9 \(ends[0]) \(ends[1]) \(high); do [ -e $n ] && echo $n; done; :"]
        )
        .wait()
        #expect(outcome.output == "0\n1\n2\n")
    }

    @Test("200 children in a row start, run and end while 600 descriptors are open, and leave none")
    func manyDescriptors() throws {
        let null = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        try #require(null >= 0)
        var held = [null]
        defer { for descriptor in held { close(descriptor) } }
        while held.count < 600 {
            let copy = fcntl(null, F_DUPFD, 0)
            try #require(copy >= 0, "600 descriptors must be allowed: ulimit -n")
            held.append(copy)
        }
        let before = ownDescriptors()
        for number in 0..<200 {
            let outcome = try ChildProcess("sh", ["-c", "cat; echo $0 >&2; exit \(number % 200)", "\(number)"], input: [0x61]).wait()
            #expect(outcome.status == Int32(number) && outcome.output == "a" && outcome.errors == "\(number)\n")
        }
        // One descriptor left by each would be 200 more; other tests have some too.
        #expect(ownDescriptors() < before + 150)
    }

    private func ownDescriptors() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0 }

    @Test("children that several threads start at once have each their own streams")
    func concurrent() async throws {
        let outputs = try await withThrowingTaskGroup(of: (Int, ChildProcess.Outcome).self) { group in
            for number in 0..<40 {
                group.addTask { (number, try await ChildProcess("cat", input: Array("\(number)".utf8)).outcome()) }
            }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1.output }
        }
        for number in 0..<40 { #expect(outputs[number] == "\(number)") }
    }
}

@Suite("A program that does not start")
struct ProgramFailureTests {
    private func failure(
        _ program: String, _ arguments: [String] = [], in folder: String? = nil, environment: [String: String]? = nil
    ) -> ProgramFailure? {
        do {
            _ = try ChildProcess(program, arguments, in: folder, environment: environment)
            return nil
        } catch {
            return error
        }
    }

    @Test("a name that is not in PATH, and a path at which nothing is")
    func notFound() {
        let name = failure("no-such-program-anywhere")
        #expect(name?.reason == .notFound)
        #expect(name?.description == "no-such-program-anywhere: there is no such program in PATH; install it, or give its path")
        let path = failure("/no/such/program")
        #expect(path?.description == "/no/such/program: there is no such file; check the path, and in a script the program after '#!'")
        #expect(failure("")?.reason == .notFound)
    }

    @Test("a file that is no program, a script whose interpreter is missing, a folder")
    func notExecutable() throws {
        let folder = try Folder()
        let plain = try folder.write("plain", "text", permissions: 0o644)
        #expect(failure(plain)?.reason == .notExecutable)
        #expect(
            failure(plain)?.description == "\(plain): it may not be executed; give a program, with the permission to execute it (chmod +x)")
        #expect(failure(try folder.write("data", "text", permissions: 0o755))?.reason == .notExecutable)
        #expect(failure(try folder.write("script", "#!/no/such/interpreter\n", permissions: 0o755))?.reason == .notFound)
        #expect(failure(folder.path)?.reason == .notExecutable)
        #expect(failure(try folder.write("good", "#!/bin/sh\nexit 0\n", permissions: 0o755)) == nil)
    }

    @Test("a program that is being written, until it is there")
    func busy() throws {
        let folder = try Folder()
        let program = try folder.write("script", "#!/bin/sh\n", permissions: 0o755)
        let writing = unsafe open(program, O_WRONLY | O_CLOEXEC)
        try #require(writing >= 0)
        #expect(failure(program)?.description == "\(program): somebody is writing it; wait until that is done")
        close(writing)
        #expect(failure(program) == nil)
    }

    @Test("a working folder that is missing or none is named")
    func noFolder() throws {
        let folder = try Folder()
        #expect(
            failure("true", in: "/no/such/folder")?.description
                == "true: the folder '/no/such/folder' to run it in cannot be entered; make it, or choose another")
        #expect(failure("true", in: try folder.write("file", "", permissions: 0o755))?.reason == .noFolder)
        #expect(failure("true", in: folder.path) == nil)
    }

    @Test("arguments and variables that would arrive changed, and too many of them")
    func badArgument() {
        #expect(failure("echo", ["a\0b"])?.reason == .badArgument)
        #expect(failure("echo", ["a\0b"])?.detail == #"'a\0b' holds a character of value 0, which would cut it off"#)
        #expect(failure("echo", environment: ["A": "\0"])?.reason == .badArgument)
        #expect(failure("echo", environment: ["A=B": ""])?.reason == .badArgument)
        #expect(failure("echo", environment: ["": "x"])?.reason == .badArgument)
        // One word may have 128 KiB (execve(2)).
        #expect(failure("true", [String(repeating: "x", count: 131_072)])?.reason == .badArgument)
        #expect(failure("true", [String(repeating: "x", count: 131_071)]) == nil)
    }

    @Test("a program is found in PATH, or in the first of the folders that are given")
    func path() throws {
        let folder = try Folder()
        let mine = try folder.write("only-here", "#!/bin/sh\n", permissions: 0o755)
        _ = try folder.write("not-executable", "", permissions: 0o644)
        #expect(ChildProcess.path(of: "sh")?.hasSuffix("/sh") == true)
        #expect(ChildProcess.path(of: "only-here") == nil)
        #expect(ChildProcess.path(of: "only-here", in: ["/no/such/folder", folder.path, "/bin"]) == mine)
        #expect(ChildProcess.path(of: "not-executable", in: [folder.path]) == nil)
        // A folder may be entered, but is no program.
        #expect(ChildProcess.path(of: "bin", in: ["/usr"]) == nil)
    }
}

/// A folder of its own that is gone afterwards.
private final class Folder {
    /// Without symbolic links.
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("programs-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String, permissions: Int) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: file)
        return file
    }
}
