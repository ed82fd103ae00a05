package org.fedspend.client;

import static org.fedspend.client.Checks.check;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** A device of the sample's folder in a federation that is under way: RoundTest FOLDER ROWS. */
final class RoundTest {
  private static final long LIMIT_MS = 20_000;

  /** Ways in which an app goes wrong. */
  private enum Way { WELL, CONDITIONS_THROW, CONDITIONS_SAY_NOTHING, EXAMPLES_THROW, PHASE_THROWS }

  private static final class App implements Host {
    volatile Way way = Way.WELL;
    final List<Transaction> rows = new ArrayList<>();
    final Set<String> exampleThreads = ConcurrentHashMap.newKeySet();

    @Override
    public void conditions(Conditions now) throws Exception {
      if (way == Way.CONDITIONS_THROW) throw new java.io.IOException("the system does not say");
      if (way == Way.CONDITIONS_SAY_NOTHING) return;
      now.idle = now.charging = now.unmetered = now.thermalsOk = true;
      now.batteryLevel = 1;
      now.freeStorageBytes = 1_000_000_000;
    }

    @Override
    public void phase(Phase phase) {
      if (way == Way.PHASE_THROWS) throw new IllegalStateException("no display");
    }

    @Override
    public boolean hasExamples() {
      return true;
    }

    @Override
    public List<Transaction> examples() {
      exampleThreads.add(Thread.currentThread().getName());
      if (way == Way.EXAMPLES_THROW) throw new IllegalStateException("the app's own store is locked");
      return rows;
    }
  }

  private static String read(Path file) throws Exception {
    return Files.readString(file).stripTrailing();
  }

  private static Device open(Path folder, App app) throws Exception {
    Options options = new Options();
    options.persistentFolder = folder.resolve("device").toString();
    options.cacheFolder = folder.resolve("cache").toString();
    options.population = "synthetic";
    options.policy = Files.readString(folder.resolve("policy.toml"));
    options.releaseKey = Device.parseKey(read(folder.resolve("release.pub")));
    options.authorityKey = Device.parseKey(read(folder.resolve("authority.pub")));
    options.coordinatorKey = Device.parseKey(read(folder.resolve("coordinator.pub")));
    options.coordinator = read(folder.resolve("coordinator.address"));
    options.keyInFile = true;
    options.transientBackoffMillis = 50;
    options.permanentBackoffMillis = 50;
    return Device.open(options, app);
  }

  /** Runs until one comes to `outcome`. */
  private static RunReport until(Device device, RunOutcome outcome) throws Exception {
    RunReport report = null;
    for (long end = System.nanoTime() + LIMIT_MS * 1_000_000; System.nanoTime() < end; Thread.sleep(20)) {
      report = device.runOnce();
      if (report.outcome == outcome) return report;
    }
    check(false, "never " + outcome + "; last " + (report == null ? "nothing" : report.outcome + ": " + report.words));
    return report;
  }

  private static void wrongWays(Device device, App app) throws Exception {
    app.way = Way.CONDITIONS_THROW;
    RunReport report = until(device, RunOutcome.CONDITIONS);
    check(report.bytesSent == 0 && report.callbackError instanceof java.io.IOException, "conditions that throw: " + report.callbackError);
    app.way = Way.CONDITIONS_SAY_NOTHING;
    report = until(device, RunOutcome.CONDITIONS);
    check(report.bytesSent == 0 && report.callbackError == null, "conditions that say nothing: " + report.callbackError);
    app.way = Way.EXAMPLES_THROW;
    Throwable seen = null;
    for (long end = System.nanoTime() + LIMIT_MS * 1_000_000; System.nanoTime() < end && seen == null; Thread.sleep(20)) {
      report = device.runOnce();
      check(report.outcome != RunOutcome.CONTRIBUTED, "contributed without examples");
      seen = report.callbackError;
    }
    check(seen instanceof IllegalStateException, "examples that throw: " + seen);
  }

  private static void listenerHearsARun(Device device, App app) throws Exception {
    app.way = Way.PHASE_THROWS; // what only shows does not stop a run
    ExecutorService executor = Executors.newSingleThreadExecutor();
    Set<Phase> phases = ConcurrentHashMap.newKeySet();
    AtomicReference<RunReport> last = new AtomicReference<>();
    AtomicReference<Exception> wrong = new AtomicReference<>();
    for (long end = System.nanoTime() + LIMIT_MS * 1_000_000; System.nanoTime() < end;) {
      CountDownLatch done = new CountDownLatch(1);
      device.run(executor, new RunListener() {
        @Override
        public void phase(Phase phase) {
          phases.add(phase);
        }

        @Override
        public void finished(RunReport report) {
          last.set(report);
          done.countDown();
        }

        @Override
        public void failed(Exception error) {
          wrong.set(error);
          done.countDown();
        }
      });
      check(done.await(LIMIT_MS, TimeUnit.MILLISECONDS), "the listener hears the end");
      if (wrong.get() != null || last.get().outcome == RunOutcome.CONTRIBUTED) break;
      Thread.sleep(20);
    }
    check(wrong.get() == null, "failed: " + wrong.get());
    check(last.get() != null && last.get().outcome == RunOutcome.CONTRIBUTED && last.get().bytesSent > 0, "contributed with a listener");
    check(phases.contains(Phase.TRAINING) && phases.contains(Phase.CHECKED_IN), "phases " + phases);
    check(!app.exampleThreads.contains(Thread.currentThread().getName()), "examples come on another thread");
    executor.shutdown();
  }

  private static void insightsOfTheRoundsModel(Device device) throws Exception {
    device.giveConsent("evaluation", "2026-11", null, null); // personal_insights: the sample's
    Prediction prediction = device.predict(5, 0.01);
    double sum = 0;
    for (Prediction.Chance chance : prediction.next) sum += chance.probability;
    check(prediction.next.size() == 5 && !prediction.next.get(0).category.isEmpty() && sum > 0 && sum <= 1.000001, "prediction of " + prediction.next.size());
    check(device.explainJson(0, 0).startsWith("{") && !device.explain(0, 0).isEmpty(), "reasons");
    PersonalReport personal = device.personalise();
    check(personal.predictions > 0 && personal.chosenLoss <= personal.sharedLoss, "personal: " + personal.predictions);
    Evaluation evaluation = device.evaluate();
    check(evaluation.predictions > 0 && evaluation.sharedCorrect <= evaluation.sharedCorrectIn3, "evaluation");
  }

  private static void closingEndsARun(Device device, App app) throws Exception {
    app.way = Way.WELL;
    ExecutorService executor = Executors.newSingleThreadExecutor();
    AtomicReference<Object> end = new AtomicReference<>();
    CountDownLatch done = new CountDownLatch(1);
    device.run(executor, new RunListener() {
      @Override
      public void finished(RunReport report) {
        end.set(report.outcome);
        done.countDown();
      }

      @Override
      public void failed(Exception error) {
        end.set(error);
        done.countDown();
      }
    });
    Thread.sleep(30);
    device.close();
    check(done.await(LIMIT_MS, TimeUnit.MILLISECONDS), "the listener hears the end: " + end.get());
    executor.shutdown();
  }

  public static void main(String[] arguments) throws Exception {
    App app = new App();
    for (String line : Files.readAllLines(Path.of(arguments[1]))) {
      String[] fields = line.split(",", 4);
      app.rows.add(Transaction.debit(null, Long.parseLong(fields[1]), Long.parseLong(fields[2]), fields[3]));
    }
    Device device = open(Path.of(arguments[0]), app);
    wrongWays(device, app);
    listenerHearsARun(device, app);
    insightsOfTheRoundsModel(device);
    closingEndsARun(device, app);
    Checks.end();
  }
}
