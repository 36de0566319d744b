package import LabCore
import Synchronization

/// Token buckets by caller, on the run's clock (security.md 4.4).
///
/// A bucket is kept as one instant, the time at which it is full again (the generic cell rate algorithm, ITU-T I.371):
/// the same decisions as counting tokens, without fractions of tokens, so that request n passes and n + 1 does not.
package final class RateLimiter: Sendable {
    private let maximumCallers: Int
    private let state: Mutex<State>

    private struct State {
        /// By caller: the instant at which the bucket is full again, in nanoseconds.
        var fullAt: [String: Int64] = [:]
        /// Not before: a sweep costs time with the number of callers, and a flood of new ones must not make each pay it.
        var nextSweep: Int64 = 0
    }

    package init(maximumCallers: Int) {
        self.maximumCallers = max(1, maximumCallers)
        state = Mutex(State())
    }

    /// Callers that are remembered now.
    package var callers: Int { state.withLock { $0.fullAt.count } }

    /// Takes tokens of the caller's bucket, all of them or none.
    ///
    /// - Parameter cost: 1 or more, and not more than the limit has.
    package func take(key: String, limit: RateLimit, at now: RunInstant, cost: Int = 1) -> RateDecision {
        state.withLock { state in
            let key = Self.admitted(key, limit, at: now, to: &state, maximum: maximumCallers)
            let step = max(1, limit.period.nanoseconds / Int64(limit.requests))
            let window = step * Int64(limit.requests)
            let full = max(state.fullAt[key] ?? 0, now.nanoseconds)
            let next = full + step * Int64(cost)
            if next - now.nanoseconds > window {
                return RateDecision(
                    isAllowed: false, limit: limit.requests, remaining: 0, reset: full - now.nanoseconds,
                    wait: next - window - now.nanoseconds)
            }
            state.fullAt[key] = next
            let used = next - now.nanoseconds
            return RateDecision(
                isAllowed: true, limit: limit.requests, remaining: Int((window - used) / step), reset: used, wait: 0)
        }
    }

    /// The key under which the bucket is found. When too many callers are remembered, those whose buckets are full again
    /// are forgotten, which changes nothing for them; if that does not help, newcomers share one bucket.
    private static func admitted(
        _ key: String, _ limit: RateLimit, at now: RunInstant, to state: inout State, maximum: Int
    ) -> String {
        guard state.fullAt[key] == nil, state.fullAt.count >= maximum else { return key }
        if now.nanoseconds >= state.nextSweep {
            state.fullAt = state.fullAt.filter { $0.value > now.nanoseconds }
            state.nextSweep = now.nanoseconds + 1_000_000_000
        }
        // The limit is part of the name: a shared bucket of one class says nothing about another.
        return state.fullAt.count < maximum ? key : "*|\(limit.requests)|\(limit.period.nanoseconds)"
    }
}

/// What a bucket says about one request.
package struct RateDecision: Sendable, Equatable {
    package var isAllowed: Bool
    package var limit: Int
    package var remaining: Int
    /// Nanoseconds until the bucket is full again.
    package var reset: Int64
    /// Nanoseconds until one token is there, where the request is refused.
    package var wait: Int64

    /// `ratelimit-limit`, `-remaining` and `-reset` (seconds, rounded up), as the IETF draft "RateLimit header fields" has them.
    package var headers: [HTTPCall.Header] {
        [
            HTTPCall.Header("ratelimit-limit", String(limit)), HTTPCall.Header("ratelimit-remaining", String(remaining)),
            HTTPCall.Header("ratelimit-reset", String(Self.secondsUp(reset))),
        ]
    }

    package func refusal(_ code: ErrorCode = .rateLimited) -> APIError {
        let seconds = max(1, Self.secondsUp(wait))
        return APIError(
            code, details: ["retry_after": .integer(seconds)], headers: headers + [HTTPCall.Header("retry-after", String(seconds))])
    }

    private static func secondsUp(_ nanoseconds: Int64) -> Int64 { (nanoseconds + 999_999_999) / 1_000_000_000 }
}
