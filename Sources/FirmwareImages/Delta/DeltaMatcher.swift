/// Finds the parts of a base that a target consists of.
struct DeltaMatcher {
    /// Bytes that must be equal for a match to be looked at: short enough to find functions between changed addresses.
    private static let window = 12
    /// A match must fit better by this many bytes than going on as before, because a step costs some bytes itself.
    private static let gain = 8
    /// Places of the base that are remembered.
    private static let maximumPlaces = 1 << 22
    /// How far a match is measured when it is compared with going on as before.
    private static let comparedLength = 4_096

    private let base: [UInt8]
    private let target: [UInt8]
    /// Places + 1 in the base by the hash of the window that begins there; 0 = none. The first place of equal ones is kept.
    private let table: [UInt32]
    private let mask: Int

    init(_ base: [UInt8], _ target: [UInt8]) {
        self.base = base
        self.target = target
        let windows = max(0, base.count - Self.window + 1)
        let step = max(1, (windows + Self.maximumPlaces - 1) / Self.maximumPlaces)
        var size = 256
        while size < 2 * (windows / step) { size *= 2 }
        var table = [UInt32](repeating: 0, count: size)
        mask = size - 1
        var hash = RollingHash(Self.window)
        for index in base.indices {
            hash.slide(adding: base[index], dropping: index >= Self.window ? base[index - Self.window] : 0)
            let start = index - Self.window + 1
            guard start >= 0, start % step == 0 else { continue }
            let slot = hash.slot(mask)
            if table[slot] == 0 { table[slot] = UInt32(start + 1) }
        }
        self.table = table
    }

    func steps() -> [DeltaSteps.Step] {
        var steps: [DeltaSteps.Step] = []
        // Where the step that is not yet written begins, in target and base.
        var begun = (target: 0, base: 0)
        var scan = 0
        var hash = RollingHash(Self.window)
        var hashed = -2
        while scan + Self.window <= target.count {
            let aligned = equal(scan, scan + begun.base - begun.target, limit: target.count)
            if aligned >= Self.window { scan += aligned; continue }
            if hashed == scan - 1 {
                hash.slide(adding: target[scan + Self.window - 1], dropping: target[scan - 1])
            } else {
                hash = RollingHash(Self.window)
                for byte in target[scan..<scan + Self.window] { hash.slide(adding: byte, dropping: 0) }
            }
            hashed = scan
            let place = Int(table[hash.slot(mask)]) - 1
            let length = place < 0 ? 0 : equal(scan, place, limit: Self.comparedLength)
            guard length >= Self.window else { scan += 1; continue }
            guard length >= fitting(scan, scan + begun.base - begun.target, length) + Self.gain else {
                scan += max(1, length - Self.window)
                continue
            }
            let back = backwards(scan, place, from: begun.target)
            let (step, next) = join(begun, to: (scan, place), back)
            steps.append(step)
            begun = next
            scan += length
        }
        let copy = forwards(begun, to: target.count)
        steps.append(DeltaSteps.Step(copy: copy, insert: target.count - begun.target - copy, move: 0))
        return steps.filter { $0.copy + $0.insert > 0 || $0.move != 0 }
    }

    /// Ends the step that was begun where it meets the match, and begins the next there.
    private func join(_ begun: (target: Int, base: Int), to match: (target: Int, base: Int), _ back: Int)
        -> (DeltaSteps.Step, (target: Int, base: Int))
    {
        var copy = forwards(begun, to: match.target)
        var back = back
        let overlap = begun.target + copy - (match.target - back)
        if overlap > 0 {
            // Both fit there more or less: cut where most bytes are equal.
            var score = 0
            var best = 0
            var cut = 0
            for index in 0..<overlap {
                let place = match.target - back + index
                if target[place] == base[place + begun.base - begun.target] { score += 1 }
                if target[place] == base[place + match.base - match.target] { score -= 1 }
                if score > best { best = score; cut = index + 1 }
            }
            copy -= overlap - cut
            back -= cut
        }
        let next = (target: match.target - back, base: match.base - back)
        return (DeltaSteps.Step(copy: copy, insert: next.target - begun.target - copy, move: next.base - begun.base - copy), next)
    }

    /// Bytes from `begun` on, up to `end` of the target, that are worth taking from the base: where at least half are equal.
    private func forwards(_ begun: (target: Int, base: Int), to end: Int) -> Int {
        var score = 0
        var best = 0
        var length = 0
        for index in 0..<max(0, min(end - begun.target, base.count - begun.base)) {
            score += target[begun.target + index] == base[begun.base + index] ? 1 : -1
            if score > best { best = score; length = index + 1 }
        }
        return length
    }

    private func backwards(_ scan: Int, _ place: Int, from start: Int) -> Int {
        var score = 0
        var best = 0
        var length = 0
        var index = 1
        while index <= min(scan - start, place) {
            score += target[scan - index] == base[place - index] ? 1 : -1
            if score > best { best = score; length = index }
            // Far behind: it will not become worth it.
            if score < best - 64 { break }
            index += 1
        }
        return length
    }

    private func equal(_ scan: Int, _ place: Int, limit: Int) -> Int {
        guard place >= 0 else { return 0 }
        var length = 0
        let most = min(limit, target.count - scan, base.count - place)
        while length < most, target[scan + length] == base[place + length] { length += 1 }
        return length
    }

    private func fitting(_ scan: Int, _ place: Int, _ length: Int) -> Int {
        var count = 0
        for index in 0..<length where place + index >= 0 && place + index < base.count && target[scan + index] == base[place + index] {
            count += 1
        }
        return count
    }
}

/// A polynomial hash of the last bytes of a sequence, moved on byte by byte (Karp and Rabin, 1987).
private struct RollingHash {
    private static let factor: UInt64 = 0x0000_0100_0000_01b3
    private var value: UInt64 = 0
    /// The factor of the byte that is dropped.
    private let last: UInt64

    init(_ window: Int) { last = (0..<window).reduce(UInt64(1)) { product, _ in product &* Self.factor } }

    /// A byte counts as its value + 1, so that runs of zeros of different lengths differ; `dropping` 0 at the start drops nothing.
    mutating func slide(adding byte: UInt8, dropping old: UInt8) { value = value &* Self.factor &+ UInt64(byte) &- UInt64(old) &* last }

    func slot(_ mask: Int) -> Int { Int(truncatingIfNeeded: (value ^ value >> 29) &* 0x9e37_79b9_7f4a_7c15 >> 24) & mask }
}
