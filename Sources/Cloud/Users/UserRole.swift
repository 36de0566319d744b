/// The roles of the seed's permission table ("权限控制"), and those of the charging platform.
///
/// What staff may do, and where, is in the roles that an operator gives them (`Charging/Stations/Access`): here it says only
/// that they work for one.
package enum UserRole: String, Sendable, CaseIterable {
    case admin, user, device, guest
    /// Registered by themselves to charge; nothing else of the cloud is theirs.
    case rider
    /// Works for an operator of piles.
    case staff

    package var permissions: [Permission] {
        switch self {
        case .admin: [.read, .write, .delete, .manage, .operate]
        case .user: [.read, .write, .ride]
        case .device: [.read, .writeOwnData]
        case .guest: [.read]
        case .rider: [.ride]
        case .staff: [.operate]
        }
    }

    package func has(_ permission: Permission) -> Bool { permissions.contains(permission) }
}

package enum Permission: String, Sendable, CaseIterable {
    case read, write, delete, manage
    case writeOwnData = "write_own_data"
    /// Charging, with a wallet and orders of one's own.
    case ride
    /// The operators' side of charging, within the scope of the roles that are given there.
    case operate
}
