/// The name of the slot that a device is plugged into, as udev's `path_id` makes it (systemd 252), for machines where udev does
/// not run: `pci-0000:00:14.0-usb-0:1:1.2` is interface 1.2 of the device at port 1 of a USB bus of that controller.
///
/// What hangs on no bus that udev knows gets a name from the kernel's device tree with the prefix `sysfs-`: `/devices/pnp0/00:04`
/// becomes `sysfs-pnp0_00:04`. Both forms stay as they are when ports are renumbered.
enum SlotName {
    /// A device and where it belongs: (`usb`, `2-1:1.2`).
    struct Parent: Sendable, Hashable {
        var subsystem: String
        var name: String
    }

    /// - Parameter parents: from the port's own parent to the root.
    static func make(parents: [Parent], devicePath: String, name: String) -> String {
        var words: [String] = []
        var isKnown = false
        var index = 0
        while index < parents.count {
            let parent = parents[index]
            index += 1
            switch parent.subsystem {
            case "usb":
                // A root hub has no port of its own.
                guard let dash = parent.name.firstIndex(of: "-") else { continue }
                words.append("usb-0:\(parent.name[parent.name.index(after: dash)...])")
            case "pci", "platform", "acpi", "xen":
                words.append("\(parent.subsystem)-\(parent.name)")
                isKnown = true
            default: continue
            }
            // The innermost of a bus says where on it the device is.
            while index < parents.count, parents[index].subsystem == parent.subsystem { index += 1 }
        }
        return isKnown ? words.reversed().joined(separator: "-") : treeName(devicePath, name)
    }

    private static func treeName(_ devicePath: String, _ name: String) -> String {
        var words = devicePath.split(separator: "/").map(String.init)
        if words.first == "devices" { words.removeFirst() }
        // The numbered name and the folder of its class are no part of the place.
        for ending in [name, "tty", name] where words.last == ending { words.removeLast() }
        return "sysfs-" + words.joined(separator: "_")
    }
}
