/// Work for the reactor's own thread. `@unchecked Sendable`: posted from that thread and run on it.
final class PostedErrand: @unchecked Sendable {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
