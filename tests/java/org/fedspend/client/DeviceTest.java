package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** The Java face without a coordinator: numbers, handles, callbacks that throw, references. Run with -Xcheck:jni. */
final class DeviceTest {
  /** A library without ZeroMQ has no connection of its own. */
  private static final boolean WITH_CONNECTION = Boolean.getBoolean("fedspend.connection");
  private static final long NOW = 1_790_000_000L;

  /** A toy in place of a hardware key; it remembers the arrays that it was given and gave. */
  private static class Key implements KeyWrapper {
    byte[] lastSeed, lastUnwrapped;
    RuntimeException refusal;

    @Override
    public byte[] wrap(byte[] seed) {
      if (refusal != null) throw refusal;
      lastSeed = seed;
      return turned(seed);
    }

    @Override
    public byte[] unwrap(byte[] wrapped) {
      if (refusal != null) throw refusal;
      return lastUnwrapped = turned(wrapped);
    }

    private static byte[] turned(byte[] bytes) {
      byte[] other = bytes.clone();
      for (int i = 0; i < other.length; ++i) other[i] ^= 0x5a;
      return other;
    }
  }

  private static class App implements Host {
    final Key key = new Key();
    final List<String> log = new ArrayList<>();

    @Override
    public void conditions(Conditions now) {
      now.idle = now.charging = now.unmetered = now.thermalsOk = true;
      now.batteryLevel = 0.9;
      now.freeStorageBytes = 1_000_000_000;
    }

    @Override
    public void log(boolean warning, String text) {
      log.add(text);
    }

    @Override
    public KeyWrapper keys() {
      return key;
    }

    @Override
    public Clock clock() {
      return new Clock() {
        @Override
        public long monotonicMillis() {
          return System.nanoTime() / 1_000_000;
        }

        @Override
        public long unixSeconds() {
          return NOW;
        }
      };
    }
  }

  private static Options options(Path folder) {
    Options options = new Options();
    options.persistentFolder = folder.toString();
    options.population = "cards";
    options.policy = "purposes = [\"next_category\"]\n";
    if (WITH_CONNECTION) {
      options.coordinator = "tcp://127.0.0.1:1";
      options.coordinatorKey = new byte[32];
      Arrays.fill(options.coordinatorKey, (byte) 3);
    }
    options.releaseKey = new byte[32];
    options.authorityKey = new byte[32];
    Arrays.fill(options.releaseKey, (byte) 1);
    Arrays.fill(options.authorityKey, (byte) 2);
    return options;
  }

  private static String dashed(Enum<?> value) {
    return value.name().toLowerCase().replace('_', '-');
  }

  private static void numbersAreThoseOfTheLibrary() throws Exception {
    for (Status status : Status.values()) check(new String(Native.name(0, status.code)).equals(dashed(status)), "status " + status);
    for (RunOutcome outcome : RunOutcome.values()) check(new String(Native.name(1, outcome.code)).equals(dashed(outcome)), "outcome " + outcome);
    for (Phase phase : Phase.values()) check(new String(Native.name(2, phase.code)).equals(dashed(phase)), "phase " + phase);
    for (InsightKind kind : InsightKind.values()) check(new String(Native.name(3, kind.code)).equals(dashed(kind)), "insight " + kind);
    // None is missing here.
    check(new String(Native.name(0, Status.values().length - 1)).equals("unknown"), "a status more");
    check(new String(Native.name(1, RunOutcome.values().length)).equals("unknown"), "an outcome more");
    check(new String(Native.name(2, Phase.values().length - 1)).equals("unknown"), "a phase more");
    check(new String(Native.name(3, InsightKind.values().length)).equals("unknown"), "an insight more");
    check(Status.of(77) == Status.UNKNOWN && RunOutcome.of(77) == RunOutcome.UNKNOWN && Phase.of(77) == Phase.UNKNOWN && InsightKind.of(77) == InsightKind.UNKNOWN, "later numbers");
    check(!Device.isDemonstrationPolicy(options(Path.of("x")).policy), "policy");
    expect(FedspendException.class, () -> Device.isDemonstrationPolicy("no policy"));
    check(Device.libraryVersion().matches("\\d+\\.\\d+\\.\\d+"), "version");
    check(Arrays.equals(Device.parseKey("01".repeat(32)), options(Path.of("x")).releaseKey), "parseKey");
    check(expect(FedspendException.class, () -> Device.parseKey("02")).status() == Status.MALFORMED, "a short key");
    expect(IllegalArgumentException.class, () -> Device.parseKey("02\0"));
  }

  private static void aDeviceKeepsWhatItIsGiven(Path folder) throws Exception {
    App app = new App();
    String id;
    try (Device device = Device.open(options(folder), app)) {
      id = device.id();
      check(id.matches("[0-9a-f]{64}"), "id " + id);
      check(app.key.lastSeed != null && Arrays.equals(app.key.lastSeed, new byte[32]), "the seed that was wrapped is wiped");
      List<Transaction> some = new ArrayList<>();
      for (int i = 0; i < 3000; ++i) some.add(new Transaction("id-" + i, NOW - 3000 + i, 100 + i, i % 7 == 0, i % 2 == 0 ? "FOOD" : null, "Café \uD83C\uDF55", "EUR"));
      IngestReport report = device.ingest(some);
      check(report.added == 3000 && report.replaced == 0, "added " + report.added);
      report = device.ingest(some.subList(0, 10));
      check(report.added == 0 && report.unchanged == 10, "unchanged " + report.unchanged);
      report = device.ingest(List.of(Transaction.debit("id-0", NOW - 1, 5, "RENT"), Transaction.debit("neu \uD83D\uDE80", NOW - 2, 5, null)));
      check(report.added == 1 && report.replaced == 1, "replaced " + report.replaced);
      check(device.ingest(List.of()).added == 0, "nothing");
      check(expect(FedspendException.class, () -> device.ingest(List.of(Transaction.debit("x", NOW, -1, "RENT")))).status() == Status.INVALID_ARGUMENT, "negative amount");
      check(expect(FedspendException.class, () -> device.ingest(List.of(Transaction.debit(null, NOW, 1, "RENT")))).status() == Status.INVALID_ARGUMENT, "no id");
      device.setRetention("next_category", 30);
      check(expect(FedspendException.class, () -> device.setRetention("next_category", 40_000)).status() == Status.INVALID_ARGUMENT, "retention");
      check(!device.hasConsent("next_category"), "no consent at first");
      device.giveConsent("next_category", "2026-11", "de", null);
      check(device.hasConsent("next_category"), "consent");
      check(device.consentRecords("Bank \u00fc", "customer").contains("Bank \u00fc"), "records");
      RunReport run = device.runOnce();
      check(run.outcome == RunOutcome.NOT_ENROLLED && run.bytesSent == 0, "not enrolled: " + run.outcome);
      device.withdrawConsent("next_category");
      check(!device.hasConsent("next_category"), "withdrawn");
      device.giveConsent("next_category", "2026-11", null, null);
      device.withdrawAllConsent();
      check(!device.hasConsent("next_category"), "all withdrawn");
      check(!device.isEnrolled(), "not enrolled");
      check(device.enrolmentRequest("0a".repeat(32), null).length() > 64, "request");
      check(expect(FedspendException.class, () -> device.enrolmentRequest("a token", null)).getMessage().contains("64 hexadecimal digits"), "words");
      check(expect(FedspendException.class, () -> device.predict(null)).status() == Status.REFUSED, "insights without consent");
      device.giveConsent("personal_insights", "1", null, null);
      device.giveConsent("evaluation", "1", null, null);
      check(expect(FedspendException.class, () -> device.predict(null)).status() == Status.NOT_FOUND, "no model");
      expect(FedspendException.class, () -> device.insight(InsightKind.NEXT, null, null));
      expect(FedspendException.class, () -> device.personalise(null));
      expect(FedspendException.class, () -> device.evaluate(null));
      expect(FedspendException.class, () -> device.installModel(new byte[] {1, 2}, "no signature", new byte[0]));
      expect(FedspendException.class, () -> device.installModel(null, null, null));
      check(device.historyJson().startsWith("{") && device.statementJson().startsWith("{"), "JSON");
      check(device.history() != null && device.statement() != null, "texts");
      check(expect(FedspendException.class, () -> Device.open(options(folder), new App())).status() == Status.CONFLICT, "two on one folder");
      expect(FedspendException.class, () -> device.installCertificate("no certificate"));
      expect(IllegalArgumentException.class, () -> device.giveConsent("next_category\0", "1", null, null));
      expect(NullPointerException.class, () -> device.withdrawConsent(null));
      expect(FedspendException.class, () -> device.giveConsent(null, "1", null, null));
    }
    try (Device device = Device.open(options(folder), app)) {
      check(device.id().equals(id), "the same device again");
      check(Arrays.equals(app.key.lastUnwrapped, new byte[32]), "the seed that was unwrapped is wiped");
      check(device.ingest(List.of(Transaction.debit("id-1", NOW, 101, "FOOD"))).added == 0, "still known");
    }
  }

  private static void whatACallbackThrowsCountsAsNo(Path folder) throws Exception {
    App app = new App();
    app.key.refusal = new IllegalArgumentException("locked");
    FedspendException error = expect(FedspendException.class, () -> Device.open(options(folder), app));
    check(error.status() == Status.UNAVAILABLE && error.getCause() == app.key.refusal, "open: " + error);
    // An error that is no exception, and answers of the wrong size.
    for (byte[] answer : new byte[][] {null, {}, new byte[5000]}) {
      App other = new App() {
        @Override
        public KeyWrapper keys() {
          return new Key() {
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
    App clockless = new App() {
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
    App app = new App() {
      @Override
      public KeyWrapper keys() {
        return new Key() {
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

  private static void afterCloseEverythingIsRefused(Path folder) throws Exception {
    Device device = Device.open(options(folder), new App());
    device.close();
    device.close();
    Checks.Work[] all = {device::id, device::isEnrolled, device::runOnce, device::cancel, device::history, device::historyJson, device::statement, device::statementJson,
        device::wipe, device::withdrawAllConsent, () -> device.setRetention("a", 1), () -> device.personalise(null), () -> device.evaluate(null), () -> device.predict(null), () -> device.insight(InsightKind.NEXT, null, null),
        () -> device.insightJson(InsightKind.NEXT, null, null), () -> device.correctCategory("a", "b"), () -> device.installModel(new byte[0], "", new byte[0]), () -> device.ingest(List.of()), () -> device.giveConsent("a", "b", null, null), () -> device.withdrawConsent("a"),
        () -> device.hasConsent("a"), () -> device.consentRecords("a", "b"), () -> device.enrolmentRequest("a", null), () -> device.installCertificate("a")};
    for (Checks.Work work : all) expect(IllegalStateException.class, work);
    Throwable[] told = new Throwable[1];
    device.run(Runnable::run, new RunListener() {
      @Override
      public void finished(RunReport report) {}

      @Override
      public void failed(Throwable error) {
        told[0] = error;
      }
    });
    check(told[0] instanceof IllegalStateException, "run after close: " + told[0]);
  }

  private static void closingWhileOthersCall(Path folder) throws Exception {
    for (int turn = 0; turn < 20; ++turn) {
      Device device = Device.open(options(folder), new App());
      device.giveConsent("next_category", "1", null, null);
      AtomicInteger wrong = new AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 4; ++i) {
        int kind = i;
        threads.add(new Thread(() -> {
          try {
            for (;;) {
              if (kind == 0) device.runOnce();
              else if (kind == 1) device.history();
              else if (kind == 2) device.cancel();
              else device.ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD")));
            }
          } catch (IllegalStateException closed) {
            // As it must be.
          } catch (Throwable error) {
            wrong.incrementAndGet();
            error.printStackTrace(System.out);
          }
        }));
      }
      for (Thread thread : threads) thread.start();
      Thread.sleep(3 * turn);
      device.close();
      for (Thread thread : threads) thread.join();
      check(wrong.get() == 0, "calls during close");
    }
  }

  private static void whatIsNotUnicodeIsRefused(Path folder) throws Exception {
    // RFC 3629, section 3: four bytes beyond the first plane, where "modified UTF-8" has six; a NUL is the end.
    check(Arrays.equals(Utf8.encode("\uD83C\uDF55"), new byte[] {(byte) 0xF0, (byte) 0x9F, (byte) 0x8D, (byte) 0x95, 0}), "four bytes");
    check(Arrays.equals(Utf8.encode("\u00fc"), new byte[] {(byte) 0xC3, (byte) 0xBC, 0}) && Utf8.encode(null) == null, "two bytes");
    StringBuilder all = new StringBuilder();
    for (int point = 1; point <= Character.MAX_CODE_POINT; point += 7) if (point < 0xD800 || point > 0xDFFF) all.appendCodePoint(point);
    byte[] bytes = Utf8.encode(all.toString());
    check(Utf8.decode(Arrays.copyOf(bytes, bytes.length - 1)).equals(all.toString()), "there and back");
    for (String half : new String[] {"\uD800", "a\uDC00b", "\uDF55\uD83C", "\uD83C"}) expect(IllegalArgumentException.class, () -> Utf8.encode(half));
    // Half a pair in six bytes (CESU-8), a NUL of "modified UTF-8", a character that is cut.
    for (byte[] bad : new byte[][] {{(byte) 0xED, (byte) 0xA0, (byte) 0x80}, {(byte) 0xC0, (byte) 0x80}, {(byte) 0xF0, (byte) 0x9F}}) expect(IllegalStateException.class, () -> Utf8.decode(bad));
    try (Device device = Device.open(options(folder), new App())) {
      expect(IllegalArgumentException.class, () -> device.giveConsent("next_category\uD800", "1", null, null));
      expect(IllegalArgumentException.class, () -> device.ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD"), Transaction.debit("b\uD83C", NOW, 1, "FOOD"))));
      check(device.ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD"))).added == 1, "nothing of a list that was refused");
    }
  }

  private static void copiesOfSpendingAreWiped(Path folder) throws Exception {
    try (Device device = Device.open(options(folder), new App())) {
      java.lang.reflect.Field peer = Device.class.getDeclaredField("peer");
      peer.setAccessible(true);
      List<Transaction> some = List.of(Transaction.debit("a", NOW, 5, "FOOD"), new Transaction("b", NOW, 6, true, null, "Caf\u00e9".repeat(50), "EUR"));
      PackedTransactions packed = new PackedTransactions(some);
      check(packed.pool.length > 250 && packed.numbers[1] == 5, "packed");
      check(Native.ingest((long) peer.get(device), packed.pool, packed.offsets, packed.numbers)[0] == 2, "ingested");
      check(Arrays.equals(packed.pool, new byte[packed.pool.length]) && Arrays.equals(packed.numbers, new long[6]), "wiped");
      PackedTransactions refused = new PackedTransactions(List.of(Transaction.debit("c", NOW, -1, "FOOD")));
      expect(FedspendException.class, () -> Native.ingest((long) peer.get(device), refused.pool, refused.offsets, refused.numbers));
      check(Arrays.equals(refused.pool, new byte[refused.pool.length]) && Arrays.equals(refused.numbers, new long[3]), "wiped although refused");
    }
  }

  /** A callback that is under way when another thread closes: its cancel ends nothing that is not ending, and does not throw. */
  private static void cancellingInACallbackWhileClosing(Path folder) throws Exception {
    Device[] device = new Device[1];
    CountDownLatch inside = new CountDownLatch(1), closing = new CountDownLatch(1);
    AtomicInteger cancelled = new AtomicInteger();
    Throwable[] seen = new Throwable[1];
    boolean[] waits = {false};
    App app = new App() {
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
    Device.open(options(folder), new App()).close(); // both closers have waited for the end
    // Of a device that is closed, in a callback of another.
    App other = new App() {
      @Override
      public void log(boolean warning, String text) {}

      @Override
      public KeyWrapper keys() {
        return new Key() {
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

  private static void aFolderIsWipedWithoutADevice(Path folder) throws Exception {
    Device.open(options(folder), new App()).close();
    Files.write(folder.resolve("device.db"), new byte[100]);
    expect(FedspendException.class, () -> Device.open(options(folder), new App()));
    Device.wipeFolder(options(folder), new App());
    try (Device device = Device.open(options(folder), new App())) {
      check(!device.isEnrolled(), "begun anew");
      check(expect(FedspendException.class, () -> Device.wipeFolder(options(folder), new App())).status() == Status.CONFLICT, "open");
    }
    Device.pinInstructionSet("best");
    check(expect(FedspendException.class, () -> Device.pinInstructionSet("abacus")).status() != Status.OK, "no such set");
  }

  private static void nothingIsHeldAfterClose(Path folder) throws Exception {
    List<WeakReference<App>> apps = new ArrayList<>();
    for (int i = 0; i < 200; ++i) {
      App app = new App();
      apps.add(new WeakReference<>(app));
      if (i % 2 == 0) {
        app.key.refusal = new IllegalStateException("locked"); // a device that is never made holds nothing either
        expect(FedspendException.class, () -> Device.open(options(folder), app));
      } else {
        try (Device device = Device.open(options(folder), app)) {
          device.ingest(List.of(Transaction.debit("a", NOW, i, "FOOD")));
        }
      }
    }
    long left = apps.size();
    for (int attempt = 0; attempt < 50 && left > 0; ++attempt) {
      System.gc();
      Thread.sleep(20);
      left = apps.stream().filter(app -> app.get() != null).count();
    }
    check(left == 0, left + " hosts are still held");
  }

  public static void main(String[] arguments) throws Exception {
    Path base = Files.createTempDirectory("fedspend-java-");
    try {
      numbersAreThoseOfTheLibrary();
      aDeviceKeepsWhatItIsGiven(Files.createDirectory(base.resolve("keeps")));
      whatACallbackThrowsCountsAsNo(Files.createDirectory(base.resolve("throws")));
      aCallbackMayNotCallTheDevice(Files.createDirectory(base.resolve("calls")));
      afterCloseEverythingIsRefused(Files.createDirectory(base.resolve("closed")));
      closingWhileOthersCall(Files.createDirectory(base.resolve("closing")));
      whatIsNotUnicodeIsRefused(Files.createDirectory(base.resolve("unicode")));
      copiesOfSpendingAreWiped(Files.createDirectory(base.resolve("wiped")));
      cancellingInACallbackWhileClosing(Files.createDirectory(base.resolve("cancelling")));
      everythingThrownReachesTheListener();
      aFolderIsWipedWithoutADevice(Files.createDirectory(base.resolve("folder")));
      nothingIsHeldAfterClose(Files.createDirectory(base.resolve("held")));
    } finally {
      try (Stream<Path> files = Files.walk(base)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
    Checks.end();
  }
}
