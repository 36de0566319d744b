package import FirmwareImages
import GRDB
import LabCore

/// How ready a version is (luna-badge-cloud.md, `version_type`); a device's channel takes its own and all before it.
package enum ReleaseChannel: String, Sendable, CaseIterable, Comparable {
    case stable, beta, alpha

    package static func < (left: Self, right: Self) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

/// The formats that the cloud hands out: those that it can inspect, and packages of modules, which it cannot.
package enum FirmwareFormat: String, Sendable, CaseIterable {
    case mcuboot, esp32, rauc, dfota

    var image: ImageFormat? { ImageFormat(rawValue: rawValue) }
}

/// The files of a version.
package enum FirmwarePart: String, Sendable, CaseIterable {
    case image, manifest, delta
}

/// A row of `versions`.
package struct VersionRecord: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable { case draft, released, withdrawn }

    package var row: Int64
    package var number: String
    package var type: ReleaseChannel
    package var notes: String?
    package var size: Int?
    /// 64 hexadecimal digits.
    package var checksum: String?
    package var isForced: Bool
    package var minimumCompatible: String?
    /// Unix milliseconds.
    package var createdAt: Int64
    package var releasedAt: Int64?
    package var isActive: Bool
    package var deviceType: String
    package var format: FirmwareFormat?
    package var baseVersion: String?
    /// JSON of a list of hardware revisions; read where it is asked for, since most who read versions do not.
    package var hardwareList: String?
    package var securityCounter: Int64?
    package var manifestVersion: Int64?
    package var delta: Delta?

    package struct Delta: Sendable, Equatable {
        package var size: Int
        package var checksum: String
        package var baseVersion: String
        package var baseChecksum: String
    }

    init(_ row: Row) {
        self.row = row["id"]
        number = row["version_number"]
        type = ReleaseChannel(rawValue: row["version_type"]) ?? .alpha
        notes = row["release_notes"]
        size = row["file_size"]
        checksum = row["checksum"]
        isForced = row["is_force_update"]
        minimumCompatible = row["min_compatible_version"]
        createdAt = row["created_at"]
        releasedAt = row["released_at"]
        isActive = row["is_active"]
        deviceType = row["device_type"]
        format = (row["format"] as String?).flatMap(FirmwareFormat.init)
        baseVersion = row["base_version"]
        hardwareList = row["hardware"]
        securityCounter = row["security_counter"]
        manifestVersion = row["manifest_version"]
        if let size: Int = row["delta_size"], let checksum: String = row["delta_checksum"], let base: String = row["delta_base_version"],
            let baseChecksum: String = row["delta_base_checksum"]
        {
            delta = Delta(size: size, checksum: checksum, baseVersion: base, baseChecksum: baseChecksum)
        }
    }

    package var hardware: [String] { hardwareList.flatMap { try? JSONReader.read($0) }?.list?.compactMap(\.text) ?? [] }

    package var state: State { releasedAt == nil ? .draft : isActive ? .released : .withdrawn }
    /// The number in parts; `nil` for the words of modules.
    package var firmware: FirmwareVersion? { FirmwareVersion(number) }

    /// The one way in which a version is written in tables and addresses: `2.4.0` for `v2.4.0`.
    package static func canonical(_ text: String) -> String { FirmwareVersion(text)?.description ?? text }
}

/// A row of `rollouts`.
package struct RolloutRecord: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case draft, running, paused, finished, aborted
        case rolledBack = "rolled_back"
    }
    package enum Kind: String, Sendable, CaseIterable { case devices, group, everyone }
    package enum Action: String, Sendable, CaseIterable { case install, rollback }

    package var row: Int64
    package var id: String
    package var tenant: String
    package var version: Int64
    package var action: Action
    package var source: Int64?
    package var kind: Kind
    package var group: String?
    package var state: State
    package var reason: String?
    /// From 0.
    package var stage: Int
    package var stages: Int
    package var gates: RolloutGates
    /// Devices a minute.
    package var rate: Int?
    /// Milliseconds.
    package var timeout: Int64
    package var rollsBackOnError: Bool
    package var isForced: Bool
    package var revision: Int64
    package var createdAt: Int64
    package var finishedAt: Int64?

    init(_ row: Row) {
        self.row = row["id"]
        id = row["rollout_id"]
        tenant = row["tenant"]
        version = row["version"]
        action = Action(rawValue: row["action"]) ?? .install
        source = row["source"]
        kind = Kind(rawValue: row["kind"]) ?? .devices
        group = row["group_name"]
        state = State(rawValue: row["state"]) ?? .paused
        reason = row["reason"]
        stage = row["stage"]
        stages = row["stages"]
        gates = RolloutGates(success: row["success_gate"], error: row["error_gate"], minimumSamples: row["minimum_samples"])
        rate = row["rate"]
        timeout = row["device_timeout"]
        rollsBackOnError = row["rollback_on_error"]
        isForced = row["force"]
        revision = row["revision"]
        createdAt = row["created_at"]
        finishedAt = row["finished_at"]
    }

    var isLastStage: Bool { stage >= stages - 1 }
    /// Devices that were named one by one decide themselves whether the version is for them.
    var isNamed: Bool { kind == .devices }
    /// Milliseconds between two devices; 0 without a rate.
    var pace: Int64 { rate.map { 60_000 / Int64($0) } ?? 0 }
}

/// A row of `executions`: one device's try at one version.
package struct ExecutionRecord: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Its stage is not open.
        case waiting
        case queued, notified, downloading, downloaded, installing, rebooting, testing
        case succeeded, failed, rejected, cancelled
        case rolledBack = "rolled_back"
        case timedOut = "timed_out"

        package var isTerminal: Bool {
            switch self {
            case .succeeded, .failed, .rejected, .cancelled, .rolledBack, .timedOut: true
            case .waiting, .queued, .notified, .downloading, .downloaded, .installing, .rebooting, .testing: false
            }
        }

        /// Activated: what boots next is the new image, and no word from the cloud changes that.
        package var isBeyondReturn: Bool { self == .rebooting || self == .testing }

        /// What devices report; the rest is the cloud's own to say.
        static let reportable: [State] = [
            .downloading, .downloaded, .installing, .rebooting, .testing, .succeeded, .failed, .rolledBack, .rejected, .cancelled,
        ]
    }

    /// What a result counts as in the gates.
    package enum Outcome: String, Sendable { case success, failure, silent, neutral }

    package var row: Int64
    package var id: String
    package var rollout: Int64
    package var device: String
    package var version: Int64
    package var action: RolloutRecord.Action
    package var stage: Int?
    package var position: Int64
    package var attempt: Int
    package var parent: Int64?
    package var state: State
    package var outcome: Outcome?
    package var reason: String?
    package var sequence: Int64
    package var progress: Int64?
    package var fromVersion: String?
    package var isConfirmed: Bool?
    package var isCancelling: Bool
    package var revision: Int64
    package var createdAt: Int64
    package var notifiedAt: Int64?
    package var offeredAt: Int64?
    package var deadlineAt: Int64?
    package var finishedAt: Int64?

    init(_ row: Row) {
        self.row = row["id"]
        id = row["execution_id"]
        rollout = row["rollout"]
        device = row["device_id"]
        version = row["version"]
        action = RolloutRecord.Action(rawValue: row["action"]) ?? .install
        stage = row["stage"]
        position = row["position"]
        attempt = row["attempt"]
        parent = row["parent"]
        state = State(rawValue: row["state"]) ?? .failed
        outcome = (row["outcome"] as String?).flatMap(Outcome.init)
        reason = row["reason"]
        sequence = row["sequence"]
        progress = row["progress"]
        fromVersion = row["from_version"]
        isConfirmed = row["is_confirmed"]
        isCancelling = row["cancel_requested"]
        revision = row["revision"]
        createdAt = row["created_at"]
        notifiedAt = row["notified_at"]
        offeredAt = row["offered_at"]
        deadlineAt = row["deadline_at"]
        finishedAt = row["finished_at"]
    }

    var isOpen: Bool { finishedAt == nil }
    /// The device has been given the update.
    var hasBegun: Bool { offeredAt != nil }
}
