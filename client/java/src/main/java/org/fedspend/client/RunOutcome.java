package org.fedspend.client;

/** What a run came to; the numbers are those of fedspend/client.h and never change. */
public enum RunOutcome {
  CONTRIBUTED(1),
  /** Late, or not needed any more. */
  NOT_ACCEPTED(2),
  NOT_SELECTED(3),
  /** This device refused what it was asked. */
  REFUSED(4),
  NO_CONSENT(5),
  NOT_ENROLLED(6),
  /** The conditions do not hold, or no longer. */
  CONDITIONS(7),
  TOO_EARLY(8),
  WITHDRAWN(9),
  CANCELLED(10),
  UNREACHABLE(11),
  /** The coordinator does not take this device's keys. */
  NOT_ACCEPTED_HERE(12),
  /** The federation is finished. */
  FINISHED(13),
  FAILED(14),
  /** The coordinator does not take this device: not enrolled there, of another population or version. */
  TURNED_AWAY(15),
  /** Of a later library. */
  UNKNOWN(-1);

  final int code;

  RunOutcome(int code) {
    this.code = code;
  }

  static RunOutcome of(int code) {
    for (RunOutcome outcome : values()) if (outcome.code == code) return outcome;
    return UNKNOWN;
  }
}
