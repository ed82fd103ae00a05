package org.fedspend.client;

import java.util.Locale;

/** Whether a person should answer rather than a screen, and why; the numbers are those of fedspend/client.h and never change. */
public enum HandOver {
  NONE(0),
  LOW_CONFIDENCE(1),
  HARDSHIP(2),
  DISPUTE(3),
  /** Of a later library: a person should answer. */
  UNKNOWN(-1);

  final int code;

  HandOver(int code) {
    this.code = code;
  }

  /** Of "hand_over" in an insight's JSON, which has the name. */
  public static HandOver of(String name) {
    for (HandOver each : values()) if (each.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(name)) return each;
    return UNKNOWN;
  }
}
