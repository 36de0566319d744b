import GRDB
import LabCore

extension FirmwareService {
    static let rolloutFields = [
        FieldKind("rollout", .text, required: true), FieldKind("version", .text, required: true), FieldKind("device_type", .text),
        FieldKind("action", .choice(RolloutRecord.Action.allCases.map(\.rawValue))), FieldKind("kind", .choice(RolloutRecord.Kind.allCases.map(\.rawValue))),
        FieldKind("group", .text), FieldKind("state", .choice(RolloutRecord.State.allCases.map(\.rawValue)), required: true), FieldKind("reason", .text),
        FieldKind("stage", .integer, "from 1; the highest that is open"), FieldKind("stages", .integer), FieldKind("total", .integer, "devices"),
        FieldKind("waiting", .integer, "their stage is not open"), FieldKind("queued", .integer, "their turn, not asked yet"),
        FieldKind("offered", .integer, "were given the update"), FieldKind("open", .integer, "have begun and not ended"), FieldKind("succeeded", .integer),
        FieldKind("failed", .integer, "failed, rolled back, rejected or timed out after the offer"), FieldKind("rolled_back", .integer),
        FieldKind("rejected", .integer), FieldKind("timed_out", .integer), FieldKind("cancelled", .integer), FieldKind("revision", .integer),
    ]
    private static let wholeFields =
        rolloutFields + [
            FieldKind("success_gate", .ratio), FieldKind("error_gate", .ratio), FieldKind("minimum_samples", .integer),
            FieldKind("rate", .integer, unit: "devices/min"), FieldKind("device_timeout", .integer, unit: "s"), FieldKind("created_at", .text),
            FieldKind("finished_at", .text), FieldKind("stage_counts", .any), FieldKind("history", .any), FieldKind("rollback", .text, "the rollout that takes it back"),
        ]
    static let executionFields = [
        FieldKind("execution", .text, required: true), FieldKind("rollout", .text), FieldKind("device", .text, required: true),
        FieldKind("version", .text, required: true), FieldKind("action", .choice(RolloutRecord.Action.allCases.map(\.rawValue))),
        FieldKind("state", .choice(ExecutionRecord.State.allCases.map(\.rawValue)), required: true), FieldKind("reason", .text),
        FieldKind("progress", .integer, unit: "%"), FieldKind("from_version", .text), FieldKind("attempt", .integer), FieldKind("stage", .integer, "from 1"),
        FieldKind("cancel", .bool), FieldKind("terminal", .bool), FieldKind("revision", .integer), FieldKind("sequence", .integer, "of the last report"),
    ]

    var rolloutEndpoints: [Endpoint] {
        [
            createRollout, listRollouts, oneRollout, rolloutStatistics, listExecutions,
            control("pause", .write, "Tells and offers nobody anything new; who has begun goes on.") { engine, rollout, reason in
                if rollout.state != .running { throw engine.refuse(rollout) }
                try engine.pause(rollout, reason: reason ?? "operator")
            },
            control("resume", .manage, "Starts a draft, or goes on after a pause.") { try $0.resume($1, reason: $2) },
            control("abort", .write, "Ends a rollout; who can still stop is cancelled.") { try $0.abort($1, reason: $2 ?? "operator") },
            control("rollback", .manage, "Ends a rollout and brings those that succeeded back to where they came from.") {
                try $0.rollBack($1, reason: $2 ?? "operator")
            },
            oneExecution, cancelExecution,
        ]
    }

    // MARK: Showing

    /// A rollout with its counts, as operators and scenarios see it.
    static func show(_ rollout: RolloutRecord, in db: Database) throws -> Fields {
        let version = try VersionStore.find(rollout.version, in: db)
        var fields: Fields = [
            "rollout": .text(rollout.id), "version": .text(version?.number ?? ""), "device_type": .text(version?.deviceType ?? ""),
            "action": .text(rollout.action.rawValue), "kind": .text(rollout.kind.rawValue),
        ]
        if let group = rollout.group { fields["group"] = .text(group) }
        fields["state"] = .text(rollout.state.rawValue)
        if let reason = rollout.reason { fields["reason"] = .text(reason) }
        fields["stage"] = .integer(Int64(rollout.stage + 1))
        fields["stages"] = .integer(Int64(rollout.stages))
        let rows = try Row.fetchAll(
            db,
            cached: """
                SELECT state, outcome, offered_at IS NOT NULL, count(*) FROM executions
                WHERE rollout = ? AND is_current AND parent IS NULL GROUP BY 1, 2, 3
                """, arguments: [rollout.row])
        func count(_ isCounted: (ExecutionRecord.State, String?, Bool) -> Bool) -> FieldValue {
            .integer(
                rows.reduce(0) { sum, row in
                    let state = ExecutionRecord.State(rawValue: row[0]) ?? .failed
                    return isCounted(state, row[1], row[2]) ? sum + (row[3] as Int64) : sum
                })
        }
        fields["total"] = count { _, _, _ in true }
        fields["waiting"] = count { state, _, _ in state == .waiting }
        fields["queued"] = count { state, _, isOffered in !isOffered && (state == .queued || state == .notified) }
        fields["offered"] = count { _, _, isOffered in isOffered }
        fields["open"] = count { state, _, isOffered in isOffered && !state.isTerminal }
        fields["succeeded"] = count { state, _, _ in state == .succeeded }
        fields["failed"] = count { _, outcome, _ in outcome == ExecutionRecord.Outcome.failure.rawValue }
        fields["rolled_back"] = count { state, _, _ in state == .rolledBack }
        fields["rejected"] = count { state, _, _ in state == .rejected }
        fields["timed_out"] = count { state, _, _ in state == .timedOut }
        fields["cancelled"] = count { state, _, _ in state == .cancelled }
        fields["revision"] = .integer(rollout.revision)
        return fields
    }

    private static func showWhole(_ rollout: RolloutRecord, in db: Database) throws -> Fields {
        var fields = try show(rollout, in: db)
        fields["success_gate"] = .number(Double(rollout.gates.success) / 1_000_000)
        fields["error_gate"] = .number(Double(rollout.gates.error) / 1_000_000)
        fields["minimum_samples"] = .integer(rollout.gates.minimumSamples)
        if let rate = rollout.rate { fields["rate"] = .integer(Int64(rate)) }
        fields["device_timeout"] = .integer(rollout.timeout / 1000)
        fields["created_at"] = .text(Timestamp.text(unixSeconds: rollout.createdAt / 1000))
        if let finished = rollout.finishedAt { fields["finished_at"] = .text(Timestamp.text(unixSeconds: finished / 1000)) }
        fields["stage_counts"] = .list(
            try RolloutStore.stages(of: rollout.row, in: db).map { stage in
                [
                    "percentage": .integer(Int64(stage.percentage)), "open": .bool(stage.openedAt != nil), "total": .integer(stage.counts.total),
                    "offered": .integer(stage.counts.offered), "succeeded": .integer(stage.counts.succeeded), "failed": .integer(stage.counts.failed),
                    "silent": .integer(stage.counts.silent), "left_out": .integer(stage.counts.neutral),
                ]
            })
        fields["history"] = .list(try RolloutStore.history(of: rollout.row, in: db))
        if let back = try RolloutStore.takingBack(rollout.row, in: db) { fields["rollback"] = .text(back.id) }
        return fields
    }

    static func show(_ execution: ExecutionRecord, in db: Database) throws -> Fields {
        var fields: Fields = ["execution": .text(execution.id)]
        if let rollout = try RolloutStore.find(execution.rollout, in: db) { fields["rollout"] = .text(rollout.id) }
        fields["device"] = .text(execution.device)
        fields["version"] = .text(try VersionStore.find(execution.version, in: db)?.number ?? "")
        fields["action"] = .text(execution.action.rawValue)
        fields["state"] = .text(execution.state.rawValue)
        if let reason = execution.reason { fields["reason"] = .text(reason) }
        if let progress = execution.progress { fields["progress"] = .integer(progress) }
        if let from = execution.fromVersion { fields["from_version"] = .text(from) }
        fields["attempt"] = .integer(Int64(execution.attempt))
        if let stage = execution.stage { fields["stage"] = .integer(Int64(stage + 1)) }
        fields["cancel"] = .bool(execution.isCancelling)
        fields["terminal"] = .bool(!execution.isOpen)
        fields["revision"] = .integer(execution.revision)
        fields["sequence"] = .integer(execution.sequence)
        return fields
    }

    // MARK: Making

    private static let planFields = [
        FieldKind("version", .text, required: true), FieldKind("device_type", .text, "luna_badge where absent"), FieldKind("devices", .list(.text)),
        FieldKind("group", .text), FieldKind("percentages", .list(.integer), "what is reached with each stage; [100] where absent"),
        FieldKind("success_gate", .ratio, "0.95 where absent"), FieldKind("error_gate", .ratio, "0.05 where absent"),
        FieldKind("minimum_samples", .integer, "10 where absent"), FieldKind("rate", .integer, unit: "devices/min", "unlimited where absent"),
        FieldKind("device_timeout", .duration, "24h where absent"), FieldKind("rollback_on_error", .bool), FieldKind("force", .bool),
        FieldKind("start", .bool, "true where absent; else it stays a draft until it is resumed"),
    ]

    private var createRollout: Endpoint {
        Endpoint(
            "POST", "/api/v1/rollouts", "Hands out a version: to devices that are named, to a group, or to all of a type.",
            access: .permission(.manage, owner: nil), rateClass: .user, body: Self.planFields, bodyLimit: 1 << 20, answer: Self.wholeFields,
            statuses: [201, 404, 409, 422]
        ) { [self] request in
            let rollout = try await create(request.body, tenant: request.tenant, actor: request.identity.label)
            return APIAnswer(status: 201, data: .record(try storage.read { db in try Self.showWhole(rollout, in: db) }))
        }
    }

    /// Makes a rollout from the fields of a request or of a scenario.
    func create(_ fields: Fields, tenant: String, actor: String) async throws -> RolloutRecord {
        let type = fields["device_type"]?.text ?? "luna_badge"
        guard let number = fields["version"]?.text else { throw APIError(.missingField, details: ["field": "version"]) }
        let version = try storage.read { db in try VersionStore.known(number, type: type, tenant: tenant, in: db) }
        guard version.state == .released else {
            throw APIError(.versionIncomplete, "The version is not released.", details: ["state": .text(version.state.rawValue)])
        }
        let plan = try RolloutPlan(fields, version: version, settings: settings)
        return try await create(plan, tenant: tenant, actor: actor)
    }

    func create(_ plan: RolloutPlan, tenant: String, actor: String) async throws -> RolloutRecord {
        devices.settle()
        let id = "ro_" + Hexadecimal.text(environment.randomBytes(8))
        return try await change("rollout.create", ["rollout": .text(id), "version": .text(plan.version.number)], actor: actor) { engine in
            try engine.create(plan, id: id, tenant: tenant)
        }
    }

    // MARK: Reading

    private var listRollouts: Endpoint {
        Endpoint(
            "GET", "/api/v1/rollouts", "Lists the rollouts, the newest first.", access: .permission(.read, owner: nil), rateClass: .user,
            query: Self.pages, answer: Self.listFields(Self.rolloutFields)
        ) { [self] request in
            let page = try request.integer("page", in: 1...1_000_000, else: 1)
            let limit = try request.integer("limit", in: 1...100, else: 20)
            let (items, total) = try storage.read { db in
                let found = try RolloutStore.page(page, limit: limit, tenant: request.tenant, in: db)
                return (try found.items.map { FieldValue.record(try Self.show($0, in: db)) }, found.total)
            }
            return APIAnswer(data: UserService.list(items, page: page, limit: limit, total: total))
        }
    }

    private var oneRollout: Endpoint {
        Endpoint(
            "GET", "/api/v1/rollouts/{rollout}", "One rollout with its stages and its history.", access: .permission(.read, owner: nil),
            rateClass: .user, answer: Self.wholeFields, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(
                data: .record(
                    try storage.read { db in
                        try Self.showWhole(try RolloutStore.known(request.parameter("rollout"), tenant: request.tenant, in: db), in: db)
                    }))
        }
    }

    private var rolloutStatistics: Endpoint {
        Endpoint(
            "GET", "/api/v1/rollouts/{rollout}/statistics", "How the updates of a rollout went.", access: .permission(.read, owner: nil),
            rateClass: .user, answer: Self.statisticsFields, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(
                data: .record(
                    try storage.read { db in
                        let rollout = try RolloutStore.known(request.parameter("rollout"), tenant: request.tenant, in: db)
                        return try UpdateStatistics.of(rollout: rollout.row, in: db)
                    }))
        }
    }

    private var listExecutions: Endpoint {
        Endpoint(
            "GET", "/api/v1/rollouts/{rollout}/executions", "The devices of a rollout, in its order.", access: .permission(.read, owner: nil),
            rateClass: .user, query: Self.pages, answer: Self.listFields(Self.executionFields), statuses: [200, 404]
        ) { [self] request in
            let page = try request.integer("page", in: 1...1_000_000, else: 1)
            let limit = try request.integer("limit", in: 1...100, else: 20)
            let (items, total) = try storage.read { db in
                let rollout = try RolloutStore.known(request.parameter("rollout"), tenant: request.tenant, in: db)
                let found = try RolloutStore.page(of: rollout.row, page, limit: limit, in: db)
                return (try found.items.map { FieldValue.record(try Self.show($0, in: db)) }, found.total)
            }
            return APIAnswer(data: UserService.list(items, page: page, limit: limit, total: total))
        }
    }

    // MARK: Control

    private static let controlFields = [
        FieldKind("revision", .integer, "refused where it is not the present one"), FieldKind("reason", .text, "a word"),
    ]

    private func control(
        _ word: String, _ permission: Permission, _ about: String, _ body: @escaping @Sendable (inout RolloutEngine, RolloutRecord, String?) throws -> Void
    ) -> Endpoint {
        Endpoint(
            "POST", "/api/v1/rollouts/{rollout}/\(word)", about, access: .permission(permission, owner: nil), rateClass: .user,
            body: Self.controlFields, answer: Self.wholeFields, statuses: [200, 404, 409]
        ) { [self] request in
            let reason = try request.text("reason", maximum: 64)
            let rollout = try await control(
                request.parameter("rollout"), word, tenant: request.tenant, actor: request.identity.label, revision: request.body["revision"]?.integer
            ) { engine, rollout in
                try body(&engine, rollout, reason)
            }
            return APIAnswer(data: .record(try storage.read { db in try Self.showWhole(rollout, in: db) }))
        }
    }

    func control(
        _ id: String, _ word: String, tenant: String, actor: String, revision: Int64? = nil,
        _ body: (inout RolloutEngine, RolloutRecord) throws -> Void
    ) async throws -> RolloutRecord {
        try await change("rollout.\(word)", ["rollout": .text(id)], actor: actor) { engine in
            let rollout = try RolloutStore.known(id, tenant: tenant, in: engine.db)
            if let revision, revision != rollout.revision {
                throw APIError(.revisionConflict, details: ["revision": .integer(rollout.revision)])
            }
            try body(&engine, rollout)
            return try RolloutStore.known(id, tenant: tenant, in: engine.db)
        }
    }

    // MARK: Executions

    private var oneExecution: Endpoint {
        Endpoint(
            "GET", "/api/v1/firmware/executions/{execution_id}", "One device's try at a version.", access: .permission(.read, owner: nil),
            rateClass: .user, answer: Self.executionFields, statuses: [200, 404]
        ) { [self] request in
            APIAnswer(
                data: .record(
                    try storage.read { db in
                        try Self.show(try Self.known(request.parameter("execution_id"), tenant: request.tenant, in: db), in: db)
                    }))
        }
    }

    private static func known(_ id: String, tenant: String, in db: Database) throws -> ExecutionRecord {
        guard let execution = try RolloutStore.execution(id, in: db),
            try RolloutStore.find(execution.rollout, in: db)?.tenant == tenant
        else { throw APIError(.executionNotFound) }
        return execution
    }

    private var cancelExecution: Endpoint {
        Endpoint(
            "POST", "/api/v1/firmware/executions/{execution_id}/cancel", "Cancels an update, where the device has not activated it yet.",
            access: .permission(.write, owner: nil), rateClass: .user,
            body: [FieldKind("revision", .integer, "refused where it is not the present one")], answer: Self.executionFields, statuses: [200, 404, 409]
        ) { [self] request in
            let execution = try await cancel(
                request.parameter("execution_id"), tenant: request.tenant, actor: request.identity.label, revision: request.body["revision"]?.integer)
            return APIAnswer(data: .record(try storage.read { db in try Self.show(execution, in: db) }))
        }
    }

    func cancel(_ id: String, tenant: String, actor: String, revision: Int64? = nil) async throws -> ExecutionRecord {
        try await change("ota.cancel", ["execution": .text(id)], actor: actor) { engine in
            let execution = try Self.known(id, tenant: tenant, in: engine.db)
            if let revision, revision != execution.revision {
                throw APIError(.revisionConflict, details: ["revision": .integer(execution.revision)])
            }
            try engine.cancel(execution)
            return try Self.known(id, tenant: tenant, in: engine.db)
        }
    }
}

extension RolloutPlan {
    static let maximumStages = 8
    static let maximumDevices = 10_000

    /// - Throws: `INVALID_FIELD`.
    init(_ fields: Fields, version: VersionRecord, settings: FirmwareSettings) throws(APIError) {
        let devices = fields["devices"]?.list?.compactMap(\.text)
        let group = fields["group"]?.text
        if devices != nil, group != nil { throw .invalidField("group", "name either 'devices' or a 'group'") }
        if let devices, devices.isEmpty || devices.count > Self.maximumDevices {
            throw .invalidField("devices", "'devices' must name 1 to \(Self.maximumDevices) devices")
        }
        self.init(
            version: version, kind: devices != nil ? .devices : group != nil ? .group : .everyone, devices: devices ?? [], group: group,
            timeout: try Self.timeout(fields["device_timeout"]) ?? settings.deviceTimeout.nanoseconds / 1_000_000)
        if let given = fields["percentages"]?.list {
            percentages = given.compactMap { $0.integer.flatMap { Int(exactly: $0) } }
            let isRising = zip(percentages, percentages.dropFirst()).allSatisfy { $0 < $1 }
            guard percentages.count == given.count, (1...Self.maximumStages).contains(given.count), isRising, percentages.allSatisfy({ (1...100).contains($0) })
            else { throw .invalidField("percentages", "'percentages' must be 1 to \(Self.maximumStages) rising whole numbers from 1 to 100") }
        }
        gates.success = try Self.share("success_gate", fields) ?? gates.success
        gates.error = try Self.share("error_gate", fields) ?? gates.error
        gates.minimumSamples = try Self.count("minimum_samples", fields, 1...1_000_000) ?? gates.minimumSamples
        rate = try Self.count("rate", fields, 1...60_000).map { Int($0) }
        rollsBackOnError = fields["rollback_on_error"]?.bool ?? false
        isForced = fields["force"]?.bool ?? false
        starts = fields["start"]?.bool ?? true
    }

    private static func timeout(_ value: FieldValue?) throws(APIError) -> Int64? {
        guard let value else { return nil }
        guard let nanoseconds = value.durationNanoseconds, nanoseconds >= 1_000_000_000, nanoseconds <= 90 * 86_400 * 1_000_000_000 else {
            throw .invalidField("device_timeout", "'device_timeout' must be a duration of 1s to 90d")
        }
        return nanoseconds / 1_000_000
    }

    private static func share(_ name: String, _ fields: Fields) throws(APIError) -> Int64? {
        guard let value = fields[name] else { return nil }
        guard let share = value.asNumber, (0...1).contains(share) else { throw .invalidField(name, "'\(name)' must be a share of 0 to 1") }
        return RolloutGates.millionths(share)
    }

    private static func count(_ name: String, _ fields: Fields, _ range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let value = fields[name] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw .invalidField(name, "'\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
