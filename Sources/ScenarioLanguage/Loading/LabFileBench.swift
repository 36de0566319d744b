import LabCore

/// `hw`, `emu` and `relays` of a lab.yaml of sound form, compared with the kinds and with one another.
struct BenchReader {
    private let catalogue: Catalogue
    private let log: DiagnosticLog
    private let files: PlanFiles
    private let file: String
    private var relays: [String: RelayBoard] = [:]
    /// Relays with an entry, sound or not.
    private let relayNames: [String]
    private var claims: BenchClaims
    private var problems: [Diagnostic] = []
    /// Properties that are compared with udev's for "did you mean", so that a hostile file costs bounded time.
    private var guessesLeft = 500

    init(root: SourceValue, file: String, catalogue: Catalogue, log: DiagnosticLog, broken: Set<SourceLocation>, files: PlanFiles) {
        (self.catalogue, self.log, self.file, self.files) = (catalogue, log, file, files)
        claims = BenchClaims(log: log)
        let entries = root["relays"]?.record ?? []
        relayNames = entries.map(\.name)
        for entry in entries where !broken.contains(entry.value.location) {
            guard let port = port(entry.value.entry("serial"), of: entry.name, baud: 9_600),
                let wire = entry.value["wire"]?.scalar.flatMap({ RelayBoard.Wire(rawValue: $0.text) }) else { continue }
            relays[entry.name] = RelayBoard(name: entry.name, wire: wire, port: port)
        }
    }

    /// Compares what all nodes said.
    ///
    /// - Returns: what is wrong for real devices only.
    func finish() -> [Diagnostic] {
        claims.compare()
        return problems
    }

    // MARK: hw

    mutating func hardware(_ entry: SourceValue.Entry?, of node: String, _ kind: NodeKind) -> HardwareSide? {
        guard let entry, isReal(kind, entry) else { return nil }
        let value = entry.value
        refuseForeign(value, kind)
        for medium in kind.media where value[medium.rawValue] == nil {
            log.error(at: entry.location, "'hw' of the \(kind.name) '\(node)' needs '\(medium.rawValue)': the lab speaks with it there")
        }
        var side = HardwareSide(location: entry.location)
        side.ports = PortPurpose.allCases.compactMap { purpose in
            port(value.entry(purpose.rawValue), of: node, baud: purpose == .meter ? 2_400 : 115_200, framing: purpose == .meter ? "8E1" : nil).map { HardwareSide.NamedPort(purpose, $0) }
        }
        side.power = power(value["power"], of: node)
        if let client = value["mqtt"]?["client_id"], let name = client.scalar?.text {
            side.client = name
            claims.add(.client(name), "'mqtt' of \(node)", node, client.location)
        }
        side.fixture = value["fixture"].flatMap { fixture($0, kind) }
        side.health = health(value["health"])
        return side
    }

    mutating func emulated(_ entry: SourceValue.Entry?, of node: String, _ kind: NodeKind) -> EmulatedSide? {
        guard let entry, isReal(kind, entry) else { return nil }
        refuseForeign(entry.value, kind)
        var side = EmulatedSide(location: entry.location)
        if let script = entry.value["script"], let path = script.scalar.map({ FilePath.resolve($0.text, from: file) }),
            files.take(path, at: script.location, log) {
            side.script = files.taken.first { $0.path == path }
        }
        return side
    }

    /// Clouds and services are the lab's own in every world.
    private func isReal(_ kind: NodeKind, _ entry: SourceValue.Entry) -> Bool {
        if !kind.media.isEmpty { return true }
        let others = DiagnosticLog.list(catalogue.kinds.filter { !$0.media.isEmpty }.map(\.name))
        log.error(at: entry.location, "\(kind.name) is no device and has no '\(entry.name)' (devices: \(others))")
        return false
    }

    private func refuseForeign(_ value: SourceValue, _ kind: NodeKind) {
        for medium in DeviceMedium.allCases where !kind.media.contains(medium) {
            guard let entry = value.entry(medium.rawValue) else { continue }
            let media = kind.media.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            log.error(at: entry.location, "the lab does not speak with a \(kind.name) through '\(medium.rawValue)' but through \(media)")
        }
    }

    // MARK: ports

    /// - Parameter entry: the key that says what the port is for, with the port.
    private mutating func port(_ entry: SourceValue.Entry?, of owner: String, baud: UInt32 = 115_200, framing: String? = nil) -> PortSource? {
        guard let entry, let place = place(entry.value) else { return nil }
        var port = PortSource(place, baud: baud, location: entry.value.location)
        if let written = entry.value["baud"]?.scalar?.integer { port.baud = UInt32(clamping: written) }
        if let framing = entry.value["framing"]?.scalar?.text ?? framing { port.framing = framing }
        claims.add(.port(place), "'\(entry.name)' of \(owner)", owner, entry.value.location)
        return port
    }

    private mutating func place(_ value: SourceValue) -> PortSource.Place? {
        if let conditions = value["match"] { return match(conditions).map { .match($0) } }
        if let path = value["path"], let text = path.scalar?.text {
            warnOfNumber(in: text, at: path.location)
            return .path(text)
        }
        if let place = value["place"] {
            guard let name = (place["name"] ?? place).scalar?.text else { return nil }
            return .labgrid(place: name, resource: place["resource"]?.scalar?.text)
        }
        for (key, make) in [("rfc2217", PortSource.Place.rfc2217), ("tcp", PortSource.Place.tcp)] {
            guard let text = value[key]?.scalar?.text, let address = NetworkAddress.parts(text) else { continue }
            return make(address.host, address.port)
        }
        return nil
    }

    /// The system gives these numbers anew whenever something is plugged in.
    private func warnOfNumber(in path: String, at place: SourceLocation) {
        guard ["/dev/ttyUSB", "/dev/ttyACM"].contains(where: { path.hasPrefix($0) }) else { return }
        log.add(Diagnostic(
            .warning, at: place, "\(path) can be another port after the next reset; name it by 'match', or by its link in /dev/serial/by-path"))
    }

    /// Names that udev and its rules give to serial ports; a rule of one's own may give others.
    private static let properties = [
        "DEVNAME", "DEVPATH", "DRIVER", "ID_BUS", "ID_MODEL", "ID_MODEL_ENC", "ID_MODEL_FROM_DATABASE", "ID_MODEL_ID", "ID_PATH", "ID_PATH_TAG",
        "ID_REVISION", "ID_SERIAL", "ID_SERIAL_SHORT", "ID_TYPE", "ID_USB_DRIVER", "ID_USB_INTERFACES", "ID_USB_INTERFACE_NUM", "ID_USB_MODEL",
        "ID_USB_MODEL_ID", "ID_USB_REVISION", "ID_USB_SERIAL", "ID_USB_SERIAL_SHORT", "ID_USB_VENDOR", "ID_USB_VENDOR_ID", "ID_VENDOR",
        "ID_VENDOR_ENC", "ID_VENDOR_FROM_DATABASE", "ID_VENDOR_ID", "MAJOR", "MINOR", "SUBSYSTEM",
    ]

    private mutating func match(_ value: SourceValue) -> PortMatch? {
        var conditions: [(name: String, value: String)] = []
        var written: [String: String] = [:]
        var isSound = true
        for entry in value.record ?? [] {
            let property = PortMatch.words[entry.name] ?? entry.name
            guard let scalar = entry.value.scalar, let text = condition(scalar, entry, property) else {
                isSound = false
                continue
            }
            if let other = written[property] {
                log.error(at: entry.location, "'\(entry.name)' and '\(other)' are the same property")
                isSound = false
            }
            written[property] = entry.name
            conditions.append((property, text))
        }
        return isSound ? PortMatch(words: conditions) : nil
    }

    /// - Returns: the value as udev has it; `nil` after an error was reported.
    private mutating func condition(_ scalar: SourceValue.Scalar, _ entry: SourceValue.Entry, _ property: String) -> String? {
        if entry.name == "interface" { return scalar.integer.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) } }
        let isStranger = !Self.properties.contains(property) && guessesLeft > 0
        if isStranger { guessesLeft -= 1 }
        if isStranger, let meant = DidYouMean.suggestion(for: property, among: Self.properties) {
            log.error(at: entry.location, "udev has no property '\(property)' — did you mean '\(meant)'?")
            return nil
        }
        let digits = switch property {
        case "ID_VENDOR_ID", "ID_MODEL_ID", "ID_USB_VENDOR_ID", "ID_USB_MODEL_ID": 4
        case "ID_USB_INTERFACE_NUM": 2
        default: 0
        }
        guard digits > 0 else { return scalar.text }
        guard scalar.text.utf8.count == digits, TextForm.isHexadecimal(scalar.text) else {
            log.error(at: entry.value.location, "value \(scalar.shown) for '\(entry.name)' must be \(digits == 2 ? "two" : "four") hexadecimal digits")
            return nil
        }
        return scalar.text.lowercased()
    }

    // MARK: power, fixture, health

    private mutating func power(_ value: SourceValue?, of node: String) -> PowerSource? {
        guard let value, let kind = switching(value, of: node) else { return nil }
        var source = PowerSource(kind, location: value.location)
        if let pause = value["off_for"]?.scalar.flatMap({ DurationText.parse($0.text) }) { source.pause = .nanoseconds(pause) }
        return source
    }

    private mutating func switching(_ value: SourceValue, of node: String) -> PowerSource.Switch? {
        let (owner, place) = ("'power' of \(node)", value.location)
        if let relay = value["relay"], let name = relay["serial"], let word = name.scalar?.text, let channel = relay["channel"]?.scalar?.integer {
            claims.add(.relay(word, channel: channel), owner, node, place)
            if let board = relays[word] { return .relay(board, channel: channel) }
            if !relayNames.contains(word) { missing(word, at: name.location) }
            return nil
        }
        if let hub = value["hub"], let location = hub["location"]?.scalar?.text, let port = hub["port"]?.scalar?.integer {
            claims.add(.hub(location, port: port), owner, node, place)
            return .hubPort(hub: location, port: port)
        }
        if let device = value["authorized"]?.scalar?.text {
            claims.add(.usbDevice(device), owner, node, place)
            return .authorized(device: device)
        }
        guard let commands = value["command"], let on = commands["on"], let off = commands["off"] else { return nil }
        return .command(on: Self.words(on), off: Self.words(off), state: commands["state"].map(Self.words))
    }

    private mutating func missing(_ relay: String, at place: SourceLocation) {
        let hint = log.hint(for: relay, at: place, among: relayNames, "relays: ", none: "; write it under 'relays' with its port and its wire")
        let problem = Diagnostic(at: place, "there is no relay '\(relay)'\(hint)")
        problems.append(problem)
        log.add(Diagnostic(.warning, at: place, problem.message))
    }

    private static func words(_ value: SourceValue) -> [String] {
        if let line = value.scalar?.text { return ["/bin/sh", "-c", line] }
        return (value.list ?? []).compactMap { $0.scalar?.text }
    }

    private func fixture(_ value: SourceValue, _ kind: NodeKind) -> FixtureSource? {
        guard let command = value["command"] else { return nil }
        let known = NameCategory.allCases.flatMap { $0.names(of: kind) }
        let offers = value["offers"]?.list?.compactMap { item -> String? in
            guard let name = item.scalar?.text else { return nil }
            if known.contains(name) { return name }
            log.error(
                at: item.location, "\(kind.name) has no '\(name)'\(log.hint(for: name, at: item.location, among: known, "names of \(kind.name): "))")
            return nil
        }
        return FixtureSource(command: Self.words(command), offers: offers, location: value.location)
    }

    private func health(_ value: SourceValue?) -> HealthExpectation {
        var health = HealthExpectation(firmware: value?["firmware"]?.scalar?.text, identity: value?["identity"]?.scalar?.text)
        if let signal = value?["signal"]?.scalar?.text {
            health.signal = Int(signal.prefix { $0 == "-" || $0.isNumber })
        }
        health.needsSIM = value?["sim"]?.scalar?.text == "true"
        return health
    }
}
