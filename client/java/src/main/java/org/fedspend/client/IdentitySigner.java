package org.fedspend.client;

/** The device's identity in hardware: Ed25519 (RFC 8032). */
public interface IdentitySigner {
  /** 32 bytes; the same for the life of the device. */
  byte[] publicKey();

  /** 64 bytes. */
  byte[] sign(byte[] message) throws Exception;
}
