import LabCore
import Testing

/// The event is described in `LabEvents.loadFloor`.
@Suite("The event load.floor")
struct LoadFloorTests {
    private let spectrum = LoadReport.Spectrum(
        samples: 3_000,
        points: [
            .init(thousandths: 50_000, value: 90_000), .init(thousandths: 90_000, value: 140_000), .init(thousandths: 99_000, value: 400_000),
            .init(thousandths: 99_900, value: 1_100_000), .init(thousandths: 100_000, value: 2_000_000),
        ])
    private let fields: Fields = [
        "load": "api", "samples": 3_000, "p50_ns": 90_000, "p90_ns": 140_000, "p99_ns": 400_000, "p999_ns": 1_100_000, "max_ns": 2_000_000,
    ]

    @Test("It has a field for p50, p90, p99, p99.9 and the largest")
    func written() {
        #expect(LoadFloor.fields(load: "api", spectrum) == fields)
        #expect(LoadFloor.percentiles == [50_000, 90_000, 99_000, 99_900, 100_000])
    }

    @Test("What is read is what was written")
    func read() { #expect(LoadFloor.spectrum(in: fields) == spectrum) }

    @Test("A percentile that lands on no answer, or that has no field, is left out")
    func leftOut() {
        let points = [LoadReport.Spectrum.Point(thousandths: 99_000, value: nil), .init(thousandths: 99_990, value: 7)]
        #expect(LoadFloor.fields(load: "api", LoadReport.Spectrum(samples: 10, points: points)) == ["load": "api", "samples": 10])
        #expect(LoadFloor.spectrum(in: ["load": "api"]) == LoadReport.Spectrum(samples: 0, points: []))
    }
}
