import Foundation

/// Ratios are compared as differences of logarithms.
enum Logarithm {
    static func of(_ value: Double) -> Double { log(value) }
    static func inverse(_ value: Double) -> Double { exp(value) }
}
