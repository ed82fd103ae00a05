package org.fedspend.client;

/** How {@link Device#run} tells what became of it: {@link #phase} as it goes, then exactly one of the others, on the executor's thread. */
public interface RunListener {
  default void phase(Phase phase) {}

  void finished(RunReport report);

  /**
   * A {@link FedspendException}, an IllegalStateException if the device was closed meanwhile, or whatever else was thrown. An Error is thrown again
   * to the executor afterwards.
   */
  void failed(Throwable error);
}
