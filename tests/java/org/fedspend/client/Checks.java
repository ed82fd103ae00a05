package org.fedspend.client;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** What the tests of the Java face share. */
final class Checks {
  static int failures;

  interface Work {
    void run() throws Exception;
  }

  private Checks() {}

  static void check(boolean right, String words) {
    if (right) return;
    ++failures;
    System.out.println("failed: " + words + " at " + new Throwable().getStackTrace()[1]);
  }

  /** What it throws, of that class. */
  static <E extends Throwable> E expect(Class<E> kind, Work work) {
    try {
      work.run();
    } catch (Throwable error) {
      if (kind.isInstance(error)) return kind.cast(error);
      ++failures;
      System.out.println("failed: expected " + kind + ", got " + error);
      return null;
    }
    ++failures;
    System.out.println("failed: nothing thrown, expected " + kind + " at " + new Throwable().getStackTrace()[1]);
    return null;
  }

  interface InFolder {
    void run(Path base) throws Exception;
  }

  /** In a folder that goes away; then the end. */
  static void inFolders(InFolder work) throws Exception {
    Path base = Files.createTempDirectory("fedspend-java-");
    try {
      work.run(base);
    } finally {
      try (Stream<Path> files = Files.walk(base)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
    end();
  }

  static void end() {
    System.out.println(failures == 0 ? "all is well" : failures + " failures");
    System.exit(failures == 0 ? 0 : 1);
  }
}
