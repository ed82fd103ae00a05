/* A program to copy: one customer's device, from an empty folder to a contribution.
 *
 *   spending FOLDER request TOKEN > request       ask the bank's authority (fedspend-admin enrol) with a one-time token
 *   spending FOLDER certificate < certificates    put its answer in
 *   spending FOLDER consent [PURPOSE]             the customer has read notice 2026-11 and agrees
 *   spending FOLDER withdraw                      ... or changes their mind
 *   spending FOLDER ingest < transactions         lines: id,time in seconds,amount in hundredths,category or nothing[,merchant]; prints
 *                                                 what the device says of them: kind, id, JSON
 *   spending FOLDER run                           take part in one round at most
 *   spending FOLDER install PLAN MODEL            a model that the app brings; the plan's signature is PLAN.sig
 *   spending FOLDER insight KIND [ID]             under the purpose personal_insights: next, category ..., of the newest transaction without ID
 *   spending FOLDER correct ID CATEGORY           the customer's own word for what it was for
 *   spending FOLDER personalise [MODEL]           adapt a model to this customer
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

/* A file with a NUL at its end; NULL if it cannot be read. The caller frees it. */
static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  char *bytes = malloc(MAX_TEXT);
  *size = bytes == NULL ? 0 : fread(bytes, 1, MAX_TEXT - 1, file);
  fclose(file);
  if (bytes != NULL) bytes[*size] = '\0';
  return bytes;
}

/* A file of FOLDER as a text without its last newline. */
static char *read_text(const char *folder, const char *name) {
  char path[4096];
  size_t size = 0;
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return NULL;
  char *text = read_file(path, &size);
  if (text != NULL && size > 0 && text[size - 1] == '\n') text[size - 1] = '\0';
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

/* Nothing acts by itself: an app shows it, or asks. */
static void show_insight(void *user, int32_t kind, const char *transaction_id, const char *json) {
  (void)user;
  printf("%s %s %s\n", fedspend_insight_name(kind), transaction_id == NULL ? "-" : transaction_id, json);
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
  host.insight = show_insight;
  const fedspend_status status = fedspend_device_create(&options, &host, device);
  free(policy);
  free(address);
  return status;
}

typedef fedspend_status (*text_function)(fedspend_device *, int32_t, char *, size_t, size_t *);

/* A text of the device's: of `function`, or an insight. */
struct question {
  text_function function;
  int32_t kind;
  const char *transaction_id; /* NULL: the newest */
};

static fedspend_status ask(fedspend_device *device, const struct question *about, char *buffer, size_t capacity, size_t *needed) {
  if (about->function != NULL) return about->function(device, FEDSPEND_FORMAT_TEXT, buffer, capacity, needed);
  return fedspend_insight(device, about->kind, about->transaction_id, NULL, FEDSPEND_FORMAT_TEXT, buffer, capacity, needed);
}

/* First the size, then the text; and again where it has grown in between. */
static int show(fedspend_device *device, struct question about) {
  char *text = NULL;
  size_t capacity = 0, needed = 0;
  fedspend_status status;
  while ((status = ask(device, &about, text, capacity, &needed)) == FEDSPEND_BUFFER_TOO_SMALL) {
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

static int insight(fedspend_device *device, const char *name, const char *transaction_id) {
  for (int32_t kind = 1; strcmp(fedspend_insight_name(kind), "unknown") != 0; ++kind)
    if (strcmp(fedspend_insight_name(kind), name) == 0) return show(device, (struct question){NULL, kind, transaction_id});
  fprintf(stderr, "no such kind of insight: %s\n", name);
  return 4;
}

static int install_model(fedspend_device *device, const char *plan_path, const char *model_path) {
  char signature_path[4096];
  size_t plan_size = 0, signature_size = 0, model_size = 0;
  if (snprintf(signature_path, sizeof signature_path, "%s.sig", plan_path) >= (int)sizeof signature_path) return 4;
  char *plan = read_file(plan_path, &plan_size), *signature = read_file(signature_path, &signature_size), *model = read_file(model_path, &model_size);
  const fedspend_status status = fedspend_install_model(device, (const uint8_t *)plan, plan_size, signature, (const uint8_t *)model, model_size);
  free(plan);
  free(signature);
  free(model);
  return status == FEDSPEND_OK ? 0 : fail("install");
}

static int install_certificate(fedspend_device *device) {
  char *text = malloc(MAX_TEXT);
  if (text == NULL) return 1;
  text[fread(text, 1, MAX_TEXT - 1, stdin)] = '\0';
  const fedspend_status status = fedspend_install_certificate(device, text);
  free(text);
  return status == FEDSPEND_OK ? 0 : fail("certificate");
}

/* A transaction of a line; its texts go into `id` and `rest`, which the line leaves room for. */
static int read_transaction(char *line, char id[65], char rest[512], fedspend_transaction *one) {
  long long time_s = 0, amount = 0;
  int used = 0;
  memset(one, 0, sizeof *one);
  line[strcspn(line, "\n")] = '\0';
  if (sscanf(line, "%64[^,],%lld,%lld,%n", id, &time_s, &amount, &used) != 3 || used == 0) return 0;
  strcpy(rest, line + used);
  char *merchant = strchr(rest, ',');
  if (merchant != NULL) *merchant++ = '\0';
  one->struct_size = sizeof *one;
  one->direction = FEDSPEND_DEBIT;
  one->id = id;
  one->time_s = time_s;
  one->amount_minor = amount;
  one->category = rest[0] == '\0' ? NULL : rest;
  one->merchant = merchant;
  return 1;
}

static int ingest(fedspend_device *device) {
  static char ids[BATCH][65], rests[BATCH][512];
  static fedspend_transaction batch[BATCH];
  char line[512];
  size_t count = 0;
  for (int more = 1; more;) {
    more = fgets(line, sizeof line, stdin) != NULL;
    if (more) {
      if (!read_transaction(line, ids[count], rests[count], &batch[count])) {
        fprintf(stderr, "not a transaction: %s\n", line);
        return 1;
      }
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
    fprintf(stderr, "usage: %s FOLDER request TOKEN | certificate | consent [PURPOSE] | withdraw [PURPOSE] | ingest | run | install PLAN MODEL | insight KIND [ID] | correct ID CATEGORY | personalise [MODEL] | history | statement | wipe\n", argv[0]);
    return 4;
  }
  fedspend_device *device = NULL;
  if (open_device(argv[1], &device) != FEDSPEND_OK) return fail("open");
  const char *command = argv[2];
  const char *purpose = argc > 3 ? argv[3] : "next_category";
  int result = 4;
  if (strcmp(command, "request") == 0 && argc > 3) result = request(device, argv[3]);
  if (strcmp(command, "certificate") == 0) result = install_certificate(device);
  if (strcmp(command, "consent") == 0) result = fedspend_consent_give(device, purpose, "2026-11", "en", "command line") == FEDSPEND_OK ? 0 : fail("consent");
  if (strcmp(command, "withdraw") == 0) result = fedspend_consent_withdraw(device, purpose) == FEDSPEND_OK ? 0 : fail("withdraw");
  if (strcmp(command, "ingest") == 0) result = ingest(device);
  if (strcmp(command, "run") == 0) result = run(device);
  if (strcmp(command, "personalise") == 0) result = fedspend_personalise(device, argc > 3 ? argv[3] : NULL, NULL) == FEDSPEND_OK ? 0 : fail("personalise");
  if (strcmp(command, "install") == 0 && argc > 4) result = install_model(device, argv[3], argv[4]);
  if (strcmp(command, "insight") == 0 && argc > 3) result = insight(device, argv[3], argc > 4 ? argv[4] : NULL);
  if (strcmp(command, "correct") == 0 && argc > 4) result = fedspend_correct_category(device, argv[3], argv[4]) == FEDSPEND_OK ? 0 : fail("correct");
  if (strcmp(command, "history") == 0) result = show(device, (struct question){fedspend_history, 0, NULL});
  if (strcmp(command, "statement") == 0) result = show(device, (struct question){fedspend_statement, 0, NULL});
  if (strcmp(command, "wipe") == 0) result = fedspend_wipe(device) == FEDSPEND_OK ? 0 : fail("wipe");
  fedspend_device_free(device);
  return result;
}
