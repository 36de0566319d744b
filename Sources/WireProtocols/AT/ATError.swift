/// Why a command failed: `+CME ERROR` or `+CMS ERROR`, as a number or as text, whatever `AT+CMEE` asks for.
package struct ATError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// The module (3GPP TS 27.007 §9.2).
        case equipment = "CME"
        /// Messages (3GPP TS 27.005 §3.2.5).
        case message = "CMS"
    }

    package var kind: Kind
    /// `nil` for a text that the table does not have.
    package var code: Int?
    /// What follows `ERROR: `, as it came.
    package var text: String

    package init(_ kind: Kind, code: Int) {
        self.kind = kind
        self.code = code
        text = String(code)
    }

    /// Reads a whole line such as `+CME ERROR: 10` or `+CME ERROR: SIM not inserted`; `nil` for others.
    package init?(_ line: some StringProtocol) {
        for kind in [Kind.equipment, .message] {
            let start = "+\(kind.rawValue) ERROR:"
            guard line.hasPrefix(start) else { continue }
            let text = line.dropFirst(start.count).drop { $0 == " " }
            guard !text.isEmpty, text.utf8.count <= 128 else { return nil }
            self.kind = kind
            self.text = String(text)
            code = Int(text).flatMap { $0 >= 0 ? $0 : nil } ?? Self.code(of: text, kind)
            return
        }
        return nil
    }

    /// The meaning in words: that of the number, else the text.
    package var meaning: String { code.flatMap { Self.meaning(of: $0, kind) } ?? text }

    package var description: String { "+\(kind.rawValue) ERROR: \(text)" }

    package static func meaning(of code: Int, _ kind: Kind) -> String? {
        let table = kind == .equipment ? equipmentErrors : messageErrors
        return table.first { $0.code == code }?.meaning
    }

    /// Texts come in either case.
    private static func code(of text: some StringProtocol, _ kind: Kind) -> Int? {
        let wanted = text.lowercased()
        let table = kind == .equipment ? equipmentErrors : messageErrors
        return table.first { $0.meaning.lowercased() == wanted }?.code
    }

    /// Source: rg500q.md §2.11 (NAN, 3GPP TS 27.007 §9.2) and §2.9 for positioning.
    private static let equipmentErrors: [(code: Int, meaning: String)] = [
        (0, "phone failure"), (1, "no connection to phone"), (2, "phone-adaptor link reserved"), (3, "operation not allowed"),
        (4, "operation not supported"), (5, "PH-SIM PIN required"), (6, "PH-FSIM PIN required"), (7, "PH-FSIM PUK required"),
        (10, "SIM not inserted"), (11, "SIM PIN required"), (12, "SIM PUK required"), (13, "SIM failure"), (14, "SIM busy"),
        (15, "SIM wrong"),
        (16, "incorrect password"), (17, "SIM PIN2 required"), (18, "SIM PUK2 required"), (20, "memory full"), (21, "invalid index"),
        (22, "not found"), (23, "memory failure"), (24, "text string too long"), (25, "invalid characters in text string"),
        (26, "dial string too long"), (27, "invalid characters in dial string"), (30, "no network service"), (31, "network timeout"),
        (32, "network not allowed - emergency calls only"), (40, "network personalization PIN required"),
        (41, "network personalization PUK required"), (42, "network subset personalization PIN required"),
        (43, "network subset personalization PUK required"), (44, "service provider personalization PIN required"),
        (45, "service provider personalization PUK required"), (46, "corporate personalization PIN required"),
        (47, "corporate personalization PUK required"), (50, "incorrect parameters"), (100, "unknown"),
        (501, "positioning: bad parameter"), (502, "positioning: not supported"), (503, "positioning: busy"),
        (504, "positioning: already running"), (505, "positioning: not running"), (506, "positioning: timeout"),
        (507, "positioning: disabled"), (508, "positioning: time error"), (509, "positioning: assistance data"), (516, "no fix yet"),
        (549, "positioning: unknown"),
    ]

    /// Source: 3GPP TS 27.005 §3.2.5.
    private static let messageErrors: [(code: Int, meaning: String)] = [
        (300, "ME failure"), (301, "SMS service of ME reserved"), (302, "operation not allowed"), (303, "operation not supported"),
        (304, "invalid PDU mode parameter"), (305, "invalid text mode parameter"), (310, "SIM not inserted"), (311, "SIM PIN required"),
        (312, "PH-SIM PIN required"), (313, "SIM failure"), (314, "SIM busy"), (315, "SIM wrong"), (316, "SIM PUK required"),
        (317, "SIM PIN2 required"), (318, "SIM PUK2 required"), (320, "memory failure"), (321, "invalid memory index"),
        (322, "memory full"),
        (330, "SMSC address unknown"), (331, "no network service"), (332, "network timeout"), (340, "no +CNMA acknowledgement expected"),
        (500, "unknown error"),
    ]
}
