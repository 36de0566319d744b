import LabCore
import WireProtocols

/// Files (specs/rg500q.md §3.1; the errors are those of the other series).
enum FileCommands {
    static let table: [CommandEntry] = [
        CommandEntry("+QFUPL") { module, call, effects in upload(&module, call, &effects) },
        CommandEntry("+QFDWL") { module, call, _ in
            guard call.form == .write else { return call.form == .test ? .ok("+QFDWL: <filename>") : .wrongForm }
            guard let name = call[0].text.flatMap({ FileName($0) }) else { return .cme(406) }
            guard let bytes = module.contents(name) else { return .cme(405) }
            return .data("", bytes, ["+QFDWL: \(bytes.count),\(checksum(bytes))"], .ok)
        },
        CommandEntry("+QFLST") { module, call, _ in list(module, call) }, CommandEntry("+QFLDS") { module, call, _ in space(module, call) },
        CommandEntry("+QFDEL") { module, call, effects in delete(&module, call, &effects) },
        CommandEntry("+QFOPEN") { module, call, _ in open(&module, call) },
        CommandEntry("+QFREAD") { module, call, _ in read(&module, call) },
        CommandEntry("+QFWRITE") { module, call, _ in write(&module, call) },
        CommandEntry("+QFSEEK") { module, call, _ in seek(&module, call) },
        CommandEntry("+QFPOSITION") { module, call, _ in
            guard call.form == .write else { return call.form == .test ? .ok("+QFPOSITION: <filehandle>") : .wrongForm }
            guard let handle = module.handle(call[0].number) else { return .cme(416) }
            return .ok("+QFPOSITION: \(module.ram.files.handles[handle].position)")
        },
        CommandEntry("+QFCLOSE") { module, call, effects in close(&module, call, &effects) },
    ]

    private static func checksum(_ bytes: [UInt8]) -> String { String(FileUpload.checksum(bytes), radix: 16) }

    // MARK: Whole files

    private static func upload(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard call.form == .write else {
            return call.form == .test ? .ok("+QFUPL: <filename>,(1-\(module.disk.free)),(1-65535),(0,1)") : .wrongForm
        }
        if call.stage == 0 {
            guard let name = call[0].text.flatMap({ FileName($0) }) else { return .cme(406) }
            guard let size = call.number(1, in: 1...module.disk.total), let limit = call.number(2, in: 1...65_535, default: 5),
                let mode = call.number(3, in: 0...1, default: 0)
            else { return .cme(400) }
            if module.contents(name) != nil { return .cme(407) }
            guard size <= (name.isTemporary ? CellularModule.temporarySpace : module.disk.free) else { return .cme(420) }
            return .upload(FileUpload(purpose: .file(name), size: size, limit: .seconds(limit), isAcknowledged: mode == 1))
        }
        guard let upload = module.ram.files.taken.removeValue(forKey: call.port), case .file(let name) = upload.purpose else {
            return .cme(400)
        }
        guard module.store(upload.bytes, as: name) else { return .cme(409) }
        let sum = checksum(upload.bytes)
        effects.append(
            .note("file.stored", ["name": .text(name.full), "size": .integer(Int64(upload.bytes.count)), "checksum": .text(sum)]))
        return .ok("+QFUPL: \(upload.bytes.count),\(sum)")
    }

    /// Names that begin so, `*` for all; `RAM:` looks there, everything else in `UFS:`.
    private static func matching(_ pattern: String, _ module: CellularModule) -> [(name: FileName, size: Int)]? {
        let upper = pattern.uppercased()
        let isTemporary = upper.hasPrefix("RAM:")
        let rest = isTemporary || upper.hasPrefix("UFS:") ? String(pattern.dropFirst(4)) : pattern
        guard !rest.isEmpty else { return nil }
        let files =
            isTemporary
            ? module.ram.files.temporary.map { ("RAM:" + $0.name, $0.bytes.count) } : module.disk.files.map { ("UFS:" + $0.name, $0.size) }
        return files.compactMap { full, size in
            guard let name = FileName(full) else { return nil }
            let isMeant = rest.hasSuffix("*") ? name.name.hasPrefix(rest.dropLast()) : name.name == rest
            return isMeant ? (name, size) : nil
        }
    }

    private static func list(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        if call.form == .test { return .ok("+QFLST: <name_pattern>") }
        guard call.form != .read, let files = matching(call[0].text ?? "*", module) else { return .wrongForm }
        if files.isEmpty, let pattern = call[0].text, !pattern.hasSuffix("*") { return .cme(405) }
        return .ok(files.map { "+QFLST: \"\($0.name.full)\",\($0.size)" })
    }

    private static func space(_ module: CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QFLDS: (\"UFS\",\"RAM\")")
        case .read: return .wrongForm
        case .execute: return .ok("+QFLDS: \(module.disk.files.reduce(0) { $0 + $1.size }),\(module.disk.files.count)")
        case .write: break
        }
        switch call[0].text?.uppercased() {
        case "UFS"?: return .ok("+QFLDS: \(module.disk.free),\(module.disk.total)")
        case "RAM"?:
            let used = module.ram.files.temporary.reduce(0) { $0 + $1.bytes.count }
            return .ok("+QFLDS: \(CellularModule.temporarySpace - used),\(CellularModule.temporarySpace)")
        default: return .cme(400)
        }
    }

    private static func delete(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok("+QFDEL: <filename>") : .wrongForm }
        guard let pattern = call[0].text, let files = matching(pattern, module) else { return .cme(406) }
        if files.isEmpty, !pattern.hasSuffix("*") { return .cme(405) }
        if module.ram.files.handles.contains(where: { handle in files.contains { $0.name == handle.name } }) { return .cme(426) }
        for file in files {
            guard module.remove(file.name) else { return .cme(418) }
            effects.append(.note("file.removed", ["name": .text(file.name.full)]))
        }
        return .ok
    }

    // MARK: Open files

    /// Files that can be open at once. Source: chosen.
    private static let handleLimit = 10

    /// Mode 0 opens or makes it, 1 makes it anew, 2 opens it for reading only.
    private static func open(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        switch call.form {
        case .test: return .ok("+QFOPEN: <filename>,(0-2)")
        case .execute: return .wrongForm
        case .read:
            return .ok(module.ram.files.handles.map { "+QFOPEN: \"\($0.name.full)\",\($0.number),\($0.isWritable ? 0 : 2)" })
        case .write: break
        }
        guard let name = call[0].text.flatMap({ FileName($0) }) else { return .cme(406) }
        guard let mode = call.number(1, in: 0...2, default: 0) else { return .cme(400) }
        guard module.ram.files.handles.count < handleLimit else { return .cme(413) }
        if module.ram.files.handles.contains(where: { $0.name == name }) { return .cme(426) }
        let before = module.contents(name)
        if mode == 2, before == nil { return .cme(405) }
        var number = 1
        while module.ram.files.handles.contains(where: { $0.number == number }) { number += 1 }
        let isNew = mode == 1 || before == nil
        module.ram.files.handles.append(
            FileState.Handle(number: number, name: name, bytes: isNew ? [] : before ?? [], isWritable: mode != 2, isChanged: isNew))
        return .ok("+QFOPEN: \(number)")
    }

    private static func read(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok("+QFREAD: <filehandle>,<length>") : .wrongForm }
        guard let index = module.handle(call[0].number) else { return .cme(416) }
        let handle = module.ram.files.handles[index]
        guard let length = call.number(1, in: 1...module.disk.total, default: module.disk.total) else { return .cme(400) }
        let bytes = Array(handle.bytes.dropFirst(handle.position).prefix(length))
        module.ram.files.handles[index].position += bytes.count
        return .data(" \(bytes.count)", bytes, [], .ok)
    }

    private static func write(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok("+QFWRITE: <filehandle>,<length>,<timeout>") : .wrongForm }
        guard let index = module.handle(call[0].number) else { return .cme(416) }
        guard module.ram.files.handles[index].isWritable else { return .cme(414) }
        if call.stage == 0 {
            guard let size = call.number(1, in: 1...10_240, default: 10_240), let limit = call.number(2, in: 1...65_535, default: 5)
            else { return .cme(400) }
            return .upload(FileUpload(purpose: .handle(module.ram.files.handles[index].number), size: size, limit: .seconds(limit)))
        }
        guard let upload = module.ram.files.taken.removeValue(forKey: call.port) else { return .cme(400) }
        let start = module.ram.files.handles[index].position
        let end = min(start + upload.bytes.count, module.ram.files.handles[index].bytes.count)
        module.ram.files.handles[index].bytes.replaceSubrange(start..<end, with: upload.bytes)
        module.ram.files.handles[index].position = start + upload.bytes.count
        module.ram.files.handles[index].isChanged = true
        return .ok("+QFWRITE: \(upload.bytes.count),\(module.ram.files.handles[index].bytes.count)")
    }

    /// From the start, from where it is, or from the end.
    private static func seek(_ module: inout CellularModule, _ call: CommandCall) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok("+QFSEEK: <filehandle>,<offset>,(0-2)") : .wrongForm }
        guard let index = module.handle(call[0].number) else { return .cme(416) }
        let handle = module.ram.files.handles[index]
        guard let offset = call.number(1, in: 0...module.disk.total), let from = call.number(2, in: 0...2, default: 0) else {
            return .cme(400)
        }
        let target = [offset, handle.position + offset, handle.bytes.count - offset][from]
        guard (0...handle.bytes.count).contains(target) else { return .cme(401) }
        module.ram.files.handles[index].position = target
        return .ok
    }

    private static func close(_ module: inout CellularModule, _ call: CommandCall, _ effects: inout [DeviceEffect]) -> CommandReply {
        guard call.form == .write else { return call.form == .test ? .ok("+QFCLOSE: <filehandle>") : .wrongForm }
        guard let index = module.handle(call[0].number) else { return .cme(416) }
        let handle = module.ram.files.handles.remove(at: index)
        guard handle.isChanged else { return .ok }
        guard module.store(handle.bytes, as: handle.name) else { return .cme(409) }
        effects.append(
            .note(
                "file.stored",
                ["name": .text(handle.name.full), "size": .integer(Int64(handle.bytes.count)), "checksum": .text(checksum(handle.bytes))]))
        return .ok
    }
}
