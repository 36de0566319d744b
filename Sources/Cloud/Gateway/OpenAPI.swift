import LabCore

/// The interface described for tools (OpenAPI 3.1.0), from the same list that the router is made from.
enum OpenAPI {
    static func document(of endpoints: [Endpoint], hostName: String) -> FieldValue {
        var paths: Fields = [:]
        for endpoint in endpoints {
            var entry = paths[endpoint.path]?.record ?? [:]
            entry[endpoint.method.lowercased()] = operation(endpoint)
            paths[endpoint.path] = .record(entry)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "lab cloud", "version": "1.0.0",
                "description": "Answers have the form {code, data, message}; code is 0 or one of /api/v1/errors.",
            ],
            "servers": [["url": .text("http://\(hostName)")]], "paths": .record(paths),
            "components": [
                "securitySchemes": securitySchemes, "parameters": parameters,
                "schemas": ["Failure": failureSchema], "responses": ["Failure": failureResponse],
            ],
        ]
    }

    // MARK: Operations

    private static func operation(_ endpoint: Endpoint) -> FieldValue {
        var operation: Fields = ["operationId": .text(operationID(endpoint)), "summary": .text(endpoint.summary)]
        let security = security(endpoint.access)
        operation["security"] = .list(security)
        if case .permission(let permission, let owner) = endpoint.access {
            operation["x-permission"] = .text(permission.rawValue)
            if let owner { operation["x-owner"] = .text(owner) }
        }
        operation["parameters"] = .list(parameters(of: endpoint))
        if endpoint.takesBytes {
            operation["requestBody"] = [
                "required": true, "content": .record([endpoint.bytesType: ["schema": ["type": "string", "format": "binary"]]]),
            ]
        } else if let body = endpoint.body {
            operation["requestBody"] = [
                "required": .bool(body.contains(where: \.isRequired)),
                "content": ["application/json": ["schema": schema(of: body, isOpen: endpoint.bodyIsOpen)]],
            ]
        }
        operation["responses"] = responses(endpoint)
        return .record(operation)
    }

    /// `getApiV1DevicesDeviceId`: unique because method and path are.
    private static func operationID(_ endpoint: Endpoint) -> String {
        let words = endpoint.path.split { !$0.isLetter && !$0.isNumber }
        return endpoint.method.lowercased() + words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func security(_ access: Access) -> [FieldValue] {
        switch access {
        case .open: []
        case .factory, .deviceSecret, .partner: [["signature": []]]
        case .anyDevice(let permission):
            permission == nil ? [["bearer": [], "signature": []]] : [["bearer": []], ["bearer": [], "signature": []]]
        case .permission(let permission, let owner):
            owner != nil && UserRole.device.has(permission) ? [["bearer": []], ["bearer": [], "signature": []]] : [["bearer": []]]
        }
    }

    private static func parameters(of endpoint: Endpoint) -> [FieldValue] {
        let names = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
        let inPath = names.map { name -> FieldValue in
            [
                "name": .text(name), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1, "maxLength": 128],
            ]
        }
        let inQuery = endpoint.query.map { kind -> FieldValue in
            [
                "name": .text(kind.name), "in": "query", "required": .bool(kind.isRequired), "description": .text(kind.about),
                "schema": schema(of: kind.type, isOpen: false),
            ]
        }
        let reference: (String) -> FieldValue = { ["$ref": .text("#/components/parameters/\($0)")] }
        let inHeader: [FieldValue] =
            switch endpoint.access {
            case .open: []
            case .factory, .deviceSecret, .partner: [reference("tenant"), reference("deviceID"), reference("timestamp"), reference("nonce")]
            case .permission, .anyDevice: [reference("tenant")]
            }
        return inPath + inQuery + inHeader
    }

    private static func responses(_ endpoint: Endpoint) -> FieldValue {
        var common = [400, 413, 414, 429, 431, 500, 507]
        if endpoint.access != .open { common += [401, 403] }
        if endpoint.body != nil || endpoint.takesBytes { common.append(415) }
        var responses: Fields = [:]
        for status in Set(endpoint.statuses + common).sorted() {
            responses[String(status)] = status < 400 ? success(endpoint, status: status) : ["$ref": "#/components/responses/Failure"]
        }
        return .record(responses)
    }

    private static func success(_ endpoint: Endpoint, status: Int) -> FieldValue {
        if status == 204 { return ["description": "Done."] }
        if endpoint.path == "/metrics" { return ["description": "Metrics.", "content": ["text/plain": ["schema": ["type": "string"]]]] }
        if endpoint.rateClass == .ota {
            return ["description": "Bytes.", "content": ["application/octet-stream": ["schema": ["type": "string", "format": "binary"]]]]
        }
        if let type = endpoint.plainAnswer {
            return ["description": "Done.", "content": .record([type: ["schema": ["type": "string"]]])]
        }
        if endpoint.path == "/openapi.json" {
            return ["description": "This document.", "content": ["application/json": ["schema": ["type": "object"]]]]
        }
        let data: FieldValue = endpoint.answer.isEmpty ? [:] : schema(of: endpoint.answer, isOpen: true)
        return [
            "description": "Done.", "content": ["application/json": ["schema": envelope(code: ["const": 0], data: data)]],
        ]
    }

    // MARK: Schemas

    private static func envelope(code: FieldValue, data: FieldValue) -> FieldValue {
        [
            "type": "object", "required": ["code", "data", "message"], "additionalProperties": false,
            "properties": ["code": code, "data": data, "message": ["type": "string"]],
        ]
    }

    private static func schema(of kinds: [FieldKind], isOpen: Bool) -> FieldValue {
        var properties: Fields = [:]
        for kind in kinds {
            var property = schema(of: kind.type, isOpen: isOpen).record ?? [:]
            let about = [kind.about, kind.unit.map { "unit: \($0)" } ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
            if !about.isEmpty { property["description"] = .text(about) }
            properties[kind.name] = .record(property)
        }
        return [
            "type": "object", "properties": .record(properties),
            "required": .list(kinds.filter(\.isRequired).map { .text($0.name) }), "additionalProperties": .bool(isOpen),
        ]
    }

    /// - Parameter isOpen: records may have further fields: answers grow, while requests are held to their lists.
    private static func schema(of type: FieldType, isOpen: Bool) -> FieldValue {
        switch type {
        case .text: ["type": "string"]
        case .integer: ["type": "integer", "format": "int64"]
        case .number: ["type": "number"]
        case .bool: ["type": "boolean"]
        case .duration: ["type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|min|h|d)$"]
        case .ratio: ["type": "number", "minimum": 0, "maximum": 1]
        case .file: ["type": "string"]
        case .bytes: ["type": "string", "pattern": "^(0x)?([0-9a-fA-F]{2})*$"]
        case .choice(let words): ["type": "string", "enum": .list(words.map { .text($0) })]
        case .list(let element): ["type": "array", "items": schema(of: element, isOpen: isOpen)]
        case .record(let kinds): kinds.isEmpty ? ["type": "object"] : schema(of: kinds, isOpen: isOpen)
        case .any: [:]
        }
    }

    private static let failureSchema = envelope(
        code: ["type": "integer", "enum": .list(ErrorCode.all.map { .integer(Int64($0.number)) })],
        data: [
            "type": "object", "required": ["error", "request_id"],
            "properties": [
                "error": ["type": "string", "enum": .list(ErrorCode.all.map { .text($0.name) })], "request_id": ["type": "string"],
                "field": ["type": "string"],
            ],
        ])
    private static let failureResponse: FieldValue = [
        "description": "Refused or failed; see data.error and /api/v1/errors.",
        "headers": ["x-request-id": ["schema": ["type": "string"]]],
        "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Failure"]]],
    ]

    // MARK: Who asks

    private static let securitySchemes: FieldValue = [
        "bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
        "signature": [
            "type": "apiKey", "in": "header", "name": "x-signature",
            "description": "v1:sha256:<HMAC-SHA256 over version, method, path, sorted query, host, timestamp, nonce, device, tenant, body hash>",
        ],
    ]

    private static func header(_ name: String, required: Bool, pattern: String, _ about: String) -> FieldValue {
        [
            "name": .text(name), "in": "header", "required": .bool(required), "description": .text(about),
            "schema": ["type": "string", "pattern": .text(pattern)],
        ]
    }
    private static let parameters: FieldValue = [
        "tenant": header("x-tenant", required: false, pattern: "^[A-Za-z0-9._-]{1,64}$", "'default' where absent"),
        "deviceID": header("x-device-id", required: true, pattern: "^[!-~]{1,128}$", "the serial number where the factory key signs"),
        "timestamp": header("x-timestamp", required: true, pattern: "^(0|[1-9][0-9]{0,9})$", "Unix seconds, within 300 s of the cloud's time"),
        "nonce": header("x-nonce", required: true, pattern: "^[A-Za-z0-9_-]{16,64}$", "never the same twice"),
    ]
}
