package org.fedspend.client;

/** Whether a person should answer rather than a screen, and why: "hand_over" in an insight's JSON. */
public enum HandOver {
  NONE("none"),
  LOW_CONFIDENCE("low-confidence"),
  HARDSHIP("hardship"),
  DISPUTE("dispute"),
  /** Of a later library: a person should answer. */
  UNKNOWN("unknown");

  private final String name;

  HandOver(String name) {
    this.name = name;
  }

  /** Of the JSON's text. */
  public static HandOver of(String name) {
    for (HandOver each : values()) if (each.name.equals(name)) return each;
    return UNKNOWN;
  }
}
