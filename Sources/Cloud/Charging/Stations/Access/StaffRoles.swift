/// What staff of an operator may do; a role is a set of these, given for a part of the tree.
package enum StaffPermission: String, Sendable, CaseIterable {
    /// Organisations, piles, ports, alarms, statistics.
    case readStations = "stations.read"
    /// Entering and moving piles, making regions and sites, disabling ports.
    case writeStations = "stations.write"
    /// Restart, parameters, upgrades, batches of them.
    case controlStations = "stations.control"
    case handleAlarms = "alarms.handle"
    case writeTariffs = "tariffs.write"
    case readOrders = "orders.read"
    case resolveOrders = "orders.resolve"
    case refund = "refunds.write"
    /// Reconciliation and shares.
    case readReports = "reports.read"
    case manageStaff = "staff.manage"
    /// Keys for other companies' systems.
    case managePartners = "partners.manage"
}

/// A named set of permissions: built in, or an operator's own.
package struct StaffRole: Sendable, Equatable {
    package var name: String
    /// Empty for a built-in one.
    package var operatorID: String
    package var permissions: Set<StaffPermission>

    package init(name: String, operatorID: String = "", permissions: Set<StaffPermission>) {
        self.name = name
        self.operatorID = operatorID
        self.permissions = permissions
    }

    /// The roles that every operator has.
    package static let builtIn: [StaffRole] = [
        StaffRole(name: "manager", permissions: Set(StaffPermission.allCases)),
        StaffRole(name: "technician", permissions: [.readStations, .writeStations, .controlStations, .handleAlarms]),
        StaffRole(name: "support", permissions: [.readStations, .readOrders, .resolveOrders]),
        StaffRole(name: "finance", permissions: [.readStations, .readOrders, .refund, .readReports, .writeTariffs]),
        StaffRole(name: "viewer", permissions: [.readStations, .readOrders]),
    ]

    package static let nameRule = "a role's name is 1 to 32 characters of A-Z, a-z, 0-9, '-' and '_'"
}

/// A role that somebody has for an organisation and everything below it.
package struct StaffGrant: Sendable, Equatable {
    package var user: String
    package var role: String
    package var organisation: String
    package var operatorID: String
    package var permissions: Set<StaffPermission>
}

/// What one caller may do, and where.
package struct StaffScope: Sendable {
    /// The user's name.
    package var user: String
    /// The platform's own administrators: everywhere, everything.
    package var isPlatform: Bool
    package var grants: [StaffGrant]

    /// Whether the permission is given anywhere at all.
    package func has(_ permission: StaffPermission) -> Bool { isPlatform || grants.contains { $0.permissions.contains(permission) } }

    package func allows(_ permission: StaffPermission, at organisation: String, in tree: OrganisationTree) -> Bool {
        if isPlatform { return tree[organisation] != nil }
        let line = tree.line(from: organisation).map(\.id)
        return grants.contains { $0.permissions.contains(permission) && line.contains($0.organisation) }
    }

    /// The sites at which the permission is given; `nil` for all there are.
    package func sites(_ permission: StaffPermission, in tree: OrganisationTree) -> [String]? {
        if isPlatform { return nil }
        let roots = grants.filter { $0.permissions.contains(permission) }.map(\.organisation)
        let found = roots.flatMap { tree.subtree(of: $0) }.filter { $0.kind == .site }.map(\.id)
        return Set(found).sorted()
    }

    /// The operators for which this caller works.
    package var operators: [String] { Set(grants.map(\.operatorID)).sorted() }

    /// The operators for the whole of which the permission is given.
    package func wholeOperators(_ permission: StaffPermission) -> [String] {
        Set(grants.filter { $0.permissions.contains(permission) && $0.organisation == $0.operatorID }.map(\.operatorID)).sorted()
    }
}
