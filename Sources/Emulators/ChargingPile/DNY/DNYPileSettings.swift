import LabCore
package import WireProtocols

/// How an emulated DNY pile behaves where devices differ; the defaults are the figures of charging-protocols.md 4.15.
package struct DNYPileSettings: Sendable, Equatable {
    package var physicalID: UInt32
    /// Address on RS-485 or radio; 0 for none.
    package var virtualID: UInt8 = 0
    /// Hundredths: 640 is V6.40.
    package var firmware: UInt16 = 640
    /// Table 4.11.
    package var deviceType: UInt8 = 0x27
    /// Captured: BL0939 meter chip, short-circuit pre-check.
    package var workMode: UInt8 = 0x06
    /// 20 characters that begin with 8986.
    package var iccid: String
    package var wire = DNYSettings()

    /// A combined unit, which speaks for a host as well: 11, 12 and 35 (4.8).
    package var isHost = false
    /// A host with a meter of its own: what went through all ports goes up with 17, whenever a relay has switched and with 11 (4.8). When 17
    /// is sent no source tells.
    package var hasMeter = false
    package var hostHeartbeat = Duration.seconds(1_800)
    package var hostFirmware: UInt16 = 616
    /// 2 is a BM8563.
    package var clockChip: UInt8 = 2
    /// 0 to 31, 99 for an error.
    package var signal: UInt8 = 26
    /// 7 is a 4G Cat 1 module GM5.
    package var module: UInt8 = 7
    /// On captured devices, and in no table.
    package var hostType: UInt8 = 0x55
    /// 15 digits.
    package var imei = "864452069762472"
    package var moduleVersion = "V1.0.00.000000.0616"

    /// From a registration to its repetition while nobody answers; later ones come with the heartbeats.
    package var registrationRepeat = Duration.milliseconds(19_600)
    /// The same of a board at a serial port. Source: chosen.
    package var boardRepeat = Duration.seconds(2)
    /// From one 21 to the next; a server may set another in 83.
    package var heartbeat = Duration.seconds(180)
    /// Heartbeats without an answer after which the connection is given up (4.3).
    package var heartbeatsMissed = 2
    /// Sends `link` after this long without traffic; `nil` never does.
    package var linkAfter: Duration? = .seconds(30)
    package var reconnectPause = Duration.seconds(5)

    /// From 82 to its answer; up to 7 s were seen.
    package var startAnswer = Duration.milliseconds(2_700)
    package var stopAnswer = Duration.milliseconds(1_000)
    package var stopNeedsOrder = true
    /// A start without a plug is carried out if one comes within this time, with a second answer.
    package var lateStart: Duration?
    /// An answer to the answer of 82 makes the device answer again after this time, with result 2 and no order (4.6).
    package var confusedRepeat = Duration.seconds(5)

    /// From the start to the first 06, and from one to the next.
    package var firstReport = Duration.seconds(10)
    package var report = Duration.seconds(300)
    /// The first 06 comes right after the relay has closed, before the answer to 82.
    package var reportsEarly = false
    /// A model before June 2019: 04 instead of 06, until it is answered.
    package var confirmsOrders = false
    /// Sends 01 beside 21.
    package var sendsOldHeartbeat = false

    /// From the end to the first 03; the vendor's text says 2 s after the switch-off, captures 4 to 5 s.
    package var billDelay = Duration.seconds(4)
    /// The same for a charge that ended while the power was away: its relay has been open for long. Source: chosen.
    package var lateBillDelay = Duration.seconds(1)
    /// From the first to the second sending, with identical bytes.
    package var billResend = Duration.seconds(26)
    /// From then on, with a new message ID and time stamp.
    package var billRepeat = Duration.seconds(1_800)
    /// From an answer to the next stored record.
    package var nextBill = Duration.seconds(60)
    /// From the answer to the registration to the first stored record. Source: captured, 9 s.
    package var storedBill = Duration.seconds(9)

    package var clockRetry = Duration.seconds(180)
    package var clockSync = Duration.seconds(43_200)

    /// - Parameter physicalID: the big-endian view, such as 0x04ceaa40.
    package init(physicalID: UInt32) {
        self.physicalID = physicalID
        let digits = String(physicalID % 100_000_000)
        iccid = "898604D91623" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
