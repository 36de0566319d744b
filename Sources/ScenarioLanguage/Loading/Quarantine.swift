package import LabCore

/// A day of the Gregorian calendar.
package struct CalendarDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let year: Int
    package let month: Int
    package let day: Int

    /// - Returns: `nil` for what is no day: month 13, 30 February.
    package init?(year: Int, month: Int, day: Int) {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...9_999).contains(year), (1...12).contains(month), (1...lengths[month - 1]).contains(day) else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// Reads `2026-12-01`.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, zip(parts, [4, 2, 2]).allSatisfy({ $0.utf8.count == $1 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]) else { return nil }
        self.init(year: year, month: month, day: day)
    }

    package static func < (left: Self, right: Self) -> Bool { (left.year, left.month, left.day) < (right.year, right.month, right.day) }

    package var description: String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return String(repeating: "0", count: 4 - String(year).count) + "\(year)-\(two(month))-\(two(day))"
    }
}

/// Failures that are known and borne for a time: what `quarantine` of lab.yaml names.
package struct Quarantine: Sendable {
    package struct Entry: Sendable {
        package var selector: Selector
        /// As written.
        package var scenario: String
        /// Empty for all.
        package var worlds: [WorldKind]
        package var owner: String
        package var issue: String
        /// The last day on which it is borne.
        package var until: CalendarDay
        package var why: String
        package var location: SourceLocation

        package func isOver(on today: CalendarDay) -> Bool { today > until }
        package func holds(for plan: Plan) -> Bool {
            (worlds.isEmpty || worlds.contains(plan.world)) && selector.matches(name: plan.scenario, file: plan.file, tags: plan.tags)
        }
    }

    package var file: String
    package var entries: [Entry] = []

    /// Reads the file that lab.yaml names.
    ///
    /// - Returns: `nil` where it names none, or where there is an error among the diagnostics.
    package static func load(of lab: LabFile, files: any FileProvider) -> (quarantine: Quarantine?, diagnostics: [Diagnostic]) {
        guard let written = lab.quarantine else { return (nil, []) }
        let path = FilePath.resolve(written, from: lab.file)
        do {
            return read(try files.read(path, atMost: SourceText.maximumBytes + 1), file: path)
        } catch {
            return (nil, [Diagnostic(at: lab.quarantineLocation ?? SourceLocation(file: lab.file, line: 1, column: 1), "cannot read '\(path)': \(error)")])
        }
    }

    /// Reads and checks the content of a quarantine file.
    package static func read(_ content: [UInt8], file: String) -> (quarantine: Quarantine?, diagnostics: [Diagnostic]) {
        let log = DiagnosticLog()
        var quarantine = Quarantine(file: file)
        if let root = YAMLComposer.compose(content, file: file, log: log) {
            var shapes = ShapeChecker(log: log)
            shapes.check(root, .record(Grammar.quarantine), as: "a quarantine file")
            for item in root["quarantine"]?.list ?? [] where !shapes.broken.contains(item.location) {
                if let entry = entry(item, log) { quarantine.entries.append(entry) }
            }
        }
        return (log.hasErrors(in: file) ? nil : quarantine, log.sorted())
    }

    private static func entry(_ item: SourceValue, _ log: DiagnosticLog) -> Entry? {
        func text(_ key: String) -> String { item[key]?.scalar?.text ?? "" }
        guard let scenario = item["scenario"]?.scalar, let until = CalendarDay(text("until")) else { return nil }
        let selector: Selector
        do throws(Diagnostic) { selector = try Selector(parsing: scenario.text) } catch {
            log.error(in: scenario, at: error.location.column - 1, error.message)
            return nil
        }
        return Entry(
            selector: selector, scenario: scenario.text,
            worlds: (item["fidelity"]?.list ?? []).compactMap { $0.scalar.flatMap { WorldKind(rawValue: $0.text) } }, owner: text("owner"),
            issue: text("issue"), until: until, why: text("why"), location: scenario.location)
    }

    /// The entry that bears the failures of a cell today.
    package func entry(for plan: Plan, on today: CalendarDay) -> Entry? { entries.first { !$0.isOver(on: today) && $0.holds(for: plan) } }

    /// Entries that are over and concern one of the cells: their owners have to mend them, or to say why they go on.
    package func over(among plans: [Plan], on today: CalendarDay) -> [Entry] {
        entries.filter { entry in entry.isOver(on: today) && plans.contains { entry.holds(for: $0) } }
    }

    /// Entries that hold for no scenario: it was renamed, or mended and forgotten here.
    ///
    /// - Parameter scenarios: all that there are.
    package func idle(among scenarios: [Scenario]) -> [Diagnostic] {
        entries.filter { entry in !scenarios.contains { entry.selector.matches($0) } }.map {
            Diagnostic(.warning, at: $0.location, "the quarantine of '\($0.scenario)' holds for no scenario; \($0.owner) can take it out (\($0.issue))")
        }
    }
}
