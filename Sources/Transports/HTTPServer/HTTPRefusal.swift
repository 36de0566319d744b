import LabCore

/// Why a request is not read to its end. The connection ends with its answer.
enum HTTPRefusal {
    /// It is none as HTTP/1.1 has them, or its headers are beyond the limits.
    case malformed
    case tooLarge(_ most: Int)
    /// So many large bodies are being received that there is no memory for another.
    case tooMany

    var answer: HTTPAnswer {
        switch self {
        case .malformed:
            HTTPAnswer(status: 400, headers: [HTTPCall.Header("connection", "close"), HTTPCall.Header("content-length", "0")])
        case .tooLarge(let most): Self.answer(413, "The body is larger than \(most) bytes.\n")
        case .tooMany:
            Self.answer(
                503, "Other large bodies are being received; try again when they are through.\n", HTTPCall.Header("retry-after", "10"))
        }
    }

    private static func answer(_ status: Int, _ text: String, _ further: HTTPCall.Header...) -> HTTPAnswer {
        let headers = [
            HTTPCall.Header("content-type", "text/plain; charset=utf-8"), HTTPCall.Header("content-length", String(text.utf8.count)),
            HTTPCall.Header("connection", "close"),
        ]
        return HTTPAnswer(status: status, headers: headers + further, body: Array(text.utf8))
    }
}
