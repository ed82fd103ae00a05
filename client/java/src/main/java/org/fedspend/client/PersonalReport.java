package org.fedspend.client;

/**
 * Nats a prediction on the rows that the personal model was chosen by, the newest of those that it may be trained on: so {@code chosenLoss} is the least of
 * many and flatters. {@link Device#evaluate} is of rows that had no say.
 */
public final class PersonalReport {
  /** False: the shared model stays, nothing was better. */
  public final boolean isPersonal;
  /** 0: too few transactions, nothing was compared. */
  public final long predictions;
  public final double sharedLoss;
  public final double chosenLoss;
  /** Of each way by itself: the last layer fine-tuned; sharedLoss where its training diverged or there is none. */
  public final double headLoss;
  /** All weights trained with a pull to the shared ones (Ditto); the same. */
  public final double proximalLoss;
  /** The customer's own counts alone. */
  public final double ownCountsLoss;

  PersonalReport(double[] numbers) {
    isPersonal = numbers[0] != 0;
    predictions = (long) numbers[1];
    sharedLoss = numbers[2];
    chosenLoss = numbers[3];
    headLoss = numbers[4];
    proximalLoss = numbers[5];
    ownCountsLoss = numbers[6];
  }
}
