package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;
import static org.fedspend.client.InventedApp.NOW;
import static org.fedspend.client.InventedApp.options;

import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Closing: what comes after it, what goes on meanwhile, what is held. Run with -Xcheck:jni. */
final class ClosingTest {
  private static void afterCloseEverythingIsRefused(Path folder) throws Exception {
    Device device = Device.open(options(folder), new InventedApp());
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
      Device device = Device.open(options(folder), new InventedApp());
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

  private static void nothingIsHeldAfterClose(Path folder) throws Exception {
    List<WeakReference<InventedApp>> apps = new ArrayList<>();
    for (int i = 0; i < 200; ++i) {
      InventedApp app = new InventedApp();
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
    Checks.inFolders(base -> {
      afterCloseEverythingIsRefused(Files.createDirectory(base.resolve("afterCloseEverythingIsRefused")));
      closingWhileOthersCall(Files.createDirectory(base.resolve("closingWhileOthersCall")));
      nothingIsHeldAfterClose(Files.createDirectory(base.resolve("nothingIsHeldAfterClose")));
    });
  }
}
