/// Why the flash, or the store on it, did not do what was asked.
package enum FlashError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A geometry that no chip has, with the rule that it breaks.
    case badGeometry(String)
    /// The bytes asked for do not lie within the flash.
    case outOfRange(address: Int, count: Int, size: Int)
    /// Address or length is no multiple of the write unit.
    case misaligned(address: Int, count: Int, writeUnit: Int)
    /// One operation must stay within one sector.
    case crossesSector(address: Int, count: Int)
    /// A bit that is 0 would have to become 1; only erasing does that.
    case needsErase(address: Int)
    /// The sector neither programs nor erases any more.
    case badSector(Int)
    /// The owner of the flash forbids it now, with the reason.
    case writeProtected(String)
    /// Power went away in, or before, this operation.
    case powerLost(operation: UInt64)
    /// The live records and the new one do not fit into one sector.
    case storeFull(needed: Int, available: Int)
    /// No sector of the store is left that can be erased and programmed.
    case noUsableSector

    package var description: String {
        switch self {
        case .badGeometry(let rule): "This flash cannot be built: \(rule)."
        case .outOfRange(let address, let count, let size):
            "\(count) bytes at address \(address) lie outside of the flash, which has \(size) bytes."
        case .misaligned(let address, let count, let unit):
            "\(count) bytes at address \(address) cannot be programmed: both must be multiples of the write unit, \(unit)."
        case .crossesSector(let address, let count):
            "\(count) bytes at address \(address) reach into the next sector; program each sector by itself."
        case .needsErase(let address): "The byte at address \(address) is not erased; erase its sector first."
        case .badSector(let sector): "Sector \(sector) is bad; use another one."
        case .writeProtected(let reason): "This part of the flash may not be changed now: \(reason)."
        case .powerLost(let operation): "Power was lost at flash operation \(operation)."
        case .storeFull(let needed, let available):
            "The store is full: \(needed) bytes are needed, a sector has \(available). Remove a record first."
        case .noUsableSector: "Every sector of the store is bad; the device needs a new flash."
        }
    }
}
