// A customer's device on the C ABI (fedspend/client.h). Not compiled here: see README.md.

import CFedspend
import Foundation

public struct FedspendError: Error, CustomStringConvertible {
    public let status: Int32
    public let words: String

    public var description: String { "\(String(cString: fedspend_status_name(status))): \(words)" }

    static func last(_ status: Int32) -> FedspendError {
        var words = [CChar](repeating: 0, count: 1024)
        _ = fedspend_last_error(&words, words.count, nil)
        return FedspendError(status: status, words: String(cString: words))
    }
}

public struct Conditions {
    /// nil: unknown, which counts as no.
    public var idle, charging, unmetered, thermalsOk: Bool?
    /// 0 to 1; nil: unknown.
    public var batteryLevel: Double?
    public var freeStorageBytes: UInt64 = 0
    public init() {}
}

public struct Transaction {
    public var id: String
    public var time: Int64
    public var amountMinor: Int64
    public var isCredit = false
    public var category, merchant, currency: String?

    /// `id`: the app's own, 1 to 64 bytes: the same again replaces the first. `time`: seconds since 1970 UTC. `amountMinor`: hundredths.
    public init(id: String, time: Int64, amountMinor: Int64, category: String? = nil, merchant: String? = nil, currency: String? = nil) {
        (self.id, self.time, self.amountMinor) = (id, time, amountMinor)
        (self.category, self.merchant, self.currency) = (category, merchant, currency)
    }
}

/// The key of the encrypted store, in the Secure Enclave or the keychain.
public protocol KeyWrapper: AnyObject {
    func wrap(_ seed: Data) throws -> Data
    func unwrap(_ wrapped: Data) throws -> Data
    func destroyKey() throws
}

/// What only the app knows. What throws, or is not there, counts as no.
public protocol Host: AnyObject {
    func conditions() throws -> Conditions
    func log(warning: Bool, text: String)
    /// FEDSPEND_PHASE_...
    func phase(_ phase: Int32)
    var keys: KeyWrapper? { get }
}

public struct Options {
    public var persistentFolder: String
    public var cacheFolder: String?
    public var population: String
    public var policy: String?
    /// 32 bytes each, pinned.
    public var releaseKey, authorityKey: Data
    public var coordinator: String?
    public var coordinatorKey: Data?
    /// FEDSPEND_KEY_IN_FILE, FEDSPEND_WITHOUT_...
    public var flags: UInt32 = 0

    public init(persistentFolder: String, population: String, releaseKey: Data, authorityKey: Data) {
        (self.persistentFolder, self.population, self.releaseKey, self.authorityKey) = (persistentFolder, population, releaseKey, authorityKey)
    }
}

public struct RunReport {
    /// FEDSPEND_RUN_...
    public let outcome: Int32
    public let words: String
    public let comeBackIn: TimeInterval
    public let bytesSent: UInt64
}

/// Any method may be called from any thread; `runOnce` blocks its caller. The last reference may not go inside a callback.
public final class Device {
    private let handle: OpaquePointer
    private let box: Unmanaged<HostBox>

    public init(_ options: Options, host: Host) throws {
        guard options.releaseKey.count == 32, options.authorityKey.count == 32, options.coordinatorKey.map({ $0.count == 32 }) ?? true else {
            throw FedspendError(status: Int32(FEDSPEND_INVALID_ARGUMENT), words: "a key is not of 32 bytes")
        }
        let box = Unmanaged.passRetained(HostBox(host))
        var made: OpaquePointer?
        let status = withTexts([options.persistentFolder, options.cacheFolder, options.population, options.policy, options.coordinator]) { texts in
            var given = fedspend_options()
            given.struct_size = UInt32(MemoryLayout<fedspend_options>.size)
            given.flags = options.flags
            given.persistent_dir = texts[0]
            given.cache_dir = texts[1]
            given.population = texts[2]
            given.policy_toml = texts[3]
            given.coordinator = texts[4]
            withUnsafeMutableBytes(of: &given.release_key) { $0.copyBytes(from: options.releaseKey) }
            withUnsafeMutableBytes(of: &given.authority_key) { $0.copyBytes(from: options.authorityKey) }
            if let key = options.coordinatorKey { withUnsafeMutableBytes(of: &given.coordinator_key) { $0.copyBytes(from: key) } }
            var table = hostTable(box.toOpaque(), withKeys: host.keys != nil)
            return fedspend_device_create(&given, &table, &made)
        }
        guard status == FEDSPEND_OK, let handle = made else {
            let error = FedspendError.last(status)
            box.release()
            throw error
        }
        self.handle = handle
        self.box = box
    }

    deinit {
        fedspend_device_free(handle)
        box.release()
    }

    private func check(_ status: fedspend_status) throws {
        if status != FEDSPEND_OK { throw FedspendError.last(status) }
    }

    /// First the size, then the text; it may have grown meanwhile.
    private func text(_ fill: (UnsafeMutablePointer<CChar>?, Int, UnsafeMutablePointer<Int>) -> fedspend_status) throws -> String {
        var needed = 8192
        for _ in 0..<8 {
            var buffer = [CChar](repeating: 0, count: needed)
            let status = fill(&buffer, buffer.count, &needed)
            if status == FEDSPEND_BUFFER_TOO_SMALL { continue }
            try check(status)
            return String(cString: buffer)
        }
        throw FedspendError(status: Int32(FEDSPEND_INTERNAL), words: "a text that grows")
    }

    public func enrolmentRequest(token: String, label: String?) throws -> String {
        try withTexts([token, label]) { texts in try text { fedspend_enrolment_request(handle, texts[0], texts[1], $0, $1, $2) } }
    }

    public func installCertificate(_ certificates: String) throws { try check(fedspend_install_certificate(handle, certificates)) }

    /// All of them or none.
    public func ingest(_ transactions: [Transaction]) throws {
        let texts = transactions.flatMap { [$0.id, $0.category, $0.merchant, $0.currency] as [String?] }
        try withTexts(texts) { pointers in
            let rows = transactions.indices.map { index -> fedspend_transaction in
                var row = fedspend_transaction()
                row.struct_size = UInt32(MemoryLayout<fedspend_transaction>.size)
                row.direction = Int32(transactions[index].isCredit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT)
                row.id = pointers[4 * index]
                row.category = pointers[4 * index + 1]
                row.merchant = pointers[4 * index + 2]
                row.currency = pointers[4 * index + 3]
                row.time_s = transactions[index].time
                row.amount_minor = transactions[index].amountMinor
                return row
            }
            try check(fedspend_ingest(handle, rows, rows.count, nil))
        }
    }

    public func giveConsent(_ purpose: String, noticeVersion: String, language: String? = nil, method: String? = nil) throws {
        try withTexts([purpose, noticeVersion, language, method]) { try check(fedspend_consent_give(handle, $0[0], $0[1], $0[2], $0[3])) }
    }

    /// At once: a run that is under way ends before its next message.
    public func withdrawConsent(_ purpose: String) throws { try check(fedspend_consent_withdraw(handle, purpose)) }
    public func withdrawAllConsent() throws { try check(fedspend_consent_withdraw_all(handle)) }

    /// Takes part in one round at most.
    public func runOnce() throws -> RunReport {
        var report = fedspend_run_report()
        report.struct_size = UInt32(MemoryLayout<fedspend_run_report>.size)
        try check(fedspend_run_once(handle, &report))
        let words = withUnsafeBytes(of: report.words) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return RunReport(outcome: report.outcome, words: words, comeBackIn: Double(report.come_back_in_ms) / 1000, bytesSent: report.bytes_sent)
    }

    public func cancel() throws { try check(fedspend_cancel(handle)) }

    public func history(json: Bool = false) throws -> String {
        try text { fedspend_history(handle, Int32(json ? FEDSPEND_FORMAT_JSON : FEDSPEND_FORMAT_TEXT), $0, $1, $2) }
    }

    public func statement(json: Bool = false) throws -> String {
        try text { fedspend_statement(handle, Int32(json ? FEDSPEND_FORMAT_JSON : FEDSPEND_FORMAT_TEXT), $0, $1, $2) }
    }

    /// What comes next and why, under the purpose "personal_insights".
    public func explain(json: Bool = false) throws -> String {
        try text { fedspend_explain(handle, nil, Int32(json ? FEDSPEND_FORMAT_JSON : FEDSPEND_FORMAT_TEXT), $0, $1, $2) }
    }

    /// Adapts the model to this customer; never sent anywhere.
    public func personalise() throws { try check(fedspend_personalise(handle, nil)) }

    public func wipe() throws { try check(fedspend_wipe(handle)) }
}

/// C strings for the time of `body`; nil stays NULL.
private func withTexts<Result>(_ texts: [String?], _ body: ([UnsafePointer<CChar>?]) throws -> Result) rethrows -> Result {
    let copies = texts.map { $0.flatMap { strdup($0) } }
    defer { copies.forEach { free($0) } }
    return try body(copies.map { UnsafePointer($0) })
}
