/// Finds frames in what comes over one connection, however it was cut (charging-protocols.md 1, 4.2).
///
/// A mobile module adds its ICCID and `link` anywhere between frames. Whatever is not understood costs one byte, and the search goes on
/// behind it (`FrameSearch`).
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

    /// Where the item that was given last began in everything that came, from 0.
    package private(set) var itemOffset = 0
    private var search: FrameSearch<DNYFormat>

    package init(settings: DNYSettings = .standard) { search = FrameSearch(DNYFormat(settings: settings)) }

    package var settings: DNYSettings { search.format.settings }

    /// Adds bytes as they came; `next` then gives the items.
    package mutating func append(_ bytes: some Collection<UInt8>) { search.append(bytes) }

    /// Says that what is there will not be continued: the connection is closed, or was silent for too long. `next` then gives the rest.
    package mutating func end() { search.finish() }

    /// All items of some more bytes.
    package mutating func decode(_ bytes: some Collection<UInt8>) -> [Item] {
        append(bytes)
        var items: [Item] = []
        while let item = next() { items.append(item) }
        return items
    }

    /// Bytes that came and are not given yet.
    package var pendingCount: Int { search.untold }

    /// The next item; `nil` while it takes more bytes to tell.
    package mutating func next() -> Item? {
        switch search.next() {
        case .frame(let found, _, let offset):
            itemOffset = offset
            return switch found {
            case .frame(let frame): .frame(frame)
            case .iccid(let text): .iccid(text)
            case .link: .link
            }
        case .refused(let fault, let bytes, let offset):
            itemOffset = offset
            return .refused(fault, bytes: bytes, offset: offset)
        case .skipped(let bytes, let offset):
            itemOffset = offset
            return .garbage(bytes, offset: offset)
        case nil: return nil
        }
    }
}

/// Frames of one dialect, and what modules say between them.
struct DNYFormat: FrameFormat {
    enum Frame: Sendable {
        case frame(DNYFrame)
        case iccid(String)
        case link
    }

    static let givesBytes = false
    private static let iccidSize = 20
    private static let iccidHead = Array("8986".utf8)
    private static let link = Array("link".utf8)

    let settings: DNYSettings

    func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<Frame, DNYFrameFault> {
        switch bytes[bytes.startIndex] {
        case DNYFrame.magic[0]: lookForFrame(bytes, sight)
        case Self.iccidHead[0] where sight.refused == 0: lookForICCID(bytes)
        case Self.link[0] where sight.refused == 0: lookForLink(bytes)
        default: .nothing
        }
    }

    private func lookForFrame(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<Frame, DNYFrameFault> {
        do throws(DNYFrameFault) {
            let size = try DNYFrame.size(bytes, settings)
            guard size <= bytes.count else { throw .truncated(needed: size, found: bytes.count) }
            return .frame(.frame(try DNYFrame(whole: bytes.prefix(size), settings)), size: size)
        } catch {
            switch error {
            case .noMagic, .trailing: return .nothing
            case .truncated where !sight.hasEnded: return .more
            // Fewer bytes than a head tell nothing; they are garbage.
            case .truncated(_, let found) where found < DNYFrame.headSize: return .nothing
            case .truncated(_, let found): return .refused(error, size: found)
            case .length: return .refused(error, size: DNYFrame.headSize)
            case .checksum, .name: return .refused(error, size: (try? DNYFrame.size(bytes, settings)) ?? DNYFrame.headSize)
            }
        }
    }

    private func lookForICCID(_ bytes: ArraySlice<UInt8>) -> FrameLook<Frame, DNYFrameFault> {
        let text = bytes.prefix(Self.iccidSize)
        for (index, byte) in text.enumerated() {
            let fits = index < Self.iccidHead.count ? byte == Self.iccidHead[index] : Self.isHexadecimal(byte)
            guard fits else { return .nothing }
        }
        return text.count == Self.iccidSize ? .frame(.iccid(String(decoding: text, as: UTF8.self)), size: Self.iccidSize) : .more
    }

    private func lookForLink(_ bytes: ArraySlice<UInt8>) -> FrameLook<Frame, DNYFrameFault> {
        let text = bytes.prefix(Self.link.count)
        guard text.elementsEqual(Self.link.prefix(text.count)) else { return .nothing }
        return text.count == Self.link.count ? .frame(.link, size: text.count) : .more
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
