import LabCore

/// What the book says of one key: the content of its file.
package struct LeaseRecord: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A run's: it ends with its process, or when that does not beat any more.
        case run
        /// By hand (`lab hold`): it outlives the command and ends by time alone.
        case manual
    }

    package var key: LeaseKey
    package var kind: Kind
    package var holder: LeaseHolder
    /// Names the acquisition; the file that proves the holder's life has it in its name.
    package var token: String
    /// The boot that all times below belong to.
    package var boot: String
    /// Nanoseconds since that boot.
    package var since: Int64
    package var beat: Int64
    package var timeToLive: Int64
    /// Nanoseconds since 1970, for people.
    package var sinceCalendar: Int64
    /// Who ended it before its time (`lab release --force`): its holder is told at the next beat.
    package var endedBy: String?

    init(
        key: LeaseKey, kind: Kind, holder: LeaseHolder, token: String, at now: LeaseMoment, timeToLive: Int64, endedBy: String? = nil
    ) {
        self.key = key
        self.kind = kind
        self.holder = holder
        self.token = token
        boot = now.boot
        since = now.elapsed
        beat = now.elapsed
        self.timeToLive = timeToLive
        sinceCalendar = now.calendar
        self.endedBy = endedBy
    }

    /// Nanoseconds since the boot at which it ends unless its holder beats.
    package var end: Int64 {
        let (sum, overflow) = beat.addingReportingOverflow(timeToLive)
        return overflow ? .max : sum
    }

    /// `anna, run 0611-1 in /home/anna/bench (pid 4242), since 14:03`
    package func text(at now: LeaseMoment) -> String {
        let left = max(0, end - now.elapsed)
        let until = kind == .manual ? ", by hand for \(DurationText.rounded(left)) more" : ""
        return "\(holder.text), since \(LeaseMoment.clockText(sinceCalendar))\(until)"
    }
}

extension LeaseRecord {
    var bytes: [UInt8] {
        var fields: Fields = [
            "lease": .integer(1), "key": .text(key.text), "kind": .text(kind.rawValue), "holder": .record(holder.fields),
            "token": .text(token), "boot": .text(boot), "since": .integer(since), "beat": .integer(beat), "ttl": .integer(timeToLive),
            "since_calendar": .integer(sinceCalendar),
        ]
        if let endedBy { fields["ended_by"] = .text(LeaseText.line(endedBy, atMost: 64)) }
        return JSONWriter.bytes(.record(fields))
    }

    /// `nil` for anything that is no sound record of this key.
    init?(_ bytes: [UInt8], of key: LeaseKey) {
        guard let fields = (try? JSONReader.read(bytes, maximumDepth: 4))?.record, fields["lease"]?.integer == 1,
            fields["key"]?.text == key.text, let kind = fields["kind"]?.text.flatMap(Kind.init), let holder = LeaseHolder(fields["holder"]?.record),
            let token = fields["token"]?.text, LeaseToken.isSound(token), let boot = fields["boot"]?.text,
            let since = fields["since"]?.integer, let beat = fields["beat"]?.integer, let timeToLive = fields["ttl"]?.integer,
            since >= 0, beat >= since, timeToLive > 0
        else { return nil }
        self.init(
            key: key, kind: kind, holder: holder, token: token,
            at: LeaseMoment(boot: boot, elapsed: since, calendar: fields["since_calendar"]?.integer ?? 0), timeToLive: timeToLive,
            endedBy: fields["ended_by"]?.text)
        self.beat = beat
    }
}

/// A waiter in the queue, or the proof that a holder lives: its keys and who it is, in a file that its process keeps locked.
struct LeaseTicket: Sendable, Hashable {
    var keys: [LeaseKey]
    var holder: LeaseHolder
    var boot: String
    /// The last look, in nanoseconds since the boot.
    var beat: Int64

    var bytes: [UInt8] {
        JSONWriter.bytes([
            "ticket": 1, "keys": .list(keys.map { .text($0.text) }), "holder": .record(holder.fields), "boot": .text(boot),
            "beat": .integer(beat),
        ])
    }

    init(keys: [LeaseKey], holder: LeaseHolder, at now: LeaseMoment) {
        self.keys = keys
        self.holder = holder
        boot = now.boot
        beat = now.elapsed
    }

    init?(_ bytes: [UInt8]) {
        guard let fields = (try? JSONReader.read(bytes, maximumDepth: 4))?.record, fields["ticket"]?.integer == 1,
            let keys = fields["keys"]?.list?.compactMap(\.text), let holder = LeaseHolder(fields["holder"]?.record),
            let boot = fields["boot"]?.text, let beat = fields["beat"]?.integer
        else { return nil }
        self.keys = keys.map { LeaseKey($0) }
        self.holder = holder
        self.boot = boot
        self.beat = beat
    }
}

/// Names one acquisition: 16 hexadecimal digits.
enum LeaseToken {
    static func fresh() -> String {
        // Not of a run: nothing that is judged depends on it.
        var system = SystemRandomNumberGenerator()
        let digits = String(system.next(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// It becomes part of a file's name, so nothing else is taken from a file that everybody can write.
    static func isSound(_ text: String) -> Bool {
        text.utf8.count == 16 && text.utf8.allSatisfy { Hexadecimal.value($0) != nil }
    }
}

extension DurationText {
    /// Whole seconds, and whole minutes from two of them on, for people: `29m`, `45s`.
    static func rounded(_ nanoseconds: Int64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        return seconds >= 120 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
