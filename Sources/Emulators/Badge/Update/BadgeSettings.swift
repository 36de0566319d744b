package import FirmwareImages
package import LabCore

/// How a badge updates itself, as its firmware was built; the same for all badges of a run.
package struct BadgeSettings: Sendable, Equatable {
    /// What release manifests must name.
    package var product = "luna-badge"
    /// The root of trust that the factory wrote; without one no release is taken.
    package var root: RootMetadata?
    /// Whom bootloaders trust that the action `flash` programs; a model that is not here keeps the trust of the present one.
    package var trusts: [BootTrust] = []

    /// Bytes that are asked for at once.
    package var chunkSize = 4_096
    /// A download that gives fewer bytes a second over `lowSpeedTime` is broken off and resumed (specs/ota.md §4, N1).
    package var lowSpeedRate = 100
    package var lowSpeedTime = Duration.seconds(60)
    /// Attempts without a byte of progress after which an update has failed.
    package var downloadAttempts: UInt32 = 12
    package var firstRetry = Duration.seconds(1)
    package var longestRetry = Duration.seconds(300)
    /// Bytes of the largest delta: it is kept in RAM.
    package var deltaLimit = 131_072

    /// When the badge asks for updates: after it came online, after a notice, and else once in this time; each with a part by chance.
    package var checkDelay: ClosedRange<Duration> = .seconds(2)...(.seconds(20))
    package var noticeDelay: ClosedRange<Duration> = .milliseconds(100)...(.seconds(1))
    package var checkInterval = Duration.seconds(86_400)

    /// The self-test of an image that is not confirmed: of so many rounds, this far apart, each check must pass so many.
    package var testRounds = 5
    package var testRoundsNeeded = 3
    package var testRoundTime = Duration.seconds(10)
    /// A self-test that takes longer has failed.
    package var testLimit = Duration.seconds(120)

    /// How long a version that was rolled back is refused, doubled each time up to the longest; a forced update does not wait.
    package var firstBlock = Duration.seconds(3_600)
    package var longestBlock = Duration.seconds(7 * 86_400)

    /// Signatures over manifests that were checked before, where many badges judge the same ones.
    package var checked = CheckedSignatures()

    /// Rules that the agent breaks on purpose.
    package var bugs: Set<SeededBug> = []

    package init() {}
}

/// Whom the bootloader of a model trusts.
package struct BootTrust: Sendable, Equatable {
    package var model: BootModel
    package var trust: ImageTrust

    package init(model: BootModel, trust: ImageTrust) {
        self.model = model
        self.trust = trust
    }
}
