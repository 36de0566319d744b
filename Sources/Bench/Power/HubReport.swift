/// What uhubctl prints: hubs with the state of their ports, before or after what it did.
///
/// Source: uhubctl 2.5.0 (Debian) and its README; older versions print the hub without brackets.
package struct HubReport: Sendable, Hashable {
    package struct Hub: Sendable, Hashable {
        /// Under `New status`: after what was asked for.
        package var isAfter: Bool
        /// `1-1.4`; a root hub is a number.
        package var location: String
        package var ports: [Port]

        package init(isAfter: Bool, location: String, ports: [Port]) { (self.isAfter, self.location, self.ports) = (isAfter, location, ports) }
    }

    package struct Port: Sendable, Hashable {
        package var number: Int
        /// `wPortStatus` of the hub; USB 3 hubs have other bits than USB 2 hubs.
        package var status: UInt16
        package var isOn: Bool
        /// Something is plugged in and seen.
        package var isConnected: Bool

        package init(number: Int, status: UInt16, isOn: Bool, isConnected: Bool) {
            (self.number, self.status, self.isOn, self.isConnected) = (number, status, isOn, isConnected)
        }
    }

    package var hubs: [Hub] = []

    /// Longest output that is looked at. A hub has at most 14 ports, and nobody has thousands of hubs.
    private static let longestLine = 1_024

    package init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) where line.utf8.count <= Self.longestLine {
            if let hub = Self.hub(line) { hubs.append(hub) } else if let port = Self.port(line), !hubs.isEmpty { hubs[hubs.count - 1].ports.append(port) }
        }
    }

    /// The port of all hubs with that number, as the last word on it: a USB 3 hub and its USB 2 half are two hubs with one set of sockets.
    ///
    /// - Returns: by location, in the order of the report.
    package func ports(_ number: Int) -> [(location: String, port: Port)] {
        var found: [(location: String, port: Port)] = []
        for hub in hubs {
            guard let port = hub.ports.first(where: { $0.number == number }) else { continue }
            if let index = found.firstIndex(where: { $0.location == hub.location }) { found[index].port = port } else { found.append((hub.location, port)) }
        }
        return found
    }

    /// `Current status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]`, `New status for hub 20-1, vendor 2109:2811, 4 ports`
    private static func hub(_ line: Substring) -> Hub? {
        for (start, isAfter) in [("Current status for hub ", false), ("New status for hub ", true)] where line.hasPrefix(start) {
            let location = line.dropFirst(start.count).prefix { $0.isASCII && ($0.isNumber || $0 == "-" || $0 == ".") }
            if !location.isEmpty { return Hub(isAfter: isAfter, location: String(location), ports: []) }
        }
        return nil
    }

    /// `  Port 2: 0503 power highspeed enable connect [2c7c:0800 Quectel RG500Q-EA 3a5f21c7]`, `  Port 2: 0000 off`
    private static func port(_ line: Substring) -> Port? {
        let text = line.drop { $0 == " " }
        guard text.hasPrefix("Port "), let colon = text.firstIndex(of: ":"), let number = Int(text[text.index(text.startIndex, offsetBy: 5)..<colon]) else { return nil }
        // The description of the device may say anything, also `off`.
        let words = text[text.index(after: colon)...].prefix { $0 != "[" }.split(separator: " ")
        guard let first = words.first, first.count == 4, let status = UInt16(first, radix: 16) else { return nil }
        let flags = words.dropFirst()
        guard flags.contains("power") != flags.contains("off") else { return nil }
        return Port(number: number, status: status, isOn: flags.contains("power"), isConnected: flags.contains("connect"))
    }
}
