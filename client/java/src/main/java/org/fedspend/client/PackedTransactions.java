package org.fedspend.client;

import java.util.Arrays;
import java.util.List;

/** Transactions for the native layer, in three arrays: no object a field, no local reference a transaction. The native layer wipes them. */
final class PackedTransactions {
  /** Texts in UTF-8, each ended by a NUL. */
  final byte[] pool;
  /** Where a transaction's id, category, merchant and currency begin; -1: null. */
  final int[] offsets;
  /** A transaction's time, amount and direction. */
  final long[] numbers;

  PackedTransactions(List<Transaction> transactions) {
    offsets = new int[Math.multiplyExact(transactions.size(), 4)];
    numbers = new long[transactions.size() * 3];
    byte[] texts = new byte[Math.max(64, Math.multiplyExact(transactions.size(), 48))];
    int used = 0;
    int at = 0;
    int number = 0;
    try {
      for (Transaction transaction : transactions) {
        for (String text : new String[] {transaction.id, transaction.category, transaction.merchant, transaction.currency}) {
          offsets[at++] = text == null ? -1 : used;
          byte[] bytes = Utf8.encode(text);
          if (bytes == null) continue;
          int needed = Math.addExact(used, bytes.length);
          if (needed > texts.length) {
            byte[] larger = Arrays.copyOf(texts, (int) Math.max(needed, Math.min(2L * texts.length, Integer.MAX_VALUE - 8)));
            Utf8.wipe(texts);
            texts = larger;
          }
          System.arraycopy(bytes, 0, texts, used, bytes.length);
          used = needed;
          Utf8.wipe(bytes);
        }
        numbers[number++] = transaction.timeSeconds;
        numbers[number++] = transaction.amountMinor;
        numbers[number++] = transaction.credit ? 1 : 0;
      }
      pool = Arrays.copyOf(texts, used);
    } catch (RuntimeException | Error error) {
      Arrays.fill(numbers, 0);
      throw error;
    } finally {
      Utf8.wipe(texts);
    }
  }
}
