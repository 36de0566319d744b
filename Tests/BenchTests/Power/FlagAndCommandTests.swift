import Bench
import LabCore
import Testing

@Suite("The authorized flag of a USB device (Linux, usb/authorization.rst)")
struct AuthorizedFlagTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    private func flag(_ device: String) -> AuthorizedFlag { AuthorizedFlag(device, of: "modem_1", root: folder.path) }

    @Test("0 takes the device away, 1 sets it up anew; both are read back")
    func flag() throws {
        try folder.write("1\n", to: "sys/bus/usb/devices/2-1/authorized")
        #expect(try flag("2-1").state() == true)
        try flag("2-1").set(false)
        #expect(folder.read("sys/bus/usb/devices/2-1/authorized").first == "0")
        #expect(try flag("2-1").state() == false)
        try flag("2-1").set(true)
        #expect(try flag("2-1").state() == true)
    }

    @Test("a device that is not there, and an odd flag")
    func errors() throws {
        #expect(failure { () throws(StreamFailure) in try flag("2-1").set(false) }?.reason == .notFound)
        try folder.write("maybe", to: "sys/bus/usb/devices/2-2/authorized")
        #expect(failure { () throws(StreamFailure) in _ = try flag("2-2").state() }?.reason == .malformed)
        // What was written is not what is read: the kernel refused without a word.
        #expect(failure { () throws(StreamFailure) in try AuthorizedFlag("2-3", of: "modem_1", root: "/proc/self/nothing").set(true) }?.reason == .notFound)
    }

    @Test("names of devices, and what is none")
    func names() {
        for name in ["2-1", "1-1.4.2", "12-14"] { #expect(AuthorizedFlag.isDevice(name)) }
        for name in ["", "usb1", "2-1:1.0", "../2-1", "2-", "-1", "2-1.", "2-1/..", "2-1-1", "1234-1"] { #expect(!AuthorizedFlag.isDevice(name)) }
        #expect(failure { () throws(StreamFailure) in try flag("../../etc").set(true) }?.reason == .unsupported)
    }
}

@Suite("Power through programs of the bench", .serialized, .timeLimit(.minutes(2)))
struct CommandSwitchTests {
    private let folder: BenchFolder
    init() throws { folder = try BenchFolder() }

    private func control(on: String, off: String = "true", state: String? = nil, limit: Duration = .seconds(30)) -> PowerControl {
        let shell = { (text: String) in ["/bin/sh", "-c", text] }
        let kind = PowerSource.Switch.command(on: shell(on), off: shell(off), state: state.map(shell))
        let surroundings = PowerSurroundings(commandLimit: limit) { source, _ throws(StreamFailure) in
            throw StreamFailure(.unsupported, "\(source.place)", "no ports in this test")
        }
        return PowerControl(PowerSource(kind, pause: .milliseconds(1), location: nowhere), of: "badge_7", in: surroundings)
    }

    @Test("on and off are done, and state is read")
    func switching() throws {
        let file = folder.file("state")
        let control = control(on: "echo on > \(file)", off: "echo off > \(file)", state: "echo 'plug 3:'; cat \(file)")
        try control.set(true)
        #expect(try control.state() == true)
        try control.set(false)
        #expect(try control.state() == false)
        try control.cycle()
        #expect(try control.state() == true)
    }

    @Test("without a program for the state nobody knows it")
    func stateless() throws {
        let control = control(on: "true")
        try control.set(true)
        #expect(try control.state() == nil)
        #expect(!control.tellsState)
    }

    @Test("a program that ends well and does nothing is found out by the state")
    func lies() {
        let failure = failure { () throws(StreamFailure) in try control(on: "true", state: "echo off").set(true) }
        #expect(failure?.reason == .failed)
        #expect(failure?.detail.hasSuffix("still says off") == true)
    }

    @Test("what fails says what it printed; a cycle that stops in its middle says that the device has no power")
    func errors() {
        let broken = control(on: "echo 'no route to plug' >&2; exit 7")
        #expect(failure { () throws(StreamFailure) in try broken.set(true) }?.detail.hasSuffix("failed (exit 7): no route to plug") == true)
        let failure = failure { () throws(StreamFailure) in try broken.cycle() }
        #expect(failure?.detail.contains("the device is without power now") == true)
        #expect(failure?.remedy.contains("lab power badge_7 on") == true)
    }

    @Test("a program that does not end is killed when its time is over")
    func endless() {
        let failure = failure { () throws(StreamFailure) in try control(on: "echo waiting; sleep 600", limit: .milliseconds(200)).set(true) }
        #expect(failure?.reason == .timedOut)
        #expect(failure?.detail.contains("did not end in 200ms and was killed: waiting") == true)
    }

    @Test("a state that is neither on nor off, a program that is not there, an empty command")
    func wrong() {
        #expect(failure { () throws(StreamFailure) in _ = try control(on: "true", state: "echo perhaps").state() }?.reason == .malformed)
        let missing = PowerControl(PowerSource(.command(on: ["/no/such/program"], off: [], state: nil), location: nowhere), of: "badge_7")
        #expect(failure { () throws(StreamFailure) in try missing.set(true) }?.reason == .notFound)
        #expect(failure { () throws(StreamFailure) in try missing.set(false) }?.reason == .unsupported)
    }
}
