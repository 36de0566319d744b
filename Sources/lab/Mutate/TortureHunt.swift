import FirmwareBench
import LabCore

/// Looks for a bug with the torture of images.
enum TortureHunt {
    /// The boot model and the case that fail with the bug; `nil` if all hold.
    static func catcher(of bug: SeededBug) -> String? {
        do { return try BugTorture.catcher(of: bug)?.description } catch { return "torture: \(error)" }
    }
}
