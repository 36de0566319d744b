/// What is wrong inside one text, at a character counted from 0.
struct PlacedFailure: Error, Equatable {
    var offset: Int
    var message: String
}
