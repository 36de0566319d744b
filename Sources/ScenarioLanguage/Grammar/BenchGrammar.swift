import LabCore

extension Grammar {
    // MARK: hw and emu of a node (scenario-language.md, `lab.yaml`)

    /// `hw` of a node: how the real device is reached, switched and checked.
    static let hardware = RecordShape(
        "'hw'",
        [
            .optional("serial", serialPort, "The port that the lab speaks with the device through"),
            .optional("console", serialPort, "A port with a log for people; its lines are recorded"),
            .optional("meter", serialPort, "The port of the DL/T 645 meter beside a pile's board; 2400 baud and 8E1 where it says none"),
            .optional("power", power, "What switches its power"),
            .optional("mqtt", .record(RecordShape("'mqtt'", [
                .required("client_id", .text, "The client identifier of the device at the broker"),
            ])), "How the device is known to the broker"),
            .optional("fixture", .record(RecordShape("'fixture'", [
                .required("command", command, "The program, with its arguments; text is for the shell"),
                .optional("offers", .list(.text, atLeast: 1), "Names of the kind's vocabulary; all of them where this is missing"),
            ])), "A program that does to the device what the lab cannot do itself"),
            .optional("health", .record(health), "What `lab doctor` expects beyond an answer"),
        ])

    /// `emu` of a node.
    static let emulated = RecordShape(
        "'emu'",
        [
            .optional("serial", .choice(["pty"]), "Its port is a pseudo terminal"),
            .optional("mqtt", .choice(["tcp"]), "It connects to the broker over TCP"),
            .optional("script", .text, "A recording that answers in place of the emulator, relative to this file"),
        ])

    /// An entry of `relays`.
    static let relay = RecordShape(
        "a relay board",
        [
            .required("serial", serialPort, "The port of the board; 9600 baud where it says none"),
            .required("wire", .choice(RelayBoard.Wire.allCases.map(\.rawValue)), "What it understands: lcus (A0 frames) or modbus (RTU coils)"),
        ])

    // MARK: ports

    private static let lineSettings: [RecordShape.Key] = [
        .optional("baud", .integer(50...12_000_000), "Bits in a second; 115200 where it is missing"),
        .optional("framing", .form(.framing), "Data bits, parity, stop bits; 8N1 where it is missing"),
    ]

    static let serialPort = Shape.variants(VariantShape(
        noun: "serial port",
        variants: [
            port("match", .record(match), "A port of this machine that is all of this"),
            port("path", .form(.devicePath), "A port of this machine by its path"),
            port("rfc2217", .form(.address), "A port of another machine, HOST:PORT, by RFC 2217"),
            port("tcp", .form(.address), "A port of another machine, HOST:PORT, as a bare TCP connection"),
            port(
                "place",
                .scalarOr(.text, .record(RecordShape("'place'", [
                    .required("name", .text, "The place"), .optional("resource", .text, "Which of its serial ports, where it has several"),
                ]))), "A place of labgrid"),
        ],
        keysAreNoun: false))

    private static func port(_ key: String, _ shape: Shape, _ about: String) -> VariantShape.Variant {
        VariantShape.Variant(key: key, record: RecordShape("a serial port", [.required(key, shape, about)] + lineSettings))
    }

    private static let match = RecordShape(
        "'match'",
        [
            .optional("vid", .form(.usbNumber), "USB vendor"), .optional("pid", .form(.usbNumber), "USB product"),
            .optional("interface", .integer(0...255), "Number of the USB interface"),
            .optional("serial", .text, "Serial number of the USB device"), .optional("path", .text, "Where it is plugged in: udev's ID_PATH"),
        ], others: RecordShape.Others(keys: .udevProperty, shape: .text), minimum: 1)

    // MARK: power, programs, health

    /// A program with its arguments, or a line for the shell.
    private static let command = Shape.scalarOr(.text, .list(.text, atLeast: 1))

    private static let power = Shape.variants(VariantShape(
        noun: "power switch",
        variants: [
            powerSwitch("relay", .record(RecordShape("'relay'", [
                .required("serial", .word, "An entry of `relays`"), .required("channel", .integer(1...255), "From 1"),
            ])), "A channel of a relay board"),
            powerSwitch("hub", .record(RecordShape("'hub'", [
                .required("location", .form(.hubLocation), "As uhubctl says it: 1-1.4"), .required("port", .integer(1...255), "From 1"),
            ])), "A port of a USB hub that switches power"),
            powerSwitch("authorized", .form(.usbDevice), "The `authorized` flag of a USB device: 2-1"),
            powerSwitch("command", .record(RecordShape("'command'", [
                .required("on", command, "Switches on"), .required("off", command, "Switches off"),
                .optional("state", command, "Prints on or off"),
            ])), "Programs that switch"),
        ],
        keysAreNoun: false))

    private static func powerSwitch(_ key: String, _ shape: Shape, _ about: String) -> VariantShape.Variant {
        VariantShape.Variant(
            key: key,
            record: RecordShape("a power switch", [
                .required(key, shape, about),
                .optional("off_for", .duration(orTemplate: false), "How long a power cycle stays off; 2s where it is missing"),
            ]))
    }

    private static let health = RecordShape(
        "'health'",
        [
            .optional("firmware", .text, "The firmware as the device says it"),
            .optional("identity", .text, "The serial number that the device says of itself, such as an IMEI"),
            .optional("signal", .form(.signal), "The weakest signal that will do"),
            .optional("sim", .bool, "A SIM must be in and ready"),
        ])
}

// MARK: forms of text

extension TextForm {
    static let framing = TextForm(wanted: "data bits, parity and stop bits, such as 8N1", pattern: "^[5-8][NEOMS][12]$") { text in
        let parts = Array(text.utf8)
        return parts.count == 3 && (0x35...0x38).contains(parts[0]) && Array("NEOMS".utf8).contains(parts[1]) && (0x31...0x32).contains(parts[2])
    }

    static let devicePath = TextForm(wanted: "a path that begins with /, such as /dev/serial/by-id/…", pattern: "^/.") { text in
        text.hasPrefix("/") && text.utf8.count > 1
    }

    static let address = TextForm(
        wanted: "HOST:PORT, such as bench-2:4001", pattern: #"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"#
    ) { NetworkAddress.parts($0) != nil }

    /// `2c7c`
    static let usbNumber = TextForm(wanted: "four hexadecimal digits, such as \"2c7c\"", pattern: "^[0-9A-Fa-f]{4}$") { text in
        text.utf8.count == 4 && isHexadecimal(text)
    }

    static let usbDevice = TextForm(wanted: "a USB device as in /sys/bus/usb/devices, such as 2-1.4", pattern: "^[0-9]+-[0-9]+([.][0-9]+)*$") { text in
        text.utf8.contains(UInt8(ascii: "-")) && isLocation(text)
    }

    /// Root hubs have no ports before them.
    static let hubLocation = TextForm(
        wanted: "a hub as `uhubctl` says it, such as 1-1.4", pattern: "^[0-9]+(-[0-9]+([.][0-9]+)*)?$", holds: isLocation)

    static let signal = TextForm(wanted: "a signal such as -100dBm", pattern: "^-[0-9]{1,3}( ?dBm)?$", mayBeNumber: true) { text in
        let digits = text.hasSuffix("dBm") ? text.dropLast(text.hasSuffix(" dBm") ? 4 : 3) : text[...]
        return digits.hasPrefix("-") && isDigits(digits.dropFirst(), atMost: 3)
    }

    static let udevProperty = TextForm(wanted: "udev's names such as ID_PATH", pattern: "^[A-Z][A-Z0-9_]*$") { text in
        (text.utf8.first.map { (0x41...0x5a).contains($0) } ?? false)
            && text.utf8.allSatisfy { (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") }
    }

    static func isHexadecimal(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) }
    }

    static func isDigits(_ text: some StringProtocol, atMost count: Int) -> Bool {
        (1...count).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Bus, `-`, ports of hubs with dots between them.
    private static func isLocation(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let bus = parts.first, isDigits(bus, atMost: 3) else { return false }
        guard parts.count > 1 else { return true }
        return parts.count == 2 && parts[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isDigits($0, atMost: 3) }
    }
}

/// `bench-2:4001`, `[fe80::1]:4001`
enum NetworkAddress {
    static func parts(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let (host, digits) = (text[..<colon], text[text.index(after: colon)...])
        guard TextForm.isDigits(digits, atMost: 5), let port = Int(digits), (1...65_535).contains(port) else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let address = host.dropFirst().dropLast()
            let isAddress = !address.isEmpty && address.utf8.allSatisfy { TextForm.isHexadecimal(String(UnicodeScalar($0))) || $0 == 0x3a || $0 == 0x2e }
            return isAddress ? (String(address), port) : nil
        }
        let isName = !host.isEmpty && host.utf8.count <= 253 && host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || byte == 0x2d || byte == 0x2e || byte == 0x5f
        }
        return isName ? (String(host), port) : nil
    }
}
