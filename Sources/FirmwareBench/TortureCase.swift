package import LabCore
package import Simulation

/// One thing that is done to an update, and how it may end.
package struct TortureCase: Sendable {
    /// The ids of specs/ota.md §4.
    package enum Family: String, Sendable, CaseIterable, Comparable {
        case plain
        case p1 = "P1", p2 = "P2", p3 = "P3", p4 = "P4", p5 = "P5", p6 = "P6", p7 = "P7"
        case i1 = "I1", i2 = "I2", i3 = "I3", i4 = "I4", i5 = "I5", i6 = "I6", i7 = "I7", i8 = "I8", i9 = "I9", i10 = "I10", i11 = "I11"
        case d1 = "D1", d2 = "D2", d3 = "D3", d4 = "D4", d5 = "D5"
        case n1 = "N1", n2 = "N2", n3 = "N3", n4 = "N4", n5 = "N5", n6 = "N6", n7 = "N7", n8 = "N8", n9 = "N9", n10 = "N10", n11 = "N11", n12 = "N12"
        case m1 = "M1", m2 = "M2", m3 = "M3", m4 = "M4", m5 = "M5", m6 = "M6", m7 = "M7", m8 = "M8", m9 = "M9"
        case a1 = "A1", a2 = "A2", a3 = "A3", a4 = "A4", a5 = "A5", a6 = "A6", a7 = "A7", a8 = "A8", a9 = "A9"

        package static func < (left: Family, right: Family) -> Bool { left.order < right.order }
        private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        package var about: String {
            switch self {
            case .plain: "nothing goes wrong"
            case .p1: "power goes at every flash operation"
            case .p2: "a flash operation is torn"
            case .p3: "power goes after every step"
            case .p4: "power goes again during the recovery"
            case .p5: "power goes between confirmation and report"
            case .p6: "brown-out: power comes and goes"
            case .p7: "power goes innocently in the first boot"
            case .i1: "the image is cut short"
            case .i2: "bits of the image are flipped"
            case .i3: "the hash is right, the signature is of another image"
            case .i4: "wrong key, no signature"
            case .i5: "wrong hardware"
            case .i6: "downgrade, same version, lower security counter"
            case .i7: "oversize, and lengths that lie"
            case .i8: "no image at all, or another one"
            case .i9: "parts of different releases"
            case .i10: "containers that deceive"
            case .i11: "bytes behind the image"
            case .d1: "a delta for another base"
            case .d2: "a damaged delta"
            case .d3: "power goes while a delta is applied"
            case .d4: "a delta that is too large"
            case .d5: "a delta that makes something else"
            case .n1: "stalls, trickles, resets"
            case .n2: "200 instead of 206"
            case .n3: "another range than asked for"
            case .n4: "resumed when all is there"
            case .n5: "the server switches the image"
            case .n6: "wrong lengths, gzip, redirects"
            case .n7: "endless data"
            case .n8: "the address expires"
            case .n9: "flash full, bad, lying"
            case .n10: "captive portal"
            case .n11: "a lossy, slow network"
            case .n12: "the server is busy"
            case .m1: "old, frozen and future manifests"
            case .m2: "manifests for others, fast-forward"
            case .m3: "under-signed manifests, key rotation"
            case .m4: "cancellation"
            case .m5: "another deployment, a deleted version"
            case .m6: "reports that get lost, refused, doubled"
            case .m7: "a wrong clock"
            case .m8: "rollouts at their gates"
            case .m9: "back after two versions"
            case .a1: "the new image crashes or hangs"
            case .a2: "the new image fails its self-test"
            case .a3: "the self-test hangs or flaps"
            case .a4: "the confirmation fails"
            case .a5: "going back fails, too"
            case .a6: "data moved forward, then back"
            case .a7: "power or watchdog in the swap"
            case .a8: "the bad version is offered again"
            case .a9: "a bootloader as an update"
            }
        }
    }

    package enum Part: String, Sendable, CaseIterable { case firmware, settings }

    /// How much of an interrupted flash operation happens; the words are the badge's.
    package enum Tear: String, Sendable, CaseIterable {
        case nothing, oneByte = "one_byte", half, allButOneByte = "all_but_one_byte", everything, scattered
    }

    package struct Cut: Sendable, Equatable {
        package var part: Part
        /// Flash operations of that part after the last cut, from 1.
        package var operation: UInt64
        package var tear: Tear
    }

    package enum Injection: Sendable {
        /// Power goes in flash operations, one after the other.
        case cuts([Cut])
        /// Power goes for five seconds when the badge notes this for the nth time.
        case power(at: String, nth: Int)
        /// Power goes after that many inputs.
        case powerAfter(inputs: Int)
        /// Power comes for this time only, so often, from that note on.
        case brownOut(at: String, period: Duration, times: Int)
        case http(HTTPFault)
        /// HTTP faults drawn anew for each request with this probability.
        case lossy(seed: UInt64, rate: Double)
        /// A fault of the badge, at once or from that note on.
        case device(String, Fields, at: String?)
        /// A fault of the badge in each life in which that version runs.
        case whileRunning(String, String, Fields)
    }

    package enum Ending: String, Sendable, CaseIterable {
        case new, old
        /// No image can be started: only where both were broken on purpose.
        case stuck
    }

    package var family: Family
    package var about: String
    /// The release that is offered, by its number; several are offered one after the other.
    package var offers: [Int]
    package var injections: [Injection] = []
    var centreFaults: [VersionCentreModel.Fault] = []
    /// How it may end.
    package var endings: Set<Ending>
    /// Results that the last execution may have; empty for any.
    package var results: Set<String> = []
    /// Releases that the badge may run on the way: those whose image is signed and fit.
    package var mayRun: Set<Int>
    /// Bytes of other files must not reach the update slot: the way may be bad, but it changes no bytes that look right.
    var checksBlocks = false
    /// No byte of a delta may be fetched.
    var forbidsDelta = false
    /// The run without anything going wrong whose course it shares, and up to where.
    var course = Course.update
    var start = Start.beginning

    enum Course: Int, Sendable, CaseIterable { case update, revert, delta }

    enum Start: Sendable, Equatable {
        case beginning
        /// Just before that input.
        case input(Int)
        /// Just before this operation of that flash.
        case operation(Part, UInt64)
        /// When so many blocks have been downloaded.
        case blocks(Int)
    }
}
