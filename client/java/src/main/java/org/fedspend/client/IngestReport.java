package org.fedspend.client;

/** What became of the transactions. */
public final class IngestReport {
  public final long added;
  public final long replaced;
  public final long unchanged;
  public final long tooOld;
  public final long pushedOut;
  /** What {@link Host#insights} threw, the first of it, or null. The transactions are in all the same. */
  public final Throwable callbackError;

  IngestReport(long[] counts, Throwable callbackError) {
    added = counts[0];
    replaced = counts[1];
    unchanged = counts[2];
    tooOld = counts[3];
    pushedOut = counts[4];
    this.callbackError = callbackError;
  }
}
