import LabCore

// One job over many piles, with a result for each; and the images that upgrades need.
extension ChargingAPI {
    var batchEndpoints: [Endpoint] { [listBatches, beginBatch, oneBatch, batchItems, putImage] }

    static let batchFields = [
        FieldKind("batch", .integer, required: true), FieldKind("operator", .text, required: true),
        FieldKind("kind", .choice(BatchKind.allCases.map(\.rawValue)), required: true), FieldKind("arguments", .record([])),
        FieldKind("created_by", .text), FieldKind("created_at", .text), FieldKind("finished_at", .text, "absent while it runs"),
        FieldKind("total", .integer, required: true), FieldKind("waiting", .integer, required: true),
        FieldKind("done", .integer, required: true),
        FieldKind("stored", .integer, required: true, "gets it when it comes"), FieldKind("failed", .integer, required: true),
    ]

    func show(_ batch: StationBatch) throws -> Fields {
        stations.attempt("batch.results") { try stations.keepResults() }
        let (batch, counts) = try stations.storage.read { db in
            (try BatchStore.find(batch.id, in: db) ?? batch, try BatchStore.counts(of: batch.id, in: db))
        }
        var fields: Fields = [
            "batch": .integer(batch.id), "operator": .text(batch.operatorID), "kind": .text(batch.kind.rawValue),
            "arguments": .record(batch.arguments),
            "created_by": .text(batch.createdBy), "created_at": ChargingForms.time(batch.createdAt),
        ]
        if let finished = batch.finishedAt { fields["finished_at"] = ChargingForms.time(finished) }
        let total = BatchItem.State.allCases.reduce(0) { $0 + (counts[$1] ?? 0) }
        let settled = (counts[.done] ?? 0) + (counts[.stored] ?? 0) + (counts[.failed] ?? 0)
        fields["total"] = .integer(Int64(total))
        fields["waiting"] = .integer(Int64(total - settled))
        fields["done"] = .integer(Int64(counts[.done] ?? 0))
        fields["stored"] = .integer(Int64(counts[.stored] ?? 0))
        fields["failed"] = .integer(Int64(counts[.failed] ?? 0))
        return fields
    }

    private var listBatches: Endpoint {
        staff(
            "GET", "/batches", "The batches of the caller's operators, the newest first.", .controlStations, query: ChargingForms.pages,
            answer: ChargingForms.listFields(Self.batchFields)
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let operators = scope.isPlatform ? nil : scope.operators
            let found = try stations.storage.read { db in
                try BatchStore.page(operators: operators, limit: page.limit, offset: page.offset, in: db)
            }
            return ChargingForms.list(try found.items.map { try show($0) }, page, total: found.total)
        }
    }

    private var beginBatch: Endpoint {
        staff(
            "POST", "/batches", "Does one thing to many piles; one that fails keeps none of the others back.", .controlStations,
            body: [
                FieldKind("kind", .choice(BatchKind.allCases.map(\.rawValue)), required: true),
                FieldKind("piles", .list(.text), "1 to 1000 ids"),
                FieldKind("organisation", .text, "instead of piles: all piles below it"),
                FieldKind("parameters", .record([]), "of set_parameters: \(PileParameter.nameRule)"),
                FieldKind("version", .text, "of upgrade"),
                FieldKind("ports", .list(.integer), "of disable_ports and enable_ports; all where absent"), FieldKind("reason", .text),
            ], answer: Self.batchFields, statuses: [202, 404, 422]
        ) { request, scope in
            let kind = request.body["kind"]?.text.flatMap(BatchKind.init) ?? .restart
            let piles = try piles(of: request, scope)
            guard let operatorID = piles.first?.registered.operatorID, piles.allSatisfy({ $0.registered.operatorID == operatorID }) else {
                throw APIError(.batchInvalid, "A batch is about one or more piles of one operator.")
            }
            var arguments: Fields = [:]
            for name in ["parameters", "version", "ports", "reason"] { arguments[name] = request.body[name] }
            if kind != .setParameters, arguments["parameters"] != nil {
                throw APIError(.batchInvalid, "'parameters' belong to set_parameters only.")
            }
            if kind != .upgrade, arguments["version"] != nil { throw APIError(.batchInvalid, "'version' belongs to upgrade only.") }
            if kind != .disablePorts, kind != .enablePorts, arguments["ports"] != nil {
                throw APIError(.batchInvalid, "'ports' belong to disable_ports and enable_ports only.")
            }
            return try await begin(kind, piles, arguments, request)
        }
    }

    /// The piles of a batch, each within reach: one that is not refuses the whole batch, before anything is done.
    private func piles(of request: CloudRequest, _ scope: StaffScope) throws -> [PileState] {
        if let root = try request.text("organisation", maximum: 65) {
            if request.body["piles"] != nil { throw APIError(.batchInvalid, "Give 'piles' or 'organisation', not both.") }
            let place = try organisation(root, .controlStations, scope, request)
            let sites = stations.tree.subtree(of: place.id).filter { $0.kind == .site }.map(\.id)
            let ids = try stations.storage.read { db in
                try StationStore.pileIDs(sites: sites, wire: nil, limit: 100_000, offset: 0, in: db).items
            }
            return ids.compactMap { stations.snapshot(of: $0) }
        }
        let ids = request.body["piles"]?.list?.compactMap(\.text) ?? []
        guard (1...1_000).contains(ids.count) else { throw APIError.invalidField("piles", "'piles' must hold 1 to 1000 ids") }
        return try ids.map { try pile($0, .controlStations, scope, request) }
    }

    private func batch(_ request: CloudRequest, _ scope: StaffScope) throws -> StationBatch {
        let id = try ChargingForms.number(request.parameter("batch"), else: .batchNotFound)
        guard let batch = try stations.storage.read({ db in try BatchStore.find(id, in: db) }) else { throw APIError(.batchNotFound) }
        guard scope.isPlatform || scope.operators.contains(batch.operatorID) else {
            stations.noteForeign(request, owner: batch.operatorID, what: "batch \(id)")
            throw APIError(.batchNotFound)
        }
        return batch
    }

    private var oneBatch: Endpoint {
        staff(
            "GET", "/batches/{batch}", "How far a batch has come.", .controlStations, answer: Self.batchFields, statuses: [200, 404]
        ) { request, scope in
            APIAnswer(data: .record(try show(try batch(request, scope))))
        }
    }

    private var batchItems: Endpoint {
        staff(
            "GET", "/batches/{batch}/items", "What became of each pile within reach.", .controlStations, query: ChargingForms.pages,
            answer: ChargingForms.listFields([
                FieldKind("pile", .text, required: true), FieldKind("site", .text),
                FieldKind("state", .choice(BatchItem.State.allCases.map(\.rawValue)), required: true), FieldKind("reason", .text),
                FieldKind("finished_at", .text),
            ]), statuses: [200, 404]
        ) { request, scope in
            let page = try ChargingForms.page(request)
            let batch = try batch(request, scope)
            stations.attempt("batch.results") { try stations.keepResults() }
            let sites = scope.sites(.controlStations, in: stations.tree)
            let found = try stations.storage.read { db in
                try BatchStore.items(of: batch.id, sites: sites, limit: page.limit, offset: page.offset, in: db)
            }
            let items = found.items.map { item -> Fields in
                var fields: Fields = ["pile": .text(item.pile), "site": .text(item.site), "state": .text(item.state.rawValue)]
                if let reason = item.reason { fields["reason"] = .text(reason) }
                if let finished = item.finishedAt { fields["finished_at"] = ChargingForms.time(finished) }
                return fields
            }
            return ChargingForms.list(items, page, total: found.total)
        }
    }

    private var putImage: Endpoint {
        staff(
            "PUT", "/images/{version}", "Uploads an image for upgrades of an operator's piles; it never changes.", .controlStations,
            query: [FieldKind("operator", .text)], bodyLimit: stations.settings.imageBytes, takesBytes: true,
            answer: [
                FieldKind("version", .text, required: true), FieldKind("operator", .text, required: true),
                FieldKind("checksum", .text, required: true),
                FieldKind("size", .integer, required: true),
            ], statuses: [200, 404, 409]
        ) { request, scope in
            let operatorID = try wholeOperator(.controlStations, scope, request, named: request.query["operator"]?.text)
            let version = request.parameter("version")
            guard version.utf8.count <= 32, version.utf8.allSatisfy(Characters.isVisible) else {
                throw APIError.invalidField("version", "'version' must be 1 to 32 visible characters")
            }
            let checksum = try await stations.putImage(request.rawBody, version: version, operatorID: operatorID)
            return APIAnswer(data: [
                "version": .text(version), "operator": .text(operatorID), "checksum": .text("sha256:" + checksum),
                "size": .integer(Int64(request.rawBody.count)),
            ])
        }
    }
}
