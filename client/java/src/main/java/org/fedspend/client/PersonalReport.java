package org.fedspend.client;

/** Nats a prediction on the customer's own held-out rows: what the personal model was chosen by. */
public final class PersonalReport {
  /** False: the shared model stays, nothing was better. */
  public final boolean isPersonal;
  /** 0: too few transactions, nothing was compared. */
  public final long predictions;
  public final double sharedLoss;
  public final double chosenLoss;

  PersonalReport(double[] numbers) {
    isPersonal = numbers[0] != 0;
    predictions = (long) numbers[1];
    sharedLoss = numbers[2];
    chosenLoss = numbers[3];
  }
}
