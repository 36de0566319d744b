/// The floor of a load as the event `load.floor` carries it: percentiles of the same plan against a target that does nothing.
package enum LoadFloor {
    private static let places: [(thousandths: Int, field: String)] = [
        (50_000, "p50_ns"), (90_000, "p90_ns"), (99_000, "p99_ns"), (99_900, "p999_ns"), (100_000, "max_ns"),
    ]

    /// The percentiles that the event has fields for, in thousandths of a percent, ascending.
    package static var percentiles: [Int] { places.map(\.thousandths) }

    /// Points of other percentiles, and those without a value, are left out.
    package static func fields(load: String, _ spectrum: LoadReport.Spectrum) -> Fields {
        var fields: Fields = ["load": .text(load), "samples": .integer(Int64(spectrum.samples))]
        for point in spectrum.points {
            guard let place = places.first(where: { $0.thousandths == point.thousandths }), let value = point.value else { continue }
            fields[place.field] = .integer(value)
        }
        return fields
    }

    /// What the fields hold; no samples where they do not say how many.
    package static func spectrum(in fields: Fields) -> LoadReport.Spectrum {
        let points = places.compactMap { place in
            fields[place.field]?.integer.map { LoadReport.Spectrum.Point(thousandths: place.thousandths, value: $0) }
        }
        return LoadReport.Spectrum(samples: Int(fields["samples"]?.integer ?? 0), points: points)
    }
}
