package org.fedspend.client;

/** What can be said to the customer, each by a model of its own; the numbers are those of fedspend/client.h and never change. */
public enum InsightKind {
  /** What is likely to come. */
  NEXT(1),
  /** What a transaction was for. */
  CATEGORY(2),
  FORECAST(3),
  UNUSUAL(4),
  /** Also needs the purpose "offer_suggestions". */
  OFFERS(5),
  /** Of a later library. */
  UNKNOWN(-1);

  final int code;

  InsightKind(int code) {
    this.code = code;
  }

  static InsightKind of(int code) {
    for (InsightKind kind : values()) if (kind.code == code) return kind;
    return UNKNOWN;
  }
}
