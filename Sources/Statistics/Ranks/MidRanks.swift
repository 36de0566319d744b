/// Ranks of values, where equal values share the mean of their ranks. All ranks are doubled, so that they are whole numbers.
struct MidRanks {
    /// Equal values: their doubled rank, and how many there are.
    struct Group: Equatable {
        var doubled: Int
        var size: Int
    }

    /// Doubled, in the order of the values.
    private(set) var doubled: [Int]
    /// From the smallest value.
    private(set) var groups: [Group] = []

    init(_ values: [Double]) {
        doubled = [Int](repeating: 0, count: values.count)
        let order = values.indices.sorted { values[$0] < values[$1] }
        var first = 0
        while first < order.count {
            var end = first + 1
            while end < order.count, values[order[end]] == values[order[first]] { end += 1 }
            // Ranks first+1 to end; twice their mean.
            let rank = first + 1 + end
            for place in first..<end { doubled[order[place]] = rank }
            groups.append(Group(doubled: rank, size: end - first))
            first = end
        }
    }

    /// Σ(t³-t) over the groups.
    var tieSum: Double { groups.reduce(0) { $0 + Double($1.size) * (Double($1.size) * Double($1.size) - 1) } }
}
