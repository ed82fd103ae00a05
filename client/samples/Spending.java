import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import org.fedspend.client.Conditions;
import org.fedspend.client.Device;
import org.fedspend.client.FedspendException;
import org.fedspend.client.Host;
import org.fedspend.client.HttpsTransport;
import org.fedspend.client.InsightKind;
import org.fedspend.client.InsightListener;
import org.fedspend.client.Options;
import org.fedspend.client.Phase;
import org.fedspend.client.RunReport;
import org.fedspend.client.Transaction;
import org.fedspend.client.Transport;

/**
 * A program to copy: one customer's device, from an empty folder to a contribution.
 *
 *   Spending FOLDER request TOKEN > request       ask the bank's authority (fedspend-admin enrol) with a one-time token
 *   Spending FOLDER certificate < certificates    put its answer in
 *   Spending FOLDER consent [PURPOSE]             the customer has read notice 2026-11 and agrees; next_category if none is given
 *   Spending FOLDER withdraw                      ... or changes their mind
 *   Spending FOLDER ingest < transactions         lines: id,time in seconds,amount in hundredths,category or nothing[,merchant]; prints
 *                                                 what the device says of them: kind, id, JSON
 *   Spending FOLDER run                           take part in one round at most
 *   Spending FOLDER install PLAN MODEL            a model that the app brings; the plan's signature is PLAN.sig
 *   Spending FOLDER insight KIND [ID]             under the purpose personal_insights: next, category ..., of the newest transaction without ID
 *   Spending FOLDER correct ID CATEGORY           the customer's own word for what it was for
 *   Spending FOLDER personalise [MODEL]           adapt a model to this customer
 *   Spending FOLDER history | statement | wipe
 *
 * FOLDER holds what the bank gives with its app: release.pub, authority.pub, policy.toml, and coordinator.pub with coordinator.address, or, where an HTTPS
 * gateway stands before the coordinator, gateway.pem (its certificate, which is pinned) with gateway.address (https://HOST:PORT). What the device keeps goes
 * into FOLDER/device. A real app asks its system for the conditions, wraps the key in its hardware (Host.keys in place
 * of keyInFile), and runs when its scheduler says so.
 *
 *   java -Djava.library.path=build/notorch/lib -cp build/notorch/lib/fedspend-client.jar client/samples/Spending.java FOLDER run
 */
public final class Spending {
  private static final int BATCH = 500;

  /** This machine is always idle, on mains and on a network that costs nothing. A phone asks its system. */
  private static final class Desk implements Host {
    private final Transport transport;

    Desk(Transport transport) {
      this.transport = transport;
    }

    /** null: the library's own connection. */
    @Override
    public Transport transport() {
      return transport;
    }

    @Override
    public void conditions(Conditions now) {
      now.idle = now.charging = now.unmetered = now.thermalsOk = true;
      now.batteryLevel = 1;
      now.freeStorageBytes = 1_000_000_000;
    }

    @Override
    public void phase(Phase phase) {
      System.err.println("phase: " + phase);
    }

    /** Nothing acts by itself: an app shows it, or asks. */
    @Override
    public InsightListener insights() {
      return (kind, transactionId, json) -> System.out.printf("%s %s %s%n", kind.name().toLowerCase(Locale.ROOT), transactionId == null ? "-" : transactionId, json);
    }
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file).stripTrailing();
  }

  private static Device open(Path folder) throws IOException, GeneralSecurityException, FedspendException {
    Options options = new Options();
    options.persistentFolder = Files.createDirectories(folder.resolve("device")).toString();
    options.cacheFolder = Files.createDirectories(folder.resolve("cache")).toString();
    options.population = "synthetic";
    options.policy = Files.readString(folder.resolve("policy.toml"));
    options.releaseKey = Device.parseKey(read(folder.resolve("release.pub")));
    options.authorityKey = Device.parseKey(read(folder.resolve("authority.pub")));
    Path gateway = folder.resolve("gateway.address");
    Transport transport = Files.exists(gateway) ? new HttpsTransport(read(gateway), Files.readAllBytes(folder.resolve("gateway.pem"))) : null;
    if (transport == null) {
      options.coordinatorKey = Device.parseKey(read(folder.resolve("coordinator.pub")));
      options.coordinator = read(folder.resolve("coordinator.address"));
    }
    options.keyInFile = true;
    options.transientBackoffMillis = 200; // of a demonstration; leave it 0
    return Device.open(options, new Desk(transport));
  }

  private static String input() throws IOException {
    return new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void ingest(Device device) throws IOException, FedspendException {
    List<Transaction> batch = new ArrayList<>();
    for (String line : input().split("\n")) {
      String[] fields = line.split(",", 5);
      String category = fields[3].isEmpty() ? null : fields[3];
      batch.add(new Transaction(fields[0], Long.parseLong(fields[1]), Long.parseLong(fields[2]), false, category, fields.length > 4 ? fields[4] : null, null));
      if (batch.size() < BATCH) continue;
      device.ingest(batch);
      batch.clear();
    }
    if (!batch.isEmpty()) device.ingest(batch);
  }

  private static void run(Device device) throws FedspendException {
    RunReport report = device.runOnce();
    String outcome = report.outcome.name().toLowerCase(Locale.ROOT).replace('_', '-');
    System.out.printf("%s: %s; %d bytes sent; again in %d ms%n", outcome, report.words, report.bytesSent, report.comeBackInMillis);
  }

  public static void main(String[] arguments) throws IOException, GeneralSecurityException {
    if (arguments.length < 2) {
      System.err.println("usage: Spending FOLDER request TOKEN | certificate | consent [PURPOSE] | withdraw [PURPOSE] | ingest | run | install PLAN MODEL | insight KIND [ID] | correct ID CATEGORY | personalise [MODEL] | history | statement | wipe");
      System.exit(4);
    }
    String purpose = arguments.length > 2 ? arguments[2] : "next_category";
    try (Device device = open(Path.of(arguments[0]))) {
      switch (arguments[1]) {
        case "request":
          System.out.print(device.enrolmentRequest(arguments[2], "sample"));
          break;
        case "certificate":
          device.installCertificate(input());
          break;
        case "consent":
          device.giveConsent(purpose, "2026-11", "en", "command line");
          break;
        case "withdraw":
          device.withdrawConsent(purpose);
          break;
        case "ingest":
          ingest(device);
          break;
        case "run":
          run(device);
          break;
        case "personalise":
          device.personalise(arguments.length > 2 ? arguments[2] : null);
          break;
        case "install":
          device.installModel(Files.readAllBytes(Path.of(arguments[2])), Files.readString(Path.of(arguments[2] + ".sig")), Files.readAllBytes(Path.of(arguments[3])));
          break;
        case "insight":
          System.out.print(device.insight(InsightKind.valueOf(arguments[2].toUpperCase(Locale.ROOT)), arguments.length > 3 ? arguments[3] : null, null));
          break;
        case "correct":
          device.correctCategory(arguments[2], arguments[3]);
          break;
        case "history":
          System.out.print(device.history());
          break;
        case "statement":
          System.out.print(device.statement());
          break;
        case "wipe":
          device.wipe();
          break;
        default:
          System.err.println("unknown command " + arguments[1]);
          System.exit(4);
      }
    } catch (FedspendException error) {
      System.err.println(error.status() + ": " + error.getMessage());
      System.exit(1);
    }
  }
}
