import Foundation
import Testing

@testable import Reports

/// Writes the example report where `LAB_REPORT_EXAMPLE` says, to be looked at in a browser.
@Suite("Example report", .enabled(if: ProcessInfo.processInfo.environment["LAB_REPORT_EXAMPLE"] != nil))
struct PictureFile {
    @Test("is written")
    func write() throws {
        let path = try #require(ProcessInfo.processInfo.environment["LAB_REPORT_EXAMPLE"])
        try Data(HTMLReport.render(LoadRun.summary, events: SampleRun.events)).write(to: URL(fileURLWithPath: path))
    }
}
