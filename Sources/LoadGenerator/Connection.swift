/// One connection of the generator, with the item that is under way on it.
struct Connection {
    enum State: Sendable, Hashable {
        case closed, connecting, idle
        /// A request is being written, or its answer waited for.
        case busy
    }

    var descriptor: Int32 = -1
    /// Counts the lives of this place, so that what was ready before a close reaches nobody.
    var life: UInt32 = 0
    var state = State.closed
    var reader = HTTPAnswerReader()
    /// What the socket has not taken yet of the request.
    var unwritten: [UInt8] = []
    var row = LoadRow(index: 0, planned: 0)
    /// When this place was last opened, or its opening was planned; for held connections.
    var opening: PlannedItem?
    /// A request for this connection that waits for the one before it.
    var next: PlannedItem?
}
