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
package struct VersionRecord: Sendable, Equatable, ColumnRecord {
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

    static let columns = """
        id, version_number, version_type, release_notes, file_size, checksum, is_force_update, min_compatible_version, \
        created_at, released_at, is_active, device_type, format, base_version, hardware, security_counter, \
        manifest_version, delta_size, delta_checksum, delta_base_version, delta_base_checksum
        """

    init(_ columns: inout ColumnReader) throws {
        self.row = try columns.next()
        number = try columns.next()
        type = ReleaseChannel(rawValue: try columns.next()) ?? .alpha
        notes = columns.optional()
        size = columns.optional()
        checksum = columns.optional()
        isForced = try columns.next()
        minimumCompatible = columns.optional()
        createdAt = try columns.next()
        releasedAt = columns.optional()
        isActive = try columns.next()
        deviceType = try columns.next()
        format = (columns.optional() as String?).flatMap(FirmwareFormat.init)
        baseVersion = columns.optional()
        hardwareList = columns.optional()
        securityCounter = columns.optional()
        manifestVersion = columns.optional()
        if let size: Int = columns.optional(), let checksum: String = columns.optional(), let base: String = columns.optional(),
            let baseChecksum: String = columns.optional()
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
package struct RolloutRecord: Sendable, Equatable, ColumnRecord {
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

    static let columns = """
        id, rollout_id, tenant, version, action, source, kind, group_name, state, reason, stage, stages, success_gate, \
        error_gate, minimum_samples, rate, device_timeout, rollback_on_error, force, revision, created_at, finished_at
        """

    init(_ columns: inout ColumnReader) throws {
        self.row = try columns.next()
        id = try columns.next()
        tenant = try columns.next()
        version = try columns.next()
        action = Action(rawValue: try columns.next()) ?? .install
        source = columns.optional()
        kind = Kind(rawValue: try columns.next()) ?? .devices
        group = columns.optional()
        state = State(rawValue: try columns.next()) ?? .paused
        reason = columns.optional()
        stage = try columns.next()
        stages = try columns.next()
        gates = RolloutGates(success: try columns.next(), error: try columns.next(), minimumSamples: try columns.next())
        rate = columns.optional()
        timeout = try columns.next()
        rollsBackOnError = try columns.next()
        isForced = try columns.next()
        revision = try columns.next()
        createdAt = try columns.next()
        finishedAt = columns.optional()
    }

    var isLastStage: Bool { stage >= stages - 1 }
    /// Devices that were named one by one decide themselves whether the version is for them.
    var isNamed: Bool { kind == .devices }
    /// Milliseconds between two devices; 0 without a rate.
    var pace: Int64 { rate.map { 60_000 / Int64($0) } ?? 0 }
}

/// A row of `executions`: one device's try at one version.
package struct ExecutionRecord: Sendable, Equatable, ColumnRecord {
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

    static let columns = """
        id, execution_id, rollout, device_id, version, action, stage, position, attempt, parent, state, outcome, reason, \
        sequence, progress, from_version, is_confirmed, cancel_requested, revision, created_at, notified_at, offered_at, \
        deadline_at, finished_at
        """

    init(_ columns: inout ColumnReader) throws {
        self.row = try columns.next()
        id = try columns.next()
        rollout = try columns.next()
        device = try columns.next()
        version = try columns.next()
        action = RolloutRecord.Action(rawValue: try columns.next()) ?? .install
        stage = columns.optional()
        position = try columns.next()
        attempt = try columns.next()
        parent = columns.optional()
        state = State(rawValue: try columns.next()) ?? .failed
        outcome = (columns.optional() as String?).flatMap(Outcome.init)
        reason = columns.optional()
        sequence = try columns.next()
        progress = columns.optional()
        fromVersion = columns.optional()
        isConfirmed = columns.optional()
        isCancelling = try columns.next()
        revision = try columns.next()
        createdAt = try columns.next()
        notifiedAt = columns.optional()
        offeredAt = columns.optional()
        deadlineAt = columns.optional()
        finishedAt = columns.optional()
    }

    var isOpen: Bool { finishedAt == nil }
    /// The device has been given the update.
    var hasBegun: Bool { offeredAt != nil }
}
