import LabCore
import Simulation
import WireProtocols

/// The least that is a pile: it logs in, obeys a start at once, and settles the charge a while later. It costs the load little.
final class PlainPile {
    let number: Int
    let id: String
    private let physicalID: UInt32
    private let connection: Connection
    private let loop: LoadLoop
    private var decoder = DNYStreamDecoder()
    private var message: UInt16 = 0
    private var hasLoggedIn = false
    /// The order that runs, with when its bill was sent; a repetition of the start is answered and changes nothing.
    private var order: DNYOrder?
    private var billed: (message: UInt16, at: Int64)?

    /// How long a charge takes, real time.
    var chargeTime = Duration.milliseconds(300)
    var onLogin: () -> Void = {}
    /// A start has come.
    var onStart: () -> Void = {}
    /// The bill is acknowledged: it was sent at this time.
    var onSettled: (_ sentAt: Int64) -> Void = { _ in }
    var onClosed: () -> Void = {}

    init(_ loop: LoadLoop, number: Int) {
        self.loop = loop
        self.number = number
        physicalID = 0x0400_0000 + UInt32(number)
        id = Self.id(number)
        connection = Connection(loop)
        connection.onOpen = { [unowned self] in register() }
        connection.onBytes = { [unowned self] in received($0) }
        connection.onClosed = { [unowned self] in onClosed() }
    }

    static func id(_ number: Int) -> String { DNYPhysicalID(0x0400_0000 + UInt32(number)).text }

    func connect(port: Int) { connection.open(port: port) }

    private func register() {
        send(.registration(DNYRegistration {
            $0.firmware = 640
            $0.portCount = 2
            $0.deviceType = DNYDeviceType(rawValue: 0x27)
            $0.workMode = DNYWorkMode(rawValue: 0)
        }))
    }

    private func send(_ content: DNYMessage, _ number: UInt16? = nil) {
        if number == nil { message = message == .max ? 1 : message + 1 }
        guard let bytes = try? content.frame(to: physicalID, messageID: number ?? message).encoded() else { return }
        connection.send(bytes)
    }

    private func received(_ bytes: ArraySlice<UInt8>) {
        decoder.append(bytes)
        while let item = decoder.next() {
            if case .frame(let frame) = item { received(frame) }
        }
    }

    private func received(_ frame: DNYFrame) {
        switch frame.command {
        case DNYCommand.charge: obey(frame)
        case DNYCommand.registration where !hasLoggedIn:
            hasLoggedIn = true
            onLogin()
        case DNYCommand.settlement where frame.messageID == billed?.message:
            let sentAt = billed?.at ?? 0
            (billed, order) = (nil, nil)
            onSettled(sentAt)
        default: break
        }
    }

    private func obey(_ frame: DNYFrame) {
        guard case .charge(let charge)? = try? DNYMessage(frame, from: .platform), charge.action == .start else { return }
        send(.chargeAnswer(DNYChargeAnswer {
            $0.result = .done
            $0.order = charge.order
            $0.port = charge.port
        }), frame.messageID)
        guard order == nil else { return }
        order = charge.order
        onStart()
        loop.kernel.schedule(after: chargeTime) { [weak self] in self?.settle(charge) }
    }

    private func settle(_ charge: DNYCharge) {
        send(.settlement(DNYSettlement {
            $0.durationSeconds = 1
            $0.maximumPowerDeciwatts = 2_000
            $0.energyCentikWh = 1
            $0.port = charge.port
            $0.stopReason = DNYStopReason(rawValue: 1)
            $0.order = charge.order
        }))
        billed = (message, loop.now)
    }
}
