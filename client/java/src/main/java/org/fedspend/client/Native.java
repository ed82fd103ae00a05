package org.fedspend.client;

/** The native layer (jni/fedspend_jni.cpp). Texts go across as UTF-8 in byte arrays that end with a NUL; null is NULL. */
final class Native {
  static {
    System.loadLibrary("fedspend_client_jni");
  }

  private Native() {}

  static native byte[] version();

  /** Of kind 0, 1, 2, 3, 4: status, run outcome, phase, insight, hand-over. */
  static native byte[] name(int kind, int code);

  static native byte[] parseKey(byte[] text) throws FedspendException;

  /**
   * @param texts persistent, cache, population, policy, coordinator
   * @param keys release, authority, coordinator, identity; zeros where there is none
   * @param numbers flags, retention days, transactions, connect timeout, transient and permanent back-off
   * @param bridge held by a global reference until free
   * @param parts bits: 1 keys, 2 signer, 4 clock, 8 examples, 16 trainer, 32 transport, 64 insights
   */
  static native long open(byte[][] texts, byte[] keys, long[] numbers, Bridge bridge, int parts) throws FedspendException;

  /** Arguments as of open. */
  static native void wipeFolder(byte[][] texts, byte[] keys, long[] numbers, Bridge bridge, int parts) throws FedspendException;

  static native void free(long peer);

  /** Texts by what: 0 id, 1 history text, 2 history JSON, 3 statement text, 4 statement JSON, 5 enrolment request, 6 consent records. */
  static native byte[] text(long peer, int what, byte[] first, byte[] second) throws FedspendException;

  static native void installCertificate(long peer, byte[] certificates) throws FedspendException;

  static native boolean isEnrolled(long peer) throws FedspendException;

  /** Wipes the arrays. */
  static native long[] ingest(long peer, byte[] pool, int[] offsets, long[] numbers) throws FedspendException;

  static native void correctCategory(long peer, byte[] transactionId, byte[] category) throws FedspendException;

  static native void setRetention(long peer, byte[] purpose, int days) throws FedspendException;

  static native void setFalseAlarms(long peer, double perMonth) throws FedspendException;

  static native void giveConsent(long peer, byte[] purpose, byte[] notice, byte[] language, byte[] method) throws FedspendException;

  /** All where purpose is null. */
  static native void withdrawConsent(long peer, byte[] purpose) throws FedspendException;

  static native boolean hasConsent(long peer, byte[] purpose) throws FedspendException;

  /** Outcome, come back in, bytes sent; the words into words[0]. */
  static native long[] runOnce(long peer, byte[][] words) throws FedspendException;

  /** The plan's bytes, its signature's text, the model file. */
  static native void installModel(long peer, byte[] plan, byte[] signature, byte[] model) throws FedspendException;

  /** Abstains, is personal, transactions; then the bits of the probability of each of names, which has room for 8. {@link PackedInsightOptions}. */
  static native long[] predict(long peer, double[] options, byte[][] budgetCategories, long[] budgetAmounts, byte[][] names) throws FedspendException;

  /** Format 0: text, 1: JSON. */
  static native byte[] insight(long peer, int kind, byte[] transactionId, double[] options, byte[][] budgetCategories, long[] budgetAmounts, int format) throws FedspendException;

  /** {@link PersonalReport}'s numbers. */
  static native double[] personalise(long peer, byte[] model) throws FedspendException;

  /** {@link Evaluation}'s numbers. */
  static native double[] evaluate(long peer, byte[] model) throws FedspendException;

  /** Whether it is a demonstration's. */
  static native boolean checkPolicy(byte[] policy) throws FedspendException;

  static native void pinInstructionSet(byte[] name) throws FedspendException;

  /** Inside Bridge.train alone. */
  static native boolean trainingIsStopped(long task);

  static native void cancel(long peer) throws FedspendException;

  static native void wipe(long peer) throws FedspendException;
}
