import LabCore

extension Step {
    /// The verb as scenarios spell it.
    var verb: String {
        switch action {
        case .act: "do"
        case .expect: "expect"
        case .forbid: "forbid"
        case .check: "check"
        case .fault: "fault"
        case .clear: "clear"
        case .wait: "wait"
        case .load: "load"
        case .sequence(let turns): turns.first?.isIsolated == true ? "use" : "loop"
        case .parallel: "parallel"
        }
    }

    /// One line for people: `expect cloud.device.registered`.
    var text: String {
        switch action {
        case .act(let act): "do \(act.target)"
        case .expect(let expect): "expect \(expect.event)"
        case .forbid(let forbid): "forbid \(forbid.event) for \(forbid.duration)"
        case .check(let check): "check \(check.query)"
        case .fault(let fault): "fault \(fault.target)"
        case .clear(let id): "clear \(id)"
        case .wait(let duration): "wait \(duration)"
        case .load(let load): "load \(load.target)"
        case .sequence(let turns): turns.first.map { $0.isIsolated ? $0.label : "loop of \(turns.count)" } ?? "loop"
        case .parallel(let branches): "parallel, \(branches.count) branches"
        }
    }
}
