/// What a benchmark could not do, and why.
package struct Problem: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
