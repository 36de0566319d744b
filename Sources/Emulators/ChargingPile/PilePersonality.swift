package import LabCore

/// The protocol that a pile speaks: bytes, timers and happenings in; bytes and calls of the core out.
///
/// To add one: a struct with the state of the firmware's communication, conforming to this; its word in `PileFactory`. It keeps what must
/// survive in the core's settings (`PileMemory.keepSetting`), puts what is due later into `core.agenda` under codes from
/// `PileAgenda.Item.firstOfPersonality` on, and sends whole frames through the line, which applies the faults of frames.
package protocol PilePersonality: Sendable {
    /// The word of the fact `protocol`.
    var word: String { get }
    /// From the end of a connection, or a failed try, to the next try.
    var reconnectPause: Duration { get }

    /// The firmware runs; RAM is fresh. Charges that go on after a power cut follow as happenings.
    mutating func booted(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)
    /// RAM is lost; nothing can be sent.
    mutating func powerLost()
    /// The TCP connection, or the serial port, is there.
    mutating func connected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)
    mutating func disconnected(_ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)
    /// Bytes as they came, cut anywhere.
    mutating func received(_ bytes: [UInt8], _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)
    /// An entry of the agenda that this personality put down.
    mutating func due(_ item: PileAgenda.Item, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)
    mutating func happened(_ happening: PileHappening, _ core: inout PileCore, _ line: inout PileLine, at now: RunInstant)

    /// A frame of that command as a scenario wants it, the rest from the pile's state.
    ///
    /// - Parameter fields: `command`, `order`, `message_id`, `minutes`, `seconds`, `energy`, `port` (from 1) and what else the protocol names.
    mutating func forge(_ fields: Fields, _ core: inout PileCore, at now: RunInstant) throws(ActionFailure) -> PileFrame
    /// Bytes of a scenario with what `frame.sent` tells of them; they are sent as they are.
    func describe(_ bytes: [UInt8]) -> PileFrame
    /// An order as people and the cloud write it.
    func text(_ order: PileOrder) -> String
    /// Further fields of the query `bills`.
    func state(_ core: PileCore, at now: RunInstant) -> Fields
}

extension PilePersonality {
    package func text(_ order: PileOrder) -> String { order.text }
    package func describe(_ bytes: [UInt8]) -> PileFrame { PileFrame(bytes, command: -1) }
    package func state(_ core: PileCore, at now: RunInstant) -> Fields { [:] }
}

/// A whole frame with what `frame.sent` tells of it.
package struct PileFrame: Sendable {
    package var bytes: [UInt8]
    package var command: Int
    /// The fields of the event but for `command` and `bytes`, under the names of the vocabulary; worked out only where somebody records them.
    package var fields: @Sendable () -> Fields

    package init(_ bytes: [UInt8], command: Int, _ fields: @autoclosure @escaping @Sendable () -> Fields = [:]) {
        self.bytes = bytes
        self.command = command
        self.fields = fields
    }
}
