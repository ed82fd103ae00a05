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
    /// 0: the library's defaults.
    public var retentionDays, connectTimeoutMilliseconds, transientBackoffMilliseconds, permanentBackoffMilliseconds: UInt32
    public var maxTransactions: UInt64 = 0

    public init(persistentFolder: String, population: String, releaseKey: Data, authorityKey: Data) {
        (self.persistentFolder, self.population, self.releaseKey, self.authorityKey) = (persistentFolder, population, releaseKey, authorityKey)
        (retentionDays, connectTimeoutMilliseconds, transientBackoffMilliseconds, permanentBackoffMilliseconds) = (0, 0, 0, 0)
    }

    /// The C struct and the host's table for the time of `body`.
    func withTable(_ box: Unmanaged<HostBox>, _ body: (UnsafePointer<fedspend_options>, UnsafePointer<fedspend_host>) -> fedspend_status) throws -> fedspend_status {
        let identityKey = box.takeUnretainedValue().signer?.publicKey
        for key in [releaseKey, authorityKey, coordinatorKey, identityKey] where key.map({ $0.count != fedspend_key_bytes() }) ?? false {
            throw FedspendError(status: Int32(FEDSPEND_INVALID_ARGUMENT), words: "a key is not of 32 bytes")
        }
        return withTexts([persistentFolder, cacheFolder, population, policy, coordinator]) { texts in
            var given = fedspend_options()
            given.struct_size = UInt32(MemoryLayout<fedspend_options>.size)
            given.flags = flags
            given.persistent_dir = texts[0]
            given.cache_dir = texts[1]
            given.population = texts[2]
            given.policy_toml = texts[3]
            given.coordinator = texts[4]
            given.retention_days = retentionDays
            given.max_transactions = maxTransactions
            given.connect_timeout_ms = connectTimeoutMilliseconds
            given.transient_backoff_ms = transientBackoffMilliseconds
            given.permanent_backoff_ms = permanentBackoffMilliseconds
            withUnsafeMutableBytes(of: &given.release_key) { $0.copyBytes(from: releaseKey) }
            withUnsafeMutableBytes(of: &given.authority_key) { $0.copyBytes(from: authorityKey) }
            if let key = coordinatorKey { withUnsafeMutableBytes(of: &given.coordinator_key) { $0.copyBytes(from: key) } }
            if let key = identityKey { withUnsafeMutableBytes(of: &given.identity_key) { $0.copyBytes(from: key) } }
            var table = hostTable(box.takeUnretainedValue(), box.toOpaque())
            return body(&given, &table)
        }
    }
}

public struct RunReport {
    /// FEDSPEND_RUN_...
    public let outcome: Int32
    public let words: String
    public let comeBackIn: TimeInterval
    public let bytesSent: UInt64
}

public struct IngestReport {
    public let added, replaced, unchanged, tooOld, pushedOut: UInt64
}

/// How an insight is made; 0 takes the library's default.
public struct InsightOptions {
    /// At most 8; 0: 3.
    public var mostCategories: UInt32 = 0
    /// 0 to 1, below which an insight abstains; 0: .4.
    public var minConfidence: Double = 0
    /// Of FEDSPEND_INSIGHT_FORECAST alone, each category at most once, at most 1,024.
    public var budgets: [Budget] = []
    /// Of FEDSPEND_INSIGHT_UNUSUAL alone, at most 1,000: so many the customer will bear; 0: as `setFalseAlarms`, else 1.
    public var falseAlarmsPerMonth: Double = 0
    public init() {}

    func withTable<Result>(_ body: (UnsafePointer<fedspend_predict_options>) throws -> Result) rethrows -> Result {
        try withTexts(budgets.map { $0.category }) { categories in
            try zip(budgets, categories).map { $0.row(category: $1) }.withUnsafeBufferPointer { rows in
                var table = fedspend_predict_options()
                table.struct_size = UInt32(MemoryLayout<fedspend_predict_options>.size)
                table.most_categories = mostCategories
                table.min_confidence = minConfidence
                table.budgets = rows.baseAddress
                table.budget_count = UInt64(rows.count)
                table.false_alarms_per_month = falseAlarmsPerMonth
                return try withUnsafePointer(to: table, body)
            }
        }
    }
}

/// What the customer means to spend in 30 days.
public struct Budget {
    /// Of the plan; nil: all spending.
    public var category: String?
    /// Hundredths, at least 0.
    public var amountMinor: Int64

    public init(category: String? = nil, amountMinor: Int64) {
        (self.category, self.amountMinor) = (category, amountMinor)
    }

    func row(category: UnsafePointer<CChar>?) -> fedspend_budget {
        var row = fedspend_budget()
        row.struct_size = UInt32(MemoryLayout<fedspend_budget>.size)
        row.category = category
        row.amount_minor = amountMinor
        return row
    }
}

/// The next categories, the likeliest first.
public struct Prediction {
    public struct Chance {
        public let category: String
        public let probability: Double
    }

    /// Show nothing, or that it is not known.
    public let abstains, isPersonal: Bool
    public let transactions: UInt64
    public let next: [Chance]
}

/// Nats a prediction on the rows that the personal model was chosen by: so `chosenLoss` is the least of many and flatters. `evaluate` is of rows that had no say.
public struct PersonalReport {
    public let isPersonal: Bool
    public let predictions: UInt64
    public let sharedLoss, chosenLoss: Double
    /// Of each way by itself; `sharedLoss` where its training diverged or there is none.
    public let headLoss, proximalLoss, ownCountsLoss: Double
}

/// On the customer's newest fifth, which no training on this device looks at.
public struct Evaluation {
    public struct Figures {
        public let correct, correctIn3: UInt64
        /// Nats, in all.
        public let loss: Double
    }

    public let predictions: UInt64
    public let shared: Figures
    public let personal: Figures?
}

/// Any method may be called from any thread; `runOnce` blocks its caller. The last reference may not go inside a callback.
public final class Device {
    private let handle: OpaquePointer
    private let box: Unmanaged<HostBox>

    public init(_ options: Options, host: Host) throws {
        let box = Unmanaged.passRetained(HostBox(host))
        do {
            var made: OpaquePointer?
            let status = try options.withTable(box) { fedspend_device_create($0, $1, &made) }
            guard status == FEDSPEND_OK, let handle = made else { throw FedspendError.last(status) }
            self.handle = handle
            self.box = box
        } catch {
            box.release()
            throw error
        }
    }

    /// `wipe` of a folder whose store cannot be opened (damaged, or its key is gone).
    public static func wipeFolder(_ options: Options, host: Host) throws {
        let box = Unmanaged.passRetained(HostBox(host))
        defer { box.release() }
        let status = try options.withTable(box) { fedspend_wipe_directory($0, $1) }
        if status != FEDSPEND_OK { throw FedspendError.last(status) }
    }

    public static var libraryVersion: String { String(cString: fedspend_version_text()) }
    public static func runName(_ outcome: Int32) -> String { String(cString: fedspend_run_name(outcome)) }
    public static func insightName(_ kind: Int32) -> String { String(cString: fedspend_insight_name(kind)) }
    public static func handOverName(_ handOver: Int32) -> String { String(cString: fedspend_hand_over_name(handOver)) }
    public static func phaseName(_ phase: Int32) -> String { String(cString: fedspend_phase_name(phase)) }

    /// 64 hexadecimal digits, or a line of a .pub file, to 32 bytes.
    public static func parseKey(_ text: String) throws -> Data {
        var key = [UInt8](repeating: 0, count: fedspend_key_bytes())
        let status = fedspend_parse_key(text, &key)
        if status != FEDSPEND_OK { throw FedspendError.last(status) }
        return Data(key)
    }

    /// Of a policy's text, before it is given to a device: throws if it is none; true if it allows an open sum or a plan without noise.
    public static func isDemonstrationPolicy(_ policy: String) throws -> Bool {
        var isDemonstration: UInt8 = 0
        let status = fedspend_check_policy(policy, &isDemonstration)
        if status != FEDSPEND_OK { throw FedspendError.last(status) }
        return isDemonstration == 1
    }

    /// For the whole process, before anything is trained: "best", or one that this processor has.
    public static func pinInstructionSet(_ name: String) throws {
        let status = fedspend_pin_instruction_set(name)
        if status != FEDSPEND_OK { throw FedspendError.last(status) }
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

    public func isEnrolled() throws -> Bool { try truth { fedspend_is_enrolled(handle, $0) } }

    /// 64 hexadecimal digits.
    public func id() throws -> String { try text { fedspend_device_id(handle, $0, $1, $2) } }

    private func truth(_ ask: (UnsafeMutablePointer<UInt8>) -> fedspend_status) throws -> Bool {
        var answer: UInt8 = 0
        try check(ask(&answer))
        return answer == 1
    }

    /// All of them or none.
    @discardableResult
    public func ingest(_ transactions: [Transaction]) throws -> IngestReport {
        var report = fedspend_ingest_report()
        report.struct_size = UInt32(MemoryLayout<fedspend_ingest_report>.size)
        let texts = transactions.flatMap { [$0.id, $0.category, $0.merchant, $0.currency] as [String?] }
        try withTexts(texts) { pointers in
            let rows = transactions.indices.map { rowOf(transactions[$0], Array(pointers[4 * $0..<4 * $0 + 4])) }
            try check(fedspend_ingest(handle, rows, rows.count, &report))
        }
        return IngestReport(added: report.added, replaced: report.replaced, unchanged: report.unchanged, tooOld: report.too_old, pushedOut: report.pushed_out)
    }

    public func giveConsent(_ purpose: String, noticeVersion: String, language: String? = nil, method: String? = nil) throws {
        try withTexts([purpose, noticeVersion, language, method]) { try check(fedspend_consent_give(handle, $0[0], $0[1], $0[2], $0[3])) }
    }

    /// At once: a run that is under way ends before its next message.
    public func withdrawConsent(_ purpose: String) throws { try check(fedspend_consent_withdraw(handle, purpose)) }
    public func withdrawAllConsent() throws { try check(fedspend_consent_withdraw_all(handle)) }

    public func hasConsent(_ purpose: String) throws -> Bool { try truth { fedspend_consent_is_given(handle, purpose, $0) } }

    /// JSON with the fields of ISO/IEC TS 27560.
    public func consentRecords(controller: String, principal: String) throws -> String {
        try text { fedspend_consent_records(handle, controller, principal, $0, $1, $2) }
    }

    /// How long transactions may be used for a purpose, in days: 1 to 36,500, or 0 for `Options.retentionDays`. Kept.
    public func setRetention(_ purpose: String, days: UInt32) throws { try check(fedspend_set_retention(handle, purpose, days)) }

    /// How many false alarms a month the customer will bear: above 0, at most 1,000, or 0 for the default (1). Of alerts inside `ingest`, and of `insight` where
    /// its options do not say. Kept.
    public func setFalseAlarms(perMonth: Double) throws { try check(fedspend_set_false_alarms(handle, perMonth)) }

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

    /// A model that the app brings: the plan's bytes, its signature (the text of the .sig file), the model file that a coordinator publishes.
    public func installModel(plan: Data, signature: String, model: Data) throws {
        try plan.withUnsafeBytes { plan in
            try model.withUnsafeBytes { model in
                try check(fedspend_install_model(handle, plan.bindMemory(to: UInt8.self).baseAddress, plan.count, signature,
                                                 model.bindMemory(to: UInt8.self).baseAddress, model.count))
            }
        }
    }

    /// Under the purpose "personal_insights".
    public func predict(_ options: InsightOptions = InsightOptions()) throws -> Prediction {
        var made = fedspend_prediction()
        made.struct_size = UInt32(MemoryLayout<fedspend_prediction>.size)
        try options.withTable { try check(fedspend_predict(handle, $0, &made)) }
        let next = withUnsafeBytes(of: made.next) { bytes in
            bytes.bindMemory(to: fedspend_category_chance.self).prefix(Int(made.count)).map { chance in
                Prediction.Chance(category: withUnsafeBytes(of: chance.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }, probability: chance.probability)
            }
        }
        return Prediction(abstains: made.abstains == 1, isPersonal: made.is_personal == 1, transactions: made.transactions, next: next)
    }

    /// What a model says, with its confidence and its reasons, in words or in JSON; under the purpose "personal_insights". `kind`: FEDSPEND_INSIGHT_...
    /// `transactionID`: of the kinds that are about one; nil: the newest. Nothing acts by itself: show it, or ask. In JSON "hand_over" says whether a
    /// person should answer: "none", or why (`handOverName` of FEDSPEND_HAND_OVER_...).
    public func insight(_ kind: Int32, transactionID: String? = nil, options: InsightOptions = InsightOptions(), json: Bool = false) throws -> String {
        try withTexts([transactionID]) { texts in
            try options.withTable { given in
                try text { fedspend_insight(handle, kind, texts[0], given, Int32(json ? FEDSPEND_FORMAT_JSON : FEDSPEND_FORMAT_TEXT), $0, $1, $2) }
            }
        }
    }

    /// The customer's own word for a transaction's category: counts from now on, also where the app hands the transaction in again.
    public func correctCategory(transactionID: String, category: String) throws {
        try withTexts([transactionID, category]) { try check(fedspend_correct_category(handle, $0[0], $0[1])) }
    }

    /// Adapts a model (its plan's model.name; nil: the newest) to this customer; takes as long as a training, and is never sent anywhere.
    @discardableResult
    public func personalise(_ model: String? = nil) throws -> PersonalReport {
        var report = fedspend_personal_report()
        report.struct_size = UInt32(MemoryLayout<fedspend_personal_report>.size)
        try withTexts([model]) { try check(fedspend_personalise(handle, $0[0], &report)) }
        return PersonalReport(isPersonal: report.is_personal == 1, predictions: report.predictions, sharedLoss: report.shared_loss, chosenLoss: report.chosen_loss,
                              headLoss: report.head_loss, proximalLoss: report.proximal_loss, ownCountsLoss: report.own_counts_loss)
    }

    /// Of a model, as for `personalise`. Under the purpose "evaluation".
    public func evaluate(_ model: String? = nil) throws -> Evaluation {
        var report = fedspend_evaluation()
        report.struct_size = UInt32(MemoryLayout<fedspend_evaluation>.size)
        try withTexts([model]) { try check(fedspend_evaluate(handle, $0[0], &report)) }
        let shared = Evaluation.Figures(correct: report.shared_correct, correctIn3: report.shared_correct_in_3, loss: report.shared_loss)
        let personal = Evaluation.Figures(correct: report.personal_correct, correctIn3: report.personal_correct_in_3, loss: report.personal_loss)
        return Evaluation(predictions: report.predictions, shared: shared, personal: report.has_personal == 1 ? personal : nil)
    }

    public func wipe() throws { try check(fedspend_wipe(handle)) }
}

private func rowOf(_ transaction: Transaction, _ texts: [UnsafePointer<CChar>?]) -> fedspend_transaction {
    var row = fedspend_transaction()
    row.struct_size = UInt32(MemoryLayout<fedspend_transaction>.size)
    row.direction = Int32(transaction.isCredit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT)
    row.id = texts[0]
    row.category = texts[1]
    row.merchant = texts[2]
    row.currency = texts[3]
    row.time_s = transaction.time
    row.amount_minor = transaction.amountMinor
    return row
}

func withRow<Result>(_ transaction: Transaction, _ body: (fedspend_transaction) throws -> Result) rethrows -> Result {
    try withTexts([transaction.id, transaction.category, transaction.merchant, transaction.currency]) { try body(rowOf(transaction, $0)) }
}

/// C strings for the time of `body`; nil stays NULL. Wiped afterwards: one may be a token.
func withTexts<Result>(_ texts: [String?], _ body: ([UnsafePointer<CChar>?]) throws -> Result) rethrows -> Result {
    let copies = texts.map { $0.flatMap { strdup($0) } }
    defer {
        for copy in copies where copy != nil {
            memset_s(copy!, strlen(copy!), 0, strlen(copy!))
            free(copy)
        }
    }
    return try body(copies.map { UnsafePointer($0) })
}
