import Testing

@testable import Statistics

@Suite("Normal and Student's t distribution")
struct DistributionTests {
    /// Tables of the normal distribution; 1.959963984540054 is the 97.5 % point.
    @Test(
        "points of the normal distribution",
        arguments: [(0.975, 1.959963984540054), (0.5, 0), (0.995, 2.5758293035489004), (0.025, -1.959963984540054)])
    func normal(probability: Double, z: Double) throws {
        #expect(abs(try #require(NormalDistribution.quantile(probability)) - z) < 1e-14)
        #expect(abs(NormalDistribution.cumulative(z) - probability) < 1e-15)
    }

    /// Table of Student's t, two-sided 5 %: 1, 2, 10 and 11 degrees of freedom.
    @Test(
        "points of Student's t",
        arguments: [(1, 12.706204736), (2, 4.302652730), (10, 2.228138852), (11, 2.200985160)] as [(Double, Double)])
    func student(freedom: Double, t: Double) throws {
        #expect(abs(try #require(StudentDistribution.twoSidedQuantile(0.05, freedom: freedom)) - t) < 1e-8)
        #expect(abs(StudentDistribution.twoSided(t, freedom: freedom) - 0.05) < 1e-10)
    }

    @Test("with one degree of freedom it is Cauchy's: P(|T| ≥ 1) = ½; with two P(|T| ≥ t) = 1 - t/√(2+t²)")
    func closedForms() {
        #expect(abs(StudentDistribution.twoSided(1, freedom: 1) - 0.5) < 1e-15)
        for t in [0.1, 1, 3, 20] { #expect(abs(StudentDistribution.twoSided(t, freedom: 2) - (1 - t / (2 + t * t).squareRoot())) < 1e-14) }
    }

    @Test("the ends are 0 and 1, and outside there is nothing")
    func ends() {
        #expect(NormalDistribution.quantile(0) == nil)
        #expect(NormalDistribution.quantile(1) == nil)
        #expect(NormalDistribution.quantile(.nan) == nil)
        #expect(NormalDistribution.twoSided(.infinity) == 0)
        #expect(NormalDistribution.cumulative(-.infinity) == 0)
        #expect(StudentDistribution.twoSided(.infinity, freedom: 3) == 0)
        #expect(StudentDistribution.twoSided(0, freedom: 3) == 1)
        #expect(StudentDistribution.twoSidedQuantile(0, freedom: 3) == nil)
        #expect(StudentDistribution.twoSidedQuantile(0.05, freedom: 0) == nil)
        #expect(StudentDistribution.twoSidedQuantile(1e-300, freedom: 1).map(\.isFinite) == true)
    }

    /// I_x(a,1) = x^a and I_x(1,b) = 1-(1-x)^b.
    @Test("the beta distribution in closed form, and its complement where it is tiny")
    func beta() {
        for x in [0.001, 0.3, 0.5, 0.99] {
            for a in [0.5, 1, 7, 40] {
                #expect(abs(BetaDistribution.cumulative(x, a, 1) / Double.pow(x, a) - 1) < 1e-12)
                #expect(abs(BetaDistribution.tails(1 - x, complement: x, 1, a).upper / Double.pow(x, a) - 1) < 1e-12)
            }
        }
    }
}

extension Double {
    fileprivate static func pow(_ x: Double, _ a: Double) -> Double {
        a == a.rounded() ? (0..<Int(a)).reduce(1) { product, _ in product * x } : x.squareRoot()
    }
}
