import Programs

/// Programs that others wrote.
enum ForeignProgram {
    /// Where it is installed; nil, with a line for the totals of the tests, where it is not.
    static func path(_ name: String, for test: String) -> String? {
        let found = ChildProcess.path(of: name, alsoIn: ["/usr/sbin"])
        if found == nil { print("SKIPPED \(test): \(name) is not installed") }
        return found
    }
}
