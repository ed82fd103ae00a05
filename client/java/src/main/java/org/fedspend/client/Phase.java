package org.fedspend.client;

/** Where a run is; the numbers are those of fedspend/client.h and never change. */
public enum Phase {
  IDLE(0),
  CHECKED_IN(1),
  TRAINING(2),
  AGGREGATING(3),
  REPORTING(4),
  /** Of a later library. */
  UNKNOWN(-1);

  final int code;

  Phase(int code) {
    this.code = code;
  }

  static Phase of(int code) {
    for (Phase phase : values()) if (phase.code == code) return phase;
    return UNKNOWN;
  }
}
