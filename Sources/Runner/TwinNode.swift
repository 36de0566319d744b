import Emulators
import LabCore

extension MadeNode {
    /// The node with the twin of a recording in the place of its emulator; the program at its port stays what it was.
    ///
    /// - Throws: `bad_script` where no twin of this node can be made of the recording.
    func withTwin(_ script: PlanFile, kind: String, node: String) throws(ActionFailure) -> MadeNode {
        var made = self
        switch kind {
        case "rg500q":
            let twin = try TwinModule(script: script, node: node)
            made.parts[0] = Part(device: twin, publishes: TwinModule.kind, way: .none)
            // There is a recording of one port; the others are silent, and are not there.
            made.ports.removeAll { $0.module == 0 && $0.name != twin.port }
        case "pile":
            guard ports.contains(where: { $0.name == .serial }) else {
                throw ActionFailure("bad_script", "A twin of a pile answers at its serial port; give the node '\(node)' the fact line: serial.")
            }
            made.parts[0] = Part(device: try TwinPile(script: script, node: node), publishes: TwinModule.kind, way: .none)
        default: throw ActionFailure("bad_script", "There are no twins of the kind '\(kind)'; those of rg500q and pile can be made.")
        }
        return made
    }
}
