// The host's callbacks for C. Nothing is thrown through it: what throws is no. Not compiled here: see README.md.

import CFedspend
import Foundation

final class HostBox {
    let host: Host
    let keys: KeyWrapper?
    let signer: IdentitySigner?
    let clock: Clock?
    let trainer: Trainer?
    let transport: Transport?
    let insights: InsightListener?
    let examples: ExampleSource?

    init(_ host: Host) {
        self.host = host
        (keys, signer, clock, trainer, transport, examples) = (host.keys, host.signer, host.clock, host.trainer, host.transport, host.examples)
        insights = host.insights
    }

    static func of(_ user: UnsafeMutableRawPointer?) -> HostBox { Unmanaged<HostBox>.fromOpaque(user!).takeUnretainedValue() }
}

private func known(_ value: Bool?) -> UInt8 {
    guard let value else { return UInt8(FEDSPEND_UNKNOWN) }
    return UInt8(value ? FEDSPEND_YES : FEDSPEND_NO)
}

func hostTable(_ box: HostBox, _ user: UnsafeMutableRawPointer) -> fedspend_host {
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
    if box.keys != nil { addKeys(&table) }
    if box.signer != nil { addSigner(&table) }
    if box.clock != nil { addClock(&table) }
    if box.trainer != nil { addTrainer(&table) }
    if box.transport != nil { addTransport(&table) }
    if box.insights != nil { addInsights(&table) }
    if box.examples != nil { addExamples(&table) }
    return table
}

private func addKeys(_ table: inout fedspend_host) {
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
}

private func addSigner(_ table: inout fedspend_host) {
    table.sign = { user, message, size, signature in
        guard let signature, let answer = try? HostBox.of(user).signer?.sign(dataOf(message, size)) else { return fedspend_status(FEDSPEND_UNAVAILABLE) }
        guard answer.count == fedspend_signature_bytes() else { return fedspend_status(FEDSPEND_MALFORMED) }
        answer.copyBytes(to: signature, count: answer.count)
        return fedspend_status(FEDSPEND_OK)
    }
}

private func addClock(_ table: inout fedspend_host) {
    // Below 0: no clock says so, and the run fails.
    table.monotonic_ms = { user in (try? HostBox.of(user).clock?.monotonicMilliseconds()) ?? -1 }
    // No invented date: the system's, as without this callback. The run under way hears of it by the clock above.
    table.unix_time_s = { user in (try? HostBox.of(user).clock?.unixSeconds()) ?? Int64(Date().timeIntervalSince1970) }
}

private func addTrainer(_ table: inout fedspend_host) {
    table.train = { user, task, trained in
        guard let task, let trained, let trainer = HostBox.of(user).trainer else { return fedspend_status(FEDSPEND_UNAVAILABLE) }
        let given = TrainingTask(task)
        guard let answer = try? trainer.train(given) else {
            return fedspend_status(given.isStopped ? FEDSPEND_REFUSED : FEDSPEND_UNAVAILABLE)
        }
        guard answer.count == task.pointee.weight_count else { return fedspend_status(FEDSPEND_MALFORMED) }
        for (index, weight) in answer.enumerated() { trained[index] = weight }
        return fedspend_status(FEDSPEND_OK)
    }
}

private func addTransport(_ table: inout fedspend_host) {
    table.exchange = { user, request, size, response, timeout in
        do {
            guard let answer = try HostBox.of(user).transport?.exchange(dataOf(request, size), timeout: Double(timeout) / 1000) else {
                return fedspend_status(FEDSPEND_UNAVAILABLE)
            }
            return answer.withUnsafeBytes { fedspend_body_add(response, $0.bindMemory(to: UInt8.self).baseAddress, $0.count) }
        } catch TransportFailure.timeout {
            return fedspend_status(FEDSPEND_TIMEOUT)
        } catch TransportFailure.notThePinnedCertificate {
            return fedspend_status(FEDSPEND_UNAUTHORIZED)
        } catch {
            return fedspend_status(FEDSPEND_UNAVAILABLE)
        }
    }
    table.give_up_exchange = { user in HostBox.of(user).transport?.giveUp() }
}

private func addInsights(_ table: inout fedspend_host) {
    table.insight = { user, kind, transaction, json in
        guard let json else { return }
        try? HostBox.of(user).insights?.insight(kind: kind, transactionID: transaction.map { String(cString: $0) }, json: String(cString: json))
    }
}

private func addExamples(_ table: inout fedspend_host) {
    table.examples = { user, sink in
        guard let rows = try? HostBox.of(user).examples?.examples() else { return fedspend_status(FEDSPEND_UNAVAILABLE) }
        for one in rows {
            let status = withRow(one) { row -> fedspend_status in
                var row = row
                return fedspend_sink_add(sink, &row)
            }
            if status != FEDSPEND_OK { return status }
        }
        return fedspend_status(FEDSPEND_OK)
    }
}

private func dataOf(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Data {
    guard let bytes else { return Data() }
    return Data(bytes: bytes, count: size)
}
