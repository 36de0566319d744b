/// 6xxx: firmware: versions, rollouts, executions, downloads.
extension ErrorCode {
    package static let versionNotFound = ErrorCode(
        6001, "VERSION_NOT_FOUND", status: 404, "There is no such version of this device type.", remedy: "List the versions at /api/v1/versions.")
    package static let versionExists = ErrorCode(
        6002, "VERSION_EXISTS", status: 409, "This version is there already.", remedy: "Upload to it while it is a draft, or choose another number.")
    package static let versionImmutable = ErrorCode(
        6003, "VERSION_IMMUTABLE", status: 409, "A released version never changes.", remedy: "Make a new version.")
    package static let versionIncomplete = ErrorCode(
        6004, "VERSION_INCOMPLETE", status: 409, "Something of the version is missing.", remedy: "Upload the part that data.part names.")
    package static let imageUnfit = ErrorCode(
        6005, "IMAGE_UNFIT", status: 422, "No device would start this image.", remedy: "Look at data.findings; `lab firmware inspect` says more.")
    package static let manifestMismatch = ErrorCode(
        6006, "MANIFEST_MISMATCH", status: 422, "The manifest is not that of this image.",
        remedy: "Make the manifest from the file that is uploaded, with `lab firmware manifest`.")
    package static let deltaMismatch = ErrorCode(
        6007, "DELTA_MISMATCH", status: 422, "The delta is not the one that the manifest names.", remedy: "Make manifest and delta together.")
    package static let rootNotFound = ErrorCode(
        6008, "ROOT_NOT_FOUND", status: 404, "There is no root of this number.", remedy: "The chain ends before it.")
    package static let rootConflict = ErrorCode(
        6009, "ROOT_CONFLICT", status: 409, "The root does not follow the chain.", remedy: "Upload the roots one after the other; none is replaced.")
    package static let rolloutNotFound = ErrorCode(
        6010, "ROLLOUT_NOT_FOUND", status: 404, "There is no rollout of this id.", remedy: "List them at /api/v1/rollouts.")
    package static let rolloutState = ErrorCode(
        6011, "ROLLOUT_STATE", status: 409, "The rollout's state does not allow this.", remedy: "Look at data.state.")
    package static let rolloutEmpty = ErrorCode(
        6012, "ROLLOUT_EMPTY", status: 422, "No device is concerned.", remedy: "Look at type, group, channel and the versions that run.")
    package static let groupNotFound = ErrorCode(
        6013, "GROUP_NOT_FOUND", status: 404, "There is no group of this name.", remedy: "Make it with PUT /api/v1/firmware/groups/{name}.")
    package static let executionNotFound = ErrorCode(
        6014, "OTA_EXECUTION_NOT_FOUND", status: 404, "The device has no execution of this id.", remedy: "Ask /api/v1/versions/check.")
    package static let executionFinished = ErrorCode(
        6015, "OTA_EXECUTION_FINISHED", status: 409, "The execution has ended.", remedy: "Its result is in data.state; nothing is to be reported any more.")
    package static let pointOfNoReturn = ErrorCode(
        6016, "OTA_POINT_OF_NO_RETURN", status: 409, "The new image is activated; it is too late to cancel.",
        remedy: "Wait for the result; a rollback of the rollout brings the old version back.")
    package static let urlExpired = ErrorCode(
        6017, "OTA_URL_EXPIRED", status: 403, "The download address has expired.", remedy: "Ask /api/v1/versions/check for a fresh one.")
    package static let urlInvalid = ErrorCode(
        6018, "OTA_URL_INVALID", status: 403, "The download address is not one of this cloud.", remedy: "Use it as /api/v1/versions/check gave it.")
    package static let rangeNotSatisfiable = ErrorCode(
        6019, "RANGE_NOT_SATISFIABLE", status: 416, "The range begins at or beyond the end of the file.", remedy: "Look at content-range.")
    package static let manifestNotFound = ErrorCode(
        6020, "MANIFEST_NOT_FOUND", status: 404, "The version has no manifest.", remedy: "Packages of modules have none.")
    package static let revisionConflict = ErrorCode(
        6021, "REVISION_CONFLICT", status: 409, "It has changed meanwhile.", remedy: "Read it again; data.revision is the present one.")
    package static let blockNotFound = ErrorCode(
        6022, "BLOCK_NOT_FOUND", status: 404, "The version is not blocked for this device.", remedy: "Nothing is to be done.")

    static let firmwareCodes: [ErrorCode] = [
        versionNotFound, versionExists, versionImmutable, versionIncomplete, imageUnfit, manifestMismatch, deltaMismatch, rootNotFound,
        rootConflict, rolloutNotFound, rolloutState, rolloutEmpty, groupNotFound, executionNotFound, executionFinished, pointOfNoReturn,
        urlExpired, urlInvalid, rangeNotSatisfiable, manifestNotFound, revisionConflict, blockNotFound,
    ]
}
