package org.fedspend.client;

/** What a run came to. */
public final class RunReport {
  public final RunOutcome outcome;
  /** Why, for a log. */
  public final String words;
  /** When to run again. */
  public final long comeBackInMillis;
  public final long bytesSent;
  /** What a callback threw, the first of them, or null. It counted as no. */
  public final Throwable callbackError;

  RunReport(RunOutcome outcome, String words, long comeBackInMillis, long bytesSent, Throwable callbackError) {
    this.outcome = outcome;
    this.words = words;
    this.comeBackInMillis = comeBackInMillis;
    this.bytesSent = bytesSent;
    this.callbackError = callbackError;
  }
}
