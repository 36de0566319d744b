/// A DNY frame's data with their meaning, for both directions (charging-protocols.md 4.4 to 4.9).
///
/// Cases that stand for several commands carry theirs.
package enum DNYMessage: Sendable, Equatable {
    // MARK: From the device
    case registration(DNYRegistration)
    case heartbeat(DNYHeartbeat)
    case oldHeartbeat(DNYOldHeartbeat)
    case powerHeartbeat(DNYPowerHeartbeat)
    case cardSwipe(DNYCardSwipe)
    case settlement(DNYSettlement)
    /// 43
    case chargeFull(DNYSettlement)
    case orderConfirmation(DNYOrderConfirmation)
    case chargeAnswer(DNYChargeAnswer)
    case changeAnswer(DNYChangeAnswer)
    case cabinetStopAnswer(DNYCabinetStopAnswer)
    case memoryContent(DNYMemoryContent)
    case alarm(DNYAlarm)
    case cabinetState(DNYCabinetState)
    case portPush(DNYPortPush)
    case hostHeartbeat(DNYHostHeartbeat)
    case hostStatus(DNYHostStatus)
    case slaveVersions(DNYSlaveVersions)
    case radioRequest(DNYRadioRequest)
    case testMode(DNYTestMode)
    /// 0A
    case slaveSetsServer(DNYServerAddress)
    /// 05
    case upgradeRequest(DNYUpgradeRequest)
    case upgradeAnswer(UInt8, DNYUpgradeAnswer)

    // MARK: From the platform
    case cardAnswer(DNYCardAnswer)
    /// 22 or 12
    case time(UInt8, DNYTime)
    case orderConfirmationAnswer(DNYOrderConfirmationAnswer)
    /// 82
    case charge(DNYCharge)
    case change(DNYChange)
    case cabinetStop(DNYCabinetStop)
    case memoryRead(DNYMemoryRead)
    case memoryWrite(DNYMemoryWrite)
    /// 8D, 8F, 96, 97
    case setting(UInt8, DNYSetting)
    case function(DNYFunction)
    case quickResponseAddress(DNYQuickResponseAddress)
    case temporaryCode(DNYTemporaryCode)
    case serverAddress(DNYServerAddress)
    case radioParameters(DNYRadioParameters)
    case upgradePacket(UInt8, DNYUpgradePacket)
    /// 00, by the host of a bus
    case poll(DNYPoll)

    // MARK: From either
    /// 83, and the answer to 90
    case chargeParameters(UInt8, DNYChargeParameters)
    /// 84, and the answer to 91
    case detectionParameters(UInt8, DNYDetectionParameters)
    /// 85, and the answer to 92
    case limits(UInt8, DNYLimits)
    /// 86, and the answer to 93
    case cardKeys(UInt8, DNYCardKeys)
    /// One byte that says whether it was done.
    case answer(UInt8, DNYAnswer)
    /// A command without data, such as 22, 81, 87, or one whose data nobody has described.
    case bare(UInt8, DNYBare)

    /// Reads the data of a frame.
    ///
    /// - Parameter sender: who sent it; `nil` decides by the length, and takes what both ends may send for the platform's.
    /// - Throws: the field that the data are too short for.
    package init(_ frame: DNYFrame, from sender: DNYSender? = nil) throws(FieldFault) {
        let sender = sender ?? DNYCommand.sender(of: frame.command, dataCount: frame.data.count) ?? .platform
        var reader = FieldReader(frame.data[...], order: .littleEndian)
        var message = Self.blank(frame.command, from: sender, dataCount: frame.data.count)
        try message.walk(&reader)
        self = message
    }

    /// The frame that carries the message.
    package func frame(to physicalID: UInt32, messageID: UInt16) throws(FieldFault) -> DNYFrame {
        var message = self
        var writer = FieldWriter(order: .littleEndian)
        try message.walk(&writer)
        return DNYFrame(physicalID: physicalID, messageID: messageID, command: command, data: writer.bytes)
    }

    /// A message of that command without content, for a walk to fill.
    static func blank(_ command: UInt8, from sender: DNYSender, dataCount: Int) -> DNYMessage {
        switch sender {
        case .device: blankOfDevice(command, dataCount)
        case .platform: blankOfPlatform(command, dataCount)
        }
    }

    private static func blankOfDevice(_ command: UInt8, _ dataCount: Int) -> DNYMessage {
        switch command {
        case DNYCommand.registration: .registration(DNYRegistration())
        case DNYCommand.heartbeat: .heartbeat(DNYHeartbeat())
        case DNYCommand.oldHeartbeat: .oldHeartbeat(DNYOldHeartbeat())
        case DNYCommand.powerHeartbeat: .powerHeartbeat(DNYPowerHeartbeat())
        case DNYCommand.cardSwipe: .cardSwipe(DNYCardSwipe())
        case DNYCommand.settlement: .settlement(DNYSettlement())
        case DNYCommand.chargeFull: .chargeFull(DNYSettlement())
        case DNYCommand.orderConfirmation: .orderConfirmation(DNYOrderConfirmation())
        case DNYCommand.charge: .chargeAnswer(DNYChargeAnswer())
        case DNYCommand.change: .changeAnswer(DNYChangeAnswer())
        case DNYCommand.cabinetStop: .cabinetStopAnswer(DNYCabinetStopAnswer())
        case DNYCommand.readMemory: .memoryContent(DNYMemoryContent())
        case DNYCommand.alarm: .alarm(DNYAlarm())
        case DNYCommand.cabinetState: .cabinetState(DNYCabinetState())
        case DNYCommand.portPush: .portPush(DNYPortPush())
        case DNYCommand.hostHeartbeat: .hostHeartbeat(DNYHostHeartbeat())
        case DNYCommand.hostStatus: .hostStatus(DNYHostStatus())
        case DNYCommand.slaveVersions: .slaveVersions(DNYSlaveVersions())
        case DNYCommand.radioRequest: .radioRequest(DNYRadioRequest())
        case DNYCommand.testMode: .testMode(DNYTestMode())
        case DNYCommand.slaveSetsServer: .slaveSetsServer(DNYServerAddress())
        case DNYCommand.upgradeRequest: .upgradeRequest(DNYUpgradeRequest())
        case DNYCommand.getChargeParameters: .chargeParameters(command, DNYChargeParameters())
        case DNYCommand.getDetectionParameters: .detectionParameters(command, DNYDetectionParameters())
        case DNYCommand.getLimits: .limits(command, DNYLimits())
        case DNYCommand.getCardKeys: .cardKeys(command, DNYCardKeys())
        case DNYCommand.upgradeSlave, DNYCommand.upgradePowerBoard, DNYCommand.upgradeHost, DNYCommand.upgradeOldSlave,
            DNYCommand.upgradeOldHost,
            DNYCommand.upgradeNewHost:
            .upgradeAnswer(command, DNYUpgradeAnswer())
        case DNYCommand.rebootHost...DNYCommand.serverAddress, DNYCommand.radioParameters,
            DNYCommand.setChargeParameters...DNYCommand.playVoice, DNYCommand.writeMemory...DNYCommand.cardMode,
            DNYCommand.temporaryCode...DNYCommand.function:
            dataCount == 0 ? .bare(command, DNYBare()) : .answer(command, DNYAnswer())
        default: .bare(command, DNYBare())
        }
    }

    private static func blankOfPlatform(_ command: UInt8, _ dataCount: Int) -> DNYMessage {
        switch command {
        case DNYCommand.cardSwipe: .cardAnswer(DNYCardAnswer())
        case DNYCommand.time, DNYCommand.hostTime: .time(command, DNYTime())
        case DNYCommand.orderConfirmation: .orderConfirmationAnswer(DNYOrderConfirmationAnswer())
        case DNYCommand.charge: .charge(DNYCharge())
        case DNYCommand.change: .change(DNYChange())
        case DNYCommand.cabinetStop: .cabinetStop(DNYCabinetStop())
        case DNYCommand.readMemory: .memoryRead(DNYMemoryRead())
        case DNYCommand.writeMemory: .memoryWrite(DNYMemoryWrite())
        case DNYCommand.workMode, DNYCommand.cardMode, DNYCommand.locate, DNYCommand.mute: .setting(command, DNYSetting())
        case DNYCommand.function: .function(DNYFunction())
        case DNYCommand.quickResponseAddress: .quickResponseAddress(DNYQuickResponseAddress())
        case DNYCommand.temporaryCode: .temporaryCode(DNYTemporaryCode())
        case DNYCommand.serverAddress: .serverAddress(DNYServerAddress())
        case DNYCommand.radioParameters: .radioParameters(DNYRadioParameters())
        case DNYCommand.poll: .poll(DNYPoll())
        case DNYCommand.setChargeParameters: .chargeParameters(command, DNYChargeParameters())
        case DNYCommand.setDetectionParameters: .detectionParameters(command, DNYDetectionParameters())
        case DNYCommand.setLimits: .limits(command, DNYLimits())
        case DNYCommand.setCardKeys: .cardKeys(command, DNYCardKeys())
        case DNYCommand.upgradeSlave, DNYCommand.upgradePowerBoard, DNYCommand.upgradeHost, DNYCommand.upgradeOldSlave,
            DNYCommand.upgradeOldHost,
            DNYCommand.upgradeNewHost:
            dataCount == 0 ? .bare(command, DNYBare()) : .upgradePacket(command, DNYUpgradePacket())
        case DNYCommand.oldHeartbeat, DNYCommand.settlement, DNYCommand.oldUpgradeRequest, DNYCommand.registration, DNYCommand.heartbeat:
            .answer(command, DNYAnswer())
        default: .bare(command, DNYBare())
        }
    }

    /// The command of the frame that carries it.
    package var command: UInt8 {
        switch self {
        case .registration: DNYCommand.registration
        case .heartbeat: DNYCommand.heartbeat
        case .oldHeartbeat: DNYCommand.oldHeartbeat
        case .powerHeartbeat: DNYCommand.powerHeartbeat
        case .cardSwipe, .cardAnswer: DNYCommand.cardSwipe
        case .settlement: DNYCommand.settlement
        case .chargeFull: DNYCommand.chargeFull
        case .orderConfirmation, .orderConfirmationAnswer: DNYCommand.orderConfirmation
        case .charge, .chargeAnswer: DNYCommand.charge
        case .change, .changeAnswer: DNYCommand.change
        case .cabinetStop, .cabinetStopAnswer: DNYCommand.cabinetStop
        case .memoryRead, .memoryContent: DNYCommand.readMemory
        case .memoryWrite: DNYCommand.writeMemory
        case .alarm: DNYCommand.alarm
        case .cabinetState: DNYCommand.cabinetState
        case .portPush: DNYCommand.portPush
        case .hostHeartbeat: DNYCommand.hostHeartbeat
        case .hostStatus: DNYCommand.hostStatus
        case .slaveVersions: DNYCommand.slaveVersions
        case .radioRequest: DNYCommand.radioRequest
        case .radioParameters: DNYCommand.radioParameters
        case .testMode: DNYCommand.testMode
        case .slaveSetsServer: DNYCommand.slaveSetsServer
        case .serverAddress: DNYCommand.serverAddress
        case .upgradeRequest: DNYCommand.upgradeRequest
        case .function: DNYCommand.function
        case .quickResponseAddress: DNYCommand.quickResponseAddress
        case .temporaryCode: DNYCommand.temporaryCode
        case .poll: DNYCommand.poll
        case .upgradeAnswer(let command, _), .upgradePacket(let command, _), .time(let command, _), .setting(let command, _),
            .chargeParameters(let command, _), .detectionParameters(let command, _), .limits(let command, _), .cardKeys(let command, _),
            .answer(let command, _), .bare(let command, _):
            command
        }
    }
}
