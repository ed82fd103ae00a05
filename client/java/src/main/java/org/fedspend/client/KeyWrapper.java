package org.fedspend.client;

/** The key of the encrypted store, in the device's hardware. What throws fails closed: the store stays shut. */
public interface KeyWrapper {
  /** 1 to 4,096 bytes that only {@link #unwrap} of this device opens. {@code seed}, 32 bytes, is wiped afterwards: keep no copy. */
  byte[] wrap(byte[] seed) throws Exception;

  /** The 32 bytes; the array is wiped afterwards. */
  byte[] unwrap(byte[] wrapped) throws Exception;

  /** Part of a wipe. */
  default void destroyKey() throws Exception {}
}
