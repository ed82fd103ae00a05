package org.fedspend.client;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Texts to UTF-8 and back. Strict: what has no form in UTF-8 (half of a surrogate pair) is refused and never becomes another text. Not JNI's
 * "modified UTF-8", which the library would refuse.
 */
final class Utf8 {
  private Utf8() {}

  /** With a NUL at the end; null stays null. The caller wipes it where it may be a secret. */
  static byte[] encode(String text) {
    if (text == null) return null;
    if (text.indexOf('\0') >= 0) throw new IllegalArgumentException("a text holds a NUL");
    ByteBuffer encoded;
    try {
      encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text)); // reports, where getBytes() would put a '?'
    } catch (CharacterCodingException error) {
      throw new IllegalArgumentException("a text holds half of a surrogate pair");
    }
    byte[] bytes = new byte[encoded.limit() + 1];
    encoded.get(bytes, 0, encoded.limit());
    Arrays.fill(encoded.array(), (byte) 0);
    return bytes;
  }

  /** Of the library's, which are UTF-8. */
  static String decode(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException error) {
      throw new IllegalStateException("the library gave a text that is not UTF-8");
    }
  }

  /** For logs and the words of errors, which may name a file whose name is not UTF-8: better a mark in it than no words. */
  static String decodeForLog(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static void wipe(byte[]... all) {
    for (byte[] bytes : all) if (bytes != null) Arrays.fill(bytes, (byte) 0);
  }
}
