/// What a device knows when it judges a release manifest.
///
/// A device keeps, across power cuts: the bytes of the root, `lastVersion`, `timeFloor`, and its security counter. The first three change
/// only through `accept` and `adopt`; the counter is raised when a new image has confirmed itself.
package struct ReleaseTrust: Sendable, Hashable {
    package var root: RootMetadata
    /// The kind of device, such as `luna-badge`.
    package var product: String
    /// Whose device it is.
    package var tenant: String
    /// The revision of its hardware, such as `v1.0`.
    package var hardware: String
    /// Highest manifest version seen for this product; 0 = none.
    package var lastVersion: Int64
    /// The device's security counter: images below it do not start.
    package var minimumSecurityCounter: UInt32
    /// The latest moment, in Unix seconds, that a signed document proved to be past; 0 = none.
    package var timeFloor: Int64
    /// The image format of the device's bootloader; nil takes any.
    package var format: ImageFormat?
    /// The firmware that runs, for `min_compatible`; nil takes any.
    package var running: FirmwareVersion?
    /// Bytes of the largest image that the device can take.
    package var maximumImageLength: Int
    /// Signatures that need not be checked again.
    package var checked: CheckedSignatures

    package init(
        root: RootMetadata, product: String, tenant: String, hardware: String, lastVersion: Int64 = 0, minimumSecurityCounter: UInt32 = 0,
        timeFloor: Int64 = 0, format: ImageFormat? = nil, running: FirmwareVersion? = nil, maximumImageLength: Int = 1 << 30,
        checked: CheckedSignatures = CheckedSignatures()
    ) {
        self.root = root
        self.product = product
        self.tenant = tenant
        self.hardware = hardware
        self.lastVersion = lastVersion
        self.minimumSecurityCounter = minimumSecurityCounter
        self.timeFloor = timeFloor
        self.format = format
        self.running = running
        self.maximumImageLength = maximumImageLength
        self.checked = checked
    }

    /// The time to judge by, and whether it is more than a lower bound.
    ///
    /// A badge without a battery wakes up at 1970. No manifest may brick it for that (specs/ota.md §4, M7), so the clock counts only where
    /// it stands after what signed documents have proved to be past. Before that the latest proven moment is the time: expiry
    /// then protects as far as the newest document seen, and nothing can be called "from the future", because the real time is unknown.
    package func clock(_ now: Int64) -> (time: Int64, isKnown: Bool) {
        let floor = max(timeFloor, root.issued)
        return (max(now, floor), now >= floor)
    }

    /// Remembers a manifest that `ReleaseManifest.verify` accepted.
    package mutating func accept(_ manifest: ReleaseManifest) {
        lastVersion = max(lastVersion, manifest.version)
        timeFloor = max(timeFloor, manifest.issued)
    }

    /// Takes a root that `RootMetadata.next` accepted.
    ///
    /// Where a release key is gone with it, the highest version seen is forgotten: the thief of that key may have fast-forwarded it, and no
    /// honest release could follow (TUF §5.3.11). Old manifests do not come back by that: they expire, and counters hold.
    package mutating func adopt(_ next: RootMetadata) {
        if root.release.keys.contains(where: { !next.release.keys.contains($0) }) { lastVersion = 0 }
        root = next
        timeFloor = max(timeFloor, next.issued)
    }
}
