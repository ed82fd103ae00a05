package org.fedspend.client;

/** The app's clocks in place of the system's. If one throws, no run goes on, and what is written down has the system's time. */
public interface Clock {
  /** Never goes back, and goes on while the device sleeps. */
  long monotonicMillis();

  long unixSeconds();
}
