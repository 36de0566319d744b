/// 71xx: stations: organisations, piles, ports, tariffs, alarms, batches, staff, partners.
extension ErrorCode {
    package static let organisationNotFound = ErrorCode(
        7101, "ORGANISATION_NOT_FOUND", status: 404, "There is no such organisation.", remedy: "List them at /api/v1/charging/organisations.")
    package static let organisationExists = ErrorCode(
        7102, "ORGANISATION_EXISTS", status: 409, "The operator has an organisation of this code already.", remedy: "Choose another code.")
    package static let organisationKind = ErrorCode(
        7103, "ORGANISATION_KIND", status: 422, "The tree is operator, regions, sites; this does not fit into it.",
        remedy: "Regions and sites lie below an operator or a region; piles belong to sites.")
    package static let pileExists = ErrorCode(
        7105, "PILE_EXISTS", status: 409, "A pile of this id is entered already.", remedy: "Compare the id with the one on the pile.")
    package static let tariffNotFound = ErrorCode(
        7108, "TARIFF_NOT_FOUND", status: 404, "There is no such version of a tariff.", remedy: "List the versions of the organisation.")
    package static let tariffRetroactive = ErrorCode(
        7109, "TARIFF_RETROACTIVE", status: 409, "A version takes effect now or later, never in the past.", remedy: "Leave out effective_at, or give a time to come.")
    package static let alarmNotFound = ErrorCode(
        7110, "ALARM_NOT_FOUND", status: 404, "There is no such alarm.", remedy: "List the alarms at /api/v1/charging/alarms.")
    package static let batchNotFound = ErrorCode(
        7111, "BATCH_NOT_FOUND", status: 404, "There is no such batch.", remedy: "List the batches at /api/v1/charging/batches.")
    package static let batchInvalid = ErrorCode(
        7112, "BATCH_INVALID", status: 422, "The batch cannot be done as it is asked for.", remedy: "Correct what the message names.")
    package static let staffRoleNotFound = ErrorCode(
        7113, "STAFF_ROLE_NOT_FOUND", status: 404, "There is no such role.", remedy: "List the roles at /api/v1/charging/roles.")
    package static let staffRoleExists = ErrorCode(
        7114, "STAFF_ROLE_EXISTS", status: 409, "The operator has a role of this name already.", remedy: "Choose another name.")
    package static let staffNotFound = ErrorCode(
        7115, "STAFF_NOT_FOUND", status: 404, "There is no such member of the staff.", remedy: "List them at /api/v1/charging/staff.")
    package static let partnerKeyNotFound = ErrorCode(
        7116, "PARTNER_KEY_NOT_FOUND", status: 404, "There is no such key.", remedy: "List the keys at /api/v1/charging/partner-keys.")
    package static let pileImageNotFound = ErrorCode(
        7117, "PILE_IMAGE_NOT_FOUND", status: 404, "There is no image of this version.", remedy: "Upload it with PUT /api/v1/charging/images/{version}.")
    package static let pileImageExists = ErrorCode(
        7118, "PILE_IMAGE_EXISTS", status: 409, "Another image has this version.", remedy: "An image never changes; choose another version.")
    package static let idempotencyKeyRequired = ErrorCode(
        7119, "IDEMPOTENCY_KEY_REQUIRED", status: 400, "What moves money must be safe to send twice.",
        remedy: "Send idempotency-key: 8 to 64 characters of A-Z, a-z, 0-9, '.', '-' and '_', the same one when the request is sent again.")
    package static let reportNotFound = ErrorCode(
        7121, "REPORT_NOT_FOUND", status: 404, "There is no report for this time yet.", remedy: "Reports come at the end of the day or month.")
    package static let grantTooWide = ErrorCode(
        7122, "GRANT_TOO_WIDE", status: 403, "Nobody gives more than they have themselves.", remedy: "Ask somebody whose role is wider.")

    static let stationCodes: [ErrorCode] = [
        organisationNotFound, organisationExists, organisationKind, pileExists, tariffNotFound, tariffRetroactive, alarmNotFound, batchNotFound,
        batchInvalid, staffRoleNotFound, staffRoleExists, staffNotFound, partnerKeyNotFound, pileImageNotFound, pileImageExists,
        idempotencyKeyRequired, reportNotFound, grantTooWide,
    ]
}
