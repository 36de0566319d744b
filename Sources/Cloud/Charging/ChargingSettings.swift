/// How the charging services of one cloud are set up.
package struct ChargingSettings: Sendable, Equatable {
    package var orders: OrderPolicies
    package var gateway: PileGatewaySettings
    package var stations: StationService.Settings
    package var payments: PaymentSettings

    package init(
        orders: OrderPolicies = OrderPolicies(), gateway: PileGatewaySettings = PileGatewaySettings(),
        stations: StationService.Settings = StationService.Settings(), payments: PaymentSettings = PaymentSettings()
    ) {
        self.orders = orders
        self.gateway = gateway
        self.stations = stations
        self.payments = payments
    }
}
