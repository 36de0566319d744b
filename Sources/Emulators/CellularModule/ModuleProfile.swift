/// The commands that a kind of module has, as tables (specs/rg500q.md §3).
///
/// A command that no table has is answered with plain `ERROR`, whatever AT+CMEE says (§2.1). A dialect more, such as the MQTT commands
/// of other series, is a table more in a profile of its own.
package struct ModuleProfile: Sendable {
    package let name: String
    package let about: String
    /// By name. Only looked up, never walked through.
    private let commands: [String: CommandEntry]

    init(name: String, about: String, tables: [[CommandEntry]]) {
        self.name = name
        self.about = about
        commands = Dictionary(tables.joined().map { ($0.name, $0) }) { first, _ in first }
    }

    func command(_ name: String) -> CommandEntry? { commands[name] }

    /// What the series RG50xQ documents.
    package static let standard = ModuleProfile(
        name: "rg500q-std",
        about:
            "The commands that the RG500Q's own documents and logs show. MQTT, HTTP, SSL and sockets (QMT*, QHTTP*, QSSL*, QI*) belong to other "
            + "Quectel series (EC2x, EG9x, BG9x) and are answered with ERROR.",
        tables: standardTables)

    package static let all = [standard]
    package static func named(_ name: String) -> ModuleProfile? { all.first { $0.name == name } }

    static let standardTables: [[CommandEntry]] = [
        BasicCommands.table, IdentityCommands.table, PowerCommands.table, RegistrationCommands.table, SignalCommands.table,
        PacketDataCommands.table,
        ConfigurationCommands.table, ClockCommands.table, PositioningCommands.table, MessageCommands.table, FileCommands.table,
        UpdateCommands.table, OtherCommands.table,
    ]
}
