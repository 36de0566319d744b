import LabCore

/// What the cloud keeps in memory of one device.
struct DeviceEntry: Sendable, Equatable {
    /// `devices.id`.
    var row: Int64
    var id: String
    var serial: String
    var form: DeviceForm
    /// `false` once it is deleted.
    var isActive = true
    /// The broker has a connection of it.
    var isConnected = false
    /// It has said something since it connected, so its subscriptions stand.
    var isReady = false
    /// It has said since it connected which configuration it has. What the database knows may be out of date:
    /// a newer version would hide the older ones that a factory reset has erased.
    var isDescribed = false
    var presence = Presence.offline
    /// Unix milliseconds of the last sign of life.
    var lastSeen: Int64?
    /// Unix milliseconds.
    var lastHeartbeat: Int64?
    var heartbeats: Int64 = 0
    /// The configuration version that it was sent and has not answered.
    var pushedVersion: Int64?
    /// When its last connections were taken over, at most three.
    var takeovers: [RunInstant] = []

    // The place in the list of those that are watched for silence.
    fileprivate(set) var heardAt = RunInstant.start
    fileprivate(set) var isWatched = false
    fileprivate var earlier = -1
    fileprivate var later = -1
    fileprivate var isChanged = false

    init(row: Int64, id: String, serial: String, form: DeviceForm) {
        self.row = row
        self.id = id
        self.serial = serial
        self.form = form
    }

    var isOnline: Bool { presence == .online }
}

/// What the database has to take over of one device's state in memory.
struct DeviceChange: Sendable, Equatable {
    /// `devices.id`
    var row: Int64
    var presence: Presence
    /// Unix milliseconds
    var lastHeartbeat: Int64?
    var heartbeats: Int64
}

/// All devices of the cloud in memory, by number, id and topic, with who is silent and who has changed.
///
/// A plain value: the service guards it. Everything is in order of numbers or time, never of hashes.
struct DeviceDirectory: Sendable {
    struct Route: Sendable, Equatable {
        var device: Int
        var kind: Topics.Upward
    }

    struct Sender: Sendable, Equatable {
        /// `devices.id`
        var row: Int64
        var id: String
        var form: DeviceForm
    }

    private(set) var entries: [DeviceEntry] = []
    private var numbers: [String: Int] = [:]
    /// Topics that were resolved; bounded by the devices, since only those of known ones are kept.
    private var routes: [String: Route] = [:]
    private var changed: [Int] = []
    // Those that are watched, the one that was silent for longest first.
    private var first = -1
    private var last = -1

    subscript(device: Int) -> DeviceEntry {
        get { entries[device] }
        set { entries[device] = newValue }
    }

    func number(of id: String) -> Int? { numbers[id] }

    /// Adds a device, or takes the new state of one that is there.
    @discardableResult
    mutating func add(_ entry: DeviceEntry) -> Int {
        if let number = numbers[entry.id] { return number }
        entries.append(entry)
        numbers[entry.id] = entries.count - 1
        return entries.count - 1
    }

    /// Forgets a device; its number is not given again.
    mutating func remove(_ device: Int) {
        unwatch(device)
        entries[device].isActive = false
        numbers[entries[device].id] = nil
        routes.removeAll()
    }

    /// The device and the kind of a topic; `nil` for another form or an unknown device.
    mutating func route(_ topic: String) -> Route? {
        if let route = routes[topic] { return route }
        guard let (id, kind) = Topics.parse(topic), let device = numbers[String(id)] else { return nil }
        let route = Route(device: device, kind: kind)
        routes[topic] = route
        return route
    }

    /// What the ways of its messages need to know of a device.
    func sender(_ device: Int) -> Sender { Sender(row: entries[device].row, id: entries[device].id, form: entries[device].form) }

    // MARK: Changes that the database does not have yet

    mutating func markChanged(_ device: Int) {
        if entries[device].isChanged { return }
        entries[device].isChanged = true
        changed.append(device)
    }

    /// Takes a heartbeat, in place: this is done more often than everything else together.
    ///
    /// - Parameter time: Unix milliseconds
    /// - Returns: whether it says something new: the device was not online, or has said nothing since it connected.
    mutating func noteHeartbeat(of device: Int, at now: RunInstant, time: Int64) -> Bool {
        heard(device, at: now)
        entries[device].lastSeen = time
        entries[device].lastHeartbeat = time
        entries[device].heartbeats += 1
        markChanged(device)
        return entries[device].presence != .online || !entries[device].isReady
    }

    /// Those whose presence or heartbeat changed since the last call, in the order in which they did.
    mutating func takeChanged() -> [DeviceChange] {
        var result: [DeviceChange] = []
        result.reserveCapacity(changed.count)
        for device in changed {
            entries[device].isChanged = false
            result.append(
                DeviceChange(
                    row: entries[device].row, presence: entries[device].presence, lastHeartbeat: entries[device].lastHeartbeat,
                    heartbeats: entries[device].heartbeats))
        }
        changed.removeAll(keepingCapacity: true)
        return result
    }

    // MARK: Silence

    /// Notes a sign of life and watches the device from then on.
    mutating func heard(_ device: Int, at now: RunInstant) {
        unwatch(device)
        entries[device].heardAt = now
        entries[device].isWatched = true
        entries[device].earlier = last
        if last >= 0 { entries[last].later = device } else { first = device }
        last = device
    }

    mutating func unwatch(_ device: Int) {
        guard entries[device].isWatched else { return }
        let (earlier, later) = (entries[device].earlier, entries[device].later)
        if earlier >= 0 { entries[earlier].later = later } else { first = later }
        if later >= 0 { entries[later].earlier = earlier } else { last = earlier }
        entries[device].earlier = -1
        entries[device].later = -1
        entries[device].isWatched = false
    }

    /// When the next watched device will have been silent for so long; `nil` if none is watched.
    func nextSilence(after limit: Duration) -> RunInstant? {
        first < 0 ? nil : entries[first].heardAt.advanced(by: limit)
    }

    /// Stops watching those that have been silent for `limit` or longer, and names them, the longest first.
    mutating func takeSilent(at now: RunInstant, limit: Duration) -> [Int] {
        var silent: [Int] = []
        while first >= 0, entries[first].heardAt.advanced(by: limit) <= now {
            silent.append(first)
            unwatch(first)
        }
        return silent
    }
}
