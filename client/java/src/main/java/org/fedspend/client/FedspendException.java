package org.fedspend.client;

/** A call that failed. The message holds no secret and no spending value; the cause is what a callback threw, if one did. */
public final class FedspendException extends Exception {
  private static final long serialVersionUID = 1;
  private final Status status;

  /** Called by the native layer. */
  FedspendException(int status, byte[] words) {
    super(Utf8.decodeForLog(words));
    this.status = Status.of(status);
  }

  public Status status() {
    return status;
  }
}
