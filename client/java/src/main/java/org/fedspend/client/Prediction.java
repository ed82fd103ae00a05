package org.fedspend.client;

import java.util.List;

/** The next categories, the likeliest first. For the customer's eyes; nothing acts on it by itself. */
public final class Prediction {
  /** A category and how likely it is. */
  public static final class Chance {
    public final String category;
    public final double probability;

    Chance(String category, double probability) {
      this.category = category;
      this.probability = probability;
    }
  }

  /** Show nothing, or that it is not known. */
  public final boolean abstains;
  /** Of a model adapted to this customer. */
  public final boolean isPersonal;
  /** That it was made from. */
  public final long transactions;
  public final List<Chance> next;

  Prediction(boolean abstains, boolean isPersonal, long transactions, List<Chance> next) {
    this.abstains = abstains;
    this.isPersonal = isPersonal;
    this.transactions = transactions;
    this.next = next;
  }
}
