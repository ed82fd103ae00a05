package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What is said of transactions, by a categoriser that the app brings, and a forecast beside budgets:
 * InsightTest FOLDER PLAN MODEL CATEGORY OTHER FORECAST_PLAN FORECAST_MODEL. Run with -Xcheck:jni.
 */
final class InsightTest {
  private static final long NOW = System.currentTimeMillis() / 1_000;
  private static final String SHOP = "CAF\u00c9 \uD83C\uDF55 7";

  private static final class Said {
    final InsightKind kind;
    final String transactionId, json;
    final Thread thread = Thread.currentThread();

    Said(InsightKind kind, String transactionId, String json) {
      this.kind = kind;
      this.transactionId = transactionId;
      this.json = json;
    }
  }

  private static final class App implements Host {
    final List<Said> said = new ArrayList<>();
    Throwable thrown;
    Device calls;

    @Override
    public void conditions(Conditions now) throws Exception {
      throw new java.io.IOException("the system does not say");
    }

    @Override
    public InsightListener insights() {
      return (kind, transactionId, json) -> {
        said.add(new Said(kind, transactionId, json));
        if (calls != null) calls.history();
        if (thrown instanceof Error) throw (Error) thrown;
        if (thrown != null) throw (Exception) thrown;
      };
    }
  }

  private static Device open(Path folder, App app) throws Exception {
    Options options = new Options();
    options.persistentFolder = Files.createDirectories(folder.resolve("insights")).toString();
    options.population = "synthetic";
    options.releaseKey = Device.parseKey(Files.readString(folder.resolve("release.pub")).stripTrailing());
    options.authorityKey = Device.parseKey(Files.readString(folder.resolve("authority.pub")).stripTrailing());
    options.keyInFile = true;
    return Device.open(options, app);
  }

  private static IngestReport buy(Device device, String id, long time) throws Exception {
    return device.ingest(List.of(new Transaction(id, time, 900, false, null, SHOP, "EUR")));
  }

  /** The likeliest category of an insight. */
  private static String first(String json) {
    String next = json.substring(json.indexOf("\"next\""));
    return next.split("\"name\":")[1].split("\"")[1];
  }

  private static String textOf(String json, String key) {
    return json.split("\"" + key + "\":")[1].split("\"")[1];
  }

  private static void aNewTransactionIsSpokenOf(Device device, App app, String category) throws Exception {
    check(device.insight(InsightKind.CATEGORY, null, null).length() > 0, "the newest");
    IngestReport report = buy(device, "neu \uD83D\uDE80", NOW - 3_000);
    check(report.added == 1 && report.callbackError == null && app.said.size() == 1, "said " + app.said.size());
    Said said = app.said.get(0);
    check(said.kind == InsightKind.CATEGORY && said.transactionId.equals("neu \uD83D\uDE80") && said.thread == Thread.currentThread(), "of " + said.transactionId);
    check(first(said.json).equals(category) && HandOver.of(textOf(said.json, "hand_over")) == HandOver.NONE, said.json);
    String asked = device.insightJson(InsightKind.CATEGORY, "neu \uD83D\uDE80", null);
    check(said.json.replaceAll("\\s", "").equals(asked.replaceAll("\\s", "")), "asked for, it is the same: " + asked);
    check(device.insight(InsightKind.CATEGORY, "neu \uD83D\uDE80", null).contains(category), "words");
    InsightOptions options = new InsightOptions();
    options.mostCategories = 2;
    options.minConfidence = 1;
    String doubted = device.insightJson(InsightKind.CATEGORY, "neu \uD83D\uDE80", options);
    check(doubted.split("\"probability\"").length == 3 && doubted.contains("\"abstains\": true") && HandOver.of(textOf(doubted, "hand_over")) == HandOver.LOW_CONFIDENCE, doubted);
    options.mostCategories = 9;
    check(expect(FedspendException.class, () -> device.insight(InsightKind.CATEGORY, null, options)).status() == Status.INVALID_ARGUMENT, "too many categories");
    options.mostCategories = -1;
    expect(IllegalArgumentException.class, () -> device.insight(InsightKind.CATEGORY, null, options));
  }

  private static void whatIsNotThereIsNotSaid(Device device) throws Exception {
    check(expect(FedspendException.class, () -> device.insight(InsightKind.CATEGORY, "nobody's", null)).status() == Status.NOT_FOUND, "no transaction");
    check(expect(FedspendException.class, () -> device.insight(InsightKind.FORECAST, null, null)).status() == Status.NOT_FOUND, "no model");
    check(expect(FedspendException.class, () -> device.insight(InsightKind.OFFERS, null, null)).status() == Status.REFUSED, "a purpose of its own");
    check(expect(FedspendException.class, () -> device.insight(InsightKind.UNKNOWN, null, null)).status() == Status.INVALID_ARGUMENT, "no kind");
    expect(NullPointerException.class, () -> device.insight(null, null, null));
    for (String half : new String[] {"\uD800", "a\0"}) {
      expect(IllegalArgumentException.class, () -> device.insightJson(InsightKind.CATEGORY, half, null));
      expect(IllegalArgumentException.class, () -> device.correctCategory(half, "a"));
      expect(IllegalArgumentException.class, () -> device.correctCategory("a", half));
      expect(IllegalArgumentException.class, () -> device.personalise(half));
    }
    check(HandOver.of("of a later library") == HandOver.UNKNOWN, "a later reason");
  }

  private static void aCorrectionCountsAtOnce(Device device, App app, String other) throws Exception {
    device.correctCategory("neu \uD83D\uDE80", other);
    app.said.clear();
    buy(device, "next", NOW - 2_000);
    check(app.said.size() == 1 && first(app.said.get(0).json).equals(other), "corrected");
    check(expect(FedspendException.class, () -> device.correctCategory("nobody's", other)).status() == Status.NOT_FOUND, "no transaction");
    check(expect(FedspendException.class, () -> device.correctCategory(null, other)).status() == Status.INVALID_ARGUMENT, "no id");
    check(expect(FedspendException.class, () -> device.correctCategory("next", null)).status() == Status.INVALID_ARGUMENT, "no category");
  }

  private static void whatAListenerThrowsStopsNothing(Device device, App app) throws Exception {
    for (Throwable thrown : new Throwable[] {new java.io.IOException("no display"), new StackOverflowError("full")}) {
      app.thrown = thrown;
      IngestReport report = buy(device, thrown.getMessage(), NOW - 1_900);
      check(report.added == 1 && report.callbackError == thrown, "thrown: " + report.callbackError);
    }
    app.thrown = null;
    app.calls = device;
    check(buy(device, "calls", NOW - 1_800).callbackError instanceof IllegalStateException, "a listener may only cancel");
    app.calls = null;
    // A run on another thread keeps what its own callbacks threw.
    Bridge bridge = new Bridge(app);
    app.thrown = new IllegalStateException("no display");
    bridge.conditions();
    byte[] id = {'a'}, json = {'{', '}'};
    bridge.insight(2, id, json);
    check(bridge.takeThrownByInsights() == app.thrown && bridge.takeThrownByInsights() == null && bridge.takeThrown() instanceof java.io.IOException, "each to its own");
    check(id[0] == 0 && json[1] == 0, "wiped");
    app.thrown = null;
    check(buy(device, "well again", NOW - 1_700).callbackError == null, "nothing is left of it");
  }

  /** One long native call with 16 callbacks, whose local references -Xcheck:jni counts; and many of them. */
  private static void manyAtOnce(Device device, App app) throws Exception {
    for (int turn = 0; turn < 20; ++turn) {
      app.said.clear();
      List<Transaction> many = new ArrayList<>();
      for (int i = 0; i < 40; ++i) many.add(new Transaction("many " + turn + "-" + i, NOW - 1_600 + 40 * turn + i, 100, false, null, SHOP, null));
      check(device.ingest(many).added == 40 && app.said.size() == 16, "sixteen: " + app.said.size());
      for (int i = 0; i < app.said.size(); ++i) check(app.said.get(i).transactionId.equals("many " + turn + "-" + (24 + i)), "in the order of time: " + app.said.get(i).transactionId);
    }
  }

  private static void eachModelByItsName(Device device) throws Exception {
    device.giveConsent("evaluation", "1", null, null);
    check(device.personalise("categoriser").predictions > 0, "personalised");
    Evaluation evaluation = device.evaluate("categoriser");
    check(evaluation.predictions > 0 && evaluation.predictions == device.evaluate(null).predictions, "evaluated " + evaluation.predictions);
    check(expect(FedspendException.class, () -> device.personalise("offers")).status() == Status.NOT_FOUND, "no such model");
    check(expect(FedspendException.class, () -> device.evaluate("next_category")).status() == Status.NOT_FOUND, "not brought");
  }

  private static void aForecastHoldsBudgets(Device device, String category) throws Exception {
    List<Transaction> days = new ArrayList<>();
    for (int i = 0; i < 200; ++i) days.add(Transaction.debit("day " + i, NOW - 86_400 * (200 - i), 1_000, category));
    device.ingest(days);
    InsightOptions options = new InsightOptions();
    check(!device.insightJson(InsightKind.FORECAST, null, options).contains("likely-to-run-over"), "no budget");
    options.budgets = List.of(new Budget(null, 1_000_000_000), new Budget(category, 20_000));
    String json = device.insightJson(InsightKind.FORECAST, null, options);
    check(json.contains("\"within\"") && json.contains("\"likely-to-run-over\"") && json.contains("1000000000"), json);
    check(device.insight(InsightKind.FORECAST, null, options).contains(category), "words");
    check(expect(FedspendException.class, () -> device.predict(options)).status() == Status.INVALID_ARGUMENT, "of a forecast alone");
    for (Budget wrong : new Budget[] {new Budget("yachts", 5), new Budget("", 5), new Budget(category, -1), new Budget(null, 5)}) {
      options.budgets = List.of(new Budget(null, 5), wrong);
      check(expect(FedspendException.class, () -> device.insight(InsightKind.FORECAST, null, options)).status() == Status.INVALID_ARGUMENT, "a budget of " + wrong.category);
    }
    options.budgets = Collections.nCopies(1_025, new Budget(category, 5));
    check(expect(FedspendException.class, () -> device.insight(InsightKind.FORECAST, null, options)).status() == Status.LIMIT, "too many");
    options.budgets = List.of(new Budget("\uD800", 5));
    expect(IllegalArgumentException.class, () -> device.insight(InsightKind.FORECAST, null, options));
  }

  private static void theRateOfFalseAlarmsIsTheCustomers(Device device) throws Exception {
    for (double rate : new double[] {5, 0}) device.setFalseAlarms(rate);
    for (double wrong : new double[] {-1, 1_001, Double.NaN})
      check(expect(FedspendException.class, () -> device.setFalseAlarms(wrong)).status() == Status.INVALID_ARGUMENT, "a rate of " + wrong);
    InsightOptions options = new InsightOptions();
    options.falseAlarmsPerMonth = 2;
    check(expect(FedspendException.class, () -> device.insight(InsightKind.FORECAST, null, options)).status() == Status.INVALID_ARGUMENT, "of alerts alone");
    check(expect(FedspendException.class, () -> device.insight(InsightKind.UNUSUAL, null, options)).status() == Status.NOT_FOUND, "not brought");
  }

  private static void install(Device device, String plan, String model) throws Exception {
    device.installModel(Files.readAllBytes(Path.of(plan)), Files.readString(Path.of(plan + ".sig")), Files.readAllBytes(Path.of(model)));
  }

  public static void main(String[] arguments) throws Exception {
    App app = new App();
    try (Device device = open(Path.of(arguments[0]), app)) {
      install(device, arguments[1], arguments[2]);
      List<Transaction> shop = new ArrayList<>();
      for (int i = 0; i < 40; ++i) shop.add(new Transaction("shop " + i, NOW - 3_600 * (50 - i), 900, false, arguments[3], SHOP, "EUR"));
      device.ingest(shop);
      buy(device, "without consent", NOW - 3_100);
      check(app.said.isEmpty(), "said without consent");
      check(expect(FedspendException.class, () -> device.insight(InsightKind.CATEGORY, null, null)).status() == Status.REFUSED, "asked without consent");
      device.giveConsent("personal_insights", "1", null, null);
      aNewTransactionIsSpokenOf(device, app, arguments[3]);
      whatIsNotThereIsNotSaid(device);
      aCorrectionCountsAtOnce(device, app, arguments[4]);
      whatAListenerThrowsStopsNothing(device, app);
      manyAtOnce(device, app);
      eachModelByItsName(device);
      install(device, arguments[5], arguments[6]);
      aForecastHoldsBudgets(device, arguments[3]);
      theRateOfFalseAlarmsIsTheCustomers(device);
      device.withdrawConsent("personal_insights");
      app.said.clear();
      buy(device, "withdrawn", NOW - 10);
      check(app.said.isEmpty(), "said after the withdrawal");
    }
    Checks.end();
  }
}
