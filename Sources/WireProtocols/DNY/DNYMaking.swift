package import LabCore

/// Makes DNY frames from names and values, under the names that reports use.
package enum DNYMaking {
    /// What follows from the rest of a frame.
    private static let derived = ["magic", "length", "command", "checksum", "name_size"]

    /// - Parameters:
    ///   - command: two hexadecimal digits, or its name such as `settlement`.
    ///   - sender: `nil` takes the one that usually sends it; 22 and 12 without values are the device's.
    ///   - values: `physical_id` (8 hexadecimal digits), `message_id`, and the fields of the message; `order` may be a text of up to 16
    ///     characters. Appended fields that are not named are left out, so that short and long forms can be made.
    package static func frame(
        _ command: String, from sender: DNYSender? = nil, values: Fields, _ settings: DNYSettings = .standard
    ) throws(FieldFault) -> [UInt8] {
        var values = values
        let number = try number(of: command)
        for name in derived { values[name] = nil }
        let name = try settings.dialect == .vendor ? nil : text("name", from: &values)
        let id = try identity(&values, isNeeded: name == nil)
        let messageID = try messageID(&values)
        if let order = values["order"].flatMap({ FieldFiller.words($0) }), order.utf8.count != 32 || Hexadecimal.bytes(order) == nil {
            guard order.utf8.count <= DNYOrder.size else {
                throw fault("order", "32 hexadecimal digits or at most 16 characters are allowed")
            }
            values["order"] = .bytes(DNYOrder(order).bytes)
        }
        // The count of the data decides between forms; with values there are some.
        let count = values.isEmpty ? 0 : 40
        let decided = sender ?? DNYCommand.sender(of: number, dataCount: count) ?? .platform
        var message = DNYMessage.blank(number, from: decided, dataCount: count)
        var filler = FieldFiller(values)
        try message.walk(&filler)
        if let name = filler.unusedName { throw fault(name, "the \(decided.rawValue)'s \(Hexadecimal.text([number])) has no such field") }
        var frame = try message.frame(to: id, messageID: messageID)
        frame.name = name
        do { return try frame.encoded(settings) } catch { throw fault("frame", "\(error)") }
    }

    private static func number(of command: String) throws(FieldFault) -> UInt8 {
        if command.utf8.count == 2, let number = Hexadecimal.bytes(command)?.first { return number }
        let words = command.map { $0 == "_" || $0 == "-" ? " " : $0 }
        if let number = (0...UInt8.max).first(where: { DNYCommand.name($0)?.lowercased() == String(words).lowercased() }) { return number }
        throw fault("command", "'\(command)' is none; write two hexadecimal digits or a name such as settlement")
    }

    private static func identity(_ values: inout Fields, isNeeded: Bool) throws(FieldFault) -> UInt32 {
        guard let text = try text("physical_id", from: &values) else {
            if isNeeded { throw fault("physical_id", "it is needed: 8 hexadecimal digits such as 04ceaa40") }
            return 0
        }
        guard let id = DNYPhysicalID(text) else { throw fault("physical_id", "8 hexadecimal digits are allowed") }
        return id.rawValue
    }

    private static func messageID(_ values: inout Fields) throws(FieldFault) -> UInt16 {
        guard let value = values["message_id"] else { return 1 }
        values["message_id"] = nil
        guard let number = FieldFiller.number(value).flatMap({ UInt16(exactly: $0) }) else {
            throw fault("message_id", "a whole number from 0 to 65535 is allowed")
        }
        return number
    }

    private static func text(_ name: String, from values: inout Fields) throws(FieldFault) -> String? {
        guard let value = values[name] else { return nil }
        values[name] = nil
        guard let text = FieldFiller.words(value) else { throw fault(name, "a text is allowed") }
        return text
    }

    private static func fault(_ field: String, _ text: String) -> FieldFault { FieldFault(.value(text), field: field, offset: 0) }
}
