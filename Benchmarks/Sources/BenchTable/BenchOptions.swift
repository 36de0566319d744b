/// What follows a name in the program's arguments: `--lab PATH`.
package func option(_ name: String) -> String? {
    let arguments = CommandLine.arguments
    return arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
}

/// The whole number that follows a name, and the standard where there is none.
package func option(_ name: String, _ standard: Int) -> Int { option(name).flatMap { Int($0) } ?? standard }

/// The number that follows a name, and the standard where there is none.
package func number(_ name: String, _ standard: Double) -> Double { option(name).flatMap { Double($0) } ?? standard }
