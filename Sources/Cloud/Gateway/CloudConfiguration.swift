package import LabCore

/// How one cloud is set up. Secrets are given by the caller: in `sim` from the seed, elsewhere random or from a file.
package struct CloudConfiguration: Sendable, Equatable {
    /// The name under which devices and people reach the cloud.
    package var hostName: String
    /// Values of the header `host` that are served; empty for any. The signature binds the header in any case.
    package var acceptedHosts: [String]
    /// The device services, their master keys and the tenant whose devices they are.
    package var devices: DeviceSettings
    /// The seed's signature form (version 0) is accepted beside the canonical one.
    package var acceptsVersion0: Bool
    /// The keys that sign tokens: one or two active ones, the first signs; retired ones are refused.
    package var tokenKeys: [TokenKey]
    /// The first user, made when the database has no administrator. There is no default password.
    package var firstAdministrator: FirstAdministrator?
    package var passwordCost: PasswordCost
    package var rateLimits: RateLimits
    package var limits: RequestLimits
    /// Life of a device's token; security.md 4.1 says 15 minutes.
    package var deviceTokenLife: Duration
    package var userTokenLife: Duration
    /// The version centre.
    package var firmware: FirmwareSettings
    /// Stations, piles, orders, payments.
    package var charging: ChargingSettings
    /// Rules that are broken on purpose, to show that scenarios find it (`lab mutate`).
    package var bugs: Set<SeededBug>

    package init(
        hostName: String = "cloud.lab", acceptedHosts: [String] = [], devices: DeviceSettings, acceptsVersion0: Bool = true,
        tokenKeys: [TokenKey], firstAdministrator: FirstAdministrator? = nil, passwordCost: PasswordCost = PasswordCost(),
        rateLimits: RateLimits = RateLimits(), limits: RequestLimits = RequestLimits(), deviceTokenLife: Duration = .seconds(900),
        userTokenLife: Duration = .seconds(3600), firmware: FirmwareSettings = FirmwareSettings(), charging: ChargingSettings = ChargingSettings(), bugs: Set<SeededBug> = []
    ) {
        self.hostName = hostName
        self.acceptedHosts = acceptedHosts
        self.devices = devices
        self.acceptsVersion0 = acceptsVersion0
        self.tokenKeys = tokenKeys
        self.firstAdministrator = firstAdministrator
        self.passwordCost = passwordCost
        self.rateLimits = rateLimits
        self.limits = limits
        self.deviceTokenLife = deviceTokenLife
        self.userTokenLife = userTokenLife
        self.firmware = firmware
        self.charging = charging
        self.bugs = bugs
    }
}

/// A key for tokens: HS256 and nothing else, whatever a token's header says (RFC 8725 §3.1).
package struct TokenKey: Sendable, Equatable {
    package var keyID: String
    /// 32 random bytes or more.
    package var secret: [UInt8]
    /// Tokens with this key are refused at once: it has leaked, or its time is over.
    package var isRetired: Bool
    package init(keyID: String, secret: [UInt8], isRetired: Bool = false) {
        self.keyID = keyID
        self.secret = secret
        self.isRetired = isRetired
    }
}

package struct FirstAdministrator: Sendable, Equatable {
    package var name: String
    package var email: String
    /// 12 bytes or more.
    package var password: String
    package init(name: String, email: String, password: String) {
        self.name = name
        self.email = email
        self.password = password
    }
}

/// The parameters of scrypt (RFC 7914 §2). The default is the second row of OWASP's password storage sheet.
package struct PasswordCost: Sendable, Equatable {
    /// N, a power of two from 2 to 2^20.
    package var rounds: Int
    package var blockSize: Int
    package var parallelism: Int
    package init(rounds: Int = 1 << 16, blockSize: Int = 8, parallelism: Int = 2) {
        self.rounds = rounds
        self.blockSize = blockSize
        self.parallelism = parallelism
    }
}

/// So many requests in so much time, for one caller and one class.
package struct RateLimit: Sendable, Equatable {
    package var requests: Int
    package var period: Duration
    package init(_ requests: Int, per period: Duration) {
        self.requests = requests
        self.period = period
    }
}

package struct RateLimits: Sendable, Equatable {
    /// For one address.
    package var login: RateLimit
    /// For one serial number.
    package var registration: RateLimit
    package var device: RateLimit
    package var user: RateLimit
    /// For one address.
    package var open: RateLimit
    /// Downloads of firmware, for one address: a site with many devices behind it.
    package var ota: RateLimit
    /// Notices of payment services, for one address.
    package var notices: RateLimit
    /// Failed authentications of one address; beyond that it is told 429 instead of what was wrong.
    package var failures: RateLimit
    /// Answers with the cloud's signed time to one device at one address.
    package var clockHelp: RateLimit
    /// Callers that are told apart at the same time; further ones share one budget.
    package var maximumCallers: Int

    package init(
        login: RateLimit = RateLimit(10, per: .seconds(60)), registration: RateLimit = RateLimit(10, per: .seconds(60)),
        device: RateLimit = RateLimit(60, per: .seconds(60)), user: RateLimit = RateLimit(600, per: .seconds(60)),
        open: RateLimit = RateLimit(600, per: .seconds(60)), ota: RateLimit = RateLimit(60_000, per: .seconds(60)), failures: RateLimit = RateLimit(60, per: .seconds(60)),
        clockHelp: RateLimit = RateLimit(3, per: .seconds(60)), maximumCallers: Int = 100_000,
        notices: RateLimit = RateLimit(60_000, per: .seconds(60))
    ) {
        self.login = login
        self.registration = registration
        self.device = device
        self.user = user
        self.open = open
        self.ota = ota
        self.notices = notices
        self.failures = failures
        self.clockHelp = clockHelp
        self.maximumCallers = maximumCallers
    }

    /// Nobody is held back: for scenarios in which one caller stands for thousands.
    package static let lifted: RateLimits = {
        let free = RateLimit(1_000_000, per: .milliseconds(1))
        return RateLimits(
            login: free, registration: free, device: free, user: free, open: free, ota: free, failures: free, clockHelp: free, notices: free)
    }()
}

/// Sizes beyond which a request is refused before anything else is looked at.
package struct RequestLimits: Sendable, Equatable {
    package var bodyBytes: Int
    /// All names and values together.
    package var headerBytes: Int
    package var headerCount: Int
    package var pathBytes: Int
    /// Nesting of lists and records in a body, the body itself included.
    package var bodyDepth: Int
    /// Values in a body; looking for keys that occur twice takes time with the square of their number.
    package var bodyItems: Int
    /// Nonces that are remembered in all, and for one device.
    package var nonces: Int
    package var noncesPerDevice: Int
    /// Rows of the audit log; the oldest go.
    package var auditRows: Int

    package init(
        bodyBytes: Int = 65_536, headerBytes: Int = 16_384, headerCount: Int = 64, pathBytes: Int = 4_096, bodyDepth: Int = 16,
        bodyItems: Int = 4_096, nonces: Int = 200_000, noncesPerDevice: Int = 2_000, auditRows: Int = 100_000
    ) {
        self.bodyBytes = bodyBytes
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.pathBytes = pathBytes
        self.bodyDepth = bodyDepth
        self.bodyItems = bodyItems
        self.nonces = nonces
        self.noncesPerDevice = noncesPerDevice
        self.auditRows = auditRows
    }
}
