package org.fedspend.client;

import java.util.Arrays;

/** Options for the native layer, in arrays. The face wipes them after the call: a budget is a spending value. */
final class PackedInsightOptions implements AutoCloseable {
  /** most_categories, min_confidence and false_alarms_per_month of fedspend_predict_options; null: the defaults. */
  final double[] numbers;
  /** Of the budgets, as are the amounts. */
  final byte[][] categories;
  final long[] amounts;

  PackedInsightOptions(InsightOptions options) {
    if (options != null && options.mostCategories < 0) throw new IllegalArgumentException("mostCategories is below 0");
    numbers = options == null ? null : new double[] {options.mostCategories, options.minConfidence, options.falseAlarmsPerMonth};
    Budget[] budgets = options == null ? new Budget[0] : options.budgets.toArray(new Budget[0]);
    categories = new byte[budgets.length][];
    amounts = new long[budgets.length];
    try {
      for (int i = 0; i < budgets.length; ++i) {
        categories[i] = Utf8.encode(budgets[i].category);
        amounts[i] = budgets[i].amountMinor;
      }
    } catch (RuntimeException | Error error) {
      close();
      throw error;
    }
  }

  @Override
  public void close() {
    Utf8.wipe(categories);
    Arrays.fill(amounts, 0);
  }
}
