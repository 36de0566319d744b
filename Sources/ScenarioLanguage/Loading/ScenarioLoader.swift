import LabCore

/// Scenario files to checked scenarios. All errors of all files come at once.
package struct ScenarioLoader {
    private let catalogue: Catalogue
    private let lab: LabFile?
    private let files: any FileProvider

    /// - Parameter lab: gives `within` and `deadline` where scenarios say none.
    package init(catalogue: Catalogue, lab: LabFile? = nil, files: any FileProvider) {
        self.catalogue = catalogue
        self.lab = lab
        self.files = files
    }

    /// Reads the files and what they import.
    package func load(_ paths: [String]) -> LoadResult {
        let log = DiagnosticLog()
        var library = FileLibrary(files: files, log: log)
        var seen: Set<String> = []
        let roots = paths.map(FilePath.normalized).filter { seen.insert($0).inserted }
        for path in roots { library.open(path) }
        let context = CheckingContext(
            catalogue: catalogue, log: log, broken: library.broken, defaultDeadline: lab?.defaults.deadline ?? .seconds(300),
            defaultWithin: lab?.defaults.within ?? .seconds(10), slack: lab?.slack ?? [:], blocks: library.blocks,
            files: files, firmware: lab?.firmware ?? FirmwareSupply())
        var scenarios: [Scenario] = []
        for path in roots {
            guard let root = library.root(of: path), root.record != nil else { continue }
            let scenario = ScenarioBuilder(context, file: path, root: root).build()
            let isSound = library.closure(of: path).allSatisfy { !log.hasErrors(in: $0) }
            if isSound, let scenario { scenarios.append(scenario) }
        }
        return LoadResult(scenarios: scenarios, diagnostics: log.sorted())
    }
}
