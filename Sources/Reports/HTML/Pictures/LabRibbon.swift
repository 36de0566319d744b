import LabCore

/// The grey line under a picture: how well the lab itself kept time (sla.md §1.3), or that its times are those of a model.
struct LabRibbon {
    private let text: String
    private let isVoid: Bool

    /// - Parameter isVoid: some objective is void because of what the ribbon says.
    init(_ load: LoadReport, isVoid: Bool = false) {
        self.init(harness: load.harness, isModelled: load.isModelled, isVoid: isVoid)
    }

    /// The ribbon of a picture about a whole run: the worst of each figure.
    init(_ summary: Summary, isVoid: Bool) {
        let loads = summary.cases.flatMap(\.loads)
        self.init(harness: Self.worst(loads.compactMap(\.harness)), isModelled: summary.world == .sim, isVoid: isVoid, loads: loads.count)
    }

    /// The ribbon of what a case says beyond its loads.
    init(_ result: CaseSummary, isVoid: Bool) {
        self.init(harness: Self.worst(result.loads.compactMap(\.harness)), isModelled: result.plan.world == .sim, isVoid: isVoid, loads: result.loads.count)
    }

    private init(harness: HarnessReport?, isModelled: Bool, isVoid: Bool, loads: Int = 1) {
        if isModelled {
            text = "modelled times: the clock was virtual and service times are those of a model; no machine was measured"
        } else {
            let own = harness?.text ?? "lab: its own lateness was not measured"
            text = loads > 1 && harness != nil ? "the worst of \(loads) loads · \(own)" : own
        }
        self.isVoid = isVoid
    }

    private init(text: String) {
        self.text = text
        isVoid = false
    }

    /// Of a comparison of two builds, which is measured in real time whatever the run's world is.
    static let realTime = LabRibbon(text: "measured in real time, in turns; pairs in which neighbours took more than a tenth of the machine are left out")

    private static func worst(_ reports: [HarnessReport]) -> HarnessReport? {
        guard var result = reports.first else { return nil }
        for report in reports.dropFirst() {
            result.sendLagMedian = max(result.sendLagMedian, report.sendLagMedian)
            result.sendLagP99 = max(result.sendLagP99, report.sendLagP99)
            result.sendLagWorst = max(result.sendLagWorst, report.sendLagWorst)
            result.wakeP99 = max(result.wakeP99, report.wakeP99)
            result.loaderCPU = max(result.loaderCPU, report.loaderCPU)
            result.foreignCPU = max(result.foreignCPU, report.foreignCPU)
            result.planKept = min(result.planKept, report.planKept)
            result.clockSteps = max(result.clockSteps, report.clockSteps)
        }
        return result
    }

    var html: String {
        isVoid
            ? "<p class=\"ribbon void\"><b>⊘ void</b> \(HTMLText.escaped(text))</p>\n"
            : "<p class=\"ribbon\">\(HTMLText.escaped(text))</p>\n"
    }
}
