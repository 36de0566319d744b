import Foundation
import Verdicts

/// The seed of a served cloud, kept beside its database: keys and tokens follow from it, and without it whatever is in the database would be
/// locked out for ever after a restart.
///
/// A secret, so nobody but its owner may read it.
enum SeedFile {
    static func path(beside database: String) -> String { database + ".seed" }

    /// - Parameters:
    ///   - database: `nil` for one in memory.
    ///   - given: the user's own; it is kept as well.
    /// - Returns: the given one, the one of the last time, or a new one.
    /// - Throws: `Stop` with 2 where the file is there and cannot be read, 3 where it cannot be written.
    static func seed(beside database: String?, given: UInt64?) throws -> UInt64 {
        guard let database else { return given ?? .random(in: .min ... .max) }
        let path = path(beside: database)
        if given == nil, Descriptor.kind(of: path) != nil { return try read(path) }
        let seed = given ?? .random(in: .min ... .max)
        try write(seed, path)
        return seed
    }

    private static func read(_ path: String) throws -> UInt64 {
        let text: String
        do { text = String(decoding: try Descriptor.read(path, atMost: 64), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) } catch {
            throw Stop(.wrongInput, "\(path): the seed of the database cannot be read: \(error)")
        }
        guard text.hasPrefix("0x"), let seed = UInt64(text.dropFirst(2), radix: 16) else {
            throw Stop(.wrongInput, "\(path): a seed such as 0x5eed1a7e expected; without the right one no device of the database can come back. Name it with --seed")
        }
        return seed
    }

    /// Whole or not at all, under another name first.
    private static func write(_ seed: UInt64, _ path: String) throws {
        let draft = "\(path).\(getpid())"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path, errno) }
        let wrong = Descriptor.write(Array("0x\(String(seed, radix: 16))\n".utf8), to: descriptor)
        _ = close(descriptor)
        guard wrong == 0 else { throw failure(path, wrong) }
        guard unsafe rename(draft, path) == 0 else { throw failure(path, errno) }
    }

    private static func failure(_ path: String, _ number: Int32) -> Stop {
        Stop(.blocked, "\(path): the seed of the database cannot be kept: \(unsafe String(cString: strerror(number)).lowercased())")
    }
}
