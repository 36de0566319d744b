/// What a module says of its firmware update over the air: `+QIND: "FOTA","UPDATING",37` (specs/rg500q.md §4.2, §4.3).
package enum ATUpdateReport: Sendable, Hashable {
    /// `HTTPSTART` or `FTPSTART`: the download begins.
    case downloadStarted
    /// `HTTPEND` or `FTPEND` with 0, or with 601, 602, 701, 702.
    case downloadEnded(code: Int)
    /// `START`: the recovery system installs the package. It can get lost.
    case started
    /// 1 to 100.
    case updating(percent: Int)
    /// `END` with 0 or with what went wrong.
    case ended(code: Int)

    /// Reads an unsolicited line; `nil` for any other one, and for one whose number is damaged.
    package init?(_ line: some StringProtocol) {
        let fields = ATFields(String(line))
        guard fields.name == "+QIND", fields.text(0) == "FOTA", let word = fields.text(1) else { return nil }
        switch word {
        case "HTTPSTART", "FTPSTART": self = .downloadStarted
        case "START": self = .started
        case "HTTPEND", "FTPEND":
            guard let code = fields.whole(2) else { return nil }
            self = .downloadEnded(code: code)
        case "UPDATING":
            guard let percent = fields.whole(2), (0...100).contains(percent) else { return nil }
            self = .updating(percent: percent)
        case "END":
            guard let code = fields.whole(2) else { return nil }
            self = .ended(code: code)
        default: return nil
        }
    }
}

/// The command that begins an update, and what its URL may be.
package enum ATUpdateCommand {
    /// Bytes of a URL (specs/rg500q.md §4.1).
    package static let longestURL = 255

    /// - Returns: `nil` for a URL that the command cannot hold: too long, or with characters that end a text or a command.
    package static func command(url: String) -> ATCommand? {
        guard (1...longestURL).contains(url.utf8.count), url.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x22 }) else {
            return nil
        }
        return ATCommand("AT+QFOTADL=\"\(url)\"", limit: limit)
    }

    /// Source: chosen; the manuals give none, and answers of flash commands take up to 10 s.
    private static let limit = Duration.seconds(15)
}

/// Versions as the series writes them (specs/rg500q.md §4.5).
package enum ATModuleVersion {
    /// Whether a module that says `running` has the version that was wanted. `RG500QEAAAR11A08M4G` fits any sub-version of it, which
    /// `AT+QGMR` appends behind a `_`.
    package static func matches(running: String, wanted: String) -> Bool {
        guard !wanted.isEmpty else { return false }
        return running == wanted || running.hasPrefix(wanted + "_")
    }
}
