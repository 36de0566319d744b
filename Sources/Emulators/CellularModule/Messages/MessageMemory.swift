import LabCore

/// A memory for messages with numbered places, from 1.
package struct MessageMemory: Sendable, Equatable {
    struct Place: Sendable, Equatable {
        var index: Int
        var message: ShortMessage
    }

    let capacity: Int
    /// In the order of their places.
    private(set) var places: [Place] = []

    package init(capacity: Int) { self.capacity = capacity }

    package var count: Int { places.count }

    subscript(index: Int) -> ShortMessage? { places.first { $0.index == index }?.message }

    /// Puts it into the first free place; `nil` if there is none.
    mutating func add(_ message: ShortMessage) -> Int? {
        guard places.count < capacity else { return nil }
        var index = 1
        for place in places {
            if place.index != index { break }
            index += 1
        }
        put(message, at: index)
        return index
    }

    mutating func put(_ message: ShortMessage, at index: Int) {
        guard (1...capacity).contains(index) else { return }
        remove(index)
        places.insert(Place(index: index, message: message), at: places.firstIndex { $0.index > index } ?? places.endIndex)
    }

    mutating func remove(_ index: Int) { places.removeAll { $0.index == index } }
}

/// What AT commands on messages keep until the next reset.
struct MessageState: Sendable {
    /// `ME`; loaded from flash.
    var memory = MessageMemory(capacity: 255)
    /// `AT+CPMS`: to read and delete, to write and send, to receive.
    var selected = ["ME", "ME", "ME"]
    /// Of the messages sent so far.
    var reference = 0
    /// Text that has come in full, by port.
    var taken: [LinkName: (draft: MessageDraft, text: [UInt8])] = [:]
}

/// What `AT+CMGS` and `AT+CMGW` know before the text comes.
struct MessageDraft: Sendable, Equatable {
    enum Target: Sendable, Equatable {
        /// Text mode.
        case number(String)
        /// PDU mode: octets of the TPDU.
        case octets(Int)
    }

    var target: Target
    /// `AT+CMGW` keeps it, in this state; `nil` for `AT+CMGS`.
    var status: ShortMessage.Status?
}

extension CellularModule {
    private static let groupSize = 4

    /// What is in `ME`.
    package var storedMessages: MessageMemory { ram.messages.memory }

    /// Reads `ME` from the flash.
    mutating func loadMessages() {
        var memory = MessageMemory(capacity: 255)
        for group in 0...(255 / Self.groupSize) {
            var rest = (ram.store.value(.messages(group: group), in: flash) ?? [])[...]
            while let (index, message) = Self.readMessage(&rest) { memory.put(message, at: index) }
        }
        ram.messages.memory = memory
    }

    /// Writes the group of messages that the place belongs to.
    ///
    /// - Returns: false if the flash takes no more.
    mutating func saveMessages(around index: Int) -> Bool {
        let group = index / Self.groupSize
        var bytes: [UInt8] = []
        for place in ram.messages.memory.places where place.index / Self.groupSize == group {
            let centre = Array(place.message.serviceCentre.utf8.prefix(32))
            bytes += [UInt8(clamping: place.index), UInt8(place.message.status.rawValue), UInt8(centre.count)] + centre
            bytes += [UInt8(clamping: place.message.tpdu.count)] + place.message.tpdu.prefix(255)
        }
        return put(bytes, at: .messages(group: group))
    }

    private static func readMessage(_ bytes: inout ArraySlice<UInt8>) -> (Int, ShortMessage)? {
        guard let index = bytes.popFirst(), let status = bytes.popFirst().flatMap({ ShortMessage.Status(rawValue: Int($0)) }),
            let length = bytes.popFirst().map({ Int($0) }), bytes.count > length
        else { return nil }
        let centre = String(decoding: bytes.prefix(length), as: UTF8.self)
        bytes = bytes.dropFirst(length)
        guard let size = bytes.popFirst().map({ Int($0) }), bytes.count >= size else { return nil }
        defer { bytes = bytes.dropFirst(size) }
        return (Int(index), ShortMessage(status: status, serviceCentre: centre, tpdu: Array(bytes.prefix(size))))
    }
}
