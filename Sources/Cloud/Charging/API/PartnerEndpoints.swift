import LabCore

// What other companies' systems may ask with a signed request (security.md 4.2): the state of an operator's piles, and his orders.
extension ChargingAPI {
    var partnerEndpoints: [Endpoint] { [partnerPiles, partnerOrders] }

    private func partner(
        _ path: String, _ summary: String, query: [FieldKind], answer: [FieldKind],
        handle: @escaping @Sendable (CloudRequest, String) async throws -> APIAnswer
    ) -> Endpoint {
        Endpoint("GET", Self.root + path, summary, access: .partner, rateClass: .user, query: query, answer: answer) { request in
            guard case .partner(_, let operatorID) = request.identity, !operatorID.isEmpty else { throw APIError(.permissionDenied) }
            return try await handle(request, operatorID)
        }
    }

    private var partnerPiles: Endpoint {
        partner(
            "/partner/piles", "The operator's piles and the states of their ports.", query: ChargingForms.pages,
            answer: ChargingForms.listFields(Self.pileFields)
        ) { request, operatorID in
            let page = try ChargingForms.page(request)
            let sites = stations.tree.subtree(of: operatorID).filter { $0.kind == .site }.map(\.id)
            let found = try stations.storage.read { db in
                try StationStore.pileIDs(sites: sites, wire: nil, limit: page.limit, offset: page.offset, in: db)
            }
            return ChargingForms.list(found.items.compactMap { stations.snapshot(of: $0) }.map { show($0) }, page, total: found.total)
        }
    }

    private var partnerOrders: Endpoint {
        partner(
            "/partner/orders", "The operator's orders, the newest first, without their users.",
            query: ChargingForms.pages + Self.orderQuery,
            answer: ChargingForms.listFields(ChargingForms.orderFields)
        ) { request, operatorID in
            let page = try ChargingForms.page(request)
            var filter = try filter(request)
            filter.operatorID = operatorID
            let found = try backend.orders(filter, limit: page.limit, offset: page.offset)
            return ChargingForms.list(found.items.map(ChargingForms.show), page, total: found.total)
        }
    }
}
