package org.fedspend.client;

import java.net.SocketTimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLException;

/**
 * What the native layer calls. Nothing is thrown through it: what a callback throws is kept for the caller, and the answer is null, which
 * the native layer takes for no.
 */
final class Bridge {
  private interface Answer<T> {
    T get() throws Exception;
  }

  /** Threads that are inside a callback of any device. */
  private static final ThreadLocal<Integer> DEPTH = ThreadLocal.withInitial(() -> 0);

  private final Host host;
  private final KeyWrapper keys;
  private final IdentitySigner signer;
  private final Clock clock;
  private final Trainer trainer;
  private final Transport transport;
  private final InsightListener insights;
  private final AtomicReference<Throwable> thrown = new AtomicReference<>();
  /** Of the ingest on this thread, apart from what belongs to a run on another. */
  private final ThreadLocal<Throwable> thrownByInsights = new ThreadLocal<>();
  volatile RunListener listener;

  Bridge(Host host) {
    this.host = host;
    keys = host.keys();
    signer = host.signer();
    clock = host.clock();
    trainer = host.trainer();
    transport = host.transport();
    insights = host.insights();
  }

  int parts() {
    return (keys != null ? 1 : 0) | (signer != null ? 2 : 0) | (clock != null ? 4 : 0) | (host.hasExamples() ? 8 : 0)
        | (trainer != null ? 16 : 0) | (transport != null ? 32 : 0) | (insights != null ? 64 : 0);
  }

  byte[] identityKey() {
    return signer == null ? null : signer.publicKey();
  }

  static boolean isInCallback() {
    return DEPTH.get() > 0;
  }

  /** What a callback threw since the last time, the first of it. */
  Throwable takeThrown() {
    return thrown.getAndSet(null);
  }

  /** What the listener of insights threw on this thread since the last time, the first of it. */
  Throwable takeThrownByInsights() {
    Throwable first = thrownByInsights.get();
    thrownByInsights.remove();
    return first;
  }

  private <T> T ask(Answer<T> answer) {
    DEPTH.set(DEPTH.get() + 1);
    try {
      return answer.get();
    } catch (Throwable error) {
      thrown.compareAndSet(null, error);
      return null;
    } finally {
      if (DEPTH.get() == 1) DEPTH.remove();
      else DEPTH.set(DEPTH.get() - 1);
    }
  }

  private static long known(Boolean value) {
    return value == null ? 0 : value ? 2 : 1;
  }

  /** Idle, charging, unmetered, thermals, the bits of the battery's level, free bytes. */
  long[] conditions() {
    return ask(() -> {
      Conditions now = new Conditions();
      host.conditions(now);
      return new long[] {known(now.idle), known(now.charging), known(now.unmetered), known(now.thermalsOk),
          Double.doubleToRawLongBits(now.batteryLevel), Math.max(0, now.freeStorageBytes)};
    });
  }

  /** Both, or null: then no run goes on. */
  long[] clocks() {
    return ask(() -> new long[] {clock.monotonicMillis(), clock.unixSeconds()});
  }

  void log(int level, byte[] text) {
    ask(() -> {
      host.log(level != 0, Utf8.decodeForLog(text));
      return null;
    });
  }

  void phase(int code) {
    Phase phase = Phase.of(code);
    ask(() -> {
      host.phase(phase);
      return null;
    });
    RunListener now = listener;
    if (now == null) return;
    ask(() -> {
      now.phase(phase);
      return null;
    });
  }

  /** The native layer wipes the seed. */
  byte[] wrap(byte[] seed) {
    return ask(() -> keys.wrap(seed));
  }

  /** The native layer wipes what it is given. */
  byte[] unwrap(byte[] wrapped) {
    return ask(() -> keys.unwrap(wrapped));
  }

  boolean destroyKey() {
    return Boolean.TRUE.equals(ask(() -> {
      keys.destroyKey();
      return true;
    }));
  }

  byte[] sign(byte[] message) {
    return ask(() -> signer.sign(message));
  }

  PackedTransactions examples() {
    return ask(() -> new PackedTransactions(host.examples()));
  }

  /** Arguments are TrainingTask's. The native layer wipes what it is given. */
  float[] train(long handle, byte[][] texts, long[] numbers, double[] rates, float[] weights, long[] rows) {
    return ask(() -> {
      TrainingTask task = new TrainingTask(handle, texts, numbers, rates, weights, rows);
      try {
        return trainer.train(task);
      } finally {
        task.end();
      }
    });
  }

  /** The body, or null and why not in {@code status[0]}. */
  byte[] exchange(byte[] request, int timeoutMillis, int[] status) {
    status[0] = Status.UNAVAILABLE.code;
    return ask(() -> {
      try {
        return transport.exchange(request, timeoutMillis);
      } catch (SocketTimeoutException error) {
        status[0] = Status.TIMEOUT.code;
        throw error;
      } catch (SSLException error) {
        status[0] = Status.UNAUTHORIZED.code;
        throw error;
      }
    });
  }

  /** {@code transactionId} may be null. Wipes both. */
  void insight(int kind, byte[] transactionId, byte[] json) {
    ask(() -> {
      try {
        insights.insight(InsightKind.of(kind), transactionId == null ? null : Utf8.decode(transactionId), Utf8.decode(json));
        return null;
      } catch (Throwable error) {
        if (thrownByInsights.get() == null) thrownByInsights.set(error);
        return null;
      } finally {
        Utf8.wipe(transactionId, json);
      }
    });
  }

  void giveUpExchange() {
    ask(() -> {
      transport.giveUp();
      return null;
    });
  }
}
