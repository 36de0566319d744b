import CUdev
import Glibc
import LabCore

/// A context of libudev. Its devices keep it.
// @safe: the handle is made in `init` and given back in `deinit`, and is not null between.
@safe final class UdevContext {
    let handle: OpaquePointer

    /// - Throws: `StreamFailure` where there is no memory for it.
    init() throws(StreamFailure) {
        guard let handle = unsafe udev_new() else { throw StreamFailure(.failed, "libudev", "it does not begin (error \(errno))") }
        unsafe self.handle = unsafe handle
    }

    deinit { unsafe udev_unref(handle) }

    /// - Parameter path: in sysfs, or a link there.
    /// - Returns: `nil` for one that is not there any more.
    func device(at path: String) -> UdevDevice? {
        guard let device = unsafe udev_device_new_from_syspath(handle, path) else { return nil }
        return unsafe UdevDevice(adopting: device)
    }
}

/// A device of libudev.
// @safe: owns the reference that it was made with.
@safe final class UdevDevice {
    private let handle: OpaquePointer

    init(adopting handle: OpaquePointer) { unsafe self.handle = unsafe handle }

    deinit { unsafe udev_device_unref(handle) }

    var devicePath: String { unsafe Self.text(udev_device_get_devpath(handle)) ?? "" }
    var name: String { unsafe Self.text(udev_device_get_sysname(handle)) ?? "" }
    /// `usb_interface`, `usb_device`; `nil` where its subsystem has no types.
    var type: String? { unsafe Self.text(udev_device_get_devtype(handle)) }
    var subsystem: String { unsafe Self.text(udev_device_get_subsystem(handle)) ?? "" }
    /// `add`, `remove`, `change`, …; `nil` for a device that is none of an event.
    var action: String? { unsafe Self.text(udev_device_get_action(handle)) }
    var node: String? { unsafe Self.text(udev_device_get_devnode(handle)) }

    /// Of the kernel: `option`.
    var driver: String? { unsafe Self.text(udev_device_get_driver(handle)) }

    func attribute(_ name: String) -> String? { unsafe Self.text(udev_device_get_sysattr_value(handle, name)) }

    var properties: [PortRecord.Property] {
        var properties: [PortRecord.Property] = []
        var entry = unsafe udev_device_get_properties_list_entry(handle)
        while let current = unsafe entry {
            if let name = unsafe Self.text(udev_list_entry_get_name(current)) {
                properties.append(PortRecord.Property(name, unsafe Self.text(udev_list_entry_get_value(current)) ?? ""))
            }
            unsafe entry = udev_list_entry_get_next(current)
        }
        return properties
    }

    /// The device that it hangs on.
    var parent: UdevDevice? { unsafe Self.referenced(udev_device_get_parent(handle)) }

    /// Parents belong to their child; this one is kept by itself.
    private static func referenced(_ handle: OpaquePointer?) -> UdevDevice? {
        guard let handle = unsafe handle else { return nil }
        return unsafe udev_device_ref(handle).map { unsafe UdevDevice(adopting: $0) }
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }
}

/// The events of the class `tty`, by a netlink socket.
// @safe: as the context, which it keeps.
@safe final class UdevMonitor {
    enum Source: String {
        /// After udev has named the device and given it its properties.
        case udev
        /// As the kernel says it, where no udev runs.
        case kernel
    }

    enum Reception {
        case device(UdevDevice)
        /// Nothing more for now.
        case nothing
        /// Events were lost: they came faster than they were read.
        case overflow
    }

    private let context: UdevContext
    private let handle: OpaquePointer
    var descriptor: Int32 { unsafe udev_monitor_get_fd(handle) }

    /// Events wait here while the reader is busy; a hub with many devices makes some hundred at once.
    private static let bufferSize: Int32 = 1 << 20

    /// - Returns: `nil` where the system gives no events, as in a container.
    init?(_ source: Source, in context: UdevContext) {
        guard let handle = unsafe udev_monitor_new_from_netlink(context.handle, source.rawValue) else { return nil }
        self.context = context
        unsafe self.handle = unsafe handle
        // Not permitted to all users; the usual size will do then.
        _ = unsafe udev_monitor_set_receive_buffer_size(handle, Self.bufferSize)
        guard unsafe udev_monitor_filter_add_match_subsystem_devtype(handle, "tty", nil) >= 0, unsafe udev_monitor_enable_receiving(handle) >= 0
        else { return nil }
    }

    deinit { unsafe udev_monitor_unref(handle) }

    func receive() -> Reception {
        errno = 0
        if let device = unsafe udev_monitor_receive_device(handle) { return .device(unsafe UdevDevice(adopting: device)) }
        return errno == ENOBUFS ? .overflow : .nothing
    }
}
