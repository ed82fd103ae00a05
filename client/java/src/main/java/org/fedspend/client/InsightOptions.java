package org.fedspend.client;

/** How an insight is made; 0 takes the library's default. */
public final class InsightOptions {
  /** At most 8; 0: 3. */
  public int mostCategories;
  /** 0 to 1, below which an insight abstains; 0: .4. */
  public double minConfidence;

  /** In the order of fedspend_predict_options; null: the defaults. */
  static double[] numbers(InsightOptions options) {
    if (options == null) return null;
    if (options.mostCategories < 0) throw new IllegalArgumentException("mostCategories is below 0");
    return new double[] {
        options.mostCategories,
        options.minConfidence,
    };
  }
}
