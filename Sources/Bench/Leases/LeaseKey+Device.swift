import Glibc
package import LabCore

extension LeaseKey {
    /// What a node has to itself while it is used: its ports, and what switches its power.
    ///
    /// A device that is not there has the keys that its entry in lab.yaml gives, so that it can be taken and then be switched on.
    ///
    /// - Parameter ports: that there are now on this machine.
    /// - Throws: `.busy` where several ports are what the entry says.
    package static func keys(of side: HardwareSide, among ports: [PortRecord]) throws(StreamFailure) -> [LeaseKey] {
        var keys: [LeaseKey] = []
        for port in side.ports { keys += try Self.keys(of: port.source, among: ports) }
        if let power = side.power { keys += try Self.keys(of: power.kind, among: ports) }
        if let client = side.client { keys.append(LeaseKey("client \(client)")) }
        return sorted(keys)
    }

    static func keys(of source: PortSource, among ports: [PortRecord]) throws(StreamFailure) -> [LeaseKey] {
        switch source.place {
        // One serial port at a time has one user, whichever protocol carries it.
        case .rfc2217(let host, let port), .tcp(let host, let port): return [LeaseKey("tcp \(machine(host)):\(port)")]
        case .labgrid(let place, _): return [LeaseKey("labgrid \(place)")]
        case .match, .path:
            let path: String
            do throws(StreamFailure) {
                path = try PortLookup.resolve(source, among: ports)
            } catch {
                guard error.reason == .notFound else { throw error }
                return [written(source)]
            }
            return [written(source)] + (PortLookup.record(of: path, among: ports).map { keys(of: $0) } ?? [LeaseKey("port \(SystemText.real(path))")])
        }
    }

    /// By what lab.yaml says. It holds while the device is off, too, when there is no port that could be asked.
    private static func written(_ source: PortSource) -> LeaseKey {
        if case .path(let path) = source.place { return LeaseKey("port \(path)") }
        return LeaseKey("match \(source.place)")
    }

    /// - Parameter port: of this machine.
    /// - Returns: the USB device behind it with all of its ports, since a module resets as a whole; of an adapter, whose ports belong to different
    ///   devices, that port alone. The place on the bus comes from the kernel, and so is there without udev as well; two devices with one serial
    ///   number are still two. The serial number is a key beside it: a module that was plugged in elsewhere is still the same.
    package static func keys(of port: PortRecord) -> [LeaseKey] {
        guard let device = usbDevice(of: port) else { return [LeaseKey("port \(port.path)")] }
        var part = ""
        if let driver = port["ID_USB_DRIVER"], adapterDrivers.contains(driver) {
            part = ":\(device.interface)" + (port["ID_PORT"].map { ":\($0)" } ?? "")
        }
        var keys = [LeaseKey("usb \(device.name)\(part)")]
        if let vendor = port.vendor, let product = port.product, let serial = port.serial, !placeholders.contains(serial.lowercased()) {
            keys.append(LeaseKey("serial \(vendor.lowercased())-\(product.lowercased())-\(LeaseText.escaped(serial))\(part)"))
        }
        return keys
    }

    /// What makers write into every device of a kind.
    private static let placeholders: Set<String> = ["", "0", "0001", "1", "00000000", "0123456789abcdef", "123456", "123456789", "unknown", "default_string"]

    /// Drivers of the kernel for adapters between USB and serial lines.
    private static let adapterDrivers: Set<String> = [
        "ftdi_sio", "cp210x", "ch341", "ch343", "pl2303", "mxuport", "mos7720", "mos7840", "f81232", "f81534", "xr_serial", "io_edgeport", "io_ti",
        "ti_usb_3410_5052", "keyspan", "quatech2", "digi_acceleport", "whiteheat",
    ]

    /// `/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.2/ttyUSB2/tty/ttyUSB2` is interface `1.2` of the device `2-1`.
    static func usbDevice(of port: PortRecord) -> (name: String, interface: String)? {
        for part in port.devicePath.split(separator: "/").reversed() {
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, let first = words.first, let last = words.last, isUSBName(first), !last.isEmpty,
                last.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || isDigit($0) })
            else { continue }
            return (String(first), String(last))
        }
        return nil
    }

    /// `2-1`, `1-1.4.2`
    private static func isUSBName(_ text: Substring) -> Bool {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 2, let bus = words.first, let port = words.last, !bus.isEmpty, !port.isEmpty else { return false }
        return bus.utf8.allSatisfy(isDigit) && port.utf8.allSatisfy { $0 == UInt8(ascii: ".") || isDigit($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// A channel is a part of its board; the port of a hub has the name of the device in it, and of all that is behind it.
    private static func keys(of power: PowerSource.Switch, among ports: [PortRecord]) throws(StreamFailure) -> [LeaseKey] {
        switch power {
        case .relay(let board, let channel):
            return try keys(of: board.port, among: ports).map { key in
                let isUSB = key.text.hasPrefix("usb ") || key.text.hasPrefix("serial ")
                return LeaseKey("\(key.text)\(isUSB ? ":" : " ")relay\(channel)")
            }
        case .hubPort(let hub, let port): return [LeaseKey("usb \(hub)\(hub.contains("-") ? "." : "-")\(port)")]
        case .authorized(let device): return [LeaseKey("usb \(device)")]
        case .command(let on, _, _): return [LeaseKey("power \(on.joined(separator: " "))")]
        }
    }

    /// The names of this machine are one.
    private static func machine(_ host: String) -> String {
        let name = host.lowercased()
        return ["localhost", "::1", "[::1]", "ip6-localhost"].contains(name) || name.hasPrefix("127.") ? "localhost" : name
    }
}
