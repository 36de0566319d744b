import BenchTable
import Foundation
import LabCore
import Transports

// The serial ports of a machine with 200 of them, which umockdev makes up: a list of all with their properties, once as udev knows them
// and once read from sysfs where udev does not run, beside `udevadm info --export-db` in turns; and the time from the event of
// an unplugged port to the notice of it. umockdev looks at every path that a program opens, which costs more than the list, so its
// tree is copied and shown in place of /sys to a process without it (a mount namespace: root, or user namespaces).
//
// usage: DiscoveryBenchmark [--ports N] [--rounds N]

/// Modules with four ports each, ten on a hub.
enum MockedBench {
    static func description(ports: Int, hasUdev: Bool) -> String {
        var text = """
            P: /devices/pci0000:00/0000:00:14.0
            E: SUBSYSTEM=pci

            P: /devices/pci0000:00/0000:00:14.0/usb1
            E: SUBSYSTEM=usb
            E: DEVTYPE=usb_device
            A: idVendor=1d6b\\n
            A: idProduct=0002\\n


            """
        for module in 0..<(ports + 3) / 4 { text += self.module(module, min(4, ports - module * 4), hasUdev) }
        return text
    }

    private static func usbDevice(_ module: Int) -> String { "1-\(module / 10 + 1).\(module % 10 + 1)" }

    static func devicePath(_ port: Int) -> String {
        let device = usbDevice(port / 4)
        return "/devices/pci0000:00/0000:00:14.0/usb1/\(device)/\(device):1.\(port % 4)/ttyUSB\(port)/tty/ttyUSB\(port)"
    }

    private static func module(_ module: Int, _ count: Int, _ hasUdev: Bool) -> String {
        let device = usbDevice(module)
        let serial = String(0x3a5f_0000 + module, radix: 16)
        let place = "/devices/pci0000:00/0000:00:14.0/usb1/\(device)"
        var text = """
            P: \(place)
            E: SUBSYSTEM=usb
            E: DEVTYPE=usb_device
            A: idVendor=2c7c\\n
            A: idProduct=0800\\n
            A: bcdDevice=0414\\n
            A: manufacturer=Quectel\\n
            A: product=RG500Q-EA\\n
            A: serial=\(serial)\\n


            """
        for interface in 0..<count {
            let number = module * 4 + interface
            let known = [
                "ID_BUS=usb", "ID_MODEL=RG500Q-EA", "ID_MODEL_ID=0800", "ID_PATH=pci-0000:00:14.0-usb-0:\(device.dropFirst(2)):1.\(interface)",
                "ID_REVISION=0414", "ID_SERIAL=Quectel_RG500Q-EA_\(serial)", "ID_SERIAL_SHORT=\(serial)", "ID_TYPE=generic", "ID_USB_DRIVER=option",
                "ID_USB_INTERFACES=:ffff30:ff0040:ff0000:ffffff:", "ID_USB_INTERFACE_NUM=0\(interface)", "ID_VENDOR=Quectel", "ID_VENDOR_ID=2c7c",
                "ID_MM_CANDIDATE=1", "DEVLINKS=/dev/serial/by-id/usb-Quectel_RG500Q-EA_\(serial)-if0\(interface)-port0",
            ]
            text += """
                P: \(place)/\(device):1.\(interface)
                E: SUBSYSTEM=usb
                E: DEVTYPE=usb_interface
                E: DRIVER=option
                A: bInterfaceNumber=0\(interface)\\n

                P: \(place)/\(device):1.\(interface)/ttyUSB\(number)
                E: SUBSYSTEM=usb-serial
                A: port_number=0\\n

                P: \(devicePath(number))
                N: ttyUSB\(number)
                E: DEVNAME=/dev/ttyUSB\(number)
                E: MAJOR=188
                E: MINOR=\(number)
                E: SUBSYSTEM=tty
                \(hasUdev ? known.map { "E: \($0)\n" }.joined() : "")A: dev=188:\(number)\\n


                """
        }
        return text
    }
}

/// Runs this program in the mocked machine.
func runInside(_ role: String, ports: Int, rounds: Int, hasUdev: Bool) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("discovery-\(UUID().uuidString).umockdev")
    try MockedBench.description(ports: ports, hasUdev: hasUdev).write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let testbed = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../Tests/Vectors/testbed.py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    process.arguments = [
        "umockdev-wrapper", "/usr/bin/python3", testbed.standardizedFileURL.path, file.path, own, "--inside", role, "--ports", "\(ports)", "--rounds",
        "\(rounds)",
    ]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Problem("the mocked machine does not work; it needs umockdev, python3-gi and gir1.2-umockdev-1.0")
    }
}

/// Lists the ports of the tree that umockdev made, in place of /sys.
func showTree(_ role: String, ports: Int, rounds: Int) throws {
    guard let root = ProcessInfo.processInfo.environment["UMOCKDEV_DIR"] else { throw Problem("there is no mocked machine here") }
    var environment = ProcessInfo.processInfo.environment
    for name in ["LD_PRELOAD", "UMOCKDEV_DIR"] { environment[name] = nil }
    // libudev insists on a file system of the kernel else.
    environment["SYSTEMD_DEVICE_VERIFY_SYSFS"] = "0"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.environment = environment
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    process.arguments = [
        "unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-c", "mount --bind \"$1\" /sys && shift && exec \"$@\"", "sh", "\(root)/sys", own, "--inside",
        role, "--ports", "\(ports)", "--rounds", "\(rounds)",
    ]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Problem("a tree in place of /sys needs root, or user namespaces") }
}

func nanoseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

func listAll(_ title: String, ports: Int, rounds: Int) throws {
    var (own, peer): ([Int64], [Int64]) = ([], [])
    for round in 0..<rounds * 2 {
        // In turns, ABBA.
        if round % 4 == 0 || round % 4 == 3 {
            let began = nanoseconds()
            let found = try PortDirectory.scan()
            own.append(nanoseconds() - began)
            guard found.count == ports, found.allSatisfy({ $0.serial != nil && $0.slot != nil && $0.interface != nil }) else {
                throw Problem("\(found.count) of \(ports) ports were found")
            }
        } else {
            let began = nanoseconds()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["udevadm", "info", "--export-db"]
            process.standardOutput = FileHandle(forWritingAtPath: "/dev/null")
            try process.run()
            process.waitUntilExit()
            peer.append(nanoseconds() - began)
        }
    }
    let (mine, other) = (BenchTimes(own), BenchTimes(peer))
    BenchRow(
        title, mine.text, peer: "udevadm --export-db \(BenchTimes.milliseconds(other.percentile(500))) ms",
        ratio: Double(mine.percentile(500)) / Double(other.percentile(500)), target: "p50 < 100 ms", isMet: mine.percentile(500) < 100_000_000
    ).show()
}

func unplug(ports: Int) throws {
    let reactor = try Reactor()
    let directory = try PortDirectory(on: reactor)
    var (noticed, expected): (Int64?, String) = (nil, "")
    directory.onChange = { change in
        if case .removed(let port) = change, port.devicePath == expected { noticed = nanoseconds() }
    }
    var times: [Int64] = []
    for port in 0..<ports {
        (noticed, expected) = (nil, MockedBench.devicePath(port))
        say("@@ unplug \(expected)")
        reactor.run(until: { noticed != nil }, timeout: .seconds(5))
        guard let moment = readLine().flatMap({ Int64($0) }), let noticed else { throw Problem("unplugging \(expected) was not noticed") }
        times.append(noticed - moment)
    }
    let all = BenchTimes(times)
    BenchRow("a port is unplugged: from its event to the notice", all.text, target: "p99 < 100 ms", isMet: all.percentile(990) < 100_000_000).show()
}

do {
    let (ports, rounds) = (max(4, option("--ports", 200)), max(2, option("--rounds", 20)))
    switch option("--inside") {
    case "tree-known": try showTree("known", ports: ports, rounds: rounds)
    case "tree-sysfs": try showTree("sysfs", ports: ports, rounds: rounds)
    case "known": try listAll("\(ports) ports listed, udev's properties", ports: ports, rounds: rounds)
    case "sysfs": try listAll("\(ports) ports listed, read from sysfs", ports: ports, rounds: rounds)
    case "unplug": try unplug(ports: ports)
    default:
        try runInside("tree-known", ports: ports, rounds: rounds, hasUdev: true)
        try runInside("tree-sysfs", ports: ports, rounds: rounds, hasUdev: false)
        try runInside("unplug", ports: ports, rounds: rounds, hasUdev: true)
        exit(0)
    }
    // The program in the tree speaks through this one.
    if ProcessInfo.processInfo.environment["UMOCKDEV_DIR"] != nil { say("@@ done") }
} catch {
    print("broken: \(error)")
    exit(1)
}
