package org.fedspend.client;

/** Hears what is to be said about transactions that were just ingested. */
public interface InsightListener {
  /**
   * On the thread in {@link Device#ingest}, before that returns: for the newest 16 of the new transactions, in the order of time, under the purpose
   * "personal_insights". {@code transactionId} is the app's, or null where the insight is not about one; {@code json} as of
   * {@link Device#insightJson}. Nothing acts: show it, or ask. What it throws stops nothing, and is {@link IngestReport#callbackError}.
   */
  void insight(InsightKind kind, String transactionId, String json) throws Exception;
}
