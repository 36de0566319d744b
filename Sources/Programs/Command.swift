import CLinux
import Foundation
import Glibc

/// What is to be started, in the form in which the system takes it.
struct Command {
    /// What the child finds in place of one of its standard streams.
    enum Stream {
        case null
        case inherited
        case descriptor(Descriptor)

        fileprivate var number: Int32 {
            switch self {
            case .null: Int32(CLINUX_STREAM_NULL)
            case .inherited: Int32(CLINUX_STREAM_INHERITED)
            case .descriptor(let descriptor): descriptor.number
            }
        }
    }

    let program: String
    private let path: String
    private let arguments: [String]
    private let folder: String?
    private let environment: [String]?

    init(_ program: String, _ arguments: [String], _ folder: String?, _ environment: [String: String]?) throws(ProgramFailure) {
        self.program = program
        // Relative to where this process is, not to where the child will be.
        let isRelativePath = program.contains("/") && !program.hasPrefix("/") && folder != nil
        path = isRelativePath ? "\(FileManager.default.currentDirectoryPath)/\(program)" : program
        self.arguments = arguments
        self.folder = folder
        let names = (environment ?? [:]).keys.sorted()
        self.environment = environment.map { variables in names.map { "\($0)=\(variables[$0] ?? "")" } }
        if let name = names.first(where: { $0.isEmpty || $0.contains("=") }) {
            throw ProgramFailure(.badArgument, program, "'\(name)' cannot be the name of a variable", remedy: "give a name without '='")
        }
        let words = [program, folder ?? ""] + arguments + (self.environment ?? [])
        if let word = words.first(where: { $0.utf8.contains(0) }) {
            throw ProgramFailure(
                .badArgument, program, "'\(word.replacing("\0", with: "\\0"))' holds a character of value 0, which would cut it off",
                remedy: "leave the character out, or give the data as input")
        }
        if program.isEmpty { throw ProgramFailure(.notFound, "''", "a program needs a name", remedy: "give its name or its path") }
    }

    /// Starts it; whoever calls this must wait for the child.
    func start(input: Stream, output: Stream, errors: Stream) throws(ProgramFailure) -> pid_t {
        let streams = [input, output, errors]
        let (words, variables) = (Words([program] + arguments), environment.map(Words.init))
        var process: pid_t = 0
        var code: Int32 = ETXTBSY
        // A program that this process has just written is busy while a child that another thread starts still has the file.
        for _ in 0..<50 where code == ETXTBSY {
            code = unsafe clinux_spawn(&process, path, words.pointers, variables?.pointers ?? nil, folder, streams.map(\.number))
            // The system tells nobody when the file is free. No run's clock is here: starting a program is the outermost edge.
            if code == ETXTBSY { usleep(2_000) }
        }
        // What the system was given stays until the child has it.
        withExtendedLifetime((streams, words, variables)) {}
        guard code == 0 else { throw ProgramFailure(program, code: code, missing: folder.flatMap { Self.isFolder($0) ? nil : $0 }) }
        return process
    }

    private static func isFolder(_ path: String) -> Bool {
        var about = Glibc.stat()
        return unsafe stat(path, &about) == 0 && about.st_mode & S_IFMT == S_IFDIR && access(path, X_OK) == 0
    }

    /// Words as C has them, with the null pointer that ends them.
    @safe private final class Words {
        let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

        init(_ words: [String]) {
            unsafe pointers = .allocate(capacity: words.count + 1)
            for (index, word) in words.enumerated() { unsafe (pointers + index).initialize(to: strdup(word)) }
            unsafe (pointers + words.count).initialize(to: nil)
        }

        deinit {
            var next = unsafe pointers
            while let word = unsafe next.pointee {
                unsafe free(word)
                unsafe next += 1
            }
            unsafe pointers.deallocate()
        }
    }
}
