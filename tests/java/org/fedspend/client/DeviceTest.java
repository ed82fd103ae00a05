package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;
import static org.fedspend.client.InventedApp.NOW;
import static org.fedspend.client.InventedApp.options;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A device without a coordinator: what it is given it keeps, what is not there it does not say, a folder is wiped. Run with -Xcheck:jni. */
final class DeviceTest {
  private static void aDeviceKeepsWhatItIsGiven(Path folder) throws Exception {
    InventedApp app = new InventedApp();
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
      check(expect(FedspendException.class, () -> Device.open(options(folder), new InventedApp())).status() == Status.CONFLICT, "two on one folder");
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

  private static void aFolderIsWipedWithoutADevice(Path folder) throws Exception {
    Device.open(options(folder), new InventedApp()).close();
    Files.write(folder.resolve("device.db"), new byte[100]);
    expect(FedspendException.class, () -> Device.open(options(folder), new InventedApp()));
    Device.wipeFolder(options(folder), new InventedApp());
    try (Device device = Device.open(options(folder), new InventedApp())) {
      check(!device.isEnrolled(), "begun anew");
      check(expect(FedspendException.class, () -> Device.wipeFolder(options(folder), new InventedApp())).status() == Status.CONFLICT, "open");
    }
    Device.pinInstructionSet("best");
    check(expect(FedspendException.class, () -> Device.pinInstructionSet("abacus")).status() != Status.OK, "no such set");
  }

  public static void main(String[] arguments) throws Exception {
    Checks.inFolders(base -> {
      aDeviceKeepsWhatItIsGiven(Files.createDirectory(base.resolve("aDeviceKeepsWhatItIsGiven")));
      aFolderIsWipedWithoutADevice(Files.createDirectory(base.resolve("aFolderIsWipedWithoutADevice")));
    });
  }
}
