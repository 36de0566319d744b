import LabCore

/// The state of positioning, and its tick each second (specs/rg500q.md §2.9).
struct Positioning: Sendable {
    var isOn = false
    /// The place is known.
    var isFixed = false
    var since = RunInstant.start
}

extension CellularModule {
    private static let tick = Duration.seconds(1)

    mutating func startPositioning(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        ram.positioning = Positioning(isOn: true, since: now)
        effects.append(.note("gnss.started", [:]))
        effects.append(.startTimer(.positioning, after: Self.tick))
    }

    mutating func stopPositioning(_ effects: inout [DeviceEffect]) {
        ram.positioning = Positioning()
        effects.append(.cancelTimer(.positioning))
        effects.append(.note("gnss.stopped", [:]))
    }

    mutating func positioningTick(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.positioning.isOn else { return }
        if !ram.positioning.isFixed, ram.positioning.since.duration(to: now) >= setup.fixTime {
            ram.positioning.isFixed = true
            effects.append(.note("gnss.fixed", [:]))
        }
        let output = ram.settings.text("QGPSCFG outport") ?? "usbnmea"
        if output == "usbnmea", ram.openPorts.contains(.nmea), !ram.isHung {
            let sentences = NMEASentences(unix: clock(at: now), position: ram.positioning.isFixed ? position : nil)
            effects.append(.link(.nmea, .send(Array(sentences.text.utf8))))
        }
        effects.append(.startTimer(.positioning, after: Self.tick))
    }
}
