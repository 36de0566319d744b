package import LabCore

/// `lab.yaml`: the only file that knows hardware.
package struct LabFile: Sendable {
    package struct Defaults: Sendable, Equatable {
        package var fidelity: WorldKind
        package var within: Duration?
        package var deadline: Duration?

        package init(fidelity: WorldKind = .sim, within: Duration? = nil, deadline: Duration? = nil) {
            (self.fidelity, self.within, self.deadline) = (fidelity, within, deadline)
        }
    }

    package struct Node: Sendable {
        package var name: String
        package var kind: String
        package var facts: Fields
        package var abilities: [String]
        /// As written; drivers read their settings from it.
        package var hw: SourceValue?
        /// As written; emulator hosts read their settings from it.
        package var emu: SourceValue?
        package var location: SourceLocation
    }

    package var file: String
    package var about = ""
    package var defaults = Defaults()
    package var nodes: [Node] = []
    /// Factors for `within` and `for`, never for limits; 1 or more. There is none for `sim`.
    package var slack: [WorldKind: Double] = [:]
    /// A lease ends this long after its last beat.
    package var leaseTimeToLive: Duration = .seconds(600)
    package var leaseBeat: Duration = .seconds(30)
    /// Time between health checks; `nil` for none.
    package var doctorInterval: Duration?
    package var doctorBeforeRun = false
    /// Paths relative to the file.
    package var quarantine: String?
    package var history: String?
    /// As written: settings of the cloud and of the broker.
    package var cloud: SourceValue?
    package var broker: SourceValue?
    /// What the factory puts into emulated devices; paths are relative to the file.
    package var firmware = FirmwareSupply()

    init(file: String) { self.file = file }

    /// Reads and checks a lab.yaml.
    ///
    /// - Returns: no lab where there is an error among the diagnostics.
    package static func load(_ path: String, catalogue: Catalogue, files: any FileProvider) -> (lab: LabFile?, diagnostics: [Diagnostic]) {
        let log = DiagnosticLog()
        let file = FilePath.normalized(path)
        do {
            let content = try files.read(file, atMost: SourceText.maximumBytes + 1)
            if let root = YAMLComposer.compose(content, file: file, log: log) {
                var shapes = ShapeChecker(log: log)
                shapes.check(root, .record(Grammar.lab), as: "lab.yaml")
                let lab = LabFileReader(catalogue: catalogue, log: log, broken: shapes.broken, files: files).read(root, file)
                if !log.hasErrors(in: file) { return (lab, log.sorted()) }
            }
        } catch {
            log.error(at: SourceLocation(file: file, line: 1, column: 1), "cannot read '\(file)': \(error)")
        }
        return (nil, log.sorted())
    }
}

/// A lab.yaml of sound form to a `LabFile`, with its facts typed by the kinds.
struct LabFileReader {
    let catalogue: Catalogue
    let log: DiagnosticLog
    let broken: Set<SourceLocation>
    let files: any FileProvider

    func read(_ root: SourceValue, _ file: String) -> LabFile {
        var lab = LabFile(file: file)
        lab.about = root["about"]?.scalar?.text ?? ""
        if let world = root["defaults"]?["fidelity"]?.scalar.flatMap({ WorldKind(rawValue: $0.text) }) { lab.defaults.fidelity = world }
        lab.defaults.within = duration(root["defaults"]?["within"])
        lab.defaults.deadline = duration(root["defaults"]?["deadline"])
        lab.nodes = (root["nodes"]?.record ?? []).compactMap(node)
        for world in [WorldKind.emu, .hw] {
            lab.slack[world] = root["slack"]?[world.rawValue]?.scalar.flatMap { Double($0.text) }
        }
        lab.leaseTimeToLive = duration(root["lease"]?["ttl"]) ?? lab.leaseTimeToLive
        lab.leaseBeat = duration(root["lease"]?["beat"]) ?? lab.leaseBeat
        lab.doctorInterval = duration(root["doctor"]?["every"])
        lab.doctorBeforeRun = root["doctor"]?["before_run"]?.scalar?.text == "true"
        (lab.quarantine, lab.history) = (root["quarantine"]?.scalar?.text, root["history"]?.scalar?.text)
        (lab.cloud, lab.broker) = (root["cloud"], root["broker"])
        if let section = root["firmware"] { lab.firmware = firmware(section, from: file) }
        return lab
    }

    private func firmware(_ section: SourceValue, from file: String) -> FirmwareSupply {
        let taken = PlanFiles(files)
        func read(_ value: SourceValue?) -> [PlanFile] {
            (value?.list ?? [value].compactMap(\.self)).compactMap { item in
                guard let scalar = item.scalar else { return nil }
                let path = FilePath.resolve(scalar.text, from: file)
                return taken.take(path, at: item.location, log) ? taken.taken.first { $0.path == path } : nil
            }
        }
        return FirmwareSupply(
            product: section["product"]?.scalar?.text ?? "luna-badge", root: read(section["root"]).first, keys: read(section["keys"]),
            certificates: read(section["certificates"]))
    }

    private func duration(_ value: SourceValue?) -> Duration? {
        value?.scalar.flatMap { DurationText.parse($0.text) }.map { .nanoseconds($0) }
    }

    private func node(_ entry: SourceValue.Entry) -> LabFile.Node? {
        let value = entry.value
        guard !broken.contains(value.location), let written = value["kind"], let name = written.scalar?.text else { return nil }
        guard let kind = catalogue.kind(name) else {
            log.error(at: written.location, catalogue.unknownKind(name, log, at: written.location))
            return nil
        }
        let abilities = value["can"]?.list ?? []
        for ability in abilities {
            guard let word = ability.scalar?.text, !kind.abilities.contains(word) else { continue }
            log.error(at: ability.location, kind.unknownAbility(word, log, at: ability.location))
        }
        let values = ValueTyper(log: log, budget: Budget(), names: NameTable())
        let facts = values.members(value["facts"]?.record ?? [], of: kind.facts, owner: kind.name).map(Template.record)
        return LabFile.Node(
            name: entry.name, kind: name, facts: facts?.constantValue?.record ?? [:], abilities: abilities.compactMap { $0.scalar?.text },
            hw: value["hw"], emu: value["emu"], location: entry.location)
    }
}
