/// Finds frames in what comes over one connection, however it was cut (charging-protocols.md 1, 4.2).
///
/// A mobile module adds its ICCID and `link` anywhere between frames. Whatever is not understood costs one byte, and the search goes on
/// behind it: a false head never swallows the frames behind it. What comes out does not depend on how the bytes were
/// split. At most one frame and 512 other bytes are kept, the work for a byte is bounded.
package struct DNYStreamDecoder: Sendable {
    package enum Item: Sendable, Equatable {
        case frame(DNYFrame)
        /// The number of the SIM card, 20 characters, which the module sends when it has connected.
        case iccid(String)
        /// The module's sign of life after 30 s without traffic.
        case link
        /// Bytes that belong to nothing, up to 512 at once, and where they stood in everything that came.
        case garbage([UInt8], offset: Int)
        /// What looked like a frame. The search goes on with its second byte; what is given of its inside later are good frames only,
        /// and it is not given as garbage again.
        case refused(DNYFrameFault, bytes: [UInt8], offset: Int)
    }

    package let settings: DNYSettings
    /// Where the item that was given last began in everything that came, from 0.
    package private(set) var itemOffset = 0

    private var buffer: [UInt8] = []
    /// The first byte that is not given yet.
    private var start = 0
    /// Nothing begins before it.
    private var cursor = 0
    /// The bytes before it were given as refused.
    private var refusedEnd = 0
    /// Bytes that were taken out of `buffer`.
    private var dropped = 0
    private var hasEnded = false

    private static let longestGarbage = 512
    private static let iccidSize = 20
    private static let iccidHead = Array("8986".utf8)
    private static let link = Array("link".utf8)

    package init(settings: DNYSettings = .standard) { self.settings = settings }

    /// Adds bytes as they came; `next` then gives the items.
    package mutating func append(_ bytes: some Collection<UInt8>) {
        hasEnded = false
        if start == buffer.count || start > 4096 && start * 2 > buffer.count { compact() }
        buffer.append(contentsOf: bytes)
    }

    /// Says that what is there will not be continued: the connection is closed, or was silent for too long. `next` then gives the rest.
    package mutating func end() { hasEnded = true }

    /// All items of some more bytes.
    package mutating func decode(_ bytes: some Collection<UInt8>) -> [Item] {
        append(bytes)
        var items: [Item] = []
        while let item = next() { items.append(item) }
        return items
    }

    /// Bytes that came and are not given yet.
    package var pendingCount: Int { buffer.count - start }

    /// The next item; `nil` while it takes more bytes to tell.
    package mutating func next() -> Item? {
        while cursor < buffer.count {
            switch look() {
            case .nothing:
                cursor += 1
                if cursor <= refusedEnd { start = cursor }
                if cursor - garbageStart >= Self.longestGarbage { return takeGarbage() }
            case .incomplete:
                return nil
            case .found(let item, let size):
                if garbageStart < cursor { return takeGarbage() }
                itemOffset = dropped + cursor
                start = cursor + size
                cursor = start
                return item
            case .refused(let fault, let size):
                if garbageStart < cursor { return takeGarbage() }
                return refuse(fault, size)
            }
        }
        if hasEnded, garbageStart < cursor { return takeGarbage() }
        return nil
    }

    private enum Sight {
        case nothing, incomplete
        case found(Item, size: Int)
        case refused(DNYFrameFault, size: Int)
    }

    /// What begins at the cursor.
    private func look() -> Sight {
        switch buffer[cursor] {
        case DNYFrame.magic[0]: lookForFrame()
        case Self.iccidHead[0] where cursor >= refusedEnd: lookForICCID()
        case Self.link[0] where cursor >= refusedEnd: lookForLink()
        default: .nothing
        }
    }

    private func lookForFrame() -> Sight {
        let rest = buffer[cursor...]
        do throws(DNYFrameFault) {
            let size = try DNYFrame.size(rest, settings)
            guard size <= rest.count else { throw .truncated(needed: size, found: rest.count) }
            let frame = try DNYFrame(whole: rest.prefix(size), settings)
            return .found(.frame(frame), size: size)
        } catch {
            switch error {
            case .noMagic, .trailing: return .nothing
            case .truncated where !hasEnded: return .incomplete
            // Fewer bytes than a head tell nothing; they are garbage.
            case .truncated(_, let found) where found < DNYFrame.headSize: return .nothing
            case .truncated(_, let found): return refusal(error, size: found)
            case .length: return refusal(error, size: DNYFrame.headSize)
            case .checksum, .name:
                let size = (try? DNYFrame.size(rest, settings)) ?? DNYFrame.headSize
                return refusal(error, size: size)
            }
        }
    }

    /// A wrong frame that lies by more than half in bytes that were refused already tells nothing new. So no byte is given more than
    /// about twice, whatever heads somebody sends.
    private func refusal(_ fault: DNYFrameFault, size: Int) -> Sight {
        (refusedEnd - cursor) * 2 > size ? .nothing : .refused(fault, size: size)
    }

    private func lookForICCID() -> Sight {
        let text = buffer[cursor...].prefix(Self.iccidSize)
        for (index, byte) in text.enumerated() {
            let fits = index < Self.iccidHead.count ? byte == Self.iccidHead[index] : Self.isHexadecimal(byte)
            guard fits else { return .nothing }
        }
        if text.count == Self.iccidSize { return .found(.iccid(String(decoding: text, as: UTF8.self)), size: Self.iccidSize) }
        return hasEnded ? .nothing : .incomplete
    }

    private func lookForLink() -> Sight {
        let text = buffer[cursor...].prefix(Self.link.count)
        guard text.elementsEqual(Self.link.prefix(text.count)) else { return .nothing }
        if text.count == Self.link.count { return .found(.link, size: text.count) }
        return hasEnded ? .nothing : .incomplete
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }

    private var garbageStart: Int { max(start, refusedEnd) }

    private mutating func takeGarbage() -> Item {
        let bytes = Array(buffer[garbageStart..<cursor])
        itemOffset = dropped + garbageStart
        start = cursor
        return .garbage(bytes, offset: itemOffset)
    }

    private mutating func refuse(_ fault: DNYFrameFault, _ size: Int) -> Item {
        let bytes = Array(buffer[cursor..<cursor + size])
        itemOffset = dropped + cursor
        refusedEnd = cursor + size
        cursor += 1
        start = cursor
        return .refused(fault, bytes: bytes, offset: itemOffset)
    }

    private mutating func compact() {
        buffer.removeFirst(start)
        dropped += start
        cursor -= start
        refusedEnd = max(0, refusedEnd - start)
        start = 0
    }
}
