package org.fedspend.client;

/** What the app knows about now. Everything begins as unknown, and unknown counts as no. */
public final class Conditions {
  /** {@code null}: unknown. */
  public Boolean idle, charging, unmetered, thermalsOk;
  /** 0 to 1; below 0 or not a number: unknown. */
  public double batteryLevel = -1;
  public long freeStorageBytes;
}
