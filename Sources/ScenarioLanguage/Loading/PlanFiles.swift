import LabCore

/// The files that the steps of one scenario name: each is read once, with its companions, while the scenario is checked.
final class PlanFiles {
    private let provider: any FileProvider
    private var read: [String: PlanFile?] = [:]
    /// In the order in which they were named first.
    private(set) var taken: [PlanFile] = []

    init(_ provider: any FileProvider) { self.provider = provider }

    /// - Returns: false if the file cannot be read; the reason is in the log then.
    func take(_ path: String, at place: SourceLocation, _ log: DiagnosticLog) -> Bool {
        if let known = read[path] {
            if known == nil { log.error(at: place, "cannot read '\(path)'") }
            return known != nil
        }
        do {
            let bytes = try provider.read(path, atMost: PlanFile.maximumBytes + 1)
            guard bytes.count <= PlanFile.maximumBytes else { throw TooLong() }
            let file = PlanFile(path: path, bytes: bytes, companions: companions(of: path))
            read[path] = file
            taken.append(file)
            return true
        } catch {
            read.updateValue(nil, forKey: path)
            log.error(at: place, "cannot read '\(path)': \(error); paths begin in the folder that lab was started in")
            return false
        }
    }

    private func companions(of path: String) -> [PlanFile.Companion] {
        PlanFile.endings.compactMap { ending, field in
            for companion in PlanFile.companionPaths(of: path, ending: ending) {
                guard let bytes = try? provider.read(companion, atMost: PlanFile.maximumBytes) else { continue }
                return PlanFile.Companion(field: field, bytes: bytes)
            }
            return nil
        }
    }

    private struct TooLong: Error, CustomStringConvertible {
        var description: String { "it is longer than \(PlanFile.maximumBytes >> 20) MiB" }
    }
}
