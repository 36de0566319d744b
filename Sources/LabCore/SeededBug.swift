/// A fault that can be put into the lab's own agent, bootloader or version centre on purpose, to show that the shipped scenarios
/// and the torture of images would find it (`lab mutate`).
///
/// The code that owns a rule asks for its bug exactly where the rule is. Without bugs, which is the default everywhere, nothing differs.
package enum SeededBug: String, Sendable, Hashable, CaseIterable {
    // The update agent of a device.
    case hashNotChecked = "hash-not-checked"
    case manifestSignatureNotChecked = "manifest-signature-not-checked"
    case manifestExpiryNotChecked = "manifest-expiry-not-checked"
    case manifestVersionNotKept = "manifest-version-not-kept"
    case hardwareNotChecked = "hardware-not-checked"
    case resumeAppendsOn200 = "resume-appends-on-200"
    case contentRangeIgnored = "content-range-ignored"
    case ifRangeMissing = "if-range-missing"
    case confirmBeforeSelfTest = "confirm-before-self-test"
    case selfTestSkipped = "self-test-skipped"
    case activateBeforeVerify = "activate-before-verify"
    case deltaBaseNotChecked = "delta-base-not-checked"
    case reportNotRepeated = "report-not-repeated"
    case reportsWantedVersion = "reports-wanted-version"
    case endlessDownload = "endless-download"
    case cancelAfterInstall = "cancel-after-install"
    // The bootloader.
    case imageSignatureNotChecked = "image-signature-not-checked"
    case imageHashNotChecked = "image-hash-not-checked"
    case counterNotChecked = "counter-not-checked"
    case neverReverts = "never-reverts"
    case swapNotResumed = "swap-not-resumed"
    case confirmsByItself = "confirms-by-itself"
    case attemptsNotCounted = "attempts-not-counted"
    // The version centre.
    case noBlocklist = "no-blocklist"
    case gateOffByOne = "gate-off-by-one"
    case gateWithoutMinimum = "gate-without-minimum"
    case terminalStateOverwritten = "terminal-state-overwritten"
    case executionNeverTimesOut = "execution-never-times-out"
    case pausedStillOffers = "paused-still-offers"
    case downloadURLNeverExpires = "download-url-never-expires"
    case versionMutable = "version-mutable"
    // The order service (charging-orders.md 2.5).
    case ledgerKeyMissing = "ledger-key-missing"
    case clientKeyMissing = "client-key-missing"
    case portNotExclusive = "port-not-exclusive"
    case acknowledgedBeforeStored = "acknowledged-before-stored"
    case billNotDeduplicated = "bill-not-deduplicated"
    case lateBillIgnored = "late-bill-ignored"
    case lateBillChargedUp = "late-bill-charged-up"
    case cancelledOnStartTimeout = "cancelled-on-start-timeout"
    case noticeNotDeduplicated = "notice-not-deduplicated"
    case latePaymentKept = "late-payment-kept"
    case noReconciliation = "no-reconciliation"

    /// Whose rule it breaks.
    package enum Place: String, Sendable, CaseIterable {
        case agent
        case bootloader
        case versionCentre = "version centre"
        case orders = "order service"
    }

    package var place: Place {
        switch self {
        case .hashNotChecked, .manifestSignatureNotChecked, .manifestExpiryNotChecked, .manifestVersionNotKept, .hardwareNotChecked,
            .resumeAppendsOn200, .contentRangeIgnored, .ifRangeMissing, .confirmBeforeSelfTest, .selfTestSkipped, .activateBeforeVerify,
            .deltaBaseNotChecked, .reportNotRepeated, .reportsWantedVersion, .endlessDownload, .cancelAfterInstall:
            .agent
        case .imageSignatureNotChecked, .imageHashNotChecked, .counterNotChecked, .neverReverts, .swapNotResumed, .confirmsByItself,
            .attemptsNotCounted:
            .bootloader
        case .noBlocklist, .gateOffByOne, .gateWithoutMinimum, .terminalStateOverwritten, .executionNeverTimesOut, .pausedStillOffers,
            .downloadURLNeverExpires, .versionMutable:
            .versionCentre
        case .ledgerKeyMissing, .clientKeyMissing, .portNotExclusive, .acknowledgedBeforeStored, .billNotDeduplicated, .lateBillIgnored,
            .lateBillChargedUp, .cancelledOnStartTimeout, .noticeNotDeduplicated, .latePaymentKept, .noReconciliation:
            .orders
        }
    }

    /// What it does wrong, in a sentence.
    package var about: String {
        switch self {
        case .hashNotChecked: "The downloaded file is taken without comparing its hash with the manifest's."
        case .manifestSignatureNotChecked: "A release manifest is believed whoever signed it."
        case .manifestExpiryNotChecked: "An expired manifest is taken."
        case .manifestVersionNotKept: "The highest manifest version seen is forgotten, so that an old one is taken again."
        case .hardwareNotChecked: "An image for other hardware is installed."
        case .resumeAppendsOn200: "A 200 with the whole file is appended to what is there already."
        case .contentRangeIgnored: "A 206 with another range than the one asked for is taken."
        case .ifRangeMissing: "A download is resumed without asking whether the file is still the same."
        case .confirmBeforeSelfTest: "A new image is confirmed before it has tested itself."
        case .selfTestSkipped: "A failed self-test counts as passed."
        case .activateBeforeVerify: "The other slot is activated before what is in it was verified."
        case .deltaBaseNotChecked: "A delta is applied to whatever is in the running slot."
        case .reportNotRepeated: "A result that the cloud did not acknowledge is not reported again."
        case .reportsWantedVersion: "The version that was to be installed is reported, not the one that runs."
        case .endlessDownload: "A download goes on beyond the signed size."
        case .cancelAfterInstall: "A cancellation is obeyed after the point of no return."
        case .imageSignatureNotChecked: "The bootloader starts an image whatever its signature."
        case .imageHashNotChecked: "The bootloader starts an image whatever its hash."
        case .counterNotChecked: "The bootloader starts an image whose security counter is lower than the device's."
        case .neverReverts: "An image that was never confirmed is started for ever."
        case .swapNotResumed: "A swap that was interrupted is not taken up again."
        case .confirmsByItself: "The bootloader confirms the image that it starts for the first time."
        case .attemptsNotCounted: "Boot attempts are not counted."
        case .noBlocklist: "A version is offered again to a device that rolled it back."
        case .gateOffByOne: "A rollout goes on when its failures have reached the limit."
        case .gateWithoutMinimum: "A rollout's gates act on fewer samples than the minimum."
        case .terminalStateOverwritten: "A later report changes the result of an execution that has ended."
        case .executionNeverTimesOut: "An execution whose device is silent stays open for ever."
        case .pausedStillOffers: "A paused rollout goes on to offer its version."
        case .downloadURLNeverExpires: "A download address is good for ever."
        case .versionMutable: "A released version's image can be replaced."
        case .ledgerKeyMissing: "A posting whose key is in the ledger already is posted again."
        case .clientKeyMissing: "A second tap with the same client key makes a second order."
        case .portNotExclusive: "A port that has an active order takes another one."
        case .acknowledgedBeforeStored: "A bill is acknowledged before it is durable."
        case .billNotDeduplicated: "A bill with the content of an earlier one is settled again."
        case .lateBillIgnored: "A bill that comes after the estimate changes nothing."
        case .lateBillChargedUp: "A late bill that is higher than the estimate is charged to the user."
        case .cancelledOnStartTimeout: "An order whose start got no answer is cancelled while the pile may be charging."
        case .noticeNotDeduplicated: "A payment notice that comes again is booked again."
        case .latePaymentKept: "Money that comes for an order that owes nothing is kept."
        case .noReconciliation: "A payment whose notice is lost is never asked for."
        }
    }
}
