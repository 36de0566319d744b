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
        /// How the real device is reached; `nil` where the bench has none.
        package var hardware: HardwareSide?
        package var emulated: EmulatedSide?
        package var location: SourceLocation
    }

    /// Where the lab's cloud is to be found in emu and hw; ports that are nil may be any.
    package struct CloudPlace: Sendable {
        package var address: String?
        package var host: String?
        package var http: Int?
        package var mqtt: Int?
        package var piles: Int?
        /// The file with the key from which the factory of real devices makes theirs, and where it is named. Whoever needs the key reads it:
        /// it is a secret, and files that are read here are kept with runs.
        package var factoryKey: (path: String, location: SourceLocation)?

        /// Two worlds at the same time cannot have the same port.
        package var hasFixedPorts: Bool { [http, mqtt, piles].contains { $0 ?? 0 > 0 } }
    }

    package var file: String
    package var about = ""
    package var defaults = Defaults()
    package var nodes: [Node] = []
    /// What is wrong for real devices only, such as a relay that has no entry: warnings while the file is only read, errors for whoever
    /// takes the bench.
    package var benchProblems: [Diagnostic] = []
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
    package var quarantineLocation: SourceLocation?
    package var history: String?
    /// Where the cloud is for devices that are not the lab's own.
    package var cloud = CloudPlace()
    /// Real payment services; `nil` where there are none.
    package var payments: PaymentPlaces?
    /// As written: settings of the broker.
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
    let taken: PlanFiles

    init(catalogue: Catalogue, log: DiagnosticLog, broken: Set<SourceLocation>, files: any FileProvider) {
        (self.catalogue, self.log, self.broken) = (catalogue, log, broken)
        taken = PlanFiles(files)
    }

    func read(_ root: SourceValue, _ file: String) -> LabFile {
        var lab = LabFile(file: file)
        lab.about = root["about"]?.scalar?.text ?? ""
        if let world = root["defaults"]?["fidelity"]?.scalar.flatMap({ WorldKind(rawValue: $0.text) }) { lab.defaults.fidelity = world }
        lab.defaults.within = duration(root["defaults"]?["within"])
        lab.defaults.deadline = duration(root["defaults"]?["deadline"])
        var bench = BenchReader(root: root, file: file, catalogue: catalogue, log: log, broken: broken, files: taken)
        lab.nodes = (root["nodes"]?.record ?? []).compactMap { node($0, &bench) }
        lab.benchProblems = bench.finish()
        for world in [WorldKind.emu, .hw] {
            lab.slack[world] = root["slack"]?[world.rawValue]?.scalar.flatMap { Double($0.text) }
        }
        lab.leaseTimeToLive = duration(root["lease"]?["ttl"]) ?? lab.leaseTimeToLive
        lab.leaseBeat = duration(root["lease"]?["beat"]) ?? lab.leaseBeat
        checkLease(lab, root["lease"])
        lab.doctorInterval = duration(root["doctor"]?["every"])
        lab.doctorBeforeRun = root["doctor"]?["before_run"]?.scalar?.text == "true"
        (lab.quarantine, lab.history) = (root["quarantine"]?.scalar?.text, root["history"]?.scalar?.text)
        lab.quarantineLocation = root["quarantine"]?.location
        lab.broker = root["broker"]
        if let cloud = root["cloud"] { lab.cloud = self.cloud(cloud, from: file) }
        if let section = root["payments"] { lab.payments = PaymentReader(file: file).read(section) }
        if let section = root["firmware"] { lab.firmware = firmware(section, from: file) }
        return lab
    }

    private func firmware(_ section: SourceValue, from file: String) -> FirmwareSupply {
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

    private func cloud(_ value: SourceValue, from file: String) -> LabFile.CloudPlace {
        func text(_ key: String) -> String? { value[key]?.scalar?.text }
        var place = LabFile.CloudPlace(
            address: text("address"), host: text("host"), http: text("http").flatMap { Int($0) }, mqtt: text("mqtt").flatMap { Int($0) },
            piles: text("piles").flatMap { Int($0) })
        if let key = value["factory_key"], let path = key.scalar?.text { place.factoryKey = (FilePath.resolve(path, from: file), key.location) }
        return place
    }

    private func duration(_ value: SourceValue?) -> Duration? {
        value?.scalar.flatMap { DurationText.parse($0.text) }.map { .nanoseconds($0) }
    }

    /// A lease that ends before its first beat would be lost in every run.
    private func checkLease(_ lab: LabFile, _ section: SourceValue?) {
        guard let section, !broken.contains(section.location) else { return }
        let place = section["beat"]?.location ?? section["ttl"]?.location ?? section.location
        if lab.leaseBeat <= .zero { log.error(at: place, "'beat' must be longer than nothing") }
        if lab.leaseBeat * 2 > lab.leaseTimeToLive {
            log.error(
                at: place,
                "a lease of \(DurationText.format(nanoseconds: lab.leaseTimeToLive.nanoseconds)) needs a beat of half of that or less, "
                    + "this is \(DurationText.format(nanoseconds: lab.leaseBeat.nanoseconds)); one late beat would end it")
        }
    }

    private func node(_ entry: SourceValue.Entry, _ bench: inout BenchReader) -> LabFile.Node? {
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
            hardware: bench.hardware(value.entry("hw"), of: entry.name, kind),
            emulated: bench.emulated(value.entry("emu"), of: entry.name, kind), location: entry.location)
    }
}
