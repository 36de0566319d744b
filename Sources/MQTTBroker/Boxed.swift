/// A value in a place of its own: whoever does not need it pays one word.
///
/// Copies are made when one of several owners changes it, as with an array, which it is.
struct Boxed<Value: Sendable>: Sendable {
    private var storage: [Value]

    init(_ value: Value) { storage = [value] }

    var value: Value {
        _read { yield storage[0] }
        _modify { yield &storage[0] }
    }
}
