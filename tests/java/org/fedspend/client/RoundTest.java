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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** A device of the sample's folder in a federation that is under way: RoundTest FOLDER ROWS. */
final class RoundTest {
  private static final long LIMIT_MS = 20_000;

  /** Ways in which an app goes wrong. */
  private enum Way { WELL, CONDITIONS_THROW, CONDITIONS_SAY_NOTHING, EXAMPLES_THROW, PHASE_THROWS, CLOCK_THROWS, TRAINER_THROWS, TRAINER_GIVES_TOO_FEW }

  /** Nudges the weights; remembers what it saw. */
  private static final class OwnTrainer implements Trainer {
    volatile Way way = Way.WELL;
    volatile TrainingTask last;
    volatile float[] given;
    volatile String wrong = "never asked";

    @Override
    public float[] train(TrainingTask task) throws Exception {
      last = task;
      wrong = task.model.isEmpty() || !task.sizesJson.startsWith("{") || task.categories.isEmpty() || task.epochs < 1 || task.batchSize < 1 || task.learningRate <= 0 ? "the plan's" : "";
      if (task.rowCount() < 1 || task.isStopped()) wrong += " rows " + task.rowCount();
      for (int i = 0; i < task.rowCount(); ++i)
        if (task.timeSeconds(i) < 1_000_000_000L || i > 0 && task.timeSeconds(i) < task.timeSeconds(i - 1) || task.amountMinor(i) < 0 || task.category(i) > task.categories.size()
            || task.isCredit(i)) wrong += " row " + i;
      if (way == Way.TRAINER_THROWS) throw new IllegalStateException("no accelerator");
      if (way == Way.TRAINER_GIVES_TOO_FEW) return new float[1];
      given = task.weights.clone();
      for (int i = 0; i < given.length; ++i) given[i] += i % 2 == 0 ? 1e-3f : -1e-3f;
      return given;
    }
  }

  private static final class App implements Host {
    Trainer trainer;
    Transport transport;

    @Override
    public Trainer trainer() {
      return trainer;
    }

    @Override
    public Transport transport() {
      return transport;
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
          if (way == Way.CLOCK_THROWS) throw new IllegalStateException("no clock");
          return System.currentTimeMillis() / 1_000;
        }
      };
    }

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
    if (app.transport == null) options.coordinator = read(folder.resolve("coordinator.address"));
    options.connectTimeoutMillis = 2_000;
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
    app.way = Way.CLOCK_THROWS;
    report = until(device, RunOutcome.CANCELLED);
    check(report.bytesSent == 0 && report.callbackError instanceof IllegalStateException, "a clock that throws: " + report.bytesSent + ", " + report.callbackError);
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
    AtomicReference<Throwable> wrong = new AtomicReference<>();
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
        public void failed(Throwable error) {
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
    InsightOptions options = new InsightOptions();
    options.mostCategories = 5;
    options.minConfidence = 0.01;
    Prediction prediction = device.predict(options);
    double sum = 0;
    for (Prediction.Chance chance : prediction.next) sum += chance.probability;
    check(prediction.next.size() == 5 && !prediction.next.get(0).category.isEmpty() && sum > 0 && sum <= 1.000001, "prediction of " + prediction.next.size());
    check(device.insightJson(InsightKind.NEXT, null, null).startsWith("{") && !device.insight(InsightKind.NEXT, null, options).isEmpty(), "reasons");
    PersonalReport personal = device.personalise("next_category");
    check(personal.predictions > 0 && personal.chosenLoss <= personal.sharedLoss, "personal: " + personal.predictions);
    check(personal.headLoss > 0 && personal.proximalLoss > 0 && personal.ownCountsLoss > 0, "each way");
    Evaluation evaluation = device.evaluate("next_category");
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
      public void failed(Throwable error) {
        end.set(error);
        done.countDown();
      }
    });
    Thread.sleep(30);
    device.close();
    check(done.await(LIMIT_MS, TimeUnit.MILLISECONDS), "the listener hears the end: " + end.get());
    executor.shutdown();
  }

  private static void aTrainerOfTheAppsOwn(Path folder, App app) throws Exception {
    OwnTrainer trainer = new OwnTrainer();
    app.trainer = trainer;
    app.way = Way.WELL;
    try (Device device = open(folder, app)) {
      for (Way way : new Way[] {Way.TRAINER_THROWS, Way.TRAINER_GIVES_TOO_FEW}) {
        trainer.way = way;
        trainer.last = null;
        RunReport report = null;
        for (long end = System.nanoTime() + LIMIT_MS * 1_000_000; System.nanoTime() < end && trainer.last == null; Thread.sleep(20)) report = device.runOnce();
        check(trainer.last != null && report.outcome != RunOutcome.CONTRIBUTED, "a trainer with " + way + ": " + report.outcome);
        check((way == Way.TRAINER_THROWS) == (report.callbackError instanceof IllegalStateException), way + ": " + report.callbackError);
      }
      trainer.way = Way.WELL;
      until(device, RunOutcome.CONTRIBUTED);
      check(trainer.wrong.isEmpty(), "what a trainer sees: " + trainer.wrong);
      check(java.util.Arrays.equals(trainer.given, new float[trainer.given.length]), "the trained weights are wiped");
      check(java.util.Arrays.equals(trainer.last.weights, new float[trainer.given.length]), "the round's weights are wiped");
      check(trainer.last.isStopped() && trainer.last.timeSeconds(0) == 0 && trainer.last.amountMinor(0) == 0, "the rows are wiped");
    }
    app.trainer = null;
  }

  /** A gateway of one answer (common/transport/ENVELOPE.md): not enrolled; before it, failures. */
  private static void aTransportOfTheAppsOwn(Path folder, App app) throws Exception {
    Exception[] failures = {new java.net.SocketTimeoutException("late"), new javax.net.ssl.SSLPeerUnverifiedException("another certificate"), new java.io.IOException("no network")};
    String[] statuses = {"timeout", "unauthorized", "unavailable"};
    int[] turn = {0};
    String[] wrong = {""};
    app.transport = new Transport() {
      @Override
      public byte[] exchange(byte[] request, int timeoutMillis) throws Exception {
        if (timeoutMillis <= 0 || request.length < 139 || request[0] != 'F' || request[1] != 'S' || request[2] != 'G' || request[3] != 'Q') wrong[0] += " no request";
        if (turn[0] < failures.length) throw failures[turn[0]];
        java.nio.ByteBuffer answer = java.nio.ByteBuffer.allocate(20).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        return answer.put("FSGA".getBytes("US-ASCII")).putShort((short) 1).put((byte) 1).putInt(0).putLong(0).put((byte) 0).array();
      }
    };
    try (Device device = open(folder, app)) {
      for (; turn[0] < failures.length; ++turn[0]) {
        RunReport report = until(device, RunOutcome.UNREACHABLE);
        check(report.callbackError == failures[turn[0]] && report.words.contains(statuses[turn[0]]), "a transport that fails: " + report.words + ", " + report.callbackError);
      }
      RunReport report = until(device, RunOutcome.NOT_ACCEPTED_HERE);
      check(wrong[0].isEmpty(), "the request:" + wrong[0]);
      check(report.callbackError == null, "an answer: " + report.callbackError);
    }
    app.transport = null;
  }

  /** An exchange that nobody answers ends with the run, though the first thing it is told comes before it can hear. */
  private static void anExchangeIsGivenUp(Path folder, App app) throws Exception {
    AtomicInteger told = new AtomicInteger();
    CountDownLatch ended = new CountDownLatch(1);
    Device[] device = {null};
    app.transport = new Transport() {
      @Override
      public byte[] exchange(byte[] request, int timeoutMillis) throws Exception {
        device[0].cancel();
        boolean inTime = ended.await(timeoutMillis, TimeUnit.MILLISECONDS);
        throw new java.io.IOException(inTime ? "given up" : "late");
      }

      @Override
      public void giveUp() {
        if (told.incrementAndGet() == 2) ended.countDown();
      }
    };
    try (Device opened = open(folder, app)) {
      device[0] = opened;
      until(opened, RunOutcome.CANCELLED);
      check(told.get() >= 2, "given up " + told.get() + " times");
    }
    app.transport = null;
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
    aTrainerOfTheAppsOwn(Path.of(arguments[0]), app);
    aTransportOfTheAppsOwn(Path.of(arguments[0]), app);
    anExchangeIsGivenUp(Path.of(arguments[0]), app);
    Checks.end();
  }
}
