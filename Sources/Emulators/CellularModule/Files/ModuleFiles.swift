import LabCore
import WireProtocols

/// Files of the module by their names, and bytes that come for them (specs/rg500q.md §3.1).
extension CellularModule {
    /// Bytes of `RAM:`. Source: chosen.
    static let temporarySpace = 4 << 20
    /// Silence before `+++` that leaves the data mode (ITU-T V.250 has none; 1 s is usual).
    private static let escapeGuard = Duration.seconds(1)

    func handle(_ number: Int?) -> Int? { ram.files.handles.firstIndex { $0.number == number } }

    func contents(_ name: FileName) -> [UInt8]? {
        name.isTemporary ? ram.files.temporary.first { $0.name == name.name }?.bytes : disk.contents(name.name)
    }

    /// - Returns: false if there is no room; a file of that name stays as it was then.
    mutating func store(_ bytes: [UInt8], as name: FileName) -> Bool {
        guard name.isTemporary else {
            guard disk.write(name.name, bytes) else { return false }
            return put(disk.list, at: .moduleFiles)
        }
        var files = ram.files.temporary.filter { $0.name != name.name }
        guard files.reduce(bytes.count, { $0 + $1.bytes.count }) <= Self.temporarySpace else { return false }
        files.insert((name.name, bytes), at: files.firstIndex { $0.name > name.name } ?? files.endIndex)
        ram.files.temporary = files
        return true
    }

    mutating func remove(_ name: FileName) -> Bool {
        if name.isTemporary {
            ram.files.temporary.removeAll { $0.name == name.name }
            return true
        }
        disk.remove(name.name)
        return put(disk.list, at: .moduleFiles)
    }

    /// Takes the bytes of an upload; returns how many it took.
    mutating func takeUpload(
        _ bytes: [UInt8], _ before: FileUpload, _ index: Int, at now: RunInstant, _ effects: inout [DeviceEffect]
    ) -> Int {
        var upload = before
        let name = ram.atPorts[index].name
        if bytes == Array("+++".utf8), ram.atPorts[index].lastInput.duration(to: now) >= Self.escapeGuard {
            upload.isCut = true
        }
        let part = upload.isCut ? [] : Array(bytes.prefix(upload.size - upload.bytes.count))
        let full = (upload.bytes.count + part.count) / 1_024 - upload.bytes.count / 1_024
        upload.bytes += part
        if upload.isAcknowledged { send([UInt8](repeating: UInt8(ascii: "A"), count: full), on: index, &effects) }
        guard upload.isCut || upload.bytes.count == upload.size else {
            ram.atPorts[index].phase = .input(.upload(upload))
            effects.append(.startTimer(.inputLimit.on(name), after: upload.limit))
            return part.count
        }
        ram.files.taken[name] = upload
        inputComplete(index, after: spread(.milliseconds(10)), at: now, &effects)
        return upload.isCut ? bytes.count : part.count
    }
}
