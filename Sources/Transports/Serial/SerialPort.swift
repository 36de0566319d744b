import CLinux
import Glibc
package import LabCore

/// A serial port through termios: raw, with its settings, for one user at a time.
///
/// Hang-up and re-open are states: when a module resets its port vanishes, the descriptor is closed at once, so that the
/// next enumeration can have the name again, and `open` tries anew (specs/rg500q.md §5.4).
package final class SerialPort: ByteStream {
    package let name: String
    package let settings: SerialSettings
    package var onEvent: ((ByteStreamEvent) -> Void)?
    package var isOpen: Bool { stream != nil }
    private let reactor: Reactor
    private let claim: (any PortClaim)?
    private var stream: DescriptorStream?
    /// Between `open` and its event.
    private var isOpening = false
    private var breakEnd: RepeatingTimer?
    /// Counts openings and closings: what belongs to an earlier one is not told.
    private var epoch = 0

    /// - Parameters:
    ///   - path: of the device or of a link to it: `/dev/ttyUSB2`.
    ///   - claim: what it is to be taken by as well while it is open.
    package init(path: String, settings: SerialSettings = SerialSettings(), on reactor: Reactor, claim: (any PortClaim)? = nil) {
        name = path
        self.settings = settings
        self.reactor = reactor
        self.claim = claim
    }

    deinit { close() }

    package func open() {
        guard stream == nil, !isOpening else { return }
        isOpening = true
        epoch += 1
        let epoch = epoch
        later(epoch) { port in
            port.isOpening = false
            do throws(StreamFailure) {
                try port.begin()
                port.onEvent?(.opened)
            } catch { port.onEvent?(.closed(error)) }
        }
    }

    private func later(_ epoch: Int, _ action: @escaping (SerialPort) -> Void) {
        let errand = Errand { [weak self] in
            guard let self, self.epoch == epoch else { return }
            action(self)
        }
        reactor.post { errand.run() }
    }

    private func begin() throws(StreamFailure) {
        guard SerialSettings.bauds.contains(settings.baud) else { throw failure(EINVAL, setting: true) }
        try claim?.take()
        do throws(StreamFailure) { try openDevice() } catch {
            claim?.giveBack()
            throw error
        }
    }

    private func openDevice() throws(StreamFailure) {
        let descriptor = unsafe Glibc.open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        do throws(StreamFailure) {
            guard isatty(descriptor) == 1 else {
                throw StreamFailure(.unsupported, name, "it is no terminal", remedy: "name a serial port, such as /dev/ttyUSB2")
            }
            guard clinux_serial_claim(descriptor) == 0 else { throw failure(errno) }
            let parity = CChar(settings.parity.rawValue.asciiValue ?? 0x4e)
            guard
                clinux_serial_set(
                    descriptor, settings.baud, Int32(settings.dataBits), parity, Int32(settings.stopBits), settings.flowControl.rawValue)
                    == 0
            else { throw failure(errno, setting: true) }
            try checkRate(of: descriptor)
            // What came while nobody had the port open is not for us: behind a USB connector it would be lost as well.
            _ = clinux_discard_input(descriptor)
            stream = try DescriptorStream(descriptor, on: reactor) { [weak self] bytes, time in
                self?.onEvent?(.bytes(bytes, at: time))
            } onEnd: { [weak self] ending in
                self?.ended(ending)
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// A port that cannot make a rate takes the nearest one without a word.
    private func checkRate(of descriptor: Int32) throws(StreamFailure) {
        guard let actual = SerialSettings(setOn: descriptor)?.baud else { return }
        let wanted = Double(settings.baud)
        guard abs(Double(actual) - wanted) > wanted * 0.03 else { return }
        throw StreamFailure(
            .unsupported, name, "it cannot do \(settings.baud) bits in a second, the nearest is \(actual)", remedy: "choose another rate")
    }

    private func ended(_ ending: DescriptorStream.Ending) {
        release()
        epoch += 1
        switch ending {
        case .ended:
            onEvent?(
                .closed(StreamFailure(.vanished, name, "the port hung up", remedy: "check the cable; a module that resets comes back")))
        case .failed(let code): onEvent?(.closed(failure(code, transfer: true)))
        }
    }

    private func release() {
        guard let stream else { return }
        stream.end()
        // A pseudo terminal, which its emulator keeps open, would stay closed to others.
        clinux_serial_release(stream.descriptor)
        Glibc.close(stream.descriptor)
        self.stream = nil
        breakEnd = nil
        claim?.giveBack()
    }

    package func send(_ bytes: [UInt8]) { stream?.send(bytes) }

    package func close() {
        isOpening = false
        epoch += 1
        release()
    }

    // MARK: Lines

    /// The lines as they are; nil where the port has none, as a pseudo terminal, or is not open.
    package var modemLines: ModemLines? {
        guard let stream else { return nil }
        let lines = clinux_modem_get(stream.descriptor)
        return lines < 0 ? nil : ModemLines(rawValue: lines)
    }

    /// Switches DTR or RTS; does nothing where the port has no lines.
    package func set(_ lines: ModemLines, _ isOn: Bool) {
        if let stream { _ = clinux_modem_set(stream.descriptor, lines.intersection([.dtr, .rts]).rawValue, isOn ? 1 : 0) }
    }

    /// Sends a break of a quarter of a second; does nothing where the port has none, as a pseudo terminal.
    package func sendBreak() {
        guard let stream, breakEnd == nil, clinux_break(stream.descriptor, 1) == 0 else { return }
        // The system's own call would hold the thread for that time.
        breakEnd = try? reactor.after(.milliseconds(250)) { [weak self] in
            if let stream = self?.stream { _ = clinux_break(stream.descriptor, 0) }
            self?.breakEnd = nil
        }
        if breakEnd == nil { _ = clinux_break(stream.descriptor, 0) }
    }

    /// Throws away what came and was not read, and what was sent and is not out.
    package func discard() { stream?.discard() }

    /// Bytes that were sent and are not out yet, as far as the port tells; 0 when it has drained, or is not open.
    package var unsentCount: Int { stream?.unsentCount ?? 0 }

    // MARK: Failures

    private func failure(_ code: Int32, setting: Bool = false, transfer: Bool = false) -> StreamFailure {
        switch code {
        case ENOENT where !transfer, ENXIO where !transfer:
            StreamFailure(
                .notFound, name, "there is no such port",
                remedy: "plug the device in, or correct the name; `ls /dev/serial/by-id` shows ports")
        case EACCES, EPERM:
            StreamFailure(
                .permissionDenied, name, "not permitted",
                remedy: "add the user to the group dialout: sudo usermod -aG dialout $USER, then log in again")
        case EBUSY:
            StreamFailure(
                .busy, name, claim?.user.map { "\($0) has it open" } ?? "somebody else uses it",
                remedy: "end the other program (`fuser \(name)` shows it; ModemManager may be one)")
        case ENOTTY: StreamFailure(.unsupported, name, "it is no serial port", remedy: "name a serial port, such as /dev/ttyUSB2")
        case EINVAL where setting: StreamFailure(.unsupported, name, "it cannot do \(settings)", remedy: "choose another rate or framing")
        case EISDIR: StreamFailure(.unsupported, name, "it is a folder", remedy: "name a serial port, such as /dev/ttyUSB2")
        case EIO, ENODEV, ENXIO:
            StreamFailure(.vanished, name, "the port is gone", remedy: "check the cable; a module that resets comes back")
        case EMFILE, ENFILE: StreamFailure(.failed, name, "too many open files", remedy: "raise the limit with `ulimit -n`")
        default: StreamFailure(.failed, name, "error \(code) of the operating system")
        }
    }
}
