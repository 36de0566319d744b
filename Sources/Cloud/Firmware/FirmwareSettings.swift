/// What the version centre can be told to do differently.
package struct FirmwareSettings: Sendable, Equatable {
    /// How long a download address is good.
    package var addressLife: Duration
    /// Time from the offer of an update to its result, where a rollout says nothing.
    package var deviceTimeout: Duration
    /// The longest image or delta, in bytes.
    package var imageBytes: Int
    /// Files that are kept in memory, in bytes; those that were asked for longest ago go.
    package var cacheBytes: Int
    /// KiB that one device may download within ten minutes.
    package var downloadKiB: Int
    /// How often a device may try one rollout's version; further tries need a new rollout.
    package var attempts: Int

    package init(
        addressLife: Duration = .seconds(86_400), deviceTimeout: Duration = .seconds(86_400), imageBytes: Int = 64 << 20,
        cacheBytes: Int = 128 << 20, downloadKiB: Int = 256 << 10, attempts: Int = 3
    ) {
        self.addressLife = addressLife
        self.deviceTimeout = deviceTimeout
        self.imageBytes = imageBytes
        self.cacheBytes = cacheBytes
        self.downloadKiB = downloadKiB
        self.attempts = attempts
    }

    /// ReleaseManifest.maximumLength and RootMetadata.maximumLength.
    static let manifestBytes = 64 << 10
    static let rootBytes = 256 << 10
}
