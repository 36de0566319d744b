/// The commands of the DNY protocol by number (charging-protocols.md 4.4).
package enum DNYCommand {
    package static let poll: UInt8 = 0x00
    package static let oldHeartbeat: UInt8 = 0x01
    package static let cardSwipe: UInt8 = 0x02
    package static let settlement: UInt8 = 0x03
    package static let orderConfirmation: UInt8 = 0x04
    package static let upgradeRequest: UInt8 = 0x05
    package static let powerHeartbeat: UInt8 = 0x06
    package static let testMode: UInt8 = 0x09
    package static let slaveSetsServer: UInt8 = 0x0a
    package static let hostHeartbeat: UInt8 = 0x11
    package static let hostTime: UInt8 = 0x12
    package static let oldUpgradeRequest: UInt8 = 0x15
    package static let hostStatus: UInt8 = 0x17
    package static let registration: UInt8 = 0x20
    package static let heartbeat: UInt8 = 0x21
    package static let time: UInt8 = 0x22
    package static let rebootHost: UInt8 = 0x31
    package static let rebootModule: UInt8 = 0x32
    package static let clearUpgrade: UInt8 = 0x33
    package static let serverAddress: UInt8 = 0x34
    package static let slaveVersions: UInt8 = 0x35
    package static let radioParameters: UInt8 = 0x3a
    package static let radioRequest: UInt8 = 0x3b
    package static let cabinetState: UInt8 = 0x41
    package static let alarm: UInt8 = 0x42
    package static let chargeFull: UInt8 = 0x43
    package static let portPush: UInt8 = 0x44
    package static let cabinetStop: UInt8 = 0x72
    package static let query: UInt8 = 0x81
    package static let charge: UInt8 = 0x82
    package static let setChargeParameters: UInt8 = 0x83
    package static let setDetectionParameters: UInt8 = 0x84
    package static let setLimits: UInt8 = 0x85
    package static let setCardKeys: UInt8 = 0x86
    package static let reset: UInt8 = 0x87
    package static let clearStorage: UInt8 = 0x88
    package static let playVoice: UInt8 = 0x89
    package static let change: UInt8 = 0x8a
    package static let readMemory: UInt8 = 0x8b
    package static let writeMemory: UInt8 = 0x8c
    package static let workMode: UInt8 = 0x8d
    package static let quickResponseAddress: UInt8 = 0x8e
    package static let cardMode: UInt8 = 0x8f
    package static let getChargeParameters: UInt8 = 0x90
    package static let getDetectionParameters: UInt8 = 0x91
    package static let getLimits: UInt8 = 0x92
    package static let getCardKeys: UInt8 = 0x93
    package static let temporaryCode: UInt8 = 0x95
    package static let locate: UInt8 = 0x96
    package static let mute: UInt8 = 0x97
    package static let function: UInt8 = 0x98
    package static let upgradeSlave: UInt8 = 0xe0
    package static let upgradePowerBoard: UInt8 = 0xe1
    package static let upgradeHost: UInt8 = 0xe2
    package static let selfUpgrade: UInt8 = 0xe4
    package static let upgradeOldSlave: UInt8 = 0xf8
    package static let upgradeOldHost: UInt8 = 0xf9
    package static let upgradeNewHost: UInt8 = 0xfa

    /// What a command is called; `nil` for a number that no table has.
    package static func name(_ command: UInt8) -> String? { names[command] }

    private static let names: [UInt8: String] = [
        0x00: "poll", 0x01: "old heartbeat", 0x02: "card swipe", 0x03: "settlement", 0x04: "order confirmation", 0x05: "upgrade request",
        0x06: "power heartbeat", 0x07: "over-temperature alarm", 0x09: "test mode", 0x0a: "slave sets server", 0x11: "host heartbeat",
        0x12: "host time", 0x13: "host command 13", 0x15: "old upgrade request", 0x17: "host status", 0x18: "host command 18",
        0x19: "host command 19", 0x1a: "host command 1a", 0x20: "registration", 0x21: "heartbeat", 0x22: "time",
        0x23: "time-of-use settlement", 0x26: "extended power heartbeat", 0x31: "reboot host", 0x32: "reboot module",
        0x33: "clear upgrade data", 0x34: "server address", 0x35: "slave versions", 0x3a: "radio parameters", 0x3b: "radio request",
        0x41: "cabinet state", 0x42: "alarm", 0x43: "charge full", 0x44: "port push", 0x72: "cabinet stop", 0x73: "cabinet command 73",
        0x81: "query", 0x82: "charge", 0x83: "set charge parameters", 0x84: "set detection parameters", 0x85: "set limits",
        0x86: "set card keys", 0x87: "reset", 0x88: "clear storage", 0x89: "play voice", 0x8a: "change charge", 0x8b: "read memory",
        0x8c: "write memory", 0x8d: "work mode", 0x8e: "QR address", 0x8f: "card mode", 0x90: "get charge parameters",
        0x91: "get detection parameters", 0x92: "get limits", 0x93: "get card keys", 0x95: "temporary QR code", 0x96: "locate",
        0x97: "mute", 0x98: "function", 0xa1: "parking lock or breaker a1", 0xa2: "parking lock or breaker a2",
        0xa3: "parking lock or breaker a3", 0xa4: "parking lock or breaker a4", 0xa5: "parking lock or breaker a5",
        0xa6: "parking lock or breaker a6", 0xe0: "upgrade slave", 0xe1: "upgrade power board", 0xe2: "upgrade host",
        0xe4: "self-upgrade", 0xf8: "upgrade old slave", 0xf9: "upgrade old host", 0xfa: "upgrade new host", 0xfd: "place-holder fd",
        0xfe: "place-holder fe",
    ]

    /// Who sent a frame, by its command and the bytes of its data; `nil` where both ends send that command with that length.
    package static func sender(of command: UInt8, dataCount: Int) -> DNYSender? {
        switch command {
        case oldHeartbeat, settlement, oldUpgradeRequest, registration, heartbeat: dataCount == 1 ? .platform : .device
        case cardSwipe: dataCount == 11 ? .platform : .device
        case orderConfirmation: dataCount == 2 ? .platform : .device
        case hostTime, time: dataCount == 0 ? .device : .platform
        case upgradeRequest...powerHeartbeat, 0x07, testMode, slaveSetsServer, hostHeartbeat, hostStatus, 0x23, 0x26, slaveVersions,
            radioRequest,
            cabinetState...portPush:
            .device
        case poll, query, selfUpgrade: .platform
        case charge: dataCount == 18 || dataCount == 20 ? .device : .platform
        case rebootHost...serverAddress, radioParameters, setChargeParameters...clearStorage, change, writeMemory, quickResponseAddress,
            temporaryCode, function:
            dataCount == 1 ? .device : .platform
        case getChargeParameters...getCardKeys: dataCount == 0 ? .platform : .device
        case readMemory: dataCount == 3 ? nil : .device
        case upgradeSlave, upgradePowerBoard, upgradeHost, upgradeOldSlave, upgradeOldHost, upgradeNewHost:
            dataCount == 3 ? .device : .platform
        // 1 byte each way: 89, 8D, 8F, 96, 97; 17 bytes each way: 72. Of the others only the names are known.
        case workMode, cardMode, locate, mute: dataCount == 1 ? nil : .platform
        default: nil
        }
    }
}

/// The two ends of a DNY connection. On the bus of a host and its slaves the host is the platform.
package enum DNYSender: String, Sendable, Hashable, CaseIterable {
    case device
    case platform
}
