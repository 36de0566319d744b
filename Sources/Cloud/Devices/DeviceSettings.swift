/// What the device services can be told to do differently.
package struct DeviceSettings: Sendable, Equatable {
    /// What happens when a serial number that is registered comes again from other hardware.
    package enum ClonePolicy: String, Sendable, CaseIterable {
        /// Refused with 409, and an alarm.
        case refuse
        /// Let in, and an alarm: for benches on which boards are swapped.
        case alarm
    }

    package var tenant = "default"
    /// Whether serial numbers that no factory provisioned may register.
    package var allowsOpenRegistration = false
    package var clonePolicy = ClonePolicy.refuse
    /// 32 bytes from which factory keys are derived.
    package var factoryMasterKey: [UInt8]
    /// 32 bytes from which device secrets are derived.
    package var deviceMasterKey: [UInt8]
    /// Keeps fingerprints of one tenant from being compared with those of another.
    package var tenantSalt: String
    /// A device that is silent for so long is offline. Default: three heartbeats of 30 s.
    package var silenceLimit: Duration = .seconds(90)
    /// A command that is not finished by then has expired.
    package var commandLifetime: Duration = .seconds(3600)
    /// Where devices find the broker; told to them when they register.
    package var mqttHost = "cloud.lab"
    package var mqttPort = 1883
    /// How far the timestamp of a signature may be from the cloud's clock, inclusive (security.md §4.2).
    package var signatureWindowSeconds: Int64 = 300

    package init(factoryMasterKey: [UInt8], deviceMasterKey: [UInt8], tenantSalt: String) {
        self.factoryMasterKey = factoryMasterKey
        self.deviceMasterKey = deviceMasterKey
        self.tenantSalt = tenantSalt
    }
}

/// Tokens for devices; the gateway issues them.
package protocol DeviceTokens: Sendable {
    /// - Returns: the token and when it ends, in Unix seconds.
    func issue(device: String, epoch: Int, tenant: String) throws -> (token: String, expiresAt: Int64)
}

/// The nonces that were seen; the gateway keeps them, for requests and connections alike.
package protocol NonceLedger: Sendable {
    /// Remembers a nonce, durably.
    ///
    /// - Returns: whether it is the first time within the time that nonces are kept.
    /// - Throws: when no more can be remembered, or the database fails.
    func claim(device: String, nonce: String) throws -> Bool
}
