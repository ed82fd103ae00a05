package org.fedspend.client;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** What a {@link Trainer} is asked. The rows are wiped when it returns. */
public final class TrainingTask {
  private static final int NUMBERS_OF_A_ROW = 5;

  /** The plan's name of the model. */
  public final String model;
  /** The plan's sizes of it: {"hidden": 32, ...}. */
  public final String sizesJson;
  /** The plan's; a row's category is an index into them. */
  public final List<String> categories;
  public final int epochs;
  public final int batchSize;
  /** Of this round. */
  public final double learningRate;
  public final double momentum;
  public final double proximalMu;
  public final double gradientClipL2;
  /** Of the order of the examples; the same on every device. */
  public final long seed;
  /** The round's. A copy of its own: it may be trained in place. */
  public final float[] weights;
  private final long[] rows;
  private long handle; // 0: the callback has returned

  /**
   * @param handle the native task, valid until {@link #end}
   * @param texts model, sizes, categories
   * @param numbers epochs, batch size, seed
   * @param rates learning rate, momentum, proximal mu, gradient clip
   * @param rows time, amount, merchant's hash, category, direction of each
   */
  TrainingTask(long handle, byte[][] texts, long[] numbers, double[] rates, float[] weights, long[] rows) {
    this.handle = handle;
    model = Utf8.decode(texts[0]);
    sizesJson = Utf8.decode(texts[1]);
    List<String> names = new ArrayList<>();
    for (int i = 2; i < texts.length; ++i) names.add(Utf8.decode(texts[i]));
    categories = Collections.unmodifiableList(names);
    epochs = (int) numbers[0];
    batchSize = (int) numbers[1];
    seed = numbers[2];
    learningRate = rates[0];
    momentum = rates[1];
    proximalMu = rates[2];
    gradientClipL2 = rates[3];
    this.weights = weights;
    this.rows = rows;
  }

  /** Rows that may be trained on, oldest first. */
  public int rowCount() {
    return rows.length / NUMBERS_OF_A_ROW;
  }

  /** Since 1970-01-01 UTC. */
  public long timeSeconds(int row) {
    return number(row, 0);
  }

  /** Hundredths. */
  public long amountMinor(int row) {
    return number(row, 1);
  }

  /** 0: none given. */
  public long merchantHash(int row) {
    return number(row, 2);
  }

  /** An index into {@link #categories}, or their count for all that the plan does not name. */
  public int category(int row) {
    return (int) number(row, 3);
  }

  public boolean isCredit(int row) {
    return number(row, 4) == 1;
  }

  private long number(int row, int which) {
    if (row < 0 || row >= rowCount()) throw new IndexOutOfBoundsException("row " + row);
    return rows[NUMBERS_OF_A_ROW * row + which];
  }

  /** True once the trainer is to stop; from any thread, and for ever after it has returned. */
  public synchronized boolean isStopped() {
    return handle == 0 || Native.trainingIsStopped(handle);
  }

  synchronized void end() {
    handle = 0;
    Arrays.fill(rows, 0);
  }
}
