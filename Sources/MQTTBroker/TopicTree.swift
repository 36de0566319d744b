import WireProtocols

/// Values at topics or filters, one node a level, so that a look-up costs by the depth and not by the count.
///
/// Walks with an explicit stack: a topic with thousands of levels costs memory, not the program's stack.
/// What a walk finds has no particular order; whoever needs one sorts.
struct TopicTree<Value: Sendable>: Sendable {
    private struct Node: Sendable {
        var level: ExactText
        var parent: Int32
        var value: Value?
        var children: [ExactText: Int32] = [:]
        /// The children `+` and `#`, beside `children`, for they are looked for at every level; 0 for none.
        var plus: Int32 = 0
        var hash: Int32 = 0

        var isEmpty: Bool { value == nil && children.isEmpty && plus == 0 && hash == 0 }
    }

    private static var root: Int32 { 0 }
    private static var none: Int32 { 0 }
    private var nodes: [Node] = [Node(level: ExactText(""), parent: 0)]
    private var free: [Int32] = []
    private(set) var count = 0

    static func levels(_ text: String) -> [ExactText] { MQTTTopicFilter.Levels(text).map { ExactText($0) } }

    /// The value at exactly this topic or filter. Setting nil removes it with the branches that led only to it.
    subscript(text: String) -> Value? {
        get { find(text).flatMap { nodes[Int($0)].value } }
        set { update(text) { $0 = newValue } }
    }

    /// Changes the value at exactly this topic or filter in place.
    mutating func update<Result>(_ text: String, _ body: (inout Value?) -> Result) -> Result {
        var node = Self.root
        for level in MQTTTopicFilter.Levels(text) { node = child(of: node, ExactText(level)) }
        let hadValue = nodes[Int(node)].value != nil
        let result = body(&nodes[Int(node)].value)
        let hasValue = nodes[Int(node)].value != nil
        count += (hasValue ? 1 : 0) - (hadValue ? 1 : 0)
        if !hasValue { prune(node) }
        return result
    }

    private func find(_ text: String) -> Int32? {
        var node = Self.root
        for level in MQTTTopicFilter.Levels(text) {
            guard let next = existingChild(of: node, ExactText(level)) else { return nil }
            node = next
        }
        return node
    }

    private func existingChild(of node: Int32, _ level: ExactText) -> Int32? {
        let child: Int32
        switch level.text {
        case "+": child = nodes[Int(node)].plus
        case "#": child = nodes[Int(node)].hash
        default: child = nodes[Int(node)].children[level] ?? Self.none
        }
        return child == Self.none ? nil : child
    }

    private mutating func child(of node: Int32, _ level: ExactText) -> Int32 {
        if let existing = existingChild(of: node, level) { return existing }
        let new = Node(level: level, parent: node)
        let index: Int32
        if let reused = free.popLast() {
            index = reused
            nodes[Int(index)] = new
        } else {
            index = Int32(nodes.count)
            nodes.append(new)
        }
        link(level, of: node, to: index)
        return index
    }

    private mutating func link(_ level: ExactText, of node: Int32, to child: Int32) {
        switch level.text {
        case "+": nodes[Int(node)].plus = child
        case "#": nodes[Int(node)].hash = child
        default: nodes[Int(node)].children[level] = child == Self.none ? nil : child
        }
    }

    private mutating func prune(_ leaf: Int32) {
        var node = leaf
        while node != Self.root, nodes[Int(node)].isEmpty {
            let parent = nodes[Int(node)].parent
            link(nodes[Int(node)].level, of: parent, to: Self.none)
            nodes[Int(node)] = Node(level: ExactText(""), parent: 0)
            free.append(node)
            node = parent
        }
    }

    /// In a tree of filters: the values of all filters that match the topic (§4.7).
    func forEachFilter(matching topic: MQTTTopic, _ body: (Value) -> Void) {
        let levels = Self.levels(topic.text)
        var stack: [(node: Int32, depth: Int)] = [(Self.root, 0)]
        while let (node, depth) = stack.popLast() {
            let current = Int(node)
            // Wildcards in front do not match topics that begin with `$` [MQTT-4.7.2-1].
            let takesWildcards = depth > 0 || !topic.isReserved
            // `#` matches what follows and the level itself (§4.7.1.2).
            if takesWildcards, nodes[current].hash != Self.none, let value = nodes[Int(nodes[current].hash)].value { body(value) }
            guard depth < levels.count else {
                if let value = nodes[current].value { body(value) }
                continue
            }
            if takesWildcards, nodes[current].plus != Self.none { stack.append((nodes[current].plus, depth + 1)) }
            if let next = nodes[current].children[levels[depth]] { stack.append((next, depth + 1)) }
        }
    }

    /// In a tree of topics: the values of all topics that the filter matches (§4.7).
    func forEachTopic(matching filter: MQTTTopicFilter, _ body: (Value) -> Void) {
        let levels = Self.levels(filter.text)
        var stack: [(node: Int32, depth: Int)] = [(Self.root, 0)]
        while let (node, depth) = stack.popLast() {
            let current = Int(node)
            if depth == levels.count {
                if let value = nodes[current].value { body(value) }
            } else if levels[depth].text == "#" {
                if let value = nodes[current].value { body(value) }
                for child in nodes[current].children.values where takes(child, at: depth) { stack.append((child, depth)) }
            } else if levels[depth].text == "+" {
                for child in nodes[current].children.values where takes(child, at: depth) { stack.append((child, depth + 1)) }
            } else if let next = existingChild(of: node, levels[depth]) {
                stack.append((next, depth + 1))
            }
        }
    }

    /// Wildcards in front do not match topics that begin with `$` [MQTT-4.7.2-1].
    private func takes(_ child: Int32, at depth: Int) -> Bool {
        depth > 0 || nodes[Int(child)].parent != Self.root || nodes[Int(child)].level.text.utf8.first != UInt8(ascii: "$")
    }
}
