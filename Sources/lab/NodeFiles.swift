import Archive
import LabCore
import Reports

/// The log of a case taken apart for readers: a text for each node, the MQTT packets and the serial bytes of each device, the HTTP requests.
///
/// Lines of `.jsonl` files are lines of events.jsonl as they are. The members of a large fleet share the files of their role.
struct NodeFiles {
    private let cloud: String
    private let sharedRoles: Set<String>
    private var texts: [String: [UInt8]] = [:]
    private var packets: [String: [UInt8]] = [:]
    private var serial: [String: [UInt8]] = [:]
    private var requests: [UInt8] = []
    /// The device behind an MQTT client, as the broker accepted it last.
    private var peerOfClient: [String: String] = [:]
    /// The device behind a packet that came before its client had a name, by the packet's number.
    private var peerOfPacket: [Int: String] = [:]

    private static let largestFleetWithOwnFiles = 16

    init(plan: Plan, events: [RunEvent]) {
        cloud = plan.roles.first { $0.kind == "cloud" }?.name ?? "cloud"
        sharedRoles = Set(plan.roles.filter { $0.count > Self.largestFleetWithOwnFiles }.map(\.name))
        for event in events where event.node == cloud && event.name.hasPrefix("broker.") {
            if let cause = event.cause, let peer = event.fields["peer"]?.text { peerOfPacket[cause] = peer }
        }
        for event in events { add(event) }
    }

    func write(to folder: CaseFolder) throws(RunArchive.Failure) {
        for (node, bytes) in texts.sorted(by: { $0.key < $1.key }) { try folder.write(bytes, to: "nodes/\(node).log") }
        for (node, bytes) in packets.sorted(by: { $0.key < $1.key }) { try folder.write(bytes, to: "nodes/\(node).mqtt.jsonl") }
        for (node, bytes) in serial.sorted(by: { $0.key < $1.key }) { try folder.write(bytes, to: "nodes/\(node).serial.log") }
        if !requests.isEmpty { try folder.write(requests, to: "http.jsonl") }
    }

    private mutating func add(_ event: RunEvent) {
        if event.node == cloud, event.name == "broker.accepted", let client = event.fields["client"]?.text {
            peerOfClient[client] = event.fields["peer"]?.text
        }
        if event.node == cloud, event.name == "broker.packet" {
            return Self.append(event, to: &packets[file(of: device(of: event)), default: []])
        }
        if event.name == "port.sent" || event.name == "port.received" { return addDump(of: event) }
        if event.name == "http.request" { Self.append(event, to: &requests) }
        let name = sharedRoles.contains(String(event.role)) ? event.node.padded(to: event.role.count + 8) : ""
        let line = "\("\(event.at)".padded(to: 16))\(name)\(EventText.line(event, valueLimit: 2_000))\n"
        texts[file(of: event.node), default: []] += Array(line.utf8)
    }

    /// 16 bytes a line, with the time at which they were read or written.
    private mutating func addDump(of event: RunEvent) {
        guard case .bytes(let bytes)? = event.fields["bytes"] else { return }
        let way = event.name == "port.sent" ? ">" : "<"
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let row = bytes[start..<min(start + 16, bytes.count)]
            let hex = row.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined(separator: " ")
            let readable = String(decoding: row.map { (0x20...0x7e).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
            text += "\("\(event.at)".padded(to: 16))\(event.fields["port"]?.text ?? "") \(way) \(hex.padded(to: 48))|\(readable)|\n"
        }
        serial[file(of: event.node), default: []] += Array(text.utf8)
    }

    private func device(of packet: RunEvent) -> String {
        packet.fields["client"]?.text.flatMap { peerOfClient[$0] } ?? peerOfPacket[packet.sequence] ?? cloud
    }

    private func file(of node: String) -> String {
        let role = String(node.prefix { $0 != "#" })
        return sharedRoles.contains(role) ? role : node
    }

    private static func append(_ event: RunEvent, to bytes: inout [UInt8]) {
        event.appendJSON(to: &bytes)
        bytes.append(0x0a)
    }
}
