import Glibc
import LabCore

/// Who holds a device, or waits for it, and what for.
package struct LeaseHolder: Sendable, Hashable {
    package var user: String
    package var userNumber: UInt32
    package var process: Int32
    /// In ticks since the boot (`ProcessTable`).
    package var processStart: Int64
    /// The nodes of its lab that it is about.
    package var nodes: [String]
    /// The folder of its lab.
    package var lab: String
    /// The run; empty for manual work.
    package var run: String
    package var why: String

    package init(
        user: String, userNumber: UInt32, process: Int32, processStart: Int64, nodes: [String] = [], lab: String = "", run: String = "",
        why: String = ""
    ) {
        self.user = LeaseText.line(user, atMost: 64)
        self.userNumber = userNumber
        self.process = process
        self.processStart = processStart
        // A record is one page; these bounds keep it below that, whatever the characters.
        self.nodes = nodes.prefix(8).map { LeaseText.line($0, atMost: 48) }
        self.lab = LeaseText.line(lab, atMost: 500)
        self.run = LeaseText.line(run, atMost: 160)
        self.why = LeaseText.line(why, atMost: 240)
    }

    /// This process.
    ///
    /// - Parameters:
    ///   - nodes: the nodes that it is about.
    ///   - lab: the folder of the lab; the working folder where it is `nil`.
    package static func current(nodes: [String] = [], lab: String? = nil, run: String = "", why: String = "") -> LeaseHolder {
        let process = getpid()
        return LeaseHolder(
            user: userName(geteuid()), userNumber: geteuid(), process: process, processStart: ProcessTable.start(of: process) ?? 0, nodes: nodes,
            lab: lab ?? workingFolder, run: run, why: why)
    }

    private static func userName(_ number: uid_t) -> String {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var text = [CChar](repeating: 0, count: 4_096)
        let count = text.count
        guard unsafe getpwuid_r(number, &entry, &text, count, &found) == 0, unsafe found != nil, let name = unsafe entry.pw_name else {
            return "user \(number)"
        }
        return unsafe String(cString: name)
    }

    private static var workingFolder: String {
        guard let path = unsafe getcwd(nil, 0) else { return "" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// `anna, run 0611-1 in /home/anna/bench (pid 4242): nightly`
    package var text: String {
        let what = run.isEmpty ? "" : ", run \(run)"
        let place = lab.isEmpty ? "" : " in \(lab)"
        return "\(user)\(what)\(place) (pid \(process))\(why.isEmpty ? "" : ": \(why)")"
    }
}

extension LeaseHolder {
    var fields: Fields {
        [
            "user": .text(user), "uid": .integer(Int64(userNumber)), "pid": .integer(Int64(process)), "pid_start": .integer(processStart),
            "nodes": .list(nodes.map { .text($0) }), "lab": .text(lab), "run": .text(run), "why": .text(why),
        ]
    }

    init?(_ fields: Fields?) {
        guard let fields, let user = fields["user"]?.text, let number = fields["uid"]?.integer.flatMap({ UInt32(exactly: $0) }),
            let process = fields["pid"]?.integer.flatMap({ Int32(exactly: $0) }), let start = fields["pid_start"]?.integer
        else { return nil }
        self.init(
            user: user, userNumber: number, process: process, processStart: start, nodes: (fields["nodes"]?.list ?? []).compactMap(\.text),
            lab: fields["lab"]?.text ?? "", run: fields["run"]?.text ?? "", why: fields["why"]?.text ?? "")
    }
}
