/// A byte with names for the values that the specification lists; others keep their value.
package protocol DNYCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible where RawValue == UInt8 {
    init(rawValue: UInt8)
    static var names: [UInt8: String] { get }
}

extension DNYCode {
    package static var known: [Self] { names.keys.sorted().map(Self.init(rawValue:)) }
    package var isKnown: Bool { Self.names[rawValue] != nil }
    /// What it stands for; `nil` for a value that is not listed.
    package var name: String? { Self.names[rawValue] }
    /// Two hexadecimal digits, as the specification writes it, and what it stands for.
    package var description: String {
        let digits = (rawValue < 16 ? "0" : "") + String(rawValue, radix: 16)
        return digits + " " + (name ?? "unknown")
    }
}

/// What a device is by the top byte of its physical ID (charging-protocols.md 4.2).
package struct DNYDeviceCode: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let single = Self(rawValue: 0x03)
    package static let double = Self(rawValue: 0x04)
    package static let tenPorts = Self(rawValue: 0x05)
    package static let sixteenPorts = Self(rawValue: 0x06)
    package static let twelvePorts = Self(rawValue: 0x07)
    package static let host = Self(rawValue: 0x09)
    package static let leakageHost = Self(rawValue: 0x0a)

    package static let names: [UInt8: String] = [
        0x03: "one port", 0x04: "two ports", 0x05: "ten ports", 0x06: "sixteen ports", 0x07: "twelve ports", 0x09: "host",
        0x0a: "host with leakage protection",
    ]
}

/// State of a port in the heartbeats 21 and 01 (charging-protocols.md 4.5).
package struct DNYPortState: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let idle = Self(rawValue: 0x00)
    package static let charging = Self(rawValue: 0x01)
    package static let plugged = Self(rawValue: 0x02)
    package static let full = Self(rawValue: 0x03)
    package static let noMetering = Self(rawValue: 0x04)
    package static let floating = Self(rawValue: 0x05)
    package static let memoryBad = Self(rawValue: 0x06)
    package static let contactJammed = Self(rawValue: 0x07)
    package static let badContactOrFuse = Self(rawValue: 0x08)
    package static let relayStuck = Self(rawValue: 0x09)
    package static let hallSwitch = Self(rawValue: 0x0a)
    package static let relayOrFuseByCheck = Self(rawValue: 0x0b)
    package static let shortByCheck = Self(rawValue: 0x0d)
    package static let relayStuckFiltered = Self(rawValue: 0x0e)
    package static let cardChip = Self(rawValue: 0x0f)
    package static let detectionCircuit = Self(rawValue: 0x10)

    package static let names: [UInt8: String] = [
        0x00: "idle", 0x01: "charging", 0x02: "plugged, not started", 0x03: "plugged and full", 0x04: "cannot meter",
        0x05: "float charge", 0x06: "memory bad", 0x07: "contact jammed", 0x08: "bad contact or fuse", 0x09: "relay stuck",
        0x0a: "Hall switch", 0x0b: "relay or fuse, found by the pre-check", 0x0d: "short circuit, found by the pre-check",
        0x0e: "relay stuck, filtered", 0x0f: "card chip", 0x10: "detection circuit",
    ]

    /// Whether something at the port is broken.
    package var isFault: Bool { rawValue == 4 || rawValue >= 6 }
}

/// Model of a device in 20, 01 and 35; what upgrades it is in `upgrade` (charging-protocols.md 4.11).
package struct DNYDeviceType: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let oldBus1 = Self(rawValue: 0x01)
    package static let oldBus3 = Self(rawValue: 0x03)
    package static let oldBus6 = Self(rawValue: 0x06)
    package static let oldBus7 = Self(rawValue: 0x07)
    package static let oldRadio2 = Self(rawValue: 0x02)
    package static let oldRadio5 = Self(rawValue: 0x05)
    package static let oldRadio8 = Self(rawValue: 0x08)
    package static let oldRadio9 = Self(rawValue: 0x09)
    package static let oldRadioA = Self(rawValue: 0x0a)
    package static let oldRadioB = Self(rawValue: 0x0b)
    package static let oldestTenPorts = Self(rawValue: 0x70)
    package static let oldestSixteenPorts = Self(rawValue: 0x71)
    package static let oldest = Self(rawValue: 0x04)
    package static let newBus = Self(rawValue: 0x10)
    package static let newNarrowband = Self(rawValue: 0x14)
    package static let newTenPorts = Self(rawValue: 0x20)
    package static let newSixteenPorts = Self(rawValue: 0x29)
    package static let dualBus = Self(rawValue: 0x21)
    package static let dualNarrowband = Self(rawValue: 0x22)
    package static let dualGM35 = Self(rawValue: 0x23)
    package static let dualWiFi = Self(rawValue: 0x24)
    package static let dualLoRa = Self(rawValue: 0x25)
    package static let dualHW3000 = Self(rawValue: 0x26)
    package static let dualGM5 = Self(rawValue: 0x27)
    package static let dualBusF460 = Self(rawValue: 0x28)
    package static let twelvePorts = Self(rawValue: 0x30)

    package static let names: [UInt8: String] = [
        0x01: "old, RS-485", 0x03: "old, RS-485", 0x06: "old, RS-485", 0x07: "old, RS-485", 0x02: "old, LoRa or NB",
        0x05: "old, LoRa or NB", 0x08: "old, LoRa or NB", 0x09: "old, LoRa or NB", 0x0a: "old, LoRa or NB", 0x0b: "old, LoRa or NB",
        0x70: "oldest, ten ports", 0x71: "oldest, sixteen ports", 0x04: "oldest, ten or sixteen ports", 0x10: "new, RS-485",
        0x14: "new, NB", 0x20: "new, ten or sixteen ports", 0x29: "new, ten or sixteen ports", 0x21: "new, dual mode, RS-485",
        0x22: "new, dual mode, NB", 0x23: "new, dual mode, GM35", 0x24: "new, dual mode, WiFi", 0x25: "new, dual mode, LoRa",
        0x26: "new, dual mode, HW3000", 0x27: "new, dual mode, GM5", 0x28: "new, dual mode, RS-485 F460", 0x30: "twelve ports",
    ]

    /// On real devices, and in no table (S11).
    package static let captured31 = Self(rawValue: 0x31)

    /// The command that brings this model new firmware, and the bytes of an image in each packet; `nil` where nobody knows.
    ///
    /// The table lists 02 twice; it is taken for the radio model.
    package var upgrade: (command: UInt8, packetSize: Int)? {
        switch rawValue {
        case 0x00, 0x01, 0x03, 0x04, 0x06, 0x07, 0x70, 0x71: (DNYCommand.upgradeOldSlave, 256)
        case 0x02, 0x05, 0x08...0x0b, 0x10, 0x14, 0x20...0x29, 0x30: (DNYCommand.upgradeSlave, 200)
        default: nil
        }
    }
}

/// Model of a host in 11 (charging-protocols.md 4.8).
package struct DNYHostType: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let oldBus = Self(rawValue: 0x01)
    package static let oldLoRa = Self(rawValue: 0x02)
    package static let newLoRa = Self(rawValue: 0x03)
    package static let radio433 = Self(rawValue: 0x04)
    package static let ap262LoRa = Self(rawValue: 0x05)
    package static let ap262Combined = Self(rawValue: 0x50)
    package static let leakage = Self(rawValue: 0x51)

    package static let names: [UInt8: String] = [
        0x01: "old, RS-485", 0x02: "old, LoRa", 0x03: "new, LoRa", 0x04: "433 MHz", 0x05: "AP262 LoRa", 0x50: "AP262 combined",
        0x51: "leakage protection",
    ]
}

/// Communication module of a host in 11 (charging-protocols.md 4.8).
package struct DNYModuleKind: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let wifi = Self(rawValue: 0x01)
    package static let gm3 = Self(rawValue: 0x02)
    package static let g405 = Self(rawValue: 0x03)
    package static let gm35 = Self(rawValue: 0x04)
    package static let m5311 = Self(rawValue: 0x05)
    package static let gm5 = Self(rawValue: 0x06)
    package static let gm5Second = Self(rawValue: 0x07)
    package static let gm6 = Self(rawValue: 0x08)

    package static let names: [UInt8: String] = [
        0x01: "WiFi", 0x02: "2G GM3", 0x03: "4G 7S4/G405", 0x04: "2G GM35", 0x05: "NB M5311", 0x06: "4G Cat 1 GM5", 0x07: "4G Cat 1 GM5",
        0x08: "GM6",
    ]
}

/// Module whose server 34 and 0A set (charging-protocols.md 4.8).
package struct DNYServerModule: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let wifi = Self(rawValue: 0x01)
    package static let secondGeneration = Self(rawValue: 0x02)
    package static let fourthGeneration = Self(rawValue: 0x03)

    package static let names: [UInt8: String] = [
        0x01: "WiFi", 0x02: "2G", 0x03: "4G",
    ]
}

/// Clock chip of a host in 11 (charging-protocols.md 4.8).
package struct DNYClockChip: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let none = Self(rawValue: 0x00)
    package static let sd2068 = Self(rawValue: 0x01)
    package static let bm8563 = Self(rawValue: 0x02)

    package static let names: [UInt8: String] = [
        0x00: "none", 0x01: "SD2068", 0x02: "BM8563",
    ]
}

/// Temperature as the raw value less 65 °C; 0 is a missing sensor (charging-protocols.md 4.2).
package struct DNYTemperature: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let noSensor = Self(rawValue: 0x00)

    package static let names: [UInt8: String] = [
        0x00: "no sensor"
    ]

    /// -64 to 190 °C; others become the nearest.
    package init(celsius: Int) { rawValue = UInt8(clamping: max(1, celsius + 65)) }
    /// °C
    package var celsius: Int? { rawValue == 0 ? nil : Int(rawValue) - 65 }
    package var description: String { celsius.map { "\($0) °C" } ?? "no sensor" }
}

/// Work mode in 20 and 01, by bits (charging-protocols.md 4.5).
package struct DNYWorkMode: DNYCode {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let network = Self(rawValue: 0x00)

    package static let names: [UInt8: String] = [
        0x00: "network"
    ]

    package var isCardMode: Bool { rawValue & 1 != 0 }
    package var hasBL0939: Bool { rawValue & 2 != 0 }
    package var checksForShort: Bool { rawValue & 4 != 0 }
    package var hasLamp: Bool { rawValue & 8 != 0 }
    package var description: String {
        [
            isCardMode ? "card" : "network", hasBL0939 ? "BL0939 meter" : "RN8209 meter",
            checksForShort ? "short-circuit pre-check" : "no pre-check", hasLamp ? "lamp" : "opto",
        ]
        .joined(separator: ", ")
    }
}
