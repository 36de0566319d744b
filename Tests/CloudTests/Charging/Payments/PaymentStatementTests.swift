import Emulators
import Foundation
import LabCore
import Testing

@testable import Cloud

@Suite("Statements of the payment services (charging-orders.md 1: no guarantee of notices, so query)")
struct PaymentStatementTests {
    @Test("yesterday's statement is in the books after half past ten, with the service's own sums", arguments: ["wechat", "alipay"])
    func fetched(_ channel: String) throws {
        let world = try PaymentWorld()
        var attempts: [StartedPayment] = []
        for number in 1...3 { attempts.append(try world.begin("ORDER0000000000\(number)", fen: Int64(number) * 100, channel: channel)) }
        for attempt in attempts { try world.userPays(attempt) }
        world.advance(.seconds(60))
        world.orders.refund("rf-1", attempts[2], 150)
        world.advance(.seconds(600))
        // The run begins at 08:00 in Beijing; until 10:30 of the next day there is nothing.
        world.advance(.seconds(26 * 3_600))
        #expect(try world.cloud.answer("statement", ["channel": .text(channel), "day": "2026-01-01"])["fetched"] == false)
        world.advance(.seconds(3_600))
        let own = try world.asked("statement", ["day": "2026-01-01", "channel": .text(channel)])
        let found = try world.cloud.answer("statement", ["channel": .text(channel), "day": "2026-01-01"])
        #expect(found == ["fetched": true, "rows": 4, "paid": 600, "refunded": 150])
        #expect([own["rows"], own["paid"], own["refunded"]] == [4, 600, 150])
        #expect(world.events("payment.statement").filter { $0["channel"] == .text(channel) }.map { $0["differences"] } == [0])
        #expect(world.events("payment.alarm").isEmpty)
    }

    @Test("money that no notice and no query has told of is found in the statement and booked")
    func unbooked() throws {
        let world = try PaymentWorld()
        let started = try world.begin(fen: 777, channel: "wechat")
        world.fault("notice.lose")
        world.advance(.seconds(1_200))
        #expect(try world.state(started.attempt) == "closed")
        try world.act("pay", ["attempt": .text(started.attempt), "force": true])
        world.advance(.seconds(3 * 3_600))
        #expect(world.orders.bookings.isEmpty)
        world.advance(.seconds(30 * 3_600))
        #expect(world.orders.bookings.map(\.fen) == [777])
        #expect(world.events("payment.confirmed").map { $0["by"] } == ["statement"])
    }

    @Test("a statement that was changed on its way is not believed and is fetched again")
    func tampered() throws {
        let world = try PaymentWorld()
        try world.userPays(try world.begin(channel: "wechat"))
        world.fault("answer.tamper", ["call": "bill_download", "times": 2])
        world.advance(.seconds(30 * 3_600))
        #expect(world.events("payment.unanswered").filter { $0["call"] == "statement_file" }.count == 2)
        #expect(try world.cloud.answer("statement", ["channel": "wechat", "day": "2026-01-01"])["rows"] == 1)
    }

    @Test("days without payments are empty, and days without the cloud are fetched later")
    func emptyAndMissed() throws {
        let world = try PaymentWorld()
        _ = try world.begin(channel: "alipay")
        world.advance(.seconds(60))
        world.crash()
        world.advance(.seconds(5 * 86_400))
        try world.start()
        world.advance(.seconds(600))
        for day in 1...4 {
            #expect(
                try world.cloud.answer("statement", ["channel": "alipay", "day": .text("2026-01-0\(day)")]) == [
                    "fetched": true, "rows": 0, "paid": 0, "refunded": 0,
                ])
        }
        #expect(try world.cloud.answer("statement", ["channel": "alipay", "day": "2026-01-06"])["fetched"] == false)
    }

    @Test("where nobody has ever tried to pay, no service is asked for anything")
    func silent() throws {
        let world = try PaymentWorld()
        world.advance(.seconds(7 * 86_400))
        #expect(world.calls.isEmpty)
        #expect(world.events.isEmpty)
    }

    @Test("a WeChat Pay statement whose sums are not those of its lines is refused")
    func sums() throws {
        let head = "\u{feff}heading\r\n"
        func line(_ state: String, _ paid: String, _ refund: String) -> String {
            var fields = Array(repeating: "", count: 27)
            fields[0] = "2026-01-01 12:00:00"
            fields[2] = "1900000001"
            fields[5] = "4200001"
            fields[6] = "ORDER1"
            fields[9] = state
            fields[15] = "rf-1"
            fields[16] = refund
            fields[19] = "SUCCESS"
            fields[24] = paid
            return fields.map { "`" + $0 }.joined(separator: ",") + "\r\n"
        }
        let body = head + line("SUCCESS", "12.35", "0.00") + line("REFUND", "0.00", "2.00") + "sums\r\n"
        let right = body + "`2,`12.35,`2.00,`0.00,`0.00000,`12.35,`2.00\r\n"
        // 1767240000 is 2026-01-01T04:00:00Z, noon in Beijing.
        #expect(
            try WeChatStatement.rows(Array(right.utf8), merchant: "1900000001") == [
                StatementRow(transaction: "4200001", attempt: "ORDER1", refund: nil, fen: 1_235, at: 1_767_240_000),
                StatementRow(transaction: "4200001", attempt: "ORDER1", refund: "rf-1", fen: 200, at: 1_767_240_000),
            ])
        for wrong in [
            "`3,`12.35,`2.00,`0.00,`0,`12.35,`2.00", "`2,`12.35,`2.00,`0.00,`0,`12.36,`2.00", "`2,`12.35,`2.01,`0.00,`0,`12.35,`2.01", "",
        ] {
            #expect(throws: ChannelFailure.self) { try WeChatStatement.rows(Array((body + wrong).utf8), merchant: "1900000001") }
        }
        #expect(throws: ChannelFailure.self) { try WeChatStatement.rows(Array(right.utf8), merchant: "1900000002") }
    }

    /// Made with Python's zipfile: two files in GBK with Chinese headings, packed with deflate, as Alipay sends them.
    private static let realShape = """
        UEsDBBQAAAgIAAAAIlzA4FeKfwEAACsDAAAyAAAAMjA4ODAwMDAwMDAwMDAwMTAxNTZfMjAyNjAxMDFfw5LCtcOOw7HDg8O3w4/CuC5jc3aVUl1LwlAYvt5g\
        /yHwpuTMtokiXXVR14W30UUFXXbRT0ryo5s1dZtsDosxP7b8zE26CAyEyEoSLwyN6Jw5a0mKnR12nvd53/c5z17msWIZgYs2+EpfHVYzyac6S+Ae05C0iLTH\
        UKEQ9bNoig4E9wl80qLIjZakgdKNHBMS/DmESOSqXStDLi+q41QepNNKXOeyHVDupko2UDW+y7VhMQJ2TfKuNWxywDIFeCkQmqJiGnIMIE3lTehF4s2LSAJK\
        Zhs6r5tOOLEgvVx+OESWFS0u+it7q8n3rm5XWGQlozpyqRdZ2woqQ5rVsVh3ZXPxGaJs5HraKF2RtPXCc2EAbYuflb5Yd9KiVRw4kMu0zgicoZggmh7DwCFi\
        YCe8tR2mdxFEQ8RAqsM/YgBVkRQN9wrNbFAU3H+RAQxMH686XD3wejcPfUcnaxigGZ8/8H1QPtQ/770oWmQYffrShv1Tco5hkrHvc47/GD49JulZ0x5y2TX9\
        269r3KvyoL8v00PgX1BLAwQUAAAACAAAACJc01ynSy0AAAAoAAAACwAAAHN1bW1hcnkuY3N2ASgA1/8ju+PX3A0Kw8W16rHgusUsvbvS17aptaXX3LHKyv0N\
        CrrPvMYsMQ0KUEsBAhQDFAAACAgAAAAiXMDgV4p/AQAAKwMAADIAAAAAAAAAAAAAAIABAAAAADIwODgwMDAwMDAwMDAwMDEwMTU2XzIwMjYwMTAxX8OSwrXD\
        jsOxw4PDt8OPwrguY3N2UEsBAhQDFAAAAAgAAAAiXNNcp0stAAAAKAAAAAsAAAAAAAAAAAAAAIABzwEAAHN1bW1hcnkuY3N2UEsFBgAAAAACAAIAmQAAACUC\
        AAAAAA==
        """

    @Test("Alipay's zip with GBK text inside is read: numbers, times and amounts, a refund by its minus sign; cut, it is refused")
    func alipayFile() throws {
        let client = try AlipayClient(try #require(PaymentWorld.settings.alipay), maximumSkew: .seconds(300))
        let file = Array(try #require(Data(base64Encoded: Self.realShape)))
        // 1767240005 is 2026-01-01T04:00:05Z.
        #expect(
            try client.rows(file) == [
                StatementRow(transaction: "2026010122001", attempt: "ORDER1P01", refund: nil, fen: 1_235, at: 1_767_240_005),
                StatementRow(transaction: "2026010122001", attempt: "ORDER1P01", refund: "rf-1", fen: 200, at: 1_767_243_600),
            ])
        for length in stride(from: 0, to: file.count, by: 37) {
            #expect(throws: ChannelFailure.self) { try client.rows(Array(file.prefix(length))) }
        }
    }
}
