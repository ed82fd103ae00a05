package org.fedspend.client;

/** The app's own pinned TLS in place of {@link Options#coordinator}. */
public interface Transport {
  /**
   * POSTs the request as it is to https://GATEWAY/v1/exchange (content type application/octet-stream) and returns the body of a response of status
   * 200; throws on any other. Blocks for {@code timeoutMillis} at most. On a thread of the library, one at a time. What it throws is tried
   * again with the same bytes, which is safe: never change or keep them. A java.net.SocketTimeoutException is told as TIMEOUT, a
   * javax.net.ssl.SSLException as UNAUTHORIZED (the certificate is not the pinned one), all else as UNAVAILABLE.
   */
  byte[] exchange(byte[] request, int timeoutMillis) throws Exception;

  /**
   * Ends the exchange under way soon, the run is over. On the thread of the run, at once and then every 100 ms until the exchange has returned. Without
   * it the end of a run waits for the exchange.
   */
  default void giveUp() {}
}
