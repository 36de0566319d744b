extension DNYMessage {
    /// Reads, writes, explains or fills the message, whatever walks along.
    mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        switch self {
        case .registration(var payload):
            try payload.walk(&wire)
            self = .registration(payload)
        case .heartbeat(var payload):
            try payload.walk(&wire)
            self = .heartbeat(payload)
        case .oldHeartbeat(var payload):
            try payload.walk(&wire)
            self = .oldHeartbeat(payload)
        case .powerHeartbeat(var payload):
            try payload.walk(&wire)
            self = .powerHeartbeat(payload)
        case .cardSwipe(var payload):
            try payload.walk(&wire)
            self = .cardSwipe(payload)
        case .settlement(var payload):
            try payload.walk(&wire)
            self = .settlement(payload)
        case .chargeFull(var payload):
            try payload.walk(&wire)
            self = .chargeFull(payload)
        case .orderConfirmation(var payload):
            try payload.walk(&wire)
            self = .orderConfirmation(payload)
        case .chargeAnswer(var payload):
            try payload.walk(&wire)
            self = .chargeAnswer(payload)
        case .changeAnswer(var payload):
            try payload.walk(&wire)
            self = .changeAnswer(payload)
        case .cabinetStopAnswer(var payload):
            try payload.walk(&wire)
            self = .cabinetStopAnswer(payload)
        case .memoryContent(var payload):
            try payload.walk(&wire)
            self = .memoryContent(payload)
        case .alarm(var payload):
            try payload.walk(&wire)
            self = .alarm(payload)
        case .cabinetState(var payload):
            try payload.walk(&wire)
            self = .cabinetState(payload)
        case .portPush(var payload):
            try payload.walk(&wire)
            self = .portPush(payload)
        case .hostHeartbeat(var payload):
            try payload.walk(&wire)
            self = .hostHeartbeat(payload)
        case .hostStatus(var payload):
            try payload.walk(&wire)
            self = .hostStatus(payload)
        case .slaveVersions(var payload):
            try payload.walk(&wire)
            self = .slaveVersions(payload)
        case .radioRequest(var payload):
            try payload.walk(&wire)
            self = .radioRequest(payload)
        case .testMode(var payload):
            try payload.walk(&wire)
            self = .testMode(payload)
        case .slaveSetsServer(var payload):
            try payload.walk(&wire)
            self = .slaveSetsServer(payload)
        case .upgradeRequest(var payload):
            try payload.walk(&wire)
            self = .upgradeRequest(payload)
        case .cardAnswer(var payload):
            try payload.walk(&wire)
            self = .cardAnswer(payload)
        case .orderConfirmationAnswer(var payload):
            try payload.walk(&wire)
            self = .orderConfirmationAnswer(payload)
        case .charge(var payload):
            try payload.walk(&wire)
            self = .charge(payload)
        case .change(var payload):
            try payload.walk(&wire)
            self = .change(payload)
        case .cabinetStop(var payload):
            try payload.walk(&wire)
            self = .cabinetStop(payload)
        case .memoryRead(var payload):
            try payload.walk(&wire)
            self = .memoryRead(payload)
        case .memoryWrite(var payload):
            try payload.walk(&wire)
            self = .memoryWrite(payload)
        case .function(var payload):
            try payload.walk(&wire)
            self = .function(payload)
        case .quickResponseAddress(var payload):
            try payload.walk(&wire)
            self = .quickResponseAddress(payload)
        case .temporaryCode(var payload):
            try payload.walk(&wire)
            self = .temporaryCode(payload)
        case .serverAddress(var payload):
            try payload.walk(&wire)
            self = .serverAddress(payload)
        case .radioParameters(var payload):
            try payload.walk(&wire)
            self = .radioParameters(payload)
        case .poll(var payload):
            try payload.walk(&wire)
            self = .poll(payload)
        case .upgradeAnswer(let command, var payload):
            try payload.walk(&wire)
            self = .upgradeAnswer(command, payload)
        case .time(let command, var payload):
            try payload.walk(&wire)
            self = .time(command, payload)
        case .setting(let command, var payload):
            try payload.walk(&wire)
            self = .setting(command, payload)
        case .upgradePacket(let command, var payload):
            try payload.walk(&wire)
            self = .upgradePacket(command, payload)
        case .chargeParameters(let command, var payload):
            try payload.walk(&wire)
            self = .chargeParameters(command, payload)
        case .detectionParameters(let command, var payload):
            try payload.walk(&wire)
            self = .detectionParameters(command, payload)
        case .limits(let command, var payload):
            try payload.walk(&wire)
            self = .limits(command, payload)
        case .cardKeys(let command, var payload):
            try payload.walk(&wire)
            self = .cardKeys(command, payload)
        case .answer(let command, var payload):
            try payload.walk(&wire)
            self = .answer(command, payload)
        case .bare(let command, var payload):
            try payload.walk(&wire)
            self = .bare(command, payload)
        }
    }

    /// Where the table of its fields is.
    var source: String {
        switch self {
        case .registration(let payload): source(of: payload)
        case .heartbeat(let payload): source(of: payload)
        case .oldHeartbeat(let payload): source(of: payload)
        case .powerHeartbeat(let payload): source(of: payload)
        case .cardSwipe(let payload): source(of: payload)
        case .settlement(let payload): source(of: payload)
        case .chargeFull(let payload): source(of: payload)
        case .orderConfirmation(let payload): source(of: payload)
        case .chargeAnswer(let payload): source(of: payload)
        case .changeAnswer(let payload): source(of: payload)
        case .cabinetStopAnswer(let payload): source(of: payload)
        case .memoryContent(let payload): source(of: payload)
        case .alarm(let payload): source(of: payload)
        case .cabinetState(let payload): source(of: payload)
        case .portPush(let payload): source(of: payload)
        case .hostHeartbeat(let payload): source(of: payload)
        case .hostStatus(let payload): source(of: payload)
        case .slaveVersions(let payload): source(of: payload)
        case .radioRequest(let payload): source(of: payload)
        case .testMode(let payload): source(of: payload)
        case .slaveSetsServer(let payload): source(of: payload)
        case .upgradeRequest(let payload): source(of: payload)
        case .cardAnswer(let payload): source(of: payload)
        case .orderConfirmationAnswer(let payload): source(of: payload)
        case .charge(let payload): source(of: payload)
        case .change(let payload): source(of: payload)
        case .cabinetStop(let payload): source(of: payload)
        case .memoryRead(let payload): source(of: payload)
        case .memoryWrite(let payload): source(of: payload)
        case .function(let payload): source(of: payload)
        case .quickResponseAddress(let payload): source(of: payload)
        case .temporaryCode(let payload): source(of: payload)
        case .serverAddress(let payload): source(of: payload)
        case .radioParameters(let payload): source(of: payload)
        case .poll(let payload): source(of: payload)
        case .upgradeAnswer(_, let payload): source(of: payload)
        case .time(_, let payload): source(of: payload)
        case .setting(_, let payload): source(of: payload)
        case .upgradePacket(_, let payload): source(of: payload)
        case .chargeParameters(_, let payload): source(of: payload)
        case .detectionParameters(_, let payload): source(of: payload)
        case .limits(_, let payload): source(of: payload)
        case .cardKeys(_, let payload): source(of: payload)
        case .answer(_, let payload): source(of: payload)
        case .bare(_, let payload): source(of: payload)
        }
    }

    private func source<Payload: DNYPayload>(of payload: Payload) -> String { Payload.source }
}
