package import LabCore

/// What a port has to be taken by on this machine besides itself, such as a lock file. A port knows nothing of it but when.
package protocol PortClaim: AnyObject {
    /// Called before the port is opened.
    ///
    /// - Throws: `.busy` with who has it.
    func take() throws(StreamFailure)

    /// Called when the port is closed, or could not be opened.
    func giveBack()

    /// Who has the port open, where the system says only that somebody has; `nil` where that cannot be told.
    var user: String? { get }
}
