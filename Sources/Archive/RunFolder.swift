package import LabCore

/// The folder of one `lab run`.
package struct RunFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// `0611-1`
    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The names of its cases, sorted.
    package func cases() -> [String] {
        Files.names(in: path).filter { Files.exists("\(path)/\($0)/events.jsonl") }
    }

    package func caseFolder(_ name: String) -> CaseFolder { CaseFolder(path: "\(path)/\(name)") }

    /// Makes the folder of a case.
    ///
    /// - Throws: also where the folder is there already: two cells must not write into each other's log.
    package func makeCase(_ name: String) throws(RunArchive.Failure) -> CaseFolder {
        let folder = caseFolder(name)
        let isNew: Bool
        do throws(SystemError) {
            try Files.makeFolders(path)
            isNew = try Files.makeFolder(folder.path)
        } catch { throw .cannotWrite(folder.path, reason: error.description) }
        guard isNew else {
            throw .cannotWrite(
                folder.path, reason: "another cell of this run has the same folder; give their scenarios or values names that differ in letters or digits")
        }
        return folder
    }

    /// Writes a file at the top of the run: it is there whole or not at all.
    package func write(_ bytes: [UInt8], to name: String) throws(RunArchive.Failure) {
        try Files.replace("\(path)/\(name)", with: bytes)
    }

    package func read(_ name: String) throws(RunArchive.Failure) -> [UInt8] { try Files.read("\(path)/\(name)") }
}

extension RunFolder {
    private static let longestName = 120

    /// A folder name for a cell: letters, digits, dots and dashes, at most 120 characters, `badge-register.loss-20`.
    ///
    /// The same cell has the same name in every run. Where more was lost than a slash or a percent sign, eight digits made
    /// from the whole keep names apart that would look the same.
    package static func caseName(scenario: String, cell: Fields) -> String {
        var text = scenario
        for entry in cell { text += ".\(entry.name)-\(entry.value.nameInCell)" }
        var name = ""
        var isHarmless = true
        for scalar in text.unicodeScalars {
            if isPlain(scalar) {
                name.unicodeScalars.append(scalar)
            } else {
                isHarmless = isHarmless && "/%-_ ".unicodeScalars.contains(scalar)
                if !name.hasSuffix("-") { name.append("-") }
            }
        }
        // A name of dots would be another folder, one that begins with a dot is hidden, one with a dash looks like an option.
        while name.hasPrefix(".") || name.hasPrefix("-") {
            name.removeFirst()
            isHarmless = false
        }
        if isHarmless, !name.isEmpty, name.utf8.count <= longestName { return trimmed(name) }
        let mark = digits(of: text)
        name = trimmed(String(name.prefix(longestName - mark.utf8.count - 1)))
        return name.isEmpty ? "case-\(mark)" : "\(name)-\(mark)"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".": true
        default: false
        }
    }

    private static func trimmed(_ name: String) -> String {
        var name = name
        while name.hasSuffix("-") || name.hasSuffix(".") { name.removeLast() }
        return name
    }

    /// FNV-1a, because Swift's own hashes differ from process to process.
    private static func digits(of text: String) -> String {
        var hash: UInt32 = 0x811c_9dc5
        for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return Hexadecimal.text([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> $0) })
    }
}

/// The folder of one cell of a run.
package struct CaseFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    package func write(_ bytes: [UInt8], to name: String) throws(RunArchive.Failure) {
        try Files.replace("\(path)/\(name)", with: bytes)
    }

    package func read(_ name: String) throws(RunArchive.Failure) -> [UInt8] { try Files.read("\(path)/\(name)") }

    /// Opens `events.jsonl` for writing.
    package func eventWriter() throws(RunArchive.Failure) -> EventWriter { try EventWriter(path: "\(path)/events.jsonl") }

    /// The events of the log. A last line that was cut off by a kill is left out; any other damage is an error with its line.
    package func events() throws(RunArchive.Failure) -> [RunEvent] {
        let file = "\(path)/events.jsonl"
        var events: [RunEvent] = []
        // What stands behind the last line feed is either nothing or cut off.
        let lines = try Files.read(file).split(separator: 0x0a, omittingEmptySubsequences: false).dropLast()
        events.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            do throws(RunEvent.ReadingFailure) { events.append(try RunEvent(jsonLine: Array(line))) } catch {
                throw .damaged("\(file):\(index + 1)", reason: error.description)
            }
        }
        return events
    }
}
