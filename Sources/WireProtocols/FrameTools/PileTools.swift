package import LabCore

/// `dny`, also `ap3000`.
package struct DNYTool: FrameTool {
    package let name = "dny"
    package let aliases = ["ap3000"]
    package let about = "AP3000/DNY of charging piles, with ICCID and link"
    package let dialects = DNYSettings.Dialect.allCases.map(\.rawValue)

    package init() {}

    private func settings(_ options: FrameToolOptions) -> DNYSettings {
        var settings = DNYSettings()
        settings.dialect = options.dialect.flatMap(DNYSettings.Dialect.init(rawValue:)) ?? .vendor
        return settings
    }

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        DNYExplainer(settings: settings(options), sender: options.sender.map(Self.sender))
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try DNYMaking.frame(command, from: options.sender.map(Self.sender), values: values, settings(options))
    }

    private static func sender(_ sender: FrameToolOptions.Sender) -> DNYSender { sender == .device ? .device : .platform }
}

struct DNYExplainer: FrameExplainer {
    private var decoder: DNYStreamDecoder
    private let settings: DNYSettings
    private let sender: DNYSender?
    /// A head with a wrong length waits for what follows it, which is shown with it.
    private var head: (fault: DNYFrameFault, bytes: [UInt8], offset: Int)?

    init(settings: DNYSettings, sender: DNYSender?) {
        decoder = DNYStreamDecoder(settings: settings)
        self.settings = settings
        self.sender = sender
    }

    mutating func append(_ bytes: [UInt8]) { decoder.append(bytes) }
    mutating func finish() {
        decoder.end()
        isFinished = true
    }

    private var isFinished = false
    private var held: FrameReport?

    mutating func next() -> FrameReport? {
        if let report = held {
            held = nil
            return report
        }
        guard let item = decoder.next() else { return isFinished ? takeHead() : nil }
        switch item {
        case .refused(let fault, let bytes, let offset) where fault.word == "length":
            let before = takeHead()
            head = (fault, bytes, offset)
            return before ?? next()
        case .garbage(let bytes, let offset):
            guard let head, head.offset + head.bytes.count == offset else { return after(takeHead(), report(item)) }
            self.head = nil
            return report(.refused(head.fault, bytes: head.bytes + bytes, offset: head.offset), at: head.offset)
        default: return after(takeHead(), report(item))
        }
    }

    private mutating func after(_ first: FrameReport?, _ second: FrameReport) -> FrameReport {
        guard let first else { return second }
        held = second
        return first
    }

    private mutating func takeHead() -> FrameReport? {
        guard let taken = head else { return nil }
        head = nil
        return report(.refused(taken.fault, bytes: taken.bytes, offset: taken.offset), at: taken.offset)
    }

    private func report(_ item: DNYStreamDecoder.Item, at offset: Int? = nil) -> FrameReport {
        var report = DNYReport.explain(item, from: sender, settings)
        report.streamOffset = offset ?? decoder.itemOffset
        return report
    }
}

/// `bkv`, also `gn`, with frames of both forms; `bkv-native` makes the form without a gateway.
package struct BKVTool: FrameTool {
    private let isNative: Bool

    package init(isNative: Bool) { self.isNative = isNative }

    package var name: String { isNative ? "bkv-native" : "bkv" }
    package var aliases: [String] { isNative ? [] : ["gn"] }
    package var about: String { isNative ? "BKV of units without a gateway" : "BKV of gateways with sockets" }
    package var dialects: [String] { BKVSettings.Dialect.allCases.map(\.rawValue) }

    private func settings(_ options: FrameToolOptions) -> BKVSettings {
        BKVSettings(dialect: options.dialect.flatMap(BKVSettings.Dialect.init(rawValue:)) ?? BKVSettings.vendor.dialect)
    }

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        let settings = settings(options)
        return SearchExplainer(BKVFormat(), name: name) { BKVReport.explain($0, settings: settings) }
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        let isFromDevice = options.sender.map { $0 == .device } ?? (values["head"]?.text == "fcfe")
        var settings = settings(options)
        let made = try BKVMaking.frame(command, isFromDevice: isFromDevice, isNative: isNative, values: values, settings: settings)
        // The second platform's inner length counts the sub-command; a report of such a frame says so (charging-protocols.md 2.3).
        guard let inner = values["inner_length"].flatMap({ FieldFiller.number($0) }), made.count > 20,
            inner == Int64(made[18]) << 8 | Int64(made[19]) + 1
        else { return made }
        settings.countsSubCommand = true
        return try BKVMaking.frame(command, isFromDevice: isFromDevice, isNative: isNative, values: values, settings: settings)
    }
}

/// `ee66`.
package struct EE66Tool: FrameTool {
    package let name = "ee66"
    package let aliases = ["ee66-uart"]
    package let about = "EE/66 between a pile's board and its module; head=66 makes an answer"

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        SearchExplainer(EE66Format(), name: name) { EE66Report.explain($0) }
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try EE66Report.frame(command, isAnswer: values["head"].flatMap { FieldFiller.words($0) } == "66", values: values)
    }
}

/// `dlt645`.
package struct DLT645Tool: FrameTool {
    package let name = "dlt645"
    package let aliases = ["dlt645-2007"]
    package let about = "DL/T 645-2007 of meters"

    package init() {}

    package func explainer(_ options: FrameToolOptions) -> any FrameExplainer {
        SearchExplainer(DLT645Format(), name: name) { DLT645Report.explain($0) }
    }

    package func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8] {
        try DLT645Report.frame(command, values: values)
    }
}

/// Explains what a search finds.
struct SearchExplainer<Format: FrameFormat>: FrameExplainer {
    private var search: FrameSearch<Format>
    private let name: String
    private let report: @Sendable ([UInt8]) -> FrameReport

    init(_ format: Format, name: String, report: @escaping @Sendable ([UInt8]) -> FrameReport) {
        search = FrameSearch(format)
        self.name = name
        self.report = report
    }

    mutating func append(_ bytes: [UInt8]) { search.append(bytes) }
    mutating func finish() { search.finish() }

    mutating func next() -> FrameReport? {
        switch search.next() {
        case .frame(_, let bytes, let offset): explain(bytes, at: offset)
        case .refused(let fault, let bytes, let offset): explain(bytes, at: offset, "\(fault)")
        case .skipped(let bytes, let offset): skipped(bytes, at: offset)
        case nil: nil
        }
    }

    /// A frame that is cut off has a head, and more to tell than garbage.
    private func skipped(_ bytes: [UInt8], at offset: Int) -> FrameReport {
        let cut = explain(bytes, at: offset)
        return cut.fields.isEmpty || !cut.isRefused ? FrameTools.garbage(bytes, at: offset, name) : cut
    }

    private func explain(_ bytes: [UInt8], at offset: Int, _ fault: String? = nil) -> FrameReport {
        var report = report(bytes)
        if let fault, !report.isRefused { report.problems.append(FrameProblem(.refusal, at: 0, fault)) }
        report.streamOffset = offset
        return report
    }
}
