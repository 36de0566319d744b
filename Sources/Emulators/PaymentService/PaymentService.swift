package import LabCore

/// WeChat Pay (API v3) and Alipay (RSA2) as one emulated service with one merchant: the cloud asks it by HTTP, it sends notices.
///
/// Written from the services' public documents; it shares no code with the cloud that it serves. It is a service, so nothing cuts its
/// power; the fault `down` makes it unreachable. Every number and nonce comes from its seed, every signature is the same each time.
package struct PaymentService: Device {
    let settings: PaymentServiceSettings
    let seals: PaymentSeals
    /// Unix seconds at the start of the run.
    let epoch: Int64
    var random: SeededGenerator
    var book = PaymentBook()
    var agenda = PaymentAgenda()
    /// Notices that nobody has acknowledged; only looked up, never iterated.
    var notices: [Int: PaymentNoticeState] = [:]
    var noticeCount = 0
    /// What a request to the cloud was; only looked up.
    var sent: [Token: SentNotice] = [:]
    var tokenCount: UInt32 = 0
    var faults: [PaymentFault] = []
    private var timerAt: RunInstant?

    private static let timer = TimerName(rawValue: 1)

    /// - Parameters:
    ///   - epoch: Unix seconds at the start of the run.
    ///   - generator: gives transaction numbers, ids and nonces.
    /// - Throws: `bad_keys` where a key of the settings cannot be used.
    package init(_ settings: PaymentServiceSettings = PaymentServiceSettings(), epoch: Int64, generator: SeededGenerator)
        throws(ActionFailure)
    {
        self.settings = settings
        self.epoch = epoch
        random = generator
        do { seals = try PaymentSeals(settings) } catch { throw ActionFailure("bad_keys", error.description) }
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn, .powerLost, .mqtt, .link: return
        case .timerFired(let name):
            guard name == Self.timer else { return }
            timerAt = nil
            while let job = agenda.popDue(at: now) { perform(job, at: now, &effects) }
        case .answered(let token, let result): noticeAnswered(token, result, at: now, &effects)
        case .served(let token, let call):
            let result = serve(call, at: now, &effects)
            effects.append(.serve(token, result))
        case .action(let token, let name, let arguments):
            let result: Result<Fields, ActionFailure>
            do { result = .success(try perform(name, arguments, at: now, &effects)) } catch { result = .failure(error) }
            effects.append(.finish(token, result))
        case .fault(let name, let arguments, let isActive): setFault(name, arguments, isActive: isActive, at: now)
        }
        setTimer(now, &effects)
    }

    private mutating func setTimer(_ now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let next = agenda.next else { return }
        if let timerAt, timerAt <= next { return }
        timerAt = next
        effects.append(.startTimer(Self.timer, after: now.duration(to: max(now, next))))
    }

    private mutating func perform(_ job: PaymentAgenda.Job, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch job {
        case .notice(let number): sendNotice(number, at: now, &effects)
        case .copy(let notice): deliver(notice, try: 0, isProbe: false, at: now, &effects)
        case .probe(let channel): sendProbe(channel, at: now, &effects)
        case .refundEnd(let payment, let refund): endRefund(payment, refund, at: now, &effects)
        case .tradeEnd(let payment): endTrade(payment, at: now, &effects)
        }
    }

    func unix(_ now: RunInstant) -> Int64 { epoch + now.nanoseconds / 1_000_000_000 }

    // MARK: Serving

    private mutating func serve(_ call: HTTPCall, at now: RunInstant, _ effects: inout [DeviceEffect]) -> Result<HTTPAnswer, HTTPFailure> {
        let isWeChat = call.path.hasPrefix("/v3/")
        let channel: PaymentBook.Channel = isWeChat ? .wechat : .alipay
        if let fault = strike("down", channel) {
            switch fault["mode"]?.text {
            case "error":
                return .success(
                    isWeChat ? wechatAnswer(500, ["code": "SYSTEM_ERROR", "message": "system error"], at: now) : HTTPAnswer(status: 500))
            case "busy":
                return .success(
                    isWeChat
                        ? wechatAnswer(429, ["code": "FREQUENCY_LIMITED", "message": "too many requests"], at: now)
                        : HTTPAnswer(status: 429))
            default: return .failure(.unreachable)
            }
        }
        guard call.body.count <= 65_536, call.path.utf8.count <= 4_096 else { return .success(HTTPAnswer(status: 413)) }
        let served = isWeChat ? serveWeChat(call, at: now, &effects) : serveAlipay(call, at: now, &effects)
        var answer = served.answer
        if strike("answer.lose", channel, call: served.call) != nil {
            effects.append(.note("answer.lost", ["channel": .text(channel.rawValue), "call": .text(served.call)]))
            return .failure(.interrupted)
        }
        if !answer.body.isEmpty, strike("answer.tamper", channel, call: served.call) != nil {
            effects.append(.note("answer.tampered", ["channel": .text(channel.rawValue), "call": .text(served.call)]))
            answer.body = PaymentService.tampered(answer.body)
        }
        return .success(answer)
    }

    /// One digit of the content is another one; the signature stays.
    static func tampered(_ body: [UInt8]) -> [UInt8] {
        var body = body
        let signature = Array(#","sign":"#.utf8)
        let end = body.indices.first { body[$0...].starts(with: signature) } ?? body.endIndex
        if let place = body[..<end].lastIndex(where: { (0x30...0x39).contains($0) }) { body[place] ^= 1 }
        return body
    }

    func refusal(_ channel: PaymentBook.Channel, _ call: String, _ code: String) -> DeviceEffect {
        .note("request.refused", ["channel": .text(channel.rawValue), "call": .text(call), "code": .text(code)])
    }

    // MARK: Numbers

    mutating func digits(_ count: Int) -> String {
        var text = ""
        while text.utf8.count < count { text += String(random.integer(below: 10)) }
        return text
    }

    /// 32 capital letters and digits, as the services' nonces are.
    mutating func nonce(_ count: Int = 32) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        return String((0..<count).map { _ in alphabet[Int(random.integer(below: UInt64(alphabet.count)))] })
    }
}

/// What happens later, in its order.
struct PaymentAgenda: Sendable {
    enum Job: Sendable {
        case notice(Int)
        /// A notice that comes twice.
        case copy(PaymentNoticeState)
        case probe(PaymentBook.Channel)
        case refundEnd(Int, Int)
        case tradeEnd(Int)
    }

    /// The next one is the last.
    private var jobs: [(at: RunInstant, number: Int, job: Job)] = []
    private var count = 0

    var next: RunInstant? { jobs.last?.at }

    mutating func add(_ job: Job, at time: RunInstant) {
        count += 1
        var (low, high) = (0, jobs.count)
        while low < high {
            let middle = (low + high) / 2
            // What comes at the same time comes in the order of its entry: the newer one lies further in front.
            if jobs[middle].at > time { low = middle + 1 } else { high = middle }
        }
        jobs.insert((time, count, job), at: low)
    }

    mutating func popDue(at now: RunInstant) -> Job? {
        guard let last = jobs.last, last.at <= now else { return nil }
        jobs.removeLast()
        return last.job
    }
}

/// A fault that is on.
struct PaymentFault: Sendable, Equatable {
    var name: String
    var arguments: Fields
    /// How often it still strikes; `nil` while it is on.
    var rest: Int64?
}

extension PaymentService {
    mutating func setFault(_ name: String, _ arguments: Fields, isActive: Bool, at now: RunInstant) {
        guard isActive else {
            if let index = faults.firstIndex(where: { $0.name == name && $0.arguments == arguments }) { faults.remove(at: index) }
            return
        }
        // The `times` of a duplicate says how many copies come, not how often it strikes.
        faults.append(PaymentFault(name: name, arguments: arguments, rest: name == "notice.duplicate" ? nil : arguments["times"]?.integer))
        guard name == "notice.probe" else { return }
        for channel in PaymentBook.Channel.allCases where channel == .wechat && matches(arguments, channel, nil) {
            agenda.add(.probe(channel), at: now)
        }
    }

    private func matches(_ arguments: Fields, _ channel: PaymentBook.Channel, _ call: String?) -> Bool {
        if let wanted = arguments["channel"]?.text, wanted != channel.rawValue { return false }
        if let wanted = arguments["call"]?.text, wanted != call { return false }
        return true
    }

    /// The arguments of a fault that strikes now; one stroke fewer is left of it.
    mutating func strike(_ name: String, _ channel: PaymentBook.Channel, call: String? = nil) -> Fields? {
        guard let index = faults.firstIndex(where: { $0.name == name && $0.rest != 0 && matches($0.arguments, channel, call) }) else {
            return nil
        }
        if let rest = faults[index].rest { faults[index].rest = rest - 1 }
        return faults[index].arguments
    }
}
