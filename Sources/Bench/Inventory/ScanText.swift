package import LabCore

extension BenchScan {
    /// Models, by the beginning of what `ATI` says, and the kinds of the lab that drive them.
    private static let kinds = [("RG500Q", "rg500q")]

    /// Entries for lab.yaml, to be pasted; what is not known stands in comments.
    ///
    /// - Parameters:
    ///   - all: every port of the machine, so that a serial number that two devices have is not proposed.
    ///   - names: of nodes that there are.
    package func yaml(among all: [PortRecord], names: [String]) -> [String] {
        guard !devices.isEmpty else { return ["# No port is left: every serial port of this machine is named in lab.yaml, or there is none."] }
        let head = devices.contains { $0.module != nil }
            ? ["# Proposed for lab.yaml; what stands below `nodes:` can be pasted there.", "nodes:"]
            : ["# No module answered on the ports that no node names."]
        var lines = head
        var taken = Set(names)
        for device in devices {
            if let module = device.module { lines += Self.entry(module.port, module.answer, all, &taken) }
            lines += device.ports.flatMap { Self.comment($0.port, $0.finding, isKnown: device.module != nil) }
        }
        return lines
    }

    /// For programs.
    package var asValue: FieldValue {
        .list(
            devices.map { device in
                [
                    "ports": .list(
                        device.ports.map { port, finding in
                            var fields = Inventory.value(port).record ?? [:]
                            fields["finding"] = .text(finding.word)
                            fields["detail"] = .text(finding.detail)
                            return .record(fields)
                        }),
                    "module": device.module.map { module in
                        ["path": .text(module.port.path), "lines": .list(module.answer.lines.map { .text($0) })]
                    } ?? .null,
                ]
            })
    }

    private static func entry(
        _ port: PortRecord, _ answer: PortQuestion.Answer, _ all: [PortRecord], _ taken: inout Set<String>
    ) -> [String] {
        let kind = answer.model.flatMap { model in kinds.first { model.hasPrefix($0.0) }?.1 }
        let said = answer.lines.isEmpty ? "an answer to AT, none to ATI" : answer.lines.map(clean).joined(separator: ", ")
        // A module of which the lab has no driver is told, but not as an entry that would be refused.
        guard let kind else {
            return ["  # \(port.path): a module that the lab has no kind for: \(said)", "  # \(match(port, all))"]
        }
        var number = 1
        while taken.contains("\(kind)_\(number)") { number += 1 }
        let name = "\(kind)_\(number)"
        taken.insert(name)
        var lines = [
            "  \(name):", "    kind: \(kind)", "    hw:", "      # \(port.path) said: \(said)", "      serial: {match: \(match(port, all))}",
        ]
        if isUnique(port, all), let slot = port.slot { lines.append("      # or whatever is in this slot: {match: {ID_PATH: \(quoted(slot))}}") }
        if let firmware = answer.firmware {
            lines.append("      health: {firmware: \(quoted(firmware))}")
        }
        return lines
    }

    /// The device by its serial number where no other has the same, else by its slot.
    private static func match(_ port: PortRecord, _ all: [PortRecord]) -> String {
        if isUnique(port, all), let serial = port.serial {
            return "{ID_SERIAL_SHORT: \(quoted(serial))\(port.interface.map { ", interface: \($0)" } ?? "")}"
        }
        guard let slot = port.slot else { return "{DEVPATH: \(quoted(port.devicePath))}" }
        let isOnlyOne = all.filter { $0.slot == slot }.count < 2
        return "{ID_PATH: \(quoted(slot))\(isOnlyOne ? "" : port["ID_PORT"].map { ", ID_PORT: \(quoted($0))" } ?? "")}"
    }

    /// Whether no other device has its serial number. Cheap adapters all have the same, or none.
    private static func isUnique(_ port: PortRecord, _ all: [PortRecord]) -> Bool {
        guard let serial = port.serial, !serial.isEmpty else { return false }
        return all.filter { $0.serial == serial && $0.interface == port.interface }.count < 2
    }

    private static func comment(_ port: PortRecord, _ finding: Finding, isKnown: Bool) -> [String] {
        if case .module = finding { return [] }
        return ["  # \(clean(PortText.line(port)))", "  #   \(clean(finding.detail))"]
    }

    private static func clean(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
    }

    /// Double quotes of YAML are those of JSON.
    private static func quoted(_ text: String) -> String { JSONWriter.text(.text(text)) }
}

extension BenchScan.Finding {
    var word: String {
        switch self {
        case .notAsked: "not_asked"
        case .failed: "failed"
        case .silent: "silent"
        case .garbage: "garbage"
        case .module: "module"
        }
    }

    var detail: String {
        switch self {
        case .notAsked(let reason): "not asked: \(reason)"
        case .failed(let failure): "could not be asked: \(failure.detail)\(failure.remedy.isEmpty ? "" : "; \(failure.remedy)")"
        case .silent: "no answer to AT in 2 s"
        case .garbage(let bytes): "an answer that is none to AT: \(Hexadecimal.text(bytes)); another rate, or no module"
        case .module(let answer): answer.lines.joined(separator: ", ")
        }
    }
}
