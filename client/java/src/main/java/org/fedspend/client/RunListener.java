package org.fedspend.client;

/** How {@link Device#run} tells what became of it: {@link #phase} as it goes, then exactly one of the others, on the executor's thread. */
public interface RunListener {
  default void phase(Phase phase) {}

  void finished(RunReport report);

  /** A {@link FedspendException}, or an IllegalStateException if the device was closed meanwhile. */
  void failed(Exception error);
}
