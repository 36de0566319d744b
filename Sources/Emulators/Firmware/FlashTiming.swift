/// How long flash operations take, so that a boot that swaps images lasts as long as it would (specs: 20 ms for a sector of 4 KiB
/// is typical of serial NOR flash, 0.5 ms for a page of 256 bytes).
package struct FlashTiming: Sendable, Equatable {
    package var sectorErase: Duration
    /// For up to 256 bytes.
    package var pageProgram: Duration

    package init(sectorErase: Duration = .milliseconds(20), pageProgram: Duration = .microseconds(500)) {
        self.sectorErase = sectorErase
        self.pageProgram = pageProgram
    }

    package static let standard = FlashTiming()

    package func duration(of operation: VirtualFlash.Operation) -> Duration {
        switch operation.kind {
        case .erase: sectorErase
        case .program: pageProgram * ((operation.count + 255) / 256)
        }
    }

    package func duration(of operations: some Sequence<VirtualFlash.Operation>) -> Duration {
        operations.reduce(.zero) { $0 + duration(of: $1) }
    }

    /// Which of the operations, counted from 1, is under way after that time: where power goes when it goes then.
    ///
    /// - Returns: nil once all of them are done.
    package func operation(under elapsed: Duration, of operations: some Sequence<VirtualFlash.Operation>) -> UInt64? {
        var end = Duration.zero
        for (index, operation) in operations.enumerated() {
            end += duration(of: operation)
            if elapsed < end { return UInt64(index) + 1 }
        }
        return nil
    }
}
