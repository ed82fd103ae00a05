package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;
import static org.fedspend.client.InventedApp.NOW;
import static org.fedspend.client.InventedApp.options;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** What callbacks throw and call, and what a listener is told. Run with -Xcheck:jni. */
final class CallbacksTest {
  private static void whatACallbackThrowsCountsAsNo(Path folder) throws Exception {
    InventedApp app = new InventedApp();
    app.key.refusal = new IllegalArgumentException("locked");
    FedspendException error = expect(FedspendException.class, () -> Device.open(options(folder), app));
    check(error.status() == Status.UNAVAILABLE && error.getCause() == app.key.refusal, "open: " + error);
    // An error that is no exception, and answers of the wrong size.
    for (byte[] answer : new byte[][] {null, {}, new byte[5000]}) {
      InventedApp other = new InventedApp() {
        @Override
        public KeyWrapper keys() {
          return new InventedApp.Key() {
            @Override
            public byte[] wrap(byte[] seed) {
              if (answer == null) throw new StackOverflowError("full");
              return answer;
            }
          };
        }
      };
      expect(FedspendException.class, () -> Device.open(options(folder), other));
    }
    app.key.refusal = null;
    Device device = Device.open(options(folder), app);
    device.close();
    app.key.refusal = new IllegalArgumentException("locked again");
    error = expect(FedspendException.class, () -> Device.open(options(folder), app));
    check(error.getCause() == app.key.refusal, "reopen: " + error);
    // A clock that fails in the midst of a call.
    app.key.refusal = null;
    boolean[] broken = {false};
    InventedApp clockless = new InventedApp() {
      @Override
      public Clock clock() {
        return new Clock() {
          @Override
          public long monotonicMillis() {
            return System.nanoTime() / 1_000_000;
          }

          @Override
          public long unixSeconds() {
            if (broken[0]) throw new IllegalStateException("no clock");
            return NOW;
          }
        };
      }
    };
    clockless.key.refusal = null;
    try (Device other = Device.open(options(folder), clockless)) {
      other.giveConsent("next_category", "1", null, null);
      broken[0] = true;
      other.giveConsent("evaluation", "1", null, null);
      String records = other.consentRecords("bank", "customer");
      check(!records.contains("1970") && records.contains("evaluation"), "a consent without a clock: " + records);
      RunReport report = other.runOnce();
      check(report.outcome != RunOutcome.CONTRIBUTED && report.bytesSent == 0, "without a clock: " + report.outcome);
    }
  }

  private static void aCallbackMayNotCallTheDevice(Path folder) throws Exception {
    Device[] device = new Device[1];
    Throwable[] seen = new Throwable[3];
    InventedApp app = new InventedApp() {
      @Override
      public KeyWrapper keys() {
        return new InventedApp.Key() {
          @Override
          public void destroyKey() throws Exception {
            try {
              device[0].id();
            } catch (IllegalStateException error) {
              seen[0] = error;
            }
            try {
              device[0].close();
            } catch (IllegalStateException error) {
              seen[1] = error;
            }
            device[0].cancel();
            throw new IOException("the key store is away");
          }
        };
      }
    };
    device[0] = Device.open(options(folder), app);
    FedspendException error = expect(FedspendException.class, () -> device[0].wipe());
    check(seen[0] != null && seen[1] != null, "refused inside a callback");
    check(error != null && error.getCause() instanceof IOException, "wipe: " + error);
    device[0].close();
  }

  /** A callback that is under way when another thread closes: its cancel ends nothing that is not ending, and does not throw. */
  private static void cancellingInACallbackWhileClosing(Path folder) throws Exception {
    Device[] device = new Device[1];
    CountDownLatch inside = new CountDownLatch(1), closing = new CountDownLatch(1);
    AtomicInteger cancelled = new AtomicInteger();
    Throwable[] seen = new Throwable[1];
    boolean[] waits = {false};
    InventedApp app = new InventedApp() {
      @Override
      public Clock clock() {
        return new Clock() {
          @Override
          public long monotonicMillis() {
            return System.nanoTime() / 1_000_000;
          }

          @Override
          public long unixSeconds() {
            if (!waits[0]) return NOW;
            inside.countDown();
            try {
              closing.await();
              Thread.sleep(100); // close() has taken its lock and waits
              device[0].cancel();
              cancelled.incrementAndGet();
            } catch (Throwable error) {
              seen[0] = error;
            }
            return NOW;
          }
        };
      }
    };
    device[0] = Device.open(options(folder), app);
    waits[0] = true;
    Thread caller = new Thread(() -> {
      try {
        device[0].ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD")));
      } catch (Throwable error) {
        seen[0] = error;
      }
    });
    caller.start();
    inside.await();
    Thread[] closers = {new Thread(device[0]::close), new Thread(device[0]::close)};
    for (Thread closer : closers) closer.start();
    closing.countDown();
    for (Thread closer : closers) closer.join();
    caller.join();
    check(cancelled.get() > 0 && seen[0] == null, "cancel while closing: " + seen[0]);
    Device.open(options(folder), new InventedApp()).close(); // both closers have waited for the end
    // Of a device that is closed, in a callback of another.
    InventedApp other = new InventedApp() {
      @Override
      public void log(boolean warning, String text) {}

      @Override
      public KeyWrapper keys() {
        return new InventedApp.Key() {
          @Override
          public byte[] unwrap(byte[] wrapped) {
            try {
              device[0].cancel();
            } catch (Throwable error) {
              seen[0] = error;
            }
            return super.unwrap(wrapped);
          }
        };
      }
    };
    Device.open(options(folder), other).close();
    check(seen[0] == null, "cancel of a closed device in a callback: " + seen[0]);
    expect(IllegalStateException.class, () -> device[0].cancel());
  }

  private static void everythingThrownReachesTheListener() {
    RunReport done = new RunReport(RunOutcome.CONTRIBUTED, "", 0, 0, null);
    Throwable[] all = {new FedspendException(4, new byte[0]), new IllegalStateException(), new IllegalArgumentException(), new IOException(), new OutOfMemoryError("as if"),
        new UnsatisfiedLinkError("as if"), new AssertionError()};
    for (Throwable one : all) {
      List<Object> told = new ArrayList<>();
      RunListener listener = new RunListener() {
        @Override
        public void finished(RunReport report) {
          told.add(report);
          throw new IllegalStateException("the listener's own");
        }

        @Override
        public void failed(Throwable error) {
          told.add(error);
        }
      };
      Callable<RunReport> run = () -> {
        if (one instanceof Error) throw (Error) one;
        throw (Exception) one;
      };
      Throwable again = null;
      try {
        Device.tell(listener, run);
      } catch (Throwable error) {
        again = error;
      }
      check(told.equals(List.of(one)), "told of " + one + ": " + told);
      check(again == (one instanceof Error ? one : null), "thrown again: " + again);
      told.clear();
      expect(IllegalStateException.class, () -> Device.tell(listener, () -> done));
      check(told.equals(List.of(done)), "once, although the listener throws: " + told);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Checks.inFolders(base -> {
      whatACallbackThrowsCountsAsNo(Files.createDirectory(base.resolve("whatACallbackThrowsCountsAsNo")));
      aCallbackMayNotCallTheDevice(Files.createDirectory(base.resolve("aCallbackMayNotCallTheDevice")));
      cancellingInACallbackWhileClosing(Files.createDirectory(base.resolve("cancellingInACallbackWhileClosing")));
      everythingThrownReachesTheListener();
    });
  }
}
