package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;
import static org.fedspend.client.InventedApp.NOW;
import static org.fedspend.client.InventedApp.options;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What crosses to native code: numbers, texts, and copies that are wiped. Run with -Xcheck:jni. */
final class CrossingTest {
  private static String dashed(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static void numbersAreThoseOfTheLibrary() throws Exception {
    for (Status status : Status.values()) check(new String(Native.name(0, status.code)).equals(dashed(status)), "status " + status);
    for (RunOutcome outcome : RunOutcome.values()) check(new String(Native.name(1, outcome.code)).equals(dashed(outcome)), "outcome " + outcome);
    for (Phase phase : Phase.values()) check(new String(Native.name(2, phase.code)).equals(dashed(phase)), "phase " + phase);
    for (InsightKind kind : InsightKind.values()) check(new String(Native.name(3, kind.code)).equals(dashed(kind)), "insight " + kind);
    for (HandOver handOver : HandOver.values()) {
      check(new String(Native.name(4, handOver.code)).equals(dashed(handOver)), "hand-over " + handOver);
      check(HandOver.of(new String(Native.name(4, handOver.code))) == handOver, "by its name, " + handOver);
    }
    // None is missing here.
    check(new String(Native.name(4, HandOver.values().length - 1)).equals("unknown"), "a hand-over more");
    check(new String(Native.name(0, Status.values().length - 1)).equals("unknown"), "a status more");
    check(new String(Native.name(1, RunOutcome.values().length)).equals("unknown"), "an outcome more");
    check(new String(Native.name(2, Phase.values().length - 1)).equals("unknown"), "a phase more");
    check(new String(Native.name(3, InsightKind.values().length)).equals("unknown"), "an insight more");
    check(Status.of(77) == Status.UNKNOWN && RunOutcome.of(77) == RunOutcome.UNKNOWN && Phase.of(77) == Phase.UNKNOWN && InsightKind.of(77) == InsightKind.UNKNOWN && HandOver.of("later") == HandOver.UNKNOWN, "later numbers");
    check(!Device.isDemonstrationPolicy(options(Path.of("x")).policy), "policy");
    expect(FedspendException.class, () -> Device.isDemonstrationPolicy("no policy"));
    check(Device.libraryVersion().matches("\\d+\\.\\d+\\.\\d+"), "version");
    check(Arrays.equals(Device.parseKey("01".repeat(32)), options(Path.of("x")).releaseKey), "parseKey");
    check(expect(FedspendException.class, () -> Device.parseKey("02")).status() == Status.MALFORMED, "a short key");
    expect(IllegalArgumentException.class, () -> Device.parseKey("02\0"));
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
    try (Device device = Device.open(options(folder), new InventedApp())) {
      expect(IllegalArgumentException.class, () -> device.giveConsent("next_category\uD800", "1", null, null));
      expect(IllegalArgumentException.class, () -> device.ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD"), Transaction.debit("b\uD83C", NOW, 1, "FOOD"))));
      check(device.ingest(List.of(Transaction.debit("a", NOW, 1, "FOOD"))).added == 1, "nothing of a list that was refused");
    }
  }

  private static void copiesOfSpendingAreWiped(Path folder) throws Exception {
    try (Device device = Device.open(options(folder), new InventedApp())) {
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
      InsightOptions options = new InsightOptions();
      options.budgets = List.of(new Budget("FOOD", 5));
      PackedInsightOptions given = new PackedInsightOptions(options);
      check(given.categories[0].length == 5 && given.amounts[0] == 5, "packed");
      given.close();
      check(Arrays.equals(given.categories[0], new byte[5]) && given.amounts[0] == 0, "budgets are wiped");
    }
  }

  public static void main(String[] arguments) throws Exception {
    Checks.inFolders(base -> {
      numbersAreThoseOfTheLibrary();
      whatIsNotUnicodeIsRefused(Files.createDirectory(base.resolve("whatIsNotUnicodeIsRefused")));
      copiesOfSpendingAreWiped(Files.createDirectory(base.resolve("copiesOfSpendingAreWiped")));
    });
  }
}
