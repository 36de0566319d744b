import Programs

/// Programs that others wrote.
enum ForeignProgram {
    /// Where it is installed; nil, with a line for the totals of the tests, where it is not.
    static func path(_ name: String, for test: String) -> String? {
        // The system's own first: its Python has the libraries of the system's packages.
        let found = ChildProcess.path(of: name, in: ["/usr/bin", "/usr/sbin"] + ChildProcess.searchPath)
        if found == nil { print("SKIPPED \(test): \(name) is not installed") }
        return found
    }
}
