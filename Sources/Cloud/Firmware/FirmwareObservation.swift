import GRDB
import LabCore
import Synchronization

/// What the cloud learns of devices by the way.
extension FirmwareService: DeviceObserver {
    /// The version that runs settles an execution whose result never came (specs/ota.md O4).
    func device(_ id: String, runs version: String, isConfirmed: Bool) {
        devices.attempt("firmware.settle") {
            let facts = try storage.read { db -> (ExecutionRecord, String)? in
                guard let begun = try RolloutStore.begun(of: id, in: db), let wanted = try VersionStore.find(begun.version, in: db) else { return nil }
                return (begun, wanted.number)
            }
            guard let (begun, wanted) = facts else { return }
            let isThere = VersionRecord.canonical(version) == wanted && begun.fromVersion != wanted
            if isThere && isConfirmed {
                try changeNow("ota.settle", ["device": .text(id)]) { try $0.finish(begun, .succeeded, .success, reason: nil) }
            } else if begun.isConfirmed != isConfirmed {
                try storage.write(.buffered) { db in
                    try db.execute(cached: "UPDATE executions SET is_confirmed = ? WHERE id = ?", isConfirmed, begun.row)
                }
            }
        }
    }

    func deviceWasDeleted(_ id: String) {
        devices.attempt("firmware.cancel") {
            guard try storage.read({ db in try !RolloutStore.open(of: id, in: db).isEmpty }) else { return }
            try changeNow("ota.cancel", ["device": .text(id)]) { engine in
                for execution in try RolloutStore.open(of: id, in: engine.db) {
                    try engine.finish(execution, .cancelled, .neutral, reason: "device_deleted")
                }
            }
        }
    }

    // MARK: Faults

    /// What a fault does to a report; `nil` where none acts on it.
    func strike(
        _ call: HTTPCall, answeredBy answer: (HTTPCall) async -> Result<HTTPAnswer, HTTPFailure>
    ) async -> Result<HTTPAnswer, HTTPFailure>? {
        guard call.method == "POST", call.path.hasPrefix("/api/v1/firmware/executions/"), call.path.hasSuffix("/report") else { return nil }
        let fault = faults.withLock { faults in faults.strikes() ? faults : nil }
        guard let fault else { return nil }
        if let status = fault.reportStatus {
            let body = JSONWriter.bytes(["code": 9001, "data": ["error": "INTERNAL_ERROR"], "message": "The cloud failed to answer the request."])
            return .success(
                HTTPAnswer(
                    status: status,
                    headers: [HTTPCall.Header("content-type", "application/json"), HTTPCall.Header("content-length", String(body.count))], body: body))
        }
        if fault.takesLostReports { _ = await answer(call) }
        return .failure(.interrupted)
    }
}
