import LabCore
import WireProtocols

/// Commands that programs send on their way to others, with answers that suffice (specs/rg500q.md §6; transcripts of the group `clients`).
enum OtherCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+CPAS", test: ["+CPAS: (0,3,4)"], execute: ["+CPAS: 0"]),
        CommandEntry("+CBC", test: ["+CBC: (0-2),(0-100)"], execute: ["+CBC: 0,0,3800"]),
        CommandEntry("+CLIP", keeps: [0...1], default: [0], test: "(0,1)"),
        CommandEntry("+CRC", keeps: [0...1], default: [0], test: "(0,1)"),
        CommandEntry("+COLP", keeps: [0...1], default: [0], test: "(0,1)"),
        CommandEntry("+CCWA", keeps: [0...1, 0...2, 0...255], default: [0], test: "(0,1)"),
        CommandEntry("+CUSD", keeps: [0...2], default: [0], test: "(0-2)"),
        CommandEntry("+CGEREP", keeps: [0...2, 0...1], default: [0, 0], test: "(0-2),(0,1)"),
        CommandEntry("+CHUP", test: [], execute: []), CommandEntry("+CLCC", test: [], execute: []),
        CommandEntry("+CEER", test: [], execute: ["+CEER: No report available"]),
        CommandEntry("+IFC", test: ["+IFC: (0-2),(0-2)"], read: ["+IFC: 0,0"], write: []),
        CommandEntry("+ICF", test: ["+ICF: (3),(3)"], read: ["+ICF: 3,3"], write: []),
        CommandEntry("+CPBS") { module, call, _ in phoneBooks(&module, call) },
        CommandEntry("+CPBR", needs: .card) { _, call, _ in
            switch call.form {
            case .test: .ok("+CPBR: (1-100),40,30")
            // No entry is in any book.
            case .write: call.number(0, in: 1...100) == nil || call.number(1, in: 1...100, default: 1) == nil ? .cme(21) : .ok
            case .read, .execute: .wrongForm
            }
        },
    ]

    private static func phoneBooks(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        let books = ["SM", "ON", "LD", "EN", "FD", "ME"]
        switch call.form {
        case .test: return .ok("+CPBS: (\(books.map { "\"\($0)\"" }.joined(separator: ",")))")
        case .read: return .ok("+CPBS: \"\(module.ram.settings.text("CPBS") ?? "SM")\",0,100")
        case .execute: return .wrongForm
        case .write:
            guard let book = call[0].text?.uppercased(), books.contains(book) else { return .wrongValue }
            module.ram.settings.texts["CPBS"] = book
            return .ok
        }
    }
}
