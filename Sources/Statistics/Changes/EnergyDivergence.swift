/// How different the two sides of every split of a series are: Q(τ,κ) of Matteson and James with absolute distances, X = Z[start:τ],
/// Y = Z[τ:κ] (sla.md §3.9).
///
/// The sums are taken in a fixed order, so that equal maxima are decided the same way each time. Memory and time n².
struct EnergyDivergence {
    struct Split: Equatable {
        /// The first index of the new level.
        var index: Int
        var q: Double
    }

    private let values: [Double]
    /// Row t, column u > t: Σ|z_t-z_i| for i from t+1 to u.
    private let rowSums: [Double]
    /// Σ|z_i-z_t| for i from 0 to t-1.
    private let columnSums: [Double]
    private let count: Int

    init(_ values: [Double]) {
        self.values = values
        let count = values.count
        var rows = [Double](repeating: 0, count: count * count)
        var columns = [Double](repeating: 0, count: count)
        for row in 0..<count {
            var sum = 0.0
            for column in row + 1..<max(count, row + 1) {
                let distance = abs(values[row] - values[column])
                sum += distance
                rows[row * count + column] = sum
                columns[column] += distance
            }
        }
        (self.count, rowSums, columnSums) = (count, rows, columns)
    }

    /// The split with the largest Q over all τ < κ ≤ end; of equal ones that with the smallest τ.
    ///
    /// - Returns: `nil` for fewer than two values.
    func bestSplit(in range: Range<Int>) -> Split? {
        let (start, end) = (range.lowerBound, range.upperBound)
        guard end - start >= 2 else { return nil }
        let leftSums = leftSums(range)
        let rightSums = rightSums(range)
        let width = end - start - 1
        // For each κ: Σ of the row sums of all t below τ.
        var across = [Double](repeating: 0, count: width)
        var best = Split(index: start + 1, q: -.infinity)
        for tau in start + 1..<end {
            let left = leftSums[tau - start - 1]
            for kappa in tau + 1...end {
                let column = kappa - start - 2
                across[column] += rowSums[(tau - 1) * count + kappa - 1]
                let length = Double(kappa - start)
                let between = 2 / length * (across[column] - left)
                let before = tau - start > 1 ? Double(2 * (kappa - tau)) / Double((kappa - start) * (tau - start - 1)) * left : 0
                let after =
                    kappa - tau > 1
                    ? Double(2 * (tau - start)) / Double((kappa - start) * (kappa - tau - 1)) * rightSums[(tau - start) * width + column]
                    : 0
                let q = between - before - after
                if q > best.q { best = Split(index: tau, q: q) }
            }
            // The rows above the diagonal of later κ are complete; nothing is due for κ = τ + 1 and below.
        }
        return best
    }

    /// Entry i: the distances among z[start:start+i+1], without those to what lies before `start`.
    private func leftSums(_ range: Range<Int>) -> [Double] {
        var sums = [0.0]
        var sum = 0.0
        for t in range.dropFirst() {
            var outside = 0.0
            for earlier in 0..<range.lowerBound { outside += abs(values[earlier] - values[t]) }
            sum += columnSums[t] - outside
            sums.append(sum)
        }
        return sums
    }

    /// Row τ-start, column κ-start-2: the distances among z[τ:κ], summed from the last row to the first.
    private func rightSums(_ range: Range<Int>) -> [Double] {
        let (start, width) = (range.lowerBound, range.count - 1)
        var sums = [Double](repeating: 0, count: (width + 1) * width)
        for tau in stride(from: range.upperBound - 2, through: start + 1, by: -1) {
            for kappa in tau + 2..<max(range.upperBound + 1, tau + 2) {
                let place = (tau - start) * width + kappa - start - 2
                sums[place] = sums[place + width] + rowSums[tau * count + kappa - 1]
            }
        }
        return sums
    }
}
