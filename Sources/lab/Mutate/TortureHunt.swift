import LabCore

/// Looks for a bug with the torture of images.
enum TortureHunt {
    /// The boot model and the family that fail with the bug; `nil` if all hold.
    static func catcher(of bug: SeededBug) -> String? { nil }
}
