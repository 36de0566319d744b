package import LabCore

/// What an inspector found out about one file.
package struct ImageReport: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        case mcuboot, esp32, rauc
        /// The two sectors in which an ESP bootloader finds which slot to start.
        case otadata
        /// A release manifest of the lab.
        case manifest
        /// The root of keys of release manifests.
        case root
        /// A delta between two images.
        case delta

        /// For headings.
        package var name: String {
            switch self {
            case .mcuboot: "MCUboot image"
            case .esp32: "ESP32 application image"
            case .rauc: "RAUC bundle"
            case .otadata: "ESP32 otadata"
            case .manifest: "release manifest"
            case .root: "root of manifest keys"
            case .delta: "delta image"
            }
        }
    }

    package struct Fact: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    package enum Severity: String, Sendable, CaseIterable {
        /// Worth knowing.
        case note
        /// Fit, but not what one expects, or not fit for every bootloader.
        case warning
        /// Not fit.
        case error
    }

    package struct Finding: Sendable, Hashable {
        /// In the file; nil where the whole file is meant.
        package var offset: Int?
        package var severity: Severity
        /// One word, the same as in `ImageRefusal` where that has one.
        package var code: String
        /// One sentence without a full stop.
        package var text: String
        /// What the bootloader does about it, the same way.
        package var bootloader: String
    }

    package var kind: Kind
    package var facts: [Fact] = []
    /// In the order in which they were found.
    package var findings: [Finding] = []

    package init(_ kind: Kind) { self.kind = kind }

    /// No finding is an error.
    package var isFit: Bool { !findings.contains { $0.severity == .error } }

    package mutating func state(_ name: String, _ value: String) { facts.append(Fact(name: name, value: value)) }

    package mutating func find(_ severity: Severity, _ code: String, at offset: Int? = nil, _ text: String, bootloader: String) {
        findings.append(Finding(offset: offset, severity: severity, code: code, text: text, bootloader: bootloader))
    }

    /// A refusal of the layout as an error.
    package mutating func find(_ refusal: ImageRefusal, bootloader: String = "refuses the image") {
        find(.error, refusal.reason, at: refusal.offset, refusal.text, bootloader: bootloader)
    }
}

/// The two written forms.
extension ImageReport {
    /// For people; control characters of the file are already taken out of the texts.
    package func text(file: String) -> String {
        var lines = ["\(file): \(kind.name), \(isFit ? "fit" : "unfit")"]
        let width = facts.map(\.name.count).max() ?? 0
        for fact in facts { lines.append("  \(fact.name)\(String(repeating: " ", count: width - fact.name.count))  \(fact.value)") }
        for finding in findings {
            let place = finding.offset.map { " at \(HexText.offset($0))" } ?? ""
            lines.append("  \(finding.severity.rawValue)\(place): \(finding.text) [\(finding.code)]")
            lines.append("    bootloader: \(finding.bootloader)")
        }
        return lines.joined(separator: "\n")
    }

    /// For programs: facts as a list, since names can repeat.
    package func json(file: String) -> FieldValue {
        [
            "file": .text(file), "format": .text(kind.rawValue), "fit": .bool(isFit),
            "facts": .list(facts.map { ["name": .text($0.name), "value": .text($0.value)] }),
            "findings": .list(
                findings.map {
                    [
                        "offset": $0.offset.map { .integer(Int64($0)) } ?? .null, "severity": .text($0.severity.rawValue),
                        "code": .text($0.code),
                        "text": .text($0.text), "bootloader": .text($0.bootloader),
                    ]
                }),
        ]
    }
}

/// A file that is none of the formats.
package struct UnreadableImage: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence without a full stop.
    package var description: String
    package init(_ description: String) { self.description = description }
}
