/// How a charge is measured, in 82 and in the answer to 02 (charging-protocols.md 4.5, 4.6).
package struct DNYRateMode: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let time = Self(rawValue: 0x00)
    package static let monthly = Self(rawValue: 0x01)
    package static let energy = Self(rawValue: 0x02)
    package static let count = Self(rawValue: 0x03)

    package static let names: [UInt8: String] = [
        0x00: "time", 0x01: "monthly", 0x02: "energy", 0x03: "count",
    ]
}

/// What 82 asks for (charging-protocols.md 4.6).
package struct DNYChargeAction: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let stop = Self(rawValue: 0x00)
    package static let start = Self(rawValue: 0x01)

    package static let names: [UInt8: String] = [
        0x00: "stop", 0x01: "start",
    ]
}

/// Answer to 82 (charging-protocols.md 4.6).
package struct DNYStartResult: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let done = Self(rawValue: 0x00)
    package static let notPlugged = Self(rawValue: 0x01)
    package static let alreadySo = Self(rawValue: 0x02)
    package static let portFault = Self(rawValue: 0x03)
    package static let noSuchPort = Self(rawValue: 0x04)
    package static let severalWait = Self(rawValue: 0x05)
    package static let totalPower = Self(rawValue: 0x06)
    package static let memory = Self(rawValue: 0x07)
    package static let relayOrFuse = Self(rawValue: 0x08)
    package static let relayStuck = Self(rawValue: 0x09)
    package static let short = Self(rawValue: 0x0a)
    package static let smoke = Self(rawValue: 0x0b)
    package static let overVoltage = Self(rawValue: 0x0c)
    package static let underVoltage = Self(rawValue: 0x0d)
    package static let noResponse = Self(rawValue: 0x0e)

    package static let names: [UInt8: String] = [
        0x00: "done", 0x01: "no charger plugged", 0x02: "port already in that state", 0x03: "port fault, executed", 0x04: "no such port",
        0x05: "several ports wait", 0x06: "total power exceeded", 0x07: "memory", 0x08: "relay or fuse", 0x09: "relay stuck, executed",
        0x0a: "short circuit", 0x0b: "smoke", 0x0c: "over-voltage", 0x0d: "under-voltage", 0x0e: "no response",
    ]

    /// The device did what it was told, in the vendor's words "executed" (4.15).
    package var isExecuted: Bool { rawValue == 0 || rawValue == 3 || rawValue == 9 }
}

/// What 8A changes (charging-protocols.md 4.6).
package struct DNYChangeMode: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let time = Self(rawValue: 0x00)
    package static let timeAndFull = Self(rawValue: 0x01)
    package static let energyAndFull = Self(rawValue: 0x02)

    package static let names: [UInt8: String] = [
        0x00: "time", 0x01: "time, with stop when full", 0x02: "energy, with stop when full",
    ]
}

/// Answer to 8A (charging-protocols.md 4.6).
package struct DNYChangeResult: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let done = Self(rawValue: 0x00)
    package static let notCharging = Self(rawValue: 0x01)
    package static let belowReached = Self(rawValue: 0x02)
    package static let wrongModeOrPort = Self(rawValue: 0x03)

    package static let names: [UInt8: String] = [
        0x00: "done", 0x01: "not charging", 0x02: "below what has run; the device stops", 0x03: "wrong mode or port",
    ]
}

/// Who started a charge, in 03, 04, 06 (charging-protocols.md 4.5).
package struct DNYStarter: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let offlineCard = Self(rawValue: 0x00)
    package static let server = Self(rawValue: 0x01)
    package static let code = Self(rawValue: 0x03)

    package static let names: [UInt8: String] = [
        0x00: "offline card", 0x01: "server", 0x03: "code",
    ]
}

/// State of a charge in 06; others are errors (charging-protocols.md 4.5).
package struct DNYChargeState: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ended = Self(rawValue: 0x00)
    package static let charging = Self(rawValue: 0x01)
    package static let waiting = Self(rawValue: 0x02)
    package static let full = Self(rawValue: 0x03)
    package static let floating = Self(rawValue: 0x05)

    package static let names: [UInt8: String] = [
        0x00: "ended", 0x01: "charging", 0x02: "scanned, no power yet", 0x03: "full", 0x05: "float charge",
    ]
}

/// Why a charge ended, in 03 and 43 (charging-protocols.md 4.10).
package struct DNYStopReason: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let full = Self(rawValue: 0x01)
    package static let maximumTime = Self(rawValue: 0x02)
    package static let setTime = Self(rawValue: 0x03)
    package static let setEnergy = Self(rawValue: 0x04)
    package static let unplugged = Self(rawValue: 0x05)
    package static let overload = Self(rawValue: 0x06)
    package static let server = Self(rawValue: 0x07)
    package static let dynamicOverload = Self(rawValue: 0x08)
    package static let powerTooSmall = Self(rawValue: 0x09)
    package static let ambientHot = Self(rawValue: 0x0a)
    package static let portHot = Self(rawValue: 0x0b)
    package static let overCurrent = Self(rawValue: 0x0c)
    package static let unpluggedJammed = Self(rawValue: 0x0d)
    package static let noPower = Self(rawValue: 0x0e)
    package static let relayOrFuseByCheck = Self(rawValue: 0x0f)
    package static let water = Self(rawValue: 0x10)
    package static let fireHere = Self(rawValue: 0x11)
    package static let fireElsewhere = Self(rawValue: 0x12)
    package static let doorByPassword = Self(rawValue: 0x13)
    package static let doorOpen = Self(rawValue: 0x14)
    package static let external = Self(rawValue: 0x15)
    package static let card = Self(rawValue: 0x16)
    package static let forcedByServer = Self(rawValue: 0x17)
    package static let fireSystem = Self(rawValue: 0x18)
    package static let memory = Self(rawValue: 0x19)
    package static let overVoltage = Self(rawValue: 0x1a)
    package static let underVoltage = Self(rawValue: 0x1b)
    package static let lowPowerCut = Self(rawValue: 0x1c)

    package static let names: [UInt8: String] = [
        0x01: "full", 0x02: "maximum time", 0x03: "set time", 0x04: "set energy", 0x05: "unplugged", 0x06: "overload", 0x07: "server",
        0x08: "dynamic overload", 0x09: "power too small", 0x0a: "ambient too hot", 0x0b: "port too hot", 0x0c: "over-current",
        0x0d: "unplugged, contact jammed perhaps", 0x0e: "no power, contact or fuse", 0x0f: "pre-check: relay or fuse", 0x10: "water",
        0x11: "fire, this port", 0x12: "fire, other port", 0x13: "door opened by password", 0x14: "door not shut", 0x15: "external",
        0x16: "card", 0x17: "forced by server", 0x18: "fire system", 0x19: "memory", 0x1a: "over-voltage", 0x1b: "under-voltage",
        0x1c: "low-power cut",
    ]
}

/// Kind of a card in 02 (charging-protocols.md 4.5).
package struct DNYCardKind: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let old = Self(rawValue: 0x00)
    package static let new = Self(rawValue: 0x01)
    package static let withdrawn = Self(rawValue: 0x02)
    package static let identityOnly = Self(rawValue: 0x03)
    package static let socialSecurity = Self(rawValue: 0x04)

    package static let names: [UInt8: String] = [
        0x00: "old, with our key", 0x01: "new, blank", 0x02: "withdrawn", 0x03: "UID only", 0x04: "social-security card",
    ]
}

/// State of a card's account in the answer to 02 (charging-protocols.md 4.5).
package struct DNYAccountState: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ok = Self(rawValue: 0x00)
    package static let notRegistered = Self(rawValue: 0x01)
    package static let bind = Self(rawValue: 0x02)
    package static let unbind = Self(rawValue: 0x03)
    package static let monthlyAgain = Self(rawValue: 0x04)
    package static let countExceeded = Self(rawValue: 0x05)
    package static let balanceTooLow = Self(rawValue: 0x06)
    package static let expired = Self(rawValue: 0x07)
    package static let portFault = Self(rawValue: 0x08)
    package static let clearBalance = Self(rawValue: 0x09)
    package static let timeExceeded = Self(rawValue: 0x0a)
    package static let otherOperator = Self(rawValue: 0x0b)
    package static let deviceNotRegistered = Self(rawValue: 0x0c)
    package static let buyMonthlyPlan = Self(rawValue: 0x0d)
    package static let crossAreaBalanceTooLow = Self(rawValue: 0x0e)
    package static let monthlyDevice = Self(rawValue: 0x0f)
    package static let monthlyDeviceCrossArea = Self(rawValue: 0x10)
    package static let temporaryDevice = Self(rawValue: 0x11)
    package static let temporaryDeviceCrossArea = Self(rawValue: 0x12)

    package static let names: [UInt8: String] = [
        0x00: "ok", 0x01: "not registered", 0x02: "bind", 0x03: "unbind", 0x04: "monthly user again", 0x05: "count exceeded",
        0x06: "balance too low", 0x07: "expired", 0x08: "port fault", 0x09: "clear the card's balance", 0x0a: "time exceeded",
        0x0b: "other operator's card", 0x0c: "device not registered", 0x0d: "buy a monthly plan", 0x0e: "cross-area and balance too low",
        0x0f: "monthly device", 0x10: "monthly device, cross-area", 0x11: "temporary device", 0x12: "temporary device, cross-area",
    ]
}

/// Kind of an alarm in 42 (charging-protocols.md 4.5).
package struct DNYAlarmKind: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let powerCut = Self(rawValue: 0x01)
    package static let water = Self(rawValue: 0x02)
    package static let hotMeltGlue = Self(rawValue: 0x03)
    package static let smoke = Self(rawValue: 0x04)
    package static let heat = Self(rawValue: 0x05)
    package static let waterLevel = Self(rawValue: 0x06)
    package static let doorOpen = Self(rawValue: 0x07)

    package static let names: [UInt8: String] = [
        0x01: "power cut", 0x02: "water", 0x03: "hot-melt glue", 0x04: "smoke", 0x05: "heat", 0x06: "water level", 0x07: "door open",
    ]
}

/// What 44 tells of a port (charging-protocols.md 4.5).
package struct DNYPortPushKind: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let doorNotShut = Self(rawValue: 0x01)

    package static let names: [UInt8: String] = [
        0x01: "door not shut"
    ]
}

/// Answer to a packet of firmware (charging-protocols.md 4.9).
package struct DNYUpgradeResult: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let next = Self(rawValue: 0x00)
    package static let badPacket = Self(rawValue: 0x01)
    package static let wrongSum = Self(rawValue: 0x02)
    package static let wrongType = Self(rawValue: 0x03)
    package static let noCheckPacket = Self(rawValue: 0x04)
    package static let wrongStartType = Self(rawValue: 0x05)

    package static let names: [UInt8: String] = [
        0x00: "next", 0x01: "bad packet, send it again", 0x02: "sum wrong", 0x03: "wrong type", 0x04: "no check packet",
        0x05: "packet 0 has the wrong type",
    ]
}

/// One-byte answer; everything but 0 is an error (charging-protocols.md 4.4).
package struct DNYResult: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ok = Self(rawValue: 0x00)

    package static let names: [UInt8: String] = [
        0x00: "ok"
    ]
}
