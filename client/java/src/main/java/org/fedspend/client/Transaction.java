package org.fedspend.client;

/** One transaction of the customer's. {@code category}, {@code merchant} and {@code currency} may be null. */
public final class Transaction {
  final String id;
  final long timeSeconds;
  final long amountMinor;
  final boolean credit;
  final String category;
  final String merchant;
  final String currency;

  /**
   * @param id the app's own, 1 to 64 bytes: the same again replaces the first. Not used by {@link Host#examples}: may be null there
   * @param timeSeconds since 1970-01-01 UTC
   * @param amountMinor hundredths, at least 0
   */
  public Transaction(String id, long timeSeconds, long amountMinor, boolean credit, String category, String merchant, String currency) {
    this.id = id;
    this.timeSeconds = timeSeconds;
    this.amountMinor = amountMinor;
    this.credit = credit;
    this.category = category;
    this.merchant = merchant;
    this.currency = currency;
  }

  /** A payment. */
  public static Transaction debit(String id, long timeSeconds, long amountMinor, String category) {
    return new Transaction(id, timeSeconds, amountMinor, false, category, null, null);
  }
}
