import LabCore

// Finding piles on a map (charging-platform.md 3.2, "地图找桩").
extension ChargingAPI {
    var nearbyEndpoints: [Endpoint] { [nearbySites] }

    static let place = [
        FieldKind("latitude", .number, unit: "°", "of a site, -90 to 90; with longitude"),
        FieldKind("longitude", .number, unit: "°", "-180 to 180"),
    ]

    /// The place of a body or query; `nil` where it has none.
    static func place(in fields: Fields) throws(APIError) -> GeoPoint? {
        let (latitude, longitude) = (fields["latitude"]?.asNumber, fields["longitude"]?.asNumber)
        if latitude == nil, longitude == nil { return nil }
        guard let latitude, let longitude, let point = GeoPoint(latitude: latitude, longitude: longitude) else {
            throw .invalidField("latitude", "'latitude' must be -90 to 90 and 'longitude' -180 to 180 degrees, both of them")
        }
        return point
    }

    private var nearbySites: Endpoint {
        rider(
            "GET", "/sites/nearby", "The sites around a place, the nearest first, with their free ports.",
            query: [
                FieldKind("latitude", .number, unit: "°", required: true), FieldKind("longitude", .number, unit: "°", required: true),
                FieldKind("radius", .integer, unit: "m", "1 to 50000; 5000 where absent"), FieldKind("limit", .integer, "1 to 100; 20 where absent"),
            ],
            answer: [
                FieldKind(
                    "items",
                    .list(
                        .record([
                            FieldKind("site", .text, required: true), FieldKind("name", .text), FieldKind("address", .text),
                            FieldKind("latitude", .number), FieldKind("longitude", .number), FieldKind("distance", .integer, unit: "m"),
                            FieldKind("piles", .integer), FieldKind("ports", .integer), FieldKind("free_ports", .integer),
                        ])), required: true)
            ]
        ) { [stations] request, _ in
            guard let point = try Self.place(in: request.query) else { throw APIError.invalidField("latitude", "'latitude' is missing") }
            let radius = try request.integer("radius", in: 1...50_000, else: 5_000)
            let sites = stations.sites(near: point, within: Double(radius), limit: try request.integer("limit", in: 1...100, else: 20))
            return APIAnswer(data: ["items": .list(sites.map(Self.show))])
        }
    }

    private static func show(_ near: NearbySite) -> FieldValue {
        var fields: Fields = ["site": .text(near.site.id), "name": .text(near.site.name)]
        if let address = near.site.address { fields["address"] = .text(address) }
        fields["latitude"] = .number(near.place.latitude)
        fields["longitude"] = .number(near.place.longitude)
        fields["distance"] = .integer(Int64(near.distance.rounded()))
        fields["piles"] = .integer(Int64(near.piles))
        fields["ports"] = .integer(Int64(near.ports))
        fields["free_ports"] = .integer(Int64(near.freePorts))
        return .record(fields)
    }
}
