import BenchTable
import Foundation
import LabCore
import MQTTBroker
import Runner
import Transports

/// Serves until the parent ends, however it does.
func serve() throws -> Never {
    var settings = BrokerServiceSettings()
    settings.allowsAnonymous = false
    settings.users = [StaticAuthorizer.User(Account.user, password: Account.password, rights: [TopicRightPattern(.both, Account.rights)])]
    settings.limits.maximumInflight = 10_000
    settings.limits.maximumQueued = 1_000_000
    settings.limits.maximumUnacknowledged = 1_000_000
    settings.limits.maximumHeld = 100_000
    settings.congestion = 64 << 20
    let service = try BrokerService(settings, on: StreamLoop())
    PortProcess.serve(on: UInt16(try service.start()[0].address.port))
}
