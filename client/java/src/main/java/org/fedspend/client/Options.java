package org.fedspend.client;

/** How a device is opened. The fields without a default must be set; zero is the library's default. */
public final class Options {
  /** A folder that is there, for this device alone; keep it out of backups. */
  public String persistentFolder;
  /** May be emptied at any time; null: nothing is kept between processes. */
  public String cacheFolder;
  public String population;
  /** TOML (client/README.md, "The policy"); null: everything is refused. */
  public String policy;
  /** Pinned, 32 bytes: whose plans count. {@link Device#parseKey} reads them from text. */
  public byte[] releaseKey;
  /** Pinned, 32 bytes: whose certificates count. */
  public byte[] authorityKey;
  /** tcp://HOST:PORT: the built-in connection; null: {@link Host#transport}. Without both this device does not run. */
  public String coordinator;
  /** Pinned, 32 bytes; with {@link #coordinator}. */
  public byte[] coordinatorKey;

  /** Without {@link Host#keys}: the store's key lies in a file of mode 0600 beside it. */
  public boolean keyInFile;

  /** Conditions that are asked for. */
  public boolean requireIdle = true;
  public boolean requireCharging = true;
  public boolean requireUnmetered = true;
  public boolean requireBattery = true;
  public boolean requireStorage = true;
  public boolean requireThermals = true;

  public int retentionDays;
  public long maxTransactions;
  public int connectTimeoutMillis;
  public int transientBackoffMillis;
  public int permanentBackoffMillis;

  int flags() {
    return (keyInFile ? 1 : 0) | (requireIdle ? 0 : 2) | (requireCharging ? 0 : 4) | (requireUnmetered ? 0 : 8) | (requireBattery ? 0 : 16)
        | (requireStorage ? 0 : 32) | (requireThermals ? 0 : 64);
  }
}
