package org.fedspend.client;

/** A trainer of the app's own in place of the library's. */
public interface Trainer {
  /**
   * Trains {@link TrainingTask#weights} on the task's rows and returns as many trained ones; the array is wiped afterwards. On a thread of the
   * library. Asks {@link TrainingTask#isStopped} often, and throws once it is. Whatever it does must not depend on the rows but by the weights: what
   * it throws is seen by the coordinator as a device that declined. Weights that are not finite count as no change.
   */
  float[] train(TrainingTask task) throws Exception;
}
