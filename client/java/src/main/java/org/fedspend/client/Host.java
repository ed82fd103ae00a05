package org.fedspend.client;

import java.util.List;

/**
 * What only the app knows. Callbacks come on the thread that called {@link Device}, but {@link #examples}, {@link Trainer#train} and
 * {@link Transport#exchange}, which come on threads of the library. They must not call the device, but for {@link Device#cancel}. What throws counts as no: nothing is sent.
 */
public interface Host {
  /** Fills in what it knows. */
  void conditions(Conditions now) throws Exception;

  default void log(boolean warning, String text) {}

  default void phase(Phase phase) {}

  /** Asked once, when the device is opened, as are the next six. {@code null}: then {@link Options#keyInFile} must be set. */
  default KeyWrapper keys() {
    return null;
  }

  /** {@code null}: a key is made and kept in the encrypted store. */
  default IdentitySigner signer() {
    return null;
  }

  /** {@code null}: the system's. */
  default Clock clock() {
    return null;
  }

  /** {@code null}: the library's. */
  default Trainer trainer() {
    return null;
  }

  /** {@code null}: the built-in connection to {@link Options#coordinator}. */
  default Transport transport() {
    return null;
  }

  /** {@code null}: nothing is said of itself. */
  default InsightListener insights() {
    return null;
  }

  /** Whether {@link #examples} takes the place of the ingested transactions. */
  default boolean hasExamples() {
    return false;
  }

  /** Oldest first. */
  default List<Transaction> examples() throws Exception {
    throw new UnsupportedOperationException("hasExamples() without examples()");
  }
}
