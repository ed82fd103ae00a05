package org.fedspend.client;

/** The app's clocks in place of the system's. */
public interface Clock {
  /** Never goes back, and goes on while the device sleeps. */
  long monotonicMillis();

  long unixSeconds();
}
