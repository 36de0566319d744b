import LabCore
import Simulation
import Testing

@testable import Runner

@Suite("Link faults on real connections (architecture.md §6: one implementation, in memory and as a proxy)")
struct LinkProxyTests {
    private let kernel = Kernel()
    private let device = ScriptedStream("device", isOpen: true)
    private let cloud = ScriptedStream("cloud")

    private func proxy() -> LinkProxy {
        let proxy = LinkProxy(on: kernel, name: "badge", seed: 1)
        proxy.accept(device, upstream: cloud)
        return proxy
    }

    private func pass(_ time: Duration = .zero) { kernel.run(until: kernel.now.advanced(by: time)) }

    @Test("without faults everything passes both ways, what came before the other side was there included")
    func passes() {
        let proxy = proxy()
        device.brings("early ")
        pass()
        #expect(cloud.openings == 1)
        device.brings("and ")
        pass()
        cloud.becomesOpen()
        device.brings("late")
        pass()
        #expect(cloud.sentText == "early and late")
        cloud.brings("answer")
        pass()
        #expect(device.sentText == "answer")
        _ = proxy
    }

    @Test("a delay holds bytes back by the kernel's clock; it ends when it is cleared")
    func delay() {
        let proxy = proxy()
        pass()
        cloud.becomesOpen()
        proxy.apply(LinkFault(.delay(.milliseconds(300))), id: 1)
        device.brings("a")
        pass(.milliseconds(299))
        #expect(cloud.sentText == "")
        pass(.milliseconds(1))
        #expect(cloud.sentText == "a")
        proxy.clear(1)
        device.brings("b")
        pass()
        #expect(cloud.sentText == "ab")
    }

    @Test("a loud cut closes both sides, and a new connection gets nowhere until it is cleared")
    func cut() {
        let proxy = proxy()
        pass()
        cloud.becomesOpen()
        proxy.apply(LinkFault(.cut(.loud)), id: 1)
        pass()
        #expect(device.isClosed && cloud.isClosed)

        let (again, other) = (ScriptedStream("device", isOpen: true), ScriptedStream("cloud"))
        proxy.accept(again, upstream: other)
        pass()
        #expect(again.isClosed && other.openings == 0)

        proxy.clear(1)
        let (third, upstream) = (ScriptedStream("device", isOpen: true), ScriptedStream("cloud"))
        proxy.accept(third, upstream: upstream)
        pass()
        #expect(!third.isClosed && upstream.openings == 1)
    }

    @Test("a silent cut swallows bytes and tells nobody; when it is over in time they arrive after all, as TCP sees to")
    func silence() {
        let proxy = proxy()
        pass()
        cloud.becomesOpen()
        proxy.apply(LinkFault(.cut(.silent)), id: 1)
        device.brings("held")
        pass(.seconds(2))
        #expect(cloud.sentText == "" && !device.isClosed && !cloud.isClosed)
        proxy.clear(1)
        pass(.seconds(10))
        #expect(cloud.sentText == "held")
    }

    @Test("when the device closes, what it sent arrives first and then the other side is closed; and the other way round")
    func closing() {
        let first = proxy()
        pass()
        cloud.becomesOpen()
        device.brings("last words")
        device.ends()
        pass()
        #expect(cloud.sentText == "last words" && cloud.isClosed)

        let (other, server) = (ScriptedStream("device", isOpen: true), ScriptedStream("cloud"))
        first.accept(other, upstream: server)
        pass()
        server.becomesOpen()
        server.brings("goodbye")
        server.ends()
        pass()
        #expect(other.sentText == "goodbye" && other.isClosed)
    }

    @Test("nobody listens upstream: the device's connection is closed")
    func refused() {
        let proxy = proxy()
        pass()
        cloud.ends(.refused)
        pass()
        #expect(device.isClosed)
        _ = proxy
    }

    @Test("a device that loses its power tells nobody: the other side stays connected until it gives up itself")
    func vanishing() {
        let proxy = proxy()
        pass()
        cloud.becomesOpen()
        proxy.vanish()
        device.ends()
        pass(.seconds(60))
        #expect(!cloud.isClosed)
        cloud.brings("are you there?")
        cloud.ends()
        pass()
        #expect(device.sentText == "")
    }
}
