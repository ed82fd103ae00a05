package org.fedspend.client;

import static org.fedspend.client.Checks.check;
import static org.fedspend.client.Checks.expect;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;

/** HttpsTransport against servers on loopback with certificates of their own: whom it trusts, and when it ends. */
final class HttpsTest {
  private static final char[] PASSWORD = "no secret".toCharArray();
  private static final byte[] REQUEST = {1, 2, 3, 0, -1};
  private static final int LIMIT_MS = 20_000;

  private static Path base;
  private static final AtomicInteger seen = new AtomicInteger();
  private static final CountDownLatch end = new CountDownLatch(1);

  private static void keytool(String... arguments) throws Exception {
    String[] command = new String[arguments.length + 1];
    command[0] = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    Process tool = new ProcessBuilder(command).redirectErrorStream(true).start();
    String printed = new String(tool.getInputStream().readAllBytes());
    if (tool.waitFor() != 0) throw new IllegalStateException(printed);
  }

  /** NAME.p12 and NAME.pem, for these names. */
  private static void makeCertificate(String name, String names) throws Exception {
    String store = base.resolve(name + ".p12").toString();
    keytool("-genkeypair", "-alias", "server", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=" + name, "-ext", "san=" + names, "-validity", "2", "-storetype", "PKCS12",
        "-keystore", store, "-storepass", new String(PASSWORD));
    keytool("-exportcert", "-rfc", "-alias", "server", "-keystore", store, "-storepass", new String(PASSWORD), "-file", base.resolve(name + ".pem").toString());
  }

  private static byte[] pem(String name) throws IOException {
    return Files.readAllBytes(base.resolve(name + ".pem"));
  }

  /** Answers by the path's last part, counting what came to it. */
  private static HttpsServer serve(String certificate, ExecutorService executor) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(base.resolve(certificate + ".p12"))) {
      keys.load(in, PASSWORD);
    }
    KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context));
    server.setExecutor(executor);
    return server;
  }

  interface Answer {
    void give(com.sun.net.httpserver.HttpExchange exchange, byte[] request) throws Exception;
  }

  private static final AtomicReference<Answer> answer = new AtomicReference<>();

  private static void listen(HttpServer server) {
    server.createContext("/", exchange -> {
      byte[] request = exchange.getRequestBody().readAllBytes();
      seen.incrementAndGet();
      try {
        answer.get().give(exchange, request);
      } catch (Exception gone) { // the other end has
        exchange.close();
      }
    });
    server.start();
  }

  private static String address(String host, int port) {
    return "https://" + host + ":" + port;
  }

  private static void whatIsSentComesBack(int port) throws Exception {
    HttpsTransport transport = new HttpsTransport(address("localhost", port), pem("right"));
    answer.set((exchange, request) -> {
      boolean asked = exchange.getRequestMethod().equals("POST") && exchange.getRequestURI().getPath().equals("/v1/exchange")
          && "application/octet-stream".equals(exchange.getRequestHeaders().getFirst("Content-Type"));
      exchange.getResponseHeaders().add("Set-Cookie", "follow=me");
      boolean followed = exchange.getRequestHeaders().containsKey("Cookie");
      exchange.sendResponseHeaders(asked && !followed ? 200 : 400, request.length);
      exchange.getResponseBody().write(request);
      exchange.close();
    });
    for (int i = 0; i < 3; ++i) check(Arrays.equals(transport.exchange(REQUEST, LIMIT_MS), REQUEST), "the answer");
    byte[] large = new byte[3 << 20];
    Arrays.fill(large, (byte) 7);
    check(Arrays.equals(transport.exchange(large, LIMIT_MS), large), "a large answer");
    HttpsTransport issued = new HttpsTransport(address("127.0.0.1", port), (new String(pem("other")) + new String(pem("right"))).getBytes());
    check(Arrays.equals(issued.exchange(REQUEST, LIMIT_MS), REQUEST), "the second of two pins, by address");
  }

  private static void whoIsNotPinnedHearsNothing(int port, int otherPort, int plainPort) throws Exception {
    int before = seen.get();
    for (HttpsTransport wrong : new HttpsTransport[] {
        new HttpsTransport(address("localhost", port), pem("other")), // another certificate
        new HttpsTransport(address("localhost", otherPort), pem("elsewhere"))}) // the pinned one, of another host
      check(expect(SSLException.class, () -> wrong.exchange(REQUEST, LIMIT_MS)) != null, "refused");
    expect(IOException.class, () -> new HttpsTransport(address("localhost", plainPort), pem("right")).exchange(REQUEST, 500)); // no TLS: it waits for more
    check(seen.get() == before, "nothing was asked of them");
    for (String wrong : new String[] {"http://localhost:1", "https://localhost:1/", "https://localhost:1/v1", "https://user@localhost:1", "localhost:1", "https://", "https://localhost:1?a"})
      expect(IllegalArgumentException.class, () -> new HttpsTransport(wrong, pem("right")));
    expect(IllegalArgumentException.class, () -> new HttpsTransport("https://localhost:1", new byte[0]));
    expect(Exception.class, () -> new HttpsTransport("https://localhost:1", "no certificate".getBytes()));
  }

  private static void anyOtherStatusIsNoAnswer(int port) throws Exception {
    HttpsTransport transport = new HttpsTransport(address("localhost", port), pem("right"));
    for (int status : new int[] {204, 302, 307, 400, 403, 503}) {
      answer.set((exchange, request) -> {
        exchange.getResponseHeaders().add("Location", address("localhost", port) + "/elsewhere");
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
      });
      int before = seen.get();
      IOException error = expect(IOException.class, () -> transport.exchange(REQUEST, LIMIT_MS));
      check(error != null && error.getMessage().contains(String.valueOf(status)), "status " + status + ": " + error);
      check(seen.get() == before + 1, "no redirect is followed");
    }
  }

  private static void tooMuchIsCutOff(int port) throws Exception {
    HttpsTransport transport = new HttpsTransport(address("localhost", port), pem("right"), 100_000);
    for (int size : new int[] {100_000, 100_001, 50_000_000}) {
      answer.set((exchange, request) -> {
        exchange.sendResponseHeaders(200, 0); // of a length that is not said
        byte[] piece = new byte[10_000];
        for (int left = size; left > 0; left -= piece.length) exchange.getResponseBody().write(piece, 0, Math.min(left, piece.length));
        exchange.close();
      });
      if (size == 100_000) check(transport.exchange(REQUEST, LIMIT_MS).length == size, "as much as is taken");
      else check(expect(IOException.class, () -> transport.exchange(REQUEST, LIMIT_MS)).getMessage().contains("more than 100000"), "too long");
    }
  }

  private static long millisOf(Checks.Work work) throws Exception {
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) / 1_000_000;
  }

  /** By a server that says nothing, or a byte now and then; by one that takes the connection alone. */
  private static void itEndsInTimeAndWhenItIsGivenUp(int port, int silentPort) throws Exception {
    Answer silent = (exchange, request) -> end.await(LIMIT_MS, TimeUnit.MILLISECONDS);
    Answer trickle = (exchange, request) -> {
      exchange.sendResponseHeaders(200, 0);
      for (int i = 0; i < 200 && end.getCount() > 0; ++i, Thread.sleep(50)) {
        exchange.getResponseBody().write(i);
        exchange.getResponseBody().flush();
      }
    };
    for (int at : new int[] {port, silentPort}) {
      for (Answer each : new Answer[] {silent, trickle}) {
        answer.set(each);
        HttpsTransport transport = new HttpsTransport(address("localhost", at), pem("right"));
        long late = millisOf(() -> expect(SocketTimeoutException.class, () -> transport.exchange(REQUEST, 400)));
        check(late >= 350 && late < 5_000, "in time: " + late);
        CountDownLatch ended = new CountDownLatch(1);
        AtomicReference<Throwable> why = new AtomicReference<>();
        Thread run = new Thread(() -> {
          try {
            transport.exchange(REQUEST, LIMIT_MS);
          } catch (Throwable error) {
            why.set(error);
          }
          ended.countDown();
        });
        run.start();
        Thread.sleep(200);
        long waited = millisOf(() -> {
          for (int i = 0; i < 100 && ended.getCount() > 0; ++i) { // as the library does
            transport.giveUp();
            ended.await(100, TimeUnit.MILLISECONDS);
          }
        });
        check(ended.getCount() == 0 && waited < 5_000, "given up: " + waited);
        check(why.get() instanceof IOException && !(why.get() instanceof SocketTimeoutException), "given up, not late: " + why.get());
      }
    }
    new HttpsTransport(address("localhost", port), pem("right")).giveUp(); // of nothing
  }

  public static void main(String[] arguments) throws Exception {
    Checks.inFolders(folder -> {
      base = folder;
      makeCertificate("right", "dns:localhost,ip:127.0.0.1");
      makeCertificate("other", "dns:localhost,ip:127.0.0.1");
      makeCertificate("elsewhere", "dns:elsewhere.example");
      ExecutorService executor = Executors.newCachedThreadPool();
      HttpsServer right = serve("right", executor), elsewhere = serve("elsewhere", executor);
      HttpServer plain = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) { // takes connections, and never speaks
        for (HttpServer server : new HttpServer[] {right, elsewhere, plain}) listen(server);
        int port = right.getAddress().getPort();
        whatIsSentComesBack(port);
        whoIsNotPinnedHearsNothing(port, elsewhere.getAddress().getPort(), plain.getAddress().getPort());
        anyOtherStatusIsNoAnswer(port);
        tooMuchIsCutOff(port);
        itEndsInTimeAndWhenItIsGivenUp(port, silent.getLocalPort());
      } finally {
        end.countDown();
        for (HttpServer server : new HttpServer[] {right, elsewhere, plain}) server.stop(0);
        executor.shutdownNow();
      }
    });
  }
}
