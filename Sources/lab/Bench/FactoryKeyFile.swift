import LabCore
import ScenarioLanguage
import Verdicts

/// The key of the factory of real devices: a secret, so it is read only where it is used, and goes into no run.
enum FactoryKeyFile {
    private static let length = 32

    /// - Returns: `nil` where lab.yaml names none.
    /// - Throws: `Stop` with where it is named.
    static func read(_ place: LabFile.CloudPlace?) throws -> [UInt8]? {
        guard let (path, location) = place?.factoryKey else { return nil }
        let written: [UInt8]
        do { written = try Descriptor.read(path, atMost: 256) } catch {
            throw Stop(.wrongInput, Diagnostic(at: location, "the key of the devices' factory cannot be read from '\(path)': \(error)").description)
        }
        let digits = String(decoding: written, as: UTF8.self).filter { !$0.isWhitespace }
        guard let key = Hexadecimal.bytes(digits), key.count == length else {
            throw Stop(.wrongInput, Diagnostic(at: location, "'\(path)' must hold \(length * 2) hexadecimal digits: the key of the devices' factory").description)
        }
        return key
    }
}
