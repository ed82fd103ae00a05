package org.fedspend.client;

import java.util.List;

/** How an insight is made; 0 takes the library's default. */
public final class InsightOptions {
  /** At most 8; 0: 3. */
  public int mostCategories;
  /** 0 to 1, below which an insight abstains; 0: .4. */
  public double minConfidence;
  /** Of {@link InsightKind#FORECAST} alone, each category at most once, at most 1,024. */
  public List<Budget> budgets = List.of();
  /** Of {@link InsightKind#UNUSUAL} alone, at most 1,000: so many the customer will bear; 0: as {@link Device#setFalseAlarms}, else 1. */
  public double falseAlarmsPerMonth;
}
