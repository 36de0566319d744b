import LabCore
import Synchronization

struct PortKey: Sendable, Hashable {
    var pile: String
    var port: Int
}

/// The active orders, as the database has them: written through after each commit, read again after a crash.
final class OrderMemory: Sendable {
    private struct Tables: Sendable {
        var orders: [String: Order] = [:]
        var ports: [PortKey: String] = [:]
        /// In the order in which they were made.
        var users: [String: [String]] = [:]
        var piles: [String: [String]] = [:]
        /// Tariffs as they are frozen on orders, read once, and their fields for the log.
        var tariffs: [String: (tariff: Tariff, fields: Fields)] = [:]
        /// Versions of places as they are frozen, by their labels.
        var texts: [String: String] = [:]
        /// What was already said about ports without an order.
        var alarmed: [PortKey: String] = [:]
    }
    private let tables = Mutex(Tables())

    func order(_ number: String) -> Order? { tables.withLock { $0.orders[number] } }
    func occupant(_ key: PortKey) -> String? { tables.withLock { $0.ports[key] } }
    func orders(ofUser user: String) -> [String] { tables.withLock { $0.users[user] ?? [] } }
    func orders(ofPile pile: String) -> [String] { tables.withLock { $0.piles[pile] ?? [] } }
    var count: Int { tables.withLock { $0.orders.count } }

    /// Takes what a commit has written.
    func apply(_ changes: [Order]) {
        tables.withLock { tables in
            for order in changes {
                let key = PortKey(pile: order.pile, port: order.port)
                if order.state.isActive {
                    if tables.orders.updateValue(order, forKey: order.number) == nil {
                        tables.ports[key] = order.number
                        tables.users[order.user, default: []].append(order.number)
                        tables.piles[order.pile, default: []].append(order.number)
                        tables.alarmed[key] = nil
                    }
                } else if tables.orders.removeValue(forKey: order.number) != nil {
                    if tables.ports[key] == order.number { tables.ports[key] = nil }
                    Self.remove(order.number, from: &tables.users, order.user)
                    Self.remove(order.number, from: &tables.piles, order.pile)
                }
            }
        }
    }

    private static func remove(_ number: String, from lists: inout [String: [String]], _ name: String) {
        guard var list = lists[name] else { return }
        list.removeAll { $0 == number }
        lists[name] = list.isEmpty ? nil : list
    }

    /// - Returns: whether nobody has been told yet.
    func noteStranger(_ key: PortKey, order: String) -> Bool {
        tables.withLock { tables in
            if tables.alarmed[key] == order { return false }
            tables.alarmed[key] = order
            return true
        }
    }

    /// A version as orders freeze it; versions never change. `nil` for rules that are no tariff.
    func text(of version: TariffVersion) -> String? {
        let label = version.label
        if let known = tables.withLock({ $0.texts[label] }) { return known }
        guard let tariff = try? Tariff(fields: version.rules) else { return nil }
        let text = JSONWriter.text(.record(tariff.fields))
        tables.withLock { tables in
            if tables.texts.count >= 1_000 { tables.texts = [:] }
            tables.texts[label] = text
        }
        return text
    }

    /// - Throws: `TariffError` for a text that is none, which no order that is written has.
    func tariff(_ text: String) throws -> Tariff { try known(text).tariff }

    /// The same as it is told in the log.
    func fields(ofTariff text: String) throws -> Fields { try known(text).fields }

    private func known(_ text: String) throws -> (tariff: Tariff, fields: Fields) {
        if let known = tables.withLock({ $0.tariffs[text] }) { return known }
        let tariff = try Tariff(fields: (try? JSONReader.read(Array(text.utf8)))?.record ?? [:])
        let entry = (tariff, tariff.fields)
        tables.withLock { tables in
            if tables.tariffs.count >= 1_000 { tables.tariffs = [:] }
            tables.tariffs[text] = entry
        }
        return entry
    }
}
