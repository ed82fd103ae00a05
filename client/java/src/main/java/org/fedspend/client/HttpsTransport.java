package org.fedspend.client;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URL;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Timer;
import java.util.TimerTask;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/**
 * A {@link Transport} by the platform's own TLS, which trusts the pinned certificates alone and holds the gateway to the name in its address. An app that has
 * a pinned client of its own uses that. No cookie, no redirect, no cache. For one device.
 */
public final class HttpsTransport implements Transport {
  /** 64 MiB of bulk frames (common/transport/ENVELOPE.md), and what goes with them. */
  private static final int MOST_BYTES = 80 << 20;

  private final URL exchange;
  private final SSLSocketFactory sockets;
  private final int mostBytes;
  private final Timer deadlines = new Timer("fedspend deadlines", true);
  private volatile HttpsURLConnection underWay;

  /**
   * @param gateway https://HOST:PORT
   * @param certificates in PEM: the gateway's, or that of its issuer; several while they are exchanged
   */
  public HttpsTransport(String gateway, byte[] certificates) throws GeneralSecurityException, IOException {
    this(gateway, certificates, MOST_BYTES);
  }

  HttpsTransport(String gateway, byte[] certificates, int mostBytes) throws GeneralSecurityException, IOException {
    URI address = URI.create(gateway);
    if (!"https".equals(address.getScheme()) || address.getHost() == null || !gateway.equals("https://" + address.getRawAuthority()) || address.getRawUserInfo() != null)
      throw new IllegalArgumentException("the gateway's address is not https://HOST:PORT");
    exchange = new URL(gateway + "/v1/exchange");
    KeyStore pinned = KeyStore.getInstance(KeyStore.getDefaultType());
    pinned.load(null, null);
    for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(certificates)))
      pinned.setCertificateEntry("pinned " + pinned.size(), each);
    if (pinned.size() == 0) throw new IllegalArgumentException("no certificate is pinned");
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(pinned);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    sockets = context.getSocketFactory();
    this.mostBytes = mostBytes;
  }

  @Override
  public byte[] exchange(byte[] request, int timeoutMillis) throws IOException {
    HttpsURLConnection connection = (HttpsURLConnection) exchange.openConnection();
    connection.setSSLSocketFactory(sockets);
    connection.setInstanceFollowRedirects(false);
    connection.setUseCaches(false);
    connection.setConnectTimeout(timeoutMillis);
    connection.setReadTimeout(timeoutMillis);
    connection.setRequestMethod("POST");
    connection.setRequestProperty("Content-Type", "application/octet-stream");
    connection.setDoOutput(true);
    connection.setFixedLengthStreamingMode(request.length);
    // In time as a whole: the timeouts above are each step's, and a read begins anew with each byte that comes.
    Deadline deadline = new Deadline(connection);
    deadlines.schedule(deadline, timeoutMillis);
    underWay = connection;
    boolean done = false;
    try {
      try (OutputStream out = connection.getOutputStream()) {
        out.write(request);
      }
      int status = connection.getResponseCode();
      if (status != 200) throw new IOException("the gateway's status is " + status);
      byte[] body = read(connection);
      done = true; // and the connection is kept for the next
      return body;
    } catch (IOException error) {
      if (!deadline.isOver) throw error;
      SocketTimeoutException late = new SocketTimeoutException("no answer in " + timeoutMillis + " ms");
      late.initCause(error);
      throw late;
    } finally {
      deadline.cancel();
      underWay = null;
      if (!done) connection.disconnect();
    }
  }

  private byte[] read(HttpsURLConnection connection) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    byte[] piece = new byte[16_384];
    try (InputStream in = connection.getInputStream()) {
      for (int size; (size = in.read(piece)) >= 0;) {
        if (size > mostBytes - body.size()) throw new IOException("a response of more than " + mostBytes + " bytes");
        body.write(piece, 0, size);
      }
    }
    return body.toByteArray();
  }

  @Override
  public void giveUp() {
    HttpsURLConnection connection = underWay;
    if (connection != null) connection.disconnect();
  }

  private static final class Deadline extends TimerTask {
    private final HttpsURLConnection connection;
    volatile boolean isOver;

    Deadline(HttpsURLConnection connection) {
      this.connection = connection;
    }

    @Override
    public void run() {
      isOver = true;
      connection.disconnect();
    }
  }
}
