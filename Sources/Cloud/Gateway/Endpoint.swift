package import LabCore

/// One entry of the REST surface. The routes, the permissions, the validation and `/openapi.json` all come from
/// the list of these, so that none of them can say something else than the others.
package struct Endpoint: Sendable {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. `HEAD` and `OPTIONS` follow by themselves.
    package var method: String
    /// The path with its parameters in braces, each a whole segment: `/api/v1/devices/{device_id}`.
    package var path: String
    /// One sentence for the documentation.
    package var summary: String
    package var access: Access
    package var rateClass: RateClass
    /// The query that is understood; other keys are refused.
    package var query: [FieldKind]
    /// The fields of the body; `nil` for a request without one.
    package var body: [FieldKind]?
    /// Further keys of the body are accepted: a record of records, payloads of unknown form.
    package var bodyIsOpen: Bool
    /// The largest body in bytes where the endpoint differs from the configuration's limit.
    package var bodyLimit: Int?
    /// The body is a file (`application/octet-stream`), which the endpoint finds in `rawBody`.
    package var takesBytes: Bool
    /// The media type of those bytes, where they are no file: `application/x-www-form-urlencoded`.
    package var bytesType = "application/octet-stream"
    /// The fields of `data` in the answer.
    package var answer: [FieldKind]
    /// The content type of an answer that is no envelope: `text/csv`.
    package var plainAnswer: String?
    /// The statuses that are its own: `[200, 404]`. Those that every endpoint can give are added.
    package var statuses: [Int]
    package var handle: @Sendable (CloudRequest) async throws -> APIAnswer

    package init(
        _ method: String, _ path: String, _ summary: String, access: Access, rateClass: RateClass, query: [FieldKind] = [],
        body: [FieldKind]? = nil, bodyIsOpen: Bool = false, bodyLimit: Int? = nil, takesBytes: Bool = false, answer: [FieldKind] = [], plainAnswer: String? = nil,
        statuses: [Int] = [200], handle: @escaping @Sendable (CloudRequest) async throws -> APIAnswer
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.access = access
        self.rateClass = rateClass
        self.query = query
        self.body = body
        self.bodyIsOpen = bodyIsOpen
        self.bodyLimit = bodyLimit
        self.takesBytes = takesBytes
        self.answer = answer
        self.plainAnswer = plainAnswer
        self.statuses = statuses
        self.handle = handle
    }
}

/// Who may call an endpoint.
package enum Access: Sendable, Equatable {
    /// Everybody, without a token.
    case open
    /// A device whose request is signed (version 1) with its factory key.
    ///
    /// Where the tenant has open registration, a request without any signature passes too, as `.anonymous`.
    case factory
    /// A device whose request is signed (version 1) with its device secret; no token.
    case deviceSecret
    /// A bearer token whose role has the permission. A device's token must come with a signature.
    ///
    /// - Parameter owner: the path parameter that must equal the device of a device's token.
    ///   Without one, no device passes.
    case permission(Permission, owner: String?)
    /// A device's token with its signature, whichever device it is: the endpoint looks up what is that device's.
    ///
    /// - Parameter orUser: the permission with which users pass too; without one none does.
    case anyDevice(orUser: Permission?)
    /// Another company's system whose request is signed (version 1) with the key that an operator gave it; no token.
    case partner
}

/// Endpoints that share a budget of requests.
package enum RateClass: String, Sendable, CaseIterable {
    case login, registration, device, user, open
    /// Downloads of firmware, which carry their permission in their address.
    case ota
    /// Notices of payment services: all of them come from a few addresses.
    case notices
}

/// A part of the cloud with a REST surface.
package protocol CloudService: Sendable {
    var endpoints: [Endpoint] { get }
}

/// What the gateway asks of the device store, always by way of a read of the database.
package protocol DeviceKeys: Sendable {
    /// The factory key of a device that may register, 32 bytes; `nil` for one that is not provisioned.
    func factoryKey(serial: String) throws -> [UInt8]?
    /// The current secret of a registered device, 32 bytes, and its key epoch, from 1.
    func deviceKey(id: String) throws -> (secret: [UInt8], epoch: Int)?
}

/// What the gateway asks of whoever keeps the keys of partners.
package protocol PartnerKeys: Sendable {
    /// The secret of a key that is valid, 32 bytes, and the operator who gave it; `nil` for an unknown or a withdrawn one.
    func partnerKey(id: String) throws -> (secret: [UInt8], operatorID: String)?
}
