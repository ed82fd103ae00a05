// What only the app knows, as protocols. Not compiled here: see README.md.

import CFedspend
import Foundation

/// The key of the encrypted store, in the Secure Enclave or the keychain.
public protocol KeyWrapper: AnyObject {
    func wrap(_ seed: Data) throws -> Data
    func unwrap(_ wrapped: Data) throws -> Data
    func destroyKey() throws
}

/// The device's identity in hardware: Ed25519 (RFC 8032).
public protocol IdentitySigner: AnyObject {
    /// 32 bytes; the same for the life of the device.
    var publicKey: Data { get }
    /// 64 bytes.
    func sign(_ message: Data) throws -> Data
}

/// The app's clocks in place of the system's. If one throws, no run goes on.
public protocol Clock: AnyObject {
    /// At least 0; never goes back, and goes on while the device sleeps.
    func monotonicMilliseconds() throws -> Int64
    func unixSeconds() throws -> Int64
}

/// A trainer of the app's own, on a thread of the library.
public protocol Trainer: AnyObject {
    /// As many trained weights as `task.weights`. Asks `task.isStopped` often, and throws once it is. Whatever it does must not depend on the rows but by the weights.
    func train(_ task: TrainingTask) throws -> [Float]
}

/// What a trainer is asked; valid until `train` returns.
public struct TrainingTask {
    public let model, sizesJSON: String
    public let categories: [String]
    public let epochs, batchSize: Int
    public let learningRate, momentum, proximalMu, gradientClipL2: Double
    public let seed: UInt64
    public let weights: [Float]
    /// Oldest first.
    public let rows: [fedspend_row]
    private let task: UnsafePointer<fedspend_training>

    init(_ task: UnsafePointer<fedspend_training>) {
        let given = task.pointee
        self.task = task
        model = String(cString: given.model)
        sizesJSON = String(cString: given.sizes_json)
        categories = (0..<Int(given.category_count)).map { String(cString: given.categories[$0]!) }
        (epochs, batchSize) = (Int(given.epochs), Int(given.batch_size))
        (learningRate, momentum) = (given.learning_rate, given.momentum)
        (proximalMu, gradientClipL2) = (given.proximal_mu, given.gradient_clip_l2)
        seed = given.seed
        weights = Array(UnsafeBufferPointer(start: given.weights, count: given.weight_count))
        rows = Array(UnsafeBufferPointer(start: given.rows, count: given.row_count))
    }

    public var isStopped: Bool { fedspend_training_is_stopped(task) == 1 }
}

public enum TransportFailure: Error {
    case timeout, notThePinnedCertificate
}

/// The app's own pinned TLS in place of `Options.coordinator`, on a thread of the library, one exchange at a time.
public protocol Transport: AnyObject {
    /// POSTs the request as it is to https://GATEWAY/v1/exchange (application/octet-stream) and gives the body of a response of status 200; throws on
    /// any other. What it throws is tried again with the same bytes: never change or keep them.
    func exchange(_ request: Data, timeout: TimeInterval) throws -> Data
    /// Ends the exchange under way soon, the run is over. Once, and then every 100 ms until it has returned; never to be remembered for a later one.
    func giveUp()
}

/// The app's own transactions in place of the ingested ones, oldest first.
public protocol ExampleSource: AnyObject {
    func examples() throws -> [Transaction]
}

/// Hears what is to be said about transactions that were just ingested.
public protocol InsightListener: AnyObject {
    /// Inside `Device.ingest`, on its thread: for the newest 16 of the new transactions, in the order of time, under the purpose "personal_insights".
    /// `kind`: FEDSPEND_INSIGHT_... `transactionID`: the app's, or nil where the insight is not about one. `json`: as of `Device.insight`. Nothing acts:
    /// show it, or ask. What it throws stops nothing.
    func insight(kind: Int32, transactionID: String?, json: String) throws
}

/// What throws, or is not there, counts as no. The parts are asked for once, when the device is opened.
public protocol Host: AnyObject {
    func conditions() throws -> Conditions
    func log(warning: Bool, text: String)
    /// FEDSPEND_PHASE_...
    func phase(_ phase: Int32)
    var keys: KeyWrapper? { get }
    var signer: IdentitySigner? { get }
    var clock: Clock? { get }
    var trainer: Trainer? { get }
    var transport: Transport? { get }
    var insights: InsightListener? { get }
    var examples: ExampleSource? { get }
}

extension Host {
    public var signer: IdentitySigner? { nil }
    public var clock: Clock? { nil }
    public var trainer: Trainer? { nil }
    public var transport: Transport? { nil }
    public var insights: InsightListener? { nil }
    public var examples: ExampleSource? { nil }
}
