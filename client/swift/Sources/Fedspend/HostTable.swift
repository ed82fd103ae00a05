// The host's callbacks for C. Nothing is thrown through it: what throws is no. Not compiled here: see README.md.

import CFedspend
import Foundation

final class HostBox {
    let host: Host
    let keys: KeyWrapper?

    init(_ host: Host) {
        self.host = host
        keys = host.keys
    }

    static func of(_ user: UnsafeMutableRawPointer?) -> HostBox { Unmanaged<HostBox>.fromOpaque(user!).takeUnretainedValue() }
}

private func known(_ value: Bool?) -> UInt8 {
    guard let value else { return UInt8(FEDSPEND_UNKNOWN) }
    return UInt8(value ? FEDSPEND_YES : FEDSPEND_NO)
}

func hostTable(_ user: UnsafeMutableRawPointer, withKeys: Bool) -> fedspend_host {
    var table = fedspend_host()
    table.struct_size = UInt32(MemoryLayout<fedspend_host>.size)
    table.user = user
    table.conditions = { user, now in
        guard let now, let given = try? HostBox.of(user).host.conditions() else { return }
        now.pointee.idle = known(given.idle)
        now.pointee.charging = known(given.charging)
        now.pointee.unmetered = known(given.unmetered)
        now.pointee.thermals_ok = known(given.thermalsOk)
        now.pointee.battery_level = given.batteryLevel ?? -1
        now.pointee.free_storage_bytes = given.freeStorageBytes
    }
    table.log = { user, level, text in
        guard let text else { return }
        HostBox.of(user).host.log(warning: level == FEDSPEND_LOG_WARNING, text: String(cString: text))
    }
    table.phase = { user, phase in HostBox.of(user).host.phase(phase) }
    guard withKeys else { return table }
    table.wrap = { user, seed, wrapped, size in
        guard let seed, let wrapped, let size, let answer = try? HostBox.of(user).keys?.wrap(Data(bytes: seed, count: 32)) else {
            return fedspend_status(FEDSPEND_UNAVAILABLE)
        }
        guard !answer.isEmpty, answer.count <= size.pointee else { return fedspend_status(FEDSPEND_LIMIT) }
        answer.copyBytes(to: wrapped, count: answer.count)
        size.pointee = answer.count
        return fedspend_status(FEDSPEND_OK)
    }
    table.unwrap = { user, wrapped, size, seed in
        guard let wrapped, let seed, let answer = try? HostBox.of(user).keys?.unwrap(Data(bytes: wrapped, count: size)) else {
            return fedspend_status(FEDSPEND_UNAVAILABLE)
        }
        guard answer.count == 32 else { return fedspend_status(FEDSPEND_MALFORMED) }
        answer.copyBytes(to: seed, count: 32)
        return fedspend_status(FEDSPEND_OK)
    }
    table.destroy_key = { user in
        do {
            try HostBox.of(user).keys?.destroyKey()
            return fedspend_status(FEDSPEND_OK)
        } catch {
            return fedspend_status(FEDSPEND_UNAVAILABLE)
        }
    }
    return table
}
