package org.fedspend.client;

/** What the customer means to spend in 30 days. */
public final class Budget {
  /** Of the plan; null: all spending. */
  public final String category;
  /** Hundredths, at least 0. */
  public final long amountMinor;

  public Budget(String category, long amountMinor) {
    this.category = category;
    this.amountMinor = amountMinor;
  }
}
