extension MQTTProperties {
    /// Reads the property length and the properties (§2.2.2).
    init(_ reader: inout MQTTFieldReader, in place: MQTTPropertyPlace) throws(MQTTDecodingError) {
        let length = Int(try reader.variableInteger("property length"))
        if length == 0 {
            self.init()
            return
        }
        let start = reader.position
        let end = try reader.enter(length, "properties")
        var entries: [Entry] = []
        var userProperties: [MQTTUserProperty] = []
        var seen: UInt64 = 0
        while !reader.isAtEnd {
            let id = try reader.propertyID(in: place)
            // One look at a bit each, so that thousands of properties cost no more than their bytes.
            let bit = UInt64(1) << UInt64(id.rawValue)
            let mayRepeat = id == .userProperty || (id == .subscriptionIdentifier && place == .packet(.publish))
            if seen & bit != 0, !mayRepeat { throw reader.error(.repeatedProperty(id), at: reader.position - 1) }
            seen |= bit
            if id == .userProperty {
                let name = try reader.text("user property name")
                userProperties.append(MQTTUserProperty(name, try reader.text("user property value")))
            } else {
                // Behind its like: subscription identifiers keep their order. All that can stand behind is there once.
                let index = entries.lastIndex { $0.id.rawValue <= id.rawValue }.map { $0 + 1 } ?? 0
                entries.insert(Entry(id: id, value: try reader.propertyValue(id)), at: index)
            }
        }
        reader.leave(to: end)
        if seen & 1 << UInt64(MQTTPropertyID.authenticationData.rawValue) != 0,
            seen & 1 << UInt64(MQTTPropertyID.authenticationMethod.rawValue) == 0
        {
            throw reader.error(.authenticationDataWithoutMethod, at: start)
        }
        self.init(entries, userProperties)
    }

    /// Bytes of the properties without their length.
    package var byteCount: Int {
        var count = 0
        for entry in entries {
            count += 1
            switch entry.value {
            case .text(let text): count += 2 + text.text.utf8.count
            case .binary(let bytes): count += 2 + bytes.count
            case .number(let number):
                switch entry.id.format {
                case .byte: count += 1
                case .twoBytes: count += 2
                case .variableInteger: count += MQTTEncoder.variableIntegerSize(Int(number))
                default: count += 4
                }
            }
        }
        for property in userProperties { count += 5 + property.name.utf8.count + property.value.utf8.count }
        return count
    }

    /// Bytes of the properties with their length.
    package var encodedSize: Int {
        if isEmpty { return 1 }
        let count = byteCount
        return MQTTEncoder.variableIntegerSize(count) + count
    }

    /// Why the properties cannot be written there; decoded ones always can.
    package func check(in place: MQTTPropertyPlace) throws(MQTTEncodingError) {
        var last: MQTTPropertyID?
        for entry in entries {
            let id = entry.id
            guard id.mayAppear(in: place) else { throw .misplacedProperty(id, place) }
            if id == last, place != .packet(.publish) { throw .repeatedProperty(id) }
            last = id
            switch entry.value {
            case .number(let number): if !id.range.contains(number) { throw .propertyValue(id, number) }
            case .text(let text):
                try MQTTFieldWriter.check(text.text, id.description)
                if id == .responseTopic {
                    do { _ = try MQTTTopic(text.text) } catch { throw .responseTopic(error) }
                }
            case .binary(let bytes): if bytes.count > 0xFFFF { throw .fieldTooLong(field: id.description, bytes: bytes.count) }
            }
        }
        if !userProperties.isEmpty, !MQTTPropertyID.userProperty.mayAppear(in: place) { throw .misplacedProperty(.userProperty, place) }
        for property in userProperties {
            try MQTTFieldWriter.check(property.name, "user property name")
            try MQTTFieldWriter.check(property.value, "user property value")
        }
        if contains(.authenticationData), !contains(.authenticationMethod) { throw .authenticationDataWithoutMethod }
    }

    /// Appends the length and the properties, which `check(in:)` lets pass.
    func append(to output: inout [UInt8]) {
        if isEmpty { return output.append(0) }
        MQTTEncoder.appendRemainingLength(byteCount, to: &output)
        for entry in entries {
            output.append(entry.id.rawValue)
            switch entry.value {
            case .text(let text): MQTTEncoder.appendSized(text.text.utf8, to: &output)
            case .binary(let bytes): MQTTEncoder.appendSized(bytes, to: &output)
            case .number(let number):
                switch entry.id.format {
                case .byte: output.append(UInt8(truncatingIfNeeded: number))
                case .twoBytes: MQTTEncoder.appendWord(UInt16(truncatingIfNeeded: number), to: &output)
                case .variableInteger: MQTTEncoder.appendRemainingLength(Int(number), to: &output)
                default:
                    MQTTEncoder.appendWord(UInt16(truncatingIfNeeded: number >> 16), to: &output)
                    MQTTEncoder.appendWord(UInt16(truncatingIfNeeded: number), to: &output)
                }
            }
        }
        for property in userProperties {
            output.append(MQTTPropertyID.userProperty.rawValue)
            MQTTEncoder.appendSized(property.name.utf8, to: &output)
            MQTTEncoder.appendSized(property.value.utf8, to: &output)
        }
    }
}

extension MQTTPropertyID {
    /// The end that alone may send the property, where both may send the packet. A client never sends a subscription
    /// identifier in PUBLISH [MQTT-3.3.4-6] nor a server reference, a server no session expiry interval in DISCONNECT
    /// [MQTT-3.14.2-2].
    fileprivate func onlySender(in place: MQTTPropertyPlace) -> MQTTRole? {
        switch (self, place) {
        case (.subscriptionIdentifier, .packet(.publish)), (.serverReference, .packet(.disconnect)): .server
        case (.sessionExpiryInterval, .packet(.disconnect)): .client
        default: nil
        }
    }
}

extension MQTTFieldReader {
    /// A property's identifier, which the packet may have from this sender.
    fileprivate mutating func propertyID(in place: MQTTPropertyPlace) throws(MQTTDecodingError) -> MQTTPropertyID {
        let index = position
        let number = try variableInteger("property identifier")
        guard let id = UInt8(exactly: number).flatMap({ MQTTPropertyID(rawValue: $0) }) else {
            throw error(.unknownProperty(number), at: index)
        }
        guard id.mayAppear(in: place) else { throw error(.misplacedProperty(id, place), at: index) }
        if let sender = id.onlySender(in: place), sender == frame.receiver { throw error(.propertyFromWrongSide(id, place), at: index) }
        return id
    }

    /// Any value but that of a user property.
    fileprivate mutating func propertyValue(_ id: MQTTPropertyID) throws(MQTTDecodingError) -> MQTTProperties.Value {
        let index = position
        switch id.format {
        case .byte: return try checked(id, UInt32(try byte(id.description)), at: index)
        case .twoBytes: return try checked(id, UInt32(try word(id.description)), at: index)
        case .fourBytes:
            let high = UInt32(try word(id.description))
            return try checked(id, high << 16 | UInt32(try word(id.description)), at: index)
        case .variableInteger: return try checked(id, try variableInteger(id.description), at: index)
        case .binary: return .binary([UInt8](bytes[try sized(id.description)]))
        case .text, .textPair:
            let text = try text(id.description)
            if id == .responseTopic {
                do { _ = try MQTTTopic(text) } catch { throw self.error(.responseTopic(error), at: index + 2 + error.offset) }
            }
            return .text(ExactText(text))
        }
    }

    private func checked(_ id: MQTTPropertyID, _ number: UInt32, at index: Int) throws(MQTTDecodingError) -> MQTTProperties.Value {
        guard id.range.contains(number) else {
            throw error(id == .topicAlias ? .topicAliasInvalid(UInt16(truncatingIfNeeded: number)) : .propertyValue(id, number), at: index)
        }
        return .number(number)
    }
}
