import LabCore
import WireProtocols

/// Signal, cell and temperature, measured for each heartbeat (badge protocol, "Modules"; rg500q.md §2.5, §2.6, §2.8).
extension ModuleAgent {
    mutating func measurementDue(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp else { return }
        effects.append(.startTimer(.measurement, after: .seconds(disk.settings.interval)))
        // The last measurement stands while the port is the update's.
        if isUpdating {
            if ram.phase == .online { sendHeartbeat(at: now, &effects) }
            return
        }
        measure(at: now, &effects)
    }

    /// Asks for everything, unless that is under way.
    mutating func measure(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.isSetUp, ram.measuring == nil else { return }
        ram.measuring = Measurement()
        ram.measurementsLeft = MeasurementStep.allCases.count
        ask("AT+CSQ", for: .measure(.strength), needsInformation: true, at: now, &effects)
        ask(#"AT+QENG="servingcell""#, for: .measure(.cell), needsInformation: true, at: now, &effects)
        ask("AT+QNWINFO", for: .measure(.network), needsInformation: true, at: now, &effects)
        ask("AT+QTEMP", for: .measure(.temperature), needsInformation: true, at: now, &effects)
    }

    mutating func measureDone(_ step: MeasurementStep, _ outcome: ATChannel.Outcome, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard ram.measuring != nil else { return dropReports(&effects) }
        if case .answered(let response) = outcome, response.isSuccess {
            do throws(ATReadingError) {
                try ram.measuring?.take(step, response.lines)
            } catch { noteUnreadable(response, error, &effects) }
        }
        ram.measurementsLeft -= 1
        if ram.measurementsLeft == 0 { measured(at: now, &effects) }
    }

    private mutating func measured(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard var measurement = ram.measuring else { return }
        ram.measuring = nil
        // On 5G SA there is no RSSI; the RSRP stands for it.
        if measurement.signal == nil { measurement.signal = measurement.rsrp }
        if let sinr = measurement.sinr, !(-60...60).contains(sinr) { measurement.sinr = nil }
        ram.measurement = ram.network.isRegistered ? measurement : measurement.withoutCell
        if !ram.measurement.cellFields.isEmpty { effects.append(.note("signal", ram.measurement.cellFields)) }
        if let celsius = measurement.temperature {
            effects.append(.note("temperature", ["celsius": .number(celsius), "sensor": .text(measurement.sensor ?? "")]))
        }
        let wasOnline = ram.phase == .online
        if wasOnline { sendHeartbeat(at: now, &effects) }
        for action in ram.reports {
            finish(action, .success(ram.measurement.fields.merging(["sent": .bool(wasOnline)])), &effects)
        }
        ram.reports = []
        attachIfPossible(at: now, &effects)
    }

    private mutating func dropReports(_ effects: inout [DeviceEffect]) {
        let reports = ram.reports
        ram.reports = []
        for action in reports { finish(action, .failure(.noPort), &effects) }
    }
}

extension Measurement {
    mutating func take(_ step: MeasurementStep, _ lines: [String]) throws(ATReadingError) {
        switch step {
        case .strength: signal = try ATSignalQuality(answer: lines).dBm
        case .cell:
            let serving = try ATServingCell(answer: lines)
            guard serving.state != .search, let cell = serving.main else { return }
            access = RadioAccess(serving.cells)
            (rsrp, rsrq, sinr) = (cell.rsrp, cell.rsrq, cell.sinr)
            network = network ?? cell.network
        case .network:
            // The NR cell comes last in NSA.
            guard let last = try ATNetworkInformation.read(lines).last else { return }
            (network, band) = (last.network, last.band)
        case .temperature:
            let hottest = try ATTemperatures(answer: lines).hottest
            (temperature, sensor) = (hottest?.celsius, hottest?.name)
        }
    }
}

extension RadioAccess {
    /// NSA shows an LTE and an NR cell.
    init?(_ cells: [ATServingCell.Cell]) {
        let kinds = cells.map(\.access)
        if kinds.contains(.nonStandalone) {
            self = .nonStandalone
        } else if let first = kinds.first {
            self =
                switch first {
                case .standalone: .standalone
                case .nonStandalone: .nonStandalone
                case .lte: .lte
                case .wcdma: .wcdma
                }
        } else {
            return nil
        }
    }
}
