import FirmwareBench
import LabCore

/// Looks for a bug with the torture of images.
enum TortureHunt {
    /// The boot model and the case that fail with the bug; `nil` if all hold, or if the bug is none of devices and version centre.
    static func catcher(of bug: SeededBug) -> String? {
        guard bug.place != .orders else { return nil }
        do { return try BugTorture.catcher(of: bug)?.description } catch { return "torture: \(error)" }
    }
}
