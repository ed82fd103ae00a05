/* A program to copy: one customer's device, from an empty folder to a contribution.
 *
 *   spending FOLDER request TOKEN > request       ask the bank's authority (fedspend-admin enrol) with a one-time token
 *   spending FOLDER certificate < certificates    put its answer in
 *   spending FOLDER consent                       the customer has read notice 2026-11 and agrees
 *   spending FOLDER withdraw                      ... or changes their mind
 *   spending FOLDER ingest < transactions         lines: id,time in seconds,amount in hundredths,category
 *   spending FOLDER run                           take part in one round at most
 *   spending FOLDER history | statement | wipe
 *
 * FOLDER holds what the bank gives with its app (release.pub, authority.pub, coordinator.pub, coordinator.address, policy.toml); what the
 * device keeps goes into FOLDER/device. A real app asks its system for the conditions, wraps the key in its hardware (wrap, unwrap in
 * place of FEDSPEND_KEY_IN_FILE), and runs when its scheduler says so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <fedspend/client.h>

enum { MAX_TEXT = 1 << 20, BATCH = 500 };

static int fail(const char *what) {
  char words[512];
  size_t needed = 0;
  if (fedspend_last_error(words, sizeof words, &needed) != FEDSPEND_OK) words[0] = '\0';
  fprintf(stderr, "%s: %s\n", what, words);
  return 1;
}

/* A file of FOLDER as a text without its last newline; NULL if it cannot be read. The caller frees it. */
static char *read_text(const char *folder, const char *name) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return NULL;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  char *text = malloc(MAX_TEXT);
  size_t size = text == NULL ? 0 : fread(text, 1, MAX_TEXT - 1, file);
  fclose(file);
  if (text == NULL) return NULL;
  if (size > 0 && text[size - 1] == '\n') --size;
  text[size] = '\0';
  return text;
}

static int read_key(const char *folder, const char *name, uint8_t key[32]) {
  char *text = read_text(folder, name);
  const fedspend_status status = text == NULL ? FEDSPEND_NOT_FOUND : fedspend_parse_key(text, key);
  free(text);
  return status == FEDSPEND_OK;
}

/* This machine is always idle, on mains and on a network that costs nothing. A phone asks its system. */
static void conditions(void *user, fedspend_conditions *now) {
  (void)user;
  now->idle = now->charging = now->unmetered = now->thermals_ok = FEDSPEND_YES;
  now->battery_level = 1.0;
  now->free_storage_bytes = 1000000000;
}

static void show_phase(void *user, int32_t phase) {
  (void)user;
  fprintf(stderr, "phase: %s\n", fedspend_phase_name(phase));
}

static fedspend_status open_device(const char *folder, fedspend_device **device) {
  fedspend_options options;
  fedspend_host host;
  char persistent[4096], cache[4096];
  memset(&options, 0, sizeof options);
  memset(&host, 0, sizeof host);
  options.struct_size = sizeof options;
  host.struct_size = sizeof host;

  if (snprintf(persistent, sizeof persistent, "%s/device", folder) >= (int)sizeof persistent) return FEDSPEND_INVALID_ARGUMENT;
  if (snprintf(cache, sizeof cache, "%s/cache", folder) >= (int)sizeof cache) return FEDSPEND_INVALID_ARGUMENT;
  if (mkdir(persistent, 0700) != 0 && errno != EEXIST) return FEDSPEND_IO;
  if (mkdir(cache, 0700) != 0 && errno != EEXIST) return FEDSPEND_IO;
  if (!read_key(folder, "release.pub", options.release_key) || !read_key(folder, "authority.pub", options.authority_key) ||
      !read_key(folder, "coordinator.pub", options.coordinator_key))
    return FEDSPEND_NOT_FOUND;
  char *policy = read_text(folder, "policy.toml");
  char *address = read_text(folder, "coordinator.address");
  options.flags = FEDSPEND_KEY_IN_FILE;
  options.persistent_dir = persistent;
  options.cache_dir = cache;
  options.population = "synthetic";
  options.policy_toml = policy;
  options.coordinator = address;
  options.transient_backoff_ms = 200; /* of a demonstration; leave it 0 */
  host.conditions = conditions;
  host.phase = show_phase;
  const fedspend_status status = fedspend_device_create(&options, &host, device);
  free(policy);
  free(address);
  return status;
}

typedef fedspend_status (*text_function)(fedspend_device *, int32_t, char *, size_t, size_t *);

/* What is likely next, and why. */
static fedspend_status explain(fedspend_device *device, int32_t format, char *buffer, size_t capacity, size_t *needed) {
  return fedspend_insight(device, FEDSPEND_INSIGHT_NEXT, NULL, NULL, format, buffer, capacity, needed);
}

/* First the size, then the text; and again where it has grown in between. */
static int show(fedspend_device *device, text_function function) {
  char *text = NULL;
  size_t capacity = 0, needed = 0;
  fedspend_status status;
  while ((status = function(device, FEDSPEND_FORMAT_TEXT, text, capacity, &needed)) == FEDSPEND_BUFFER_TOO_SMALL) {
    free(text);
    capacity = needed;
    text = malloc(capacity);
    if (text == NULL) return 1;
  }
  if (status == FEDSPEND_OK) fputs(text, stdout);
  free(text);
  return status == FEDSPEND_OK ? 0 : fail("text");
}

static int request(fedspend_device *device, const char *token) {
  char text[4096];
  size_t needed = 0;
  if (fedspend_enrolment_request(device, token, "sample", text, sizeof text, &needed) != FEDSPEND_OK) return fail("request");
  fputs(text, stdout);
  return 0;
}

static int install(fedspend_device *device) {
  char *text = malloc(MAX_TEXT);
  if (text == NULL) return 1;
  text[fread(text, 1, MAX_TEXT - 1, stdin)] = '\0';
  const fedspend_status status = fedspend_install_certificate(device, text);
  free(text);
  return status == FEDSPEND_OK ? 0 : fail("certificate");
}

static int ingest(fedspend_device *device) {
  static char ids[BATCH][65], categories[BATCH][128];
  static fedspend_transaction batch[BATCH];
  char line[512];
  size_t count = 0;
  for (int more = 1; more;) {
    more = fgets(line, sizeof line, stdin) != NULL;
    if (more) {
      long long time_s = 0, amount = 0;
      memset(&batch[count], 0, sizeof batch[count]);
      if (sscanf(line, "%64[^,],%lld,%lld,%127[^\n]", ids[count], &time_s, &amount, categories[count]) != 4) {
        fprintf(stderr, "not a transaction: %s", line);
        return 1;
      }
      batch[count].struct_size = sizeof batch[count];
      batch[count].direction = FEDSPEND_DEBIT;
      batch[count].id = ids[count];
      batch[count].time_s = time_s;
      batch[count].amount_minor = amount;
      batch[count].category = categories[count];
      ++count;
    }
    if (count == BATCH || (!more && count > 0)) {
      if (fedspend_ingest(device, batch, count, NULL) != FEDSPEND_OK) return fail("ingest");
      count = 0;
    }
  }
  return 0;
}

static int run(fedspend_device *device) {
  fedspend_run_report report;
  memset(&report, 0, sizeof report);
  report.struct_size = sizeof report;
  if (fedspend_run_once(device, &report) != FEDSPEND_OK) return fail("run");
  printf("%s: %s; %llu bytes sent; again in %llu ms\n", fedspend_run_name(report.outcome), report.words, (unsigned long long)report.bytes_sent,
         (unsigned long long)report.come_back_in_ms);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s FOLDER request TOKEN | certificate | consent [PURPOSE] | withdraw [PURPOSE] | ingest | run | personalise | explain | history | statement | wipe\n", argv[0]);
    return 4;
  }
  fedspend_device *device = NULL;
  if (open_device(argv[1], &device) != FEDSPEND_OK) return fail("open");
  const char *command = argv[2];
  const char *purpose = argc > 3 ? argv[3] : "next_category";
  int result = 4;
  if (strcmp(command, "request") == 0 && argc > 3) result = request(device, argv[3]);
  if (strcmp(command, "certificate") == 0) result = install(device);
  if (strcmp(command, "consent") == 0) result = fedspend_consent_give(device, purpose, "2026-11", "en", "command line") == FEDSPEND_OK ? 0 : fail("consent");
  if (strcmp(command, "withdraw") == 0) result = fedspend_consent_withdraw(device, purpose) == FEDSPEND_OK ? 0 : fail("withdraw");
  if (strcmp(command, "ingest") == 0) result = ingest(device);
  if (strcmp(command, "run") == 0) result = run(device);
  if (strcmp(command, "personalise") == 0) result = fedspend_personalise(device, NULL, NULL) == FEDSPEND_OK ? 0 : fail("personalise");
  if (strcmp(command, "explain") == 0) result = show(device, explain);
  if (strcmp(command, "history") == 0) result = show(device, fedspend_history);
  if (strcmp(command, "statement") == 0) result = show(device, fedspend_statement);
  if (strcmp(command, "wipe") == 0) result = fedspend_wipe(device) == FEDSPEND_OK ? 0 : fail("wipe");
  fedspend_device_free(device);
  return result;
}
