package org.fedspend.client;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Transactions for the native layer, in three arrays: no object a field, no local reference a transaction. */
final class PackedTransactions {
  /** Texts in UTF-8, each ended by a NUL. */
  final byte[] pool;
  /** Where a transaction's id, category, merchant and currency begin; -1: null. */
  final int[] offsets;
  /** A transaction's time, amount and direction. */
  final long[] numbers;

  PackedTransactions(List<Transaction> transactions) {
    ByteArrayOutputStream texts = new ByteArrayOutputStream();
    offsets = new int[Math.multiplyExact(transactions.size(), 4)];
    numbers = new long[transactions.size() * 3];
    int at = 0;
    int number = 0;
    for (Transaction transaction : transactions) {
      for (String text : new String[] {transaction.id, transaction.category, transaction.merchant, transaction.currency}) {
        offsets[at++] = text == null ? -1 : texts.size();
        byte[] bytes = utf8(text);
        if (bytes != null) texts.write(bytes, 0, bytes.length);
      }
      numbers[number++] = transaction.timeSeconds;
      numbers[number++] = transaction.amountMinor;
      numbers[number++] = transaction.credit ? 1 : 0;
    }
    pool = texts.toByteArray();
  }

  /** With a NUL at the end; null stays null. */
  static byte[] utf8(String text) {
    if (text == null) return null;
    if (text.indexOf('\0') >= 0) throw new IllegalArgumentException("a text holds a NUL");
    return (text + '\0').getBytes(StandardCharsets.UTF_8);
  }
}
