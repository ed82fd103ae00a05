package org.fedspend.client;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

/**
 * A customer's device. Any method may be called from any thread; {@link #runOnce} blocks its caller, one at a time. After {@link #close},
 * and from inside a callback (but for {@link #cancel}), every method throws IllegalStateException.
 */
public final class Device implements AutoCloseable {
  private interface Call<T> {
    T on(long peer) throws FedspendException;
  }

  private final Bridge bridge;
  private final Object lock = new Object();
  private long peer;     // 0: closed
  private int calls;     // under way, runs among them
  private boolean closing;
  private boolean closed;

  private Device(Bridge bridge, long peer) {
    this.bridge = bridge;
    this.peer = peer;
  }

  /** Opens the device in {@link Options#persistentFolder}, or makes it. CONFLICT: another process, or another object, has it. */
  public static Device open(Options options, Host host) throws FedspendException {
    Bridge bridge = new Bridge(host);
    try {
      return new Device(bridge, Native.open(texts(options), keys(options, bridge), numbers(options), bridge, bridge.parts()));
    } catch (FedspendException error) {
      throw withCause(error, bridge);
    }
  }

  /**
   * {@link #wipe} of a folder whose store cannot be opened (damaged, or its key is gone): the folders, {@link Options#keyInFile} and
   * {@link KeyWrapper#destroyKey} count. CONFLICT: it is open.
   */
  public static void wipeFolder(Options options, Host host) throws FedspendException {
    Bridge bridge = new Bridge(host);
    try {
      Native.wipeFolder(texts(options), keys(options, bridge), numbers(options), bridge, bridge.parts());
    } catch (FedspendException error) {
      throw withCause(error, bridge);
    }
  }

  private static byte[][] texts(Options options) {
    return new byte[][] {Utf8.encode(options.persistentFolder), Utf8.encode(options.cacheFolder), Utf8.encode(options.population), Utf8.encode(options.policy),
        Utf8.encode(options.coordinator)};
  }

  private static byte[] keys(Options options, Bridge bridge) {
    byte[] keys = new byte[128];
    byte[][] given = {options.releaseKey, options.authorityKey, options.coordinatorKey, bridge.identityKey()};
    for (int i = 0; i < given.length; ++i) {
      if (given[i] == null) continue;
      if (given[i].length != 32) throw new IllegalArgumentException("a key is not of 32 bytes");
      System.arraycopy(given[i], 0, keys, 32 * i, 32);
    }
    return keys;
  }

  private static long[] numbers(Options options) {
    long[] numbers = {options.flags(), options.retentionDays, options.maxTransactions, options.connectTimeoutMillis, options.transientBackoffMillis,
        options.permanentBackoffMillis};
    for (long number : numbers) if (number < 0) throw new IllegalArgumentException("an option is negative");
    return numbers;
  }

  /** 64 hexadecimal digits, or a line of a .pub file, to 32 bytes. */
  public static byte[] parseKey(String text) throws FedspendException {
    return Native.parseKey(Utf8.encode(text));
  }

  /** Of a policy's text, before it is given to a device: throws if it is none; true if it allows an open sum or a plan without noise. */
  public static boolean isDemonstrationPolicy(String policy) throws FedspendException {
    return Native.checkPolicy(Utf8.encode(policy));
  }

  /** For the whole process, before anything is trained: "best", or one that this processor has, "AVX2" ... */
  public static void pinInstructionSet(String name) throws FedspendException {
    Native.pinInstructionSet(Utf8.encode(name));
  }

  public static String libraryVersion() {
    return Utf8.decode(Native.version());
  }

  private static FedspendException withCause(FedspendException error, Bridge bridge) {
    Throwable cause = bridge.takeThrown();
    if (cause != null) error.initCause(cause);
    return error;
  }

  private long enter() {
    synchronized (lock) {
      if (closing) throw new IllegalStateException("the device is closed");
      ++calls;
      return peer;
    }
  }

  private void leave() {
    synchronized (lock) {
      --calls;
      lock.notifyAll();
    }
  }

  private <T> T call(Call<T> work) throws FedspendException {
    if (Bridge.isInCallback()) throw new IllegalStateException("a callback may only cancel");
    long now = enter();
    try {
      return work.on(now);
    } catch (FedspendException error) {
      throw withCause(error, bridge);
    } finally {
      leave();
    }
  }

  private static String revealed(byte[] text) {
    try {
      return Utf8.decode(text);
    } finally {
      Utf8.wipe(text);
    }
  }

  private String textOf(int what, String first, String second) throws FedspendException {
    byte[] a = Utf8.encode(first);
    byte[] b = null;
    try {
      b = Utf8.encode(second);
      byte[] given = b;
      return revealed(call(peer -> Native.text(peer, what, a, given)));
    } finally {
      Utf8.wipe(a, b); // the first may be a token
    }
  }

  /** 64 hexadecimal digits. */
  public String id() throws FedspendException {
    return textOf(0, null, null);
  }

  /** For the bank's authority. The token is a secret until it is used; {@code label} may be null. */
  public String enrolmentRequest(String token, String label) throws FedspendException {
    return textOf(5, token, label);
  }

  public void installCertificate(String certificates) throws FedspendException {
    byte[] given = Utf8.encode(certificates);
    call(peer -> {
      Native.installCertificate(peer, given);
      return null;
    });
  }

  public boolean isEnrolled() throws FedspendException {
    return call(Native::isEnrolled);
  }

  /** All of them or none. */
  public IngestReport ingest(List<Transaction> transactions) throws FedspendException {
    PackedTransactions packed = new PackedTransactions(transactions);
    long[] counts = call(peer -> Native.ingest(peer, packed.pool, packed.offsets, packed.numbers));
    return new IngestReport(counts, bridge.takeThrownByInsights());
  }

  /** How long transactions may be used for a purpose, in days: 1 to 36,500, or 0 for {@link Options#retentionDays}. Kept. */
  public void setRetention(String purpose, int days) throws FedspendException {
    if (days < 0) throw new IllegalArgumentException("days below 0");
    byte[] given = Utf8.encode(purpose);
    call(peer -> {
      Native.setRetention(peer, given, days);
      return null;
    });
  }

  /** How many false alarms a month the customer will bear: above 0, at most 1,000, or 0 for the default (1). Of alerts inside {@link #ingest}, and of {@link #insight} where its options do not say. Kept. */
  public void setFalseAlarms(double perMonth) throws FedspendException {
    call(peer -> {
      Native.setFalseAlarms(peer, perMonth);
      return null;
    });
  }

  /** {@code language} (BCP 47) and {@code method} may be null. */
  public void giveConsent(String purpose, String noticeVersion, String language, String method) throws FedspendException {
    byte[][] texts = {Utf8.encode(purpose), Utf8.encode(noticeVersion), Utf8.encode(language), Utf8.encode(method)};
    call(peer -> {
      Native.giveConsent(peer, texts[0], texts[1], texts[2], texts[3]);
      return null;
    });
  }

  /** At once: a run that is under way ends before its next message. */
  public void withdrawConsent(String purpose) throws FedspendException {
    if (purpose == null) throw new NullPointerException("purpose");
    byte[] given = Utf8.encode(purpose);
    call(peer -> {
      Native.withdrawConsent(peer, given);
      return null;
    });
  }

  public void withdrawAllConsent() throws FedspendException {
    call(peer -> {
      Native.withdrawConsent(peer, null);
      return null;
    });
  }

  public boolean hasConsent(String purpose) throws FedspendException {
    byte[] given = Utf8.encode(purpose);
    return call(peer -> Native.hasConsent(peer, given));
  }

  /** JSON with the fields of ISO/IEC TS 27560. */
  public String consentRecords(String controller, String principal) throws FedspendException {
    return textOf(6, controller, principal);
  }

  /** Takes part in one round at most. CONFLICT: a run is under way. */
  public RunReport runOnce() throws FedspendException {
    return call(this::runOn);
  }

  private RunReport runOn(long peer) throws FedspendException {
    byte[][] words = new byte[1][];
    long[] numbers = Native.runOnce(peer, words);
    return new RunReport(RunOutcome.of((int) numbers[0]), Utf8.decode(words[0]), numbers[1], numbers[2], bridge.takeThrown());
  }

  /** {@link #runOnce} on a thread of {@code executor}. Throws what the executor throws that does not take it: the listener hears nothing then. */
  public void run(Executor executor, RunListener listener) {
    executor.execute(() -> tell(listener, () -> call(peer -> {
      synchronized (bridge) {
        if (bridge.listener != null) throw new FedspendException(Status.CONFLICT.code, "a run is under way".getBytes(StandardCharsets.UTF_8));
        bridge.listener = listener;
      }
      try {
        return runOn(peer);
      } finally {
        bridge.listener = null;
      }
    })));
  }

  /** Exactly one of finished and failed, whatever is thrown. */
  static void tell(RunListener listener, Callable<RunReport> run) {
    RunReport report;
    try {
      report = run.call();
    } catch (Throwable error) {
      listener.failed(error);
      if (error instanceof Error) throw (Error) error;
      return;
    }
    listener.finished(report);
  }

  /** Ends the run that is under way before its next message; without one it does nothing. Also from a callback, where it never throws for a device that is being closed. */
  public void cancel() throws FedspendException {
    synchronized (lock) {
      if (closing && !Bridge.isInCallback()) throw new IllegalStateException("the device is closed");
      if (peer != 0) Native.cancel(peer); // never waits
    }
  }

  /** Everything that left this device, and everything that it refused. */
  public String history() throws FedspendException {
    return textOf(1, null, null);
  }

  public String historyJson() throws FedspendException {
    return textOf(2, null, null);
  }

  /** What this device has spent. */
  public String statement() throws FedspendException {
    return textOf(3, null, null);
  }

  public String statementJson() throws FedspendException {
    return textOf(4, null, null);
  }

  /** A model that the app brings: the plan's bytes, its signature (the text of the .sig file), the model file that a coordinator publishes. */
  public void installModel(byte[] plan, String signature, byte[] model) throws FedspendException {
    byte[] signatureText = Utf8.encode(signature);
    call(peer -> {
      Native.installModel(peer, plan, signatureText, model);
      return null;
    });
  }

  /** Under the purpose "personal_insights". NOT_FOUND: no model yet. {@code options} may be null. */
  public Prediction predict(InsightOptions options) throws FedspendException {
    try (PackedInsightOptions given = new PackedInsightOptions(options)) {
      return call(peer -> {
        byte[][] names = new byte[8][];
        long[] numbers = Native.predict(peer, given.numbers, given.categories, given.amounts, names);
        List<Prediction.Chance> next = new ArrayList<>();
        for (int i = 3; i < numbers.length; ++i) next.add(new Prediction.Chance(Utf8.decode(names[i - 3]), Double.longBitsToDouble(numbers[i])));
        return new Prediction(numbers[0] != 0, numbers[1] != 0, numbers[2], next);
      });
    }
  }

  /**
   * What a model says, with its confidence and its reasons, in words; under the purpose "personal_insights". {@code transactionId}: of the kinds that are
   * about one, null: the newest. {@code options} may be null. Nothing acts by itself: show it, or ask.
   */
  public String insight(InsightKind kind, String transactionId, InsightOptions options) throws FedspendException {
    return insightIn(0, kind, transactionId, options);
  }

  /** In numbers that add up: baseline_log_odds and all reasons are log_odds. {@link HandOver} is its "hand_over". */
  public String insightJson(InsightKind kind, String transactionId, InsightOptions options) throws FedspendException {
    return insightIn(1, kind, transactionId, options);
  }

  private String insightIn(int format, InsightKind kind, String transactionId, InsightOptions options) throws FedspendException {
    byte[] id = Utf8.encode(transactionId);
    try (PackedInsightOptions given = new PackedInsightOptions(options)) {
      return revealed(call(peer -> Native.insight(peer, kind.code, id, given.numbers, given.categories, given.amounts, format)));
    }
  }

  /**
   * The customer's own word for a transaction's category: counts from now on, also where the app hands the transaction in again. NOT_FOUND: no
   * transaction of this id.
   */
  public void correctCategory(String transactionId, String category) throws FedspendException {
    byte[] id = Utf8.encode(transactionId);
    byte[] name = Utf8.encode(category);
    try {
      call(peer -> {
        Native.correctCategory(peer, id, name);
        return null;
      });
    } finally {
      Utf8.wipe(id, name);
    }
  }

  /** Adapts a model (its plan's model.name; null: the newest) to this customer; takes as long as a training. Never sent anywhere. */
  public PersonalReport personalise(String model) throws FedspendException {
    byte[] name = Utf8.encode(model);
    return new PersonalReport(call(peer -> Native.personalise(peer, name)));
  }

  /** Of a model, as for {@link #personalise}. Under the purpose "evaluation". */
  public Evaluation evaluate(String model) throws FedspendException {
    byte[] name = Utf8.encode(model);
    return new Evaluation(call(peer -> Native.evaluate(peer, name)));
  }

  /** Everything that the device keeps is gone for good. CONFLICT: a run is under way. Afterwards close it. */
  public void wipe() throws FedspendException {
    call(peer -> {
      Native.wipe(peer);
      return null;
    });
  }

  /** Ends a run that is under way and waits for it, and for every other call. A second time does nothing. */
  @Override
  public void close() {
    if (Bridge.isInCallback()) throw new IllegalStateException("a callback may only cancel");
    boolean interrupted = false;
    long last;
    synchronized (lock) {
      closing = true;
      while (calls > 0) {
        try {
          // Again and again: a run that had entered and not yet begun would not hear the first.
          Native.cancel(peer);
        } catch (FedspendException error) {
          // The run ends by itself then.
        }
        try {
          lock.wait(20);
        } catch (InterruptedException error) {
          interrupted = true;
        }
      }
      last = peer;
      peer = 0; // a callback that cancels from now on finds nothing
    }
    if (last != 0) Native.free(last);
    synchronized (lock) {
      if (last != 0) closed = true;
      lock.notifyAll();
      while (!closed) { // another thread frees it
        try {
          lock.wait();
        } catch (InterruptedException error) {
          interrupted = true;
        }
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
  }
}
