package org.fedspend.client;

/** On the customer's newest transactions, which no training on this device looks at. Losses in nats, in all. */
public final class Evaluation {
  public final boolean hasPersonal;
  public final long predictions;
  public final long sharedCorrect;
  public final long sharedCorrectIn3;
  public final double sharedLoss;
  public final long personalCorrect;
  public final long personalCorrectIn3;
  public final double personalLoss;

  Evaluation(double[] numbers) {
    hasPersonal = numbers[0] != 0;
    predictions = (long) numbers[1];
    sharedCorrect = (long) numbers[2];
    sharedCorrectIn3 = (long) numbers[3];
    sharedLoss = numbers[4];
    personalCorrect = (long) numbers[5];
    personalCorrectIn3 = (long) numbers[6];
    personalLoss = numbers[7];
  }
}
