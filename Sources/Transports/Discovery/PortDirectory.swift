import Foundation
package import LabCore

/// The serial ports of this machine, through libudev: which there are, and which are plugged in and out.
///
/// It belongs to the thread of its reactor. The monitor begins before the ports are listed, so that none is missed between. After a
/// burst of events, and when events were lost, what is known is compared with a fresh list, which gives the changes that were
/// missed. Where no udev runs (`/run/udev/control` is not there), as in a container, the kernel's own events are listened to
/// where the system gives them, and the names in /sys/class/tty are looked at twice a second in any case.
package final class PortDirectory {
    /// Called on the reactor's thread with each change, in order, never from inside a call.
    package var onChange: ((PortChange) -> Void)?
    /// What is plugged in now, sorted by path.
    package var ports: [PortRecord] { book.ports }

    private let reactor: Reactor
    private let context: UdevContext
    private var book: PortBook
    private var monitor: UdevMonitor?
    private var watch: Reactor.WatchID?
    private var pace: RepeatingTimer?
    private var settling: RepeatingTimer?
    private var burst = Burst()
    /// What /sys/class/tty held when it was looked at last.
    private var listing: ClassListing?

    /// Events since it was quiet.
    private struct Burst {
        var events = 0
        var eventsAtLook = 0
        var looks = 0
        var isOverflown = false
    }

    /// Quiet for so long ends a burst; ports of one device appear up to 1 s apart (specs/rg500q.md §1.3).
    private static let settlingTime = Duration.milliseconds(200)
    /// A burst that does not end is looked at all the same.
    private static let longestBurst = 5
    /// How often the names are looked at where nobody tells of changes.
    private static let rescanTime = Duration.milliseconds(500)

    /// The ports that there are now.
    ///
    /// - Throws: `StreamFailure` where the system's devices cannot be listed.
    package static func scan() throws(StreamFailure) -> [PortRecord] { try scan(in: UdevContext()) }

    private static func scan(in context: UdevContext) throws(StreamFailure) -> [PortRecord] {
        try scan(ClassListing.read(), in: context)
    }

    private static func scan(_ listing: ClassListing?, in context: UdevContext) throws(StreamFailure) -> [PortRecord] {
        guard let listing else {
            throw StreamFailure(.failed, ClassListing.folder, "the serial ports of the machine cannot be listed", remedy: "is /sys mounted?")
        }
        var reading = PortReading()
        return PortBook.sorted(listing.candidates.compactMap { context.device(at: $0).flatMap { reading.record(of: $0) } })
    }

    /// - Throws: `StreamFailure` where the system's devices cannot be listed, or there are no more descriptors.
    package init(on reactor: Reactor) throws(StreamFailure) {
        self.reactor = reactor
        context = try UdevContext()
        let hasUdev = FileManager.default.fileExists(atPath: "/run/udev/control")
        let monitor = UdevMonitor(hasUdev ? .udev : .kernel, in: context)
        listing = ClassListing.read()
        book = PortBook(try Self.scan(listing, in: context))
        self.monitor = monitor
        if let monitor { watch = try reactor.watch(monitor.descriptor, .reading) { [weak self] _ in self?.receive() } }
        if !hasUdev || monitor == nil { pace = try reactor.every(Self.rescanTime) { [weak self] in self?.look() } }
    }

    deinit { close() }

    /// Stops watching. Does nothing the second time.
    package func close() {
        if let watch { reactor.unwatch(watch) }
        (watch, monitor, pace, settling) = (nil, nil, nil, nil)
    }

    // MARK: Events

    private func receive() {
        while let monitor {
            switch monitor.receive() {
            case .nothing: return
            case .overflow: burst.isOverflown = true
            case .device(let device): take(device)
            }
            burst.events += 1
            settle()
        }
    }

    private func take(_ device: UdevDevice) {
        switch device.action {
        case "remove": tell(book.remove(device.devicePath))
        case nil, "unbind", "offline": break
        default:
            var reading = PortReading()
            if let record = reading.record(of: device) { tell(book.add(record)) }
        }
    }

    /// Waits until events pause, then looks whether one was missed.
    private func settle() {
        guard settling == nil else { return }
        settling = try? reactor.after(Self.settlingTime) { [weak self] in self?.settled() }
        if settling == nil { compare() }
    }

    private func settled() {
        settling = nil
        burst.looks += 1
        if burst.events > burst.eventsAtLook, burst.looks < Self.longestBurst {
            burst.eventsAtLook = burst.events
            return settle()
        }
        let needsComparison = burst.events > 1 || burst.isOverflown
        burst = Burst()
        if needsComparison { compare() }
    }

    // MARK: Lists

    private func look() {
        let now = ClassListing.read()
        guard now != listing else { return }
        listing = now
        compare()
    }

    private func compare() {
        // A list that cannot be had says nothing about the ports; the next one will.
        if let present = try? Self.scan(in: context) { tell(book.compare(with: present)) }
    }

    private func tell(_ changes: [PortChange]) { for change in changes { onChange?(change) } }
}

/// The entries of /sys/class/tty with where they lead to: what can be looked at often, since no device is read.
struct ClassListing: Equatable {
    static let folder = "/sys/class/tty"

    private var entries: [(name: String, target: String)]

    /// `nil` where there is no such folder.
    static func read() -> ClassListing? {
        let files = FileManager.default
        guard let names = try? files.contentsOfDirectory(atPath: folder) else { return nil }
        return ClassListing(entries: names.sorted().map { ($0, (try? files.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")) ?? "") })
    }

    /// Paths in sysfs of what can be a real port: terminals that no device is behind are virtual.
    var candidates: [String] { entries.filter { !$0.target.contains("/devices/virtual/") }.map { "\(Self.folder)/\($0.name)" } }

    static func == (left: ClassListing, right: ClassListing) -> Bool {
        left.entries.elementsEqual(right.entries) { $0.name == $1.name && $0.target == $1.target }
    }
}
