package org.fedspend.client;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Test equipment: an app without a coordinator, whose clock stands still. */
class InventedApp implements Host {
  /** A library without ZeroMQ has no connection of its own. */
  private static final boolean WITH_CONNECTION = Boolean.getBoolean("fedspend.connection");
  static final long NOW = 1_790_000_000L;

  /** A toy in place of a hardware key; it remembers the arrays that it was given and gave. */
  static class Key implements KeyWrapper {
    byte[] lastSeed, lastUnwrapped;
    RuntimeException refusal;

    @Override
    public byte[] wrap(byte[] seed) {
      if (refusal != null) throw refusal;
      lastSeed = seed;
      return turned(seed);
    }

    @Override
    public byte[] unwrap(byte[] wrapped) {
      if (refusal != null) throw refusal;
      return lastUnwrapped = turned(wrapped);
    }

    private static byte[] turned(byte[] bytes) {
      byte[] other = bytes.clone();
      for (int i = 0; i < other.length; ++i) other[i] ^= 0x5a;
      return other;
    }
  }

  final Key key = new Key();
  final List<String> log = new ArrayList<>();

  @Override
  public void conditions(Conditions now) {
    now.idle = now.charging = now.unmetered = now.thermalsOk = true;
    now.batteryLevel = 0.9;
    now.freeStorageBytes = 1_000_000_000;
  }

  @Override
  public void log(boolean warning, String text) {
    log.add(text);
  }

  @Override
  public KeyWrapper keys() {
    return key;
  }

  @Override
  public Clock clock() {
    return new Clock() {
      @Override
      public long monotonicMillis() {
        return System.nanoTime() / 1_000_000;
      }

      @Override
      public long unixSeconds() {
        return NOW;
      }
    };
  }

  static Options options(Path folder) {
    Options options = new Options();
    options.persistentFolder = folder.toString();
    options.population = "cards";
    options.policy = "purposes = [\"next_category\"]\n";
    if (WITH_CONNECTION) {
      options.coordinator = "tcp://127.0.0.1:1";
      options.coordinatorKey = new byte[32];
      Arrays.fill(options.coordinatorKey, (byte) 3);
    }
    options.releaseKey = new byte[32];
    options.authorityKey = new byte[32];
    Arrays.fill(options.releaseKey, (byte) 1);
    Arrays.fill(options.authorityKey, (byte) 2);
    return options;
  }
}
