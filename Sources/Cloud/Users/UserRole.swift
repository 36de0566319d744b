/// The roles of the seed's permission table ("权限控制").
package enum UserRole: String, Sendable, CaseIterable {
    case admin, user, device, guest

    package var permissions: [Permission] {
        switch self {
        case .admin: [.read, .write, .delete, .manage]
        case .user: [.read, .write]
        case .device: [.read, .writeOwnData]
        case .guest: [.read]
        }
    }

    package func has(_ permission: Permission) -> Bool { permissions.contains(permission) }
}

package enum Permission: String, Sendable, CaseIterable {
    case read, write, delete, manage
    case writeOwnData = "write_own_data"
}
