/* The conventions of fedspend/client.h, from C: what every function does with NULL, with structs of the wrong size, with buffers that are too
 * small, with two handles on one folder; and that nothing is sent by a device that may not. */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fedspend/client.h>

static int failures = 0;
#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
      ++failures;                                                               \
    }                                                                           \
  } while (0)

typedef struct {
  int64_t wall_s;
  int conditions_asked;
  uint8_t all;
  int key_works;
} world;

static void conditions(void *user, fedspend_conditions *now) {
  world *it = user;
  ++it->conditions_asked;
  now->idle = now->charging = now->unmetered = now->thermals_ok = it->all;
  if (it->all == FEDSPEND_YES) {
    now->battery_level = 0.9;
    now->free_storage_bytes = 1000000000;
  }
}
static int64_t wall(void *user) { return ((world *)user)->wall_s; }
static fedspend_status wrap(void *user, const uint8_t seed[32], uint8_t *wrapped, size_t *size) {
  if (!((world *)user)->key_works) return FEDSPEND_UNAVAILABLE;
  if (*size < 33) return FEDSPEND_LIMIT;
  for (int i = 0; i < 32; ++i) wrapped[i] = seed[i] ^ 0x5a; /* a toy in place of hardware */
  wrapped[32] = 7;
  *size = 33;
  return FEDSPEND_OK;
}
static fedspend_status unwrap(void *user, const uint8_t *wrapped, size_t size, uint8_t seed[32]) {
  if (!((world *)user)->key_works) return FEDSPEND_UNAVAILABLE;
  if (size != 33 || wrapped[32] != 7) return FEDSPEND_UNAUTHORIZED;
  for (int i = 0; i < 32; ++i) seed[i] = wrapped[i] ^ 0x5a;
  return FEDSPEND_OK;
}

static world it = {1790000000, 0, FEDSPEND_YES, 1};
static char folder[] = "/tmp/fedspend-c-api-XXXXXX";
static const char *kPolicy = "purposes = [\"next_category\"]\n";

static fedspend_options options(void) {
  fedspend_options o;
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.persistent_dir = folder;
  o.population = "cards";
  o.policy_toml = kPolicy;
  memset(o.release_key, 1, 32);
  memset(o.authority_key, 2, 32);
  return o;
}
static fedspend_host host(void) {
  fedspend_host h;
  memset(&h, 0, sizeof h);
  h.struct_size = sizeof h;
  h.user = &it;
  h.conditions = conditions;
  h.unix_time_s = wall;
  h.wrap = wrap;
  h.unwrap = unwrap;
  return h;
}
static fedspend_transaction transaction(const char *id, int64_t time_s) {
  fedspend_transaction t;
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.id = id;
  t.time_s = time_s;
  t.amount_minor = 1234;
  t.category = "FOOD";
  return t;
}

static void names(void) {
  CHECK(fedspend_version() == FEDSPEND_CLIENT_VERSION);
  CHECK(strcmp(fedspend_version_text(), "0.1.0") == 0);
  CHECK(strcmp(fedspend_status_name(FEDSPEND_OK), "ok") == 0);
  CHECK(strcmp(fedspend_status_name(FEDSPEND_BUFFER_TOO_SMALL), "buffer-too-small") == 0);
  CHECK(strcmp(fedspend_status_name(-1), "unknown") == 0 && strcmp(fedspend_status_name(13), "unknown") == 0);
  CHECK(strcmp(fedspend_run_name(FEDSPEND_RUN_CONTRIBUTED), "contributed") == 0);
  CHECK(strcmp(fedspend_run_name(FEDSPEND_RUN_FAILED), "failed") == 0);
  CHECK(strcmp(fedspend_run_name(0), "unknown") == 0 && strcmp(fedspend_run_name(FEDSPEND_RUN_TURNED_AWAY), "turned-away") == 0 && strcmp(fedspend_run_name(16), "unknown") == 0);
  CHECK(strcmp(fedspend_phase_name(FEDSPEND_PHASE_REPORTING), "reporting") == 0 && strcmp(fedspend_phase_name(5), "unknown") == 0);
  CHECK(fedspend_key_bytes() == FEDSPEND_KEY_BYTES && fedspend_signature_bytes() == FEDSPEND_SIGNATURE_BYTES);
  CHECK(fedspend_max_wrapped_seed_bytes() == FEDSPEND_MAX_WRAPPED_SEED_BYTES);
  uint8_t demonstration = 9;
  CHECK(fedspend_check_policy(kPolicy, &demonstration) == FEDSPEND_OK && demonstration == 0);
  CHECK(fedspend_check_policy("allow_no_privacy = true", &demonstration) == FEDSPEND_OK && demonstration == 1);
  CHECK(fedspend_check_policy("min_cohort = 0", NULL) == FEDSPEND_MALFORMED && fedspend_check_policy(NULL, NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_pin_instruction_set("best") == FEDSPEND_OK && fedspend_pin_instruction_set("abacus") == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_pin_instruction_set(NULL) == FEDSPEND_INVALID_ARGUMENT);
  uint8_t key[32];
  CHECK(fedspend_parse_key("0101010101010101010101010101010101010101010101010101010101010101\n", key) == FEDSPEND_OK && key[31] == 1);
  CHECK(fedspend_parse_key("fedspend-release-public-v1 0202020202020202020202020202020202020202020202020202020202020202", key) == FEDSPEND_OK && key[0] == 2);
  CHECK(fedspend_parse_key("fedspend-release-private-v1 0202020202020202020202020202020202020202020202020202020202020202", key) == FEDSPEND_MALFORMED);
  CHECK(fedspend_parse_key("02", key) == FEDSPEND_MALFORMED && fedspend_parse_key(NULL, key) == FEDSPEND_INVALID_ARGUMENT);
}

/* What must not make a device; *device stays as it was. */
static void creation_that_fails(void) {
  fedspend_device *device = NULL;
  fedspend_options o = options();
  fedspend_host h = host();
  CHECK(fedspend_device_create(NULL, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_device_create(&o, NULL, &device) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_device_create(&o, &h, NULL) == FEDSPEND_INVALID_ARGUMENT);
  o.struct_size = sizeof o - 1;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  h.struct_size = 0;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  h = host();
  o.flags = 1u << 20;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  o.persistent_dir = NULL;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  o.policy_toml = "no policy";
  CHECK(fedspend_device_create(&o, &h, &device) != FEDSPEND_OK);
  o = options();
  h.wrap = NULL; /* one without the other */
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  h.unwrap = NULL; /* neither, and no key in a file */
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  h = host();
  memset(o.identity_key, 3, 32); /* a key, and nobody who signs */
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  it.key_works = 0;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_UNAVAILABLE);
  it.key_works = 1;
  char words[256];
  CHECK(fedspend_last_error(words, sizeof words, NULL) == FEDSPEND_OK && strstr(words, "wrap") != NULL);
  /* A later caller's struct: longer, its surplus zero, or not. */
  struct { fedspend_options known; uint64_t later; } grown;
  memset(&grown, 0, sizeof grown);
  grown.known = options();
  grown.known.struct_size = sizeof grown;
  grown.later = 1;
  CHECK(fedspend_device_create(&grown.known, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  /* A size that is none: what is behind the struct is not looked at. */
  grown.known.struct_size = UINT32_MAX;
  CHECK(fedspend_device_create(&grown.known, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_last_error(words, sizeof words, NULL) == FEDSPEND_OK && strstr(words, "no version has") != NULL);
  grown.known.struct_size = sizeof grown;
  /* Texts that are not UTF-8, and names with control characters. */
  o.population = "cards\xff";
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o.population = "cards\n";
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  o.retention_days = 36501;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_INVALID_ARGUMENT);
  o = options();
  CHECK(device == NULL);
  grown.later = 0;
  CHECK(fedspend_device_create(&grown.known, &h, &device) == FEDSPEND_OK);
  fedspend_device_free(device);
  fedspend_device_free(NULL);
}

static void texts(fedspend_device *device) {
  char id[65];
  char small[10] = "untouched";
  size_t needed = 0;
  CHECK(fedspend_device_id(device, NULL, 0, &needed) == FEDSPEND_BUFFER_TOO_SMALL && needed == 65);
  CHECK(fedspend_device_id(device, id, 65, NULL) == FEDSPEND_OK && strlen(id) == 64);
  CHECK(fedspend_device_id(device, small, sizeof small, &needed) == FEDSPEND_BUFFER_TOO_SMALL && small[0] == '\0');
  CHECK(fedspend_device_id(device, id, 64, &needed) == FEDSPEND_BUFFER_TOO_SMALL);
  char words[128];
  CHECK(fedspend_last_error(small, 3, &needed) == FEDSPEND_BUFFER_TOO_SMALL); /* asking too small loses nothing */
  CHECK(fedspend_last_error(words, sizeof words, NULL) == FEDSPEND_OK && strstr(words, "64 bytes, and the text needs 65") != NULL);
  CHECK(fedspend_device_id(device, NULL, 65, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_device_id(device, NULL, 0, NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_device_id(NULL, id, 65, NULL) == FEDSPEND_INVALID_ARGUMENT);
  char *text = malloc(65536);
  CHECK(fedspend_statement(device, FEDSPEND_FORMAT_TEXT, text, 65536, &needed) == FEDSPEND_OK && strstr(text, "0 contributions") != NULL);
  CHECK(fedspend_statement(device, FEDSPEND_FORMAT_JSON, text, 65536, &needed) == FEDSPEND_OK && text[0] == '{' && needed == strlen(text) + 1);
  CHECK(fedspend_history(device, FEDSPEND_FORMAT_JSON, text, 65536, &needed) == FEDSPEND_OK && strstr(text, "schema_version") != NULL);
  CHECK(fedspend_history(device, 2, text, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_statement(device, -1, text, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_history(NULL, 0, text, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_records(device, "Bank", "customer", text, 65536, &needed) == FEDSPEND_OK && text[0] == '[');
  CHECK(fedspend_consent_records(device, NULL, "customer", text, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_enrolment_request(device, "not a token", NULL, text, 65536, &needed) != FEDSPEND_OK);
  CHECK(fedspend_last_error(text, 65536, &needed) == FEDSPEND_OK && strstr(text, "not a token") == NULL);
  static const char token[] = "0303030303030303030303030303030303030303030303030303030303030303";
  CHECK(fedspend_enrolment_request(device, token, "till 4", NULL, 0, &needed) == FEDSPEND_BUFFER_TOO_SMALL);
  CHECK(fedspend_enrolment_request(device, token, "till 4", text, needed - 1, NULL) == FEDSPEND_BUFFER_TOO_SMALL && text[0] == '\0');
  CHECK(fedspend_enrolment_request(device, token, "till 4", NULL, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_history(device, FEDSPEND_FORMAT_JSON, text, 65536, NULL) == FEDSPEND_OK && strstr(text, "enrolment_requested") == NULL); /* nothing was handed out */
  CHECK(fedspend_enrolment_request(device, token, "till 4", text, needed, NULL) == FEDSPEND_OK && strlen(text) + 1 == needed);
  CHECK(fedspend_history(device, FEDSPEND_FORMAT_JSON, text, 65536, NULL) == FEDSPEND_OK && strstr(text, "enrolment_requested") != NULL);
  CHECK(fedspend_last_error(small, sizeof small, NULL) == FEDSPEND_OK && small[0] == '\0');
  CHECK(fedspend_enrolment_request(device, NULL, NULL, text, 65536, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_install_certificate(device, "") == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_install_certificate(device, "nonsense") == FEDSPEND_MALFORMED);
  CHECK(fedspend_install_certificate(device, NULL) == FEDSPEND_INVALID_ARGUMENT);
  free(text);
}

static void transactions(fedspend_device *device) {
  fedspend_transaction two[2] = {transaction("a", it.wall_s - 1000), transaction("b", it.wall_s - 500)};
  fedspend_ingest_report report;
  memset(&report, 0, sizeof report);
  report.struct_size = sizeof report;
  CHECK(fedspend_ingest(device, two, 2, &report) == FEDSPEND_OK && report.added == 2);
  CHECK(fedspend_ingest(device, two, 2, &report) == FEDSPEND_OK && report.unchanged == 2 && report.added == 0);
  two[1].struct_size = 8;
  two[0].id = "c";
  CHECK(fedspend_ingest(device, two, 2, &report) == FEDSPEND_INVALID_ARGUMENT);
  two[1] = transaction(NULL, it.wall_s);
  CHECK(fedspend_ingest(device, two, 2, &report) == FEDSPEND_INVALID_ARGUMENT);
  two[1] = transaction("d", it.wall_s);
  two[1].direction = 2;
  CHECK(fedspend_ingest(device, two, 2, NULL) == FEDSPEND_INVALID_ARGUMENT);
  two[1].direction = FEDSPEND_CREDIT;
  two[1].amount_minor = -1;
  CHECK(fedspend_ingest(device, two, 2, NULL) == FEDSPEND_INVALID_ARGUMENT);
  two[1].amount_minor = 1;
  CHECK(fedspend_ingest(device, two, 2, &report) == FEDSPEND_OK && report.added == 2); /* none of the failures left one behind */
  CHECK(fedspend_ingest(device, NULL, 1, NULL) == FEDSPEND_INVALID_ARGUMENT && fedspend_ingest(device, NULL, 0, NULL) == FEDSPEND_OK);
  report.struct_size = 8;
  CHECK(fedspend_ingest(device, two, 1, &report) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_sink_add(NULL, two) == FEDSPEND_INVALID_ARGUMENT);
}

static void consent_and_runs(fedspend_device *device) {
  uint8_t given = 9;
  fedspend_run_report report;
  memset(&report, 0, sizeof report);
  CHECK(fedspend_run_once(device, &report) == FEDSPEND_INVALID_ARGUMENT); /* struct_size 0 */
  CHECK(fedspend_run_once(device, NULL) == FEDSPEND_INVALID_ARGUMENT && fedspend_run_once(NULL, &report) == FEDSPEND_INVALID_ARGUMENT);
  report.struct_size = sizeof report;
  CHECK(fedspend_is_enrolled(device, &given) == FEDSPEND_OK && given == 0);
  CHECK(fedspend_run_once(device, &report) == FEDSPEND_OK && report.outcome == FEDSPEND_RUN_NOT_ENROLLED && report.bytes_sent == 0 && report.words[0] != '\0');
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 0);
  CHECK(fedspend_consent_give(device, "next_category", "", NULL, NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_give(device, NULL, "1", NULL, NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_give(device, "next_category", "1", "de-CH", "switch") == FEDSPEND_OK);
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 1);
  CHECK(fedspend_consent_withdraw(device, "next_category") == FEDSPEND_OK);
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 0);
  CHECK(fedspend_consent_give(device, "next_category", "1", NULL, NULL) == FEDSPEND_OK && fedspend_consent_withdraw_all(device) == FEDSPEND_OK);
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 0);
  CHECK(fedspend_consent_withdraw(device, "") == FEDSPEND_INVALID_ARGUMENT && fedspend_consent_withdraw(device, "next\ncategory") == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_withdraw(device, "never given") == FEDSPEND_OK && fedspend_consent_withdraw(device, "never given") == FEDSPEND_OK);
  CHECK(fedspend_set_retention(device, "next_category", 365) == FEDSPEND_OK && fedspend_set_retention(device, "next_category", 0) == FEDSPEND_OK);
  CHECK(fedspend_set_retention(device, "next_category", 36501) == FEDSPEND_INVALID_ARGUMENT && fedspend_set_retention(device, NULL, 1) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_set_false_alarms(device, 4) == FEDSPEND_OK && fedspend_set_false_alarms(device, 0) == FEDSPEND_OK);
  CHECK(fedspend_set_false_alarms(device, -1) == FEDSPEND_INVALID_ARGUMENT && fedspend_set_false_alarms(device, 1001) == FEDSPEND_INVALID_ARGUMENT && fedspend_set_false_alarms(NULL, 1) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_set_retention(device, "", 1) == FEDSPEND_INVALID_ARGUMENT && fedspend_set_retention(NULL, "next_category", 1) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_withdraw(device, NULL) == FEDSPEND_INVALID_ARGUMENT && fedspend_consent_is_given(device, "x", NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_cancel(device) == FEDSPEND_OK && fedspend_cancel(NULL) == FEDSPEND_INVALID_ARGUMENT);
}

/* A struct that the library fills, in room for the next version's: what is set below counts. */
typedef union {
  uint32_t struct_size;
  fedspend_ingest_report ingest;
  fedspend_run_report run;
  fedspend_prediction prediction;
  fedspend_personal_report personal;
  fedspend_evaluation evaluation;
  unsigned char bytes[8192];
} filled;
typedef fedspend_status (*fills)(fedspend_device *device, filled *out);
static fedspend_status fills_ingest(fedspend_device *device, filled *out) { return fedspend_ingest(device, NULL, 0, &out->ingest); }
static fedspend_status fills_run(fedspend_device *device, filled *out) { return fedspend_run_once(device, &out->run); }
static fedspend_status fills_prediction(fedspend_device *device, filled *out) { return fedspend_predict(device, NULL, &out->prediction); }
static fedspend_status fills_personal(fedspend_device *device, filled *out) { return fedspend_personalise(device, NULL, &out->personal); }
static fedspend_status fills_evaluation(fedspend_device *device, filled *out) { return fedspend_evaluate(device, NULL, &out->evaluation); }

/* Sizes that a version has, and that none has, of every struct that is filled; `otherwise` is what the call comes to where the size is right. */
static void sizes_of_filled(fedspend_device *device) {
  static const struct { fills call; uint32_t size, first; fedspend_status otherwise; } all[] = {
      {fills_ingest, sizeof(fedspend_ingest_report), sizeof(fedspend_ingest_report), FEDSPEND_OK},
      {fills_run, sizeof(fedspend_run_report), sizeof(fedspend_run_report), FEDSPEND_OK},
      {fills_prediction, sizeof(fedspend_prediction), sizeof(fedspend_prediction), FEDSPEND_REFUSED},
      {fills_personal, sizeof(fedspend_personal_report), offsetof(fedspend_personal_report, head_loss), FEDSPEND_REFUSED},
      {fills_evaluation, sizeof(fedspend_evaluation), sizeof(fedspend_evaluation), FEDSPEND_REFUSED}};
  filled *out = malloc(sizeof *out);
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    const uint32_t wrong[] = {0, 4, 8, all[i].first - 8, all[i].first - 1, all[i].size - 1, all[i].size + 1, all[i].size + 3, all[i].size + 7, all[i].size + 4097, all[i].size + 4104, UINT32_MAX};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; ++w) {
      memset(out, 0, sizeof *out);
      out->struct_size = wrong[w];
      CHECK(all[i].call(device, out) == FEDSPEND_INVALID_ARGUMENT);
      for (size_t b = 4; b < sizeof *out; ++b) failures += out->bytes[b] != 0; /* untouched */
    }
    const uint32_t right[] = {all[i].first, all[i].size, all[i].size + 8, all[i].size + 4096};
    for (size_t r = 0; r < sizeof right / sizeof *right; ++r) {
      memset(out, 0, sizeof *out);
      out->struct_size = right[r];
      CHECK(all[i].call(device, out) == all[i].otherwise && out->struct_size == right[r]);
    }
    memset(out, 0, sizeof *out);
    out->struct_size = all[i].size + 8;
    out->bytes[all[i].size + 7] = 1; /* a field that this library does not know, and that says something */
    CHECK(all[i].call(device, out) == FEDSPEND_INVALID_ARGUMENT);
  }
  free(out);
}

/* Every text that goes in is UTF-8. */
static void texts_that_are_not_utf8(fedspend_device *device) {
  static const char wrong[] = "a\xff";
  char text[256];
  uint8_t byte = 9, key[32];
  size_t needed = 0;
  CHECK(fedspend_check_policy(wrong, &byte) == FEDSPEND_INVALID_ARGUMENT && byte == 9);
  CHECK(fedspend_last_error(text, sizeof text, NULL) == FEDSPEND_OK && strcmp(text, "policy_toml is not UTF-8") == 0);
  CHECK(fedspend_pin_instruction_set(wrong) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_last_error(text, sizeof text, NULL) == FEDSPEND_OK && strcmp(text, "name is not UTF-8") == 0);
  CHECK(fedspend_parse_key(wrong, key) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_enrolment_request(device, wrong, NULL, text, sizeof text, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_enrolment_request(device, "03", wrong, text, sizeof text, &needed) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_install_certificate(device, wrong) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_give(device, wrong, "1", NULL, NULL) == FEDSPEND_INVALID_ARGUMENT && fedspend_consent_give(device, "p", wrong, NULL, NULL) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_give(device, "p", "1", wrong, NULL) == FEDSPEND_INVALID_ARGUMENT && fedspend_consent_give(device, "p", "1", NULL, wrong) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_consent_withdraw(device, wrong) == FEDSPEND_INVALID_ARGUMENT && fedspend_consent_is_given(device, wrong, &byte) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_last_error(text, sizeof text, NULL) == FEDSPEND_OK && strcmp(text, "purpose is not UTF-8") == 0);
  CHECK(fedspend_consent_records(device, wrong, "x", text, sizeof text, &needed) == FEDSPEND_INVALID_ARGUMENT && fedspend_set_retention(device, wrong, 1) == FEDSPEND_INVALID_ARGUMENT);
  CHECK(fedspend_install_model(device, key, 32, wrong, key, 32) == FEDSPEND_INVALID_ARGUMENT);
  fedspend_transaction t = transaction("u", it.wall_s);
  t.merchant = wrong;
  CHECK(fedspend_ingest(device, &t, 1, NULL) == FEDSPEND_INVALID_ARGUMENT);
  fedspend_device *none = NULL;
  const fedspend_host h = host();
  for (int field = 0; field < 4; ++field) {
    fedspend_options o = options();
    *(field == 0 ? &o.persistent_dir : field == 1 ? &o.cache_dir : field == 2 ? &o.policy_toml : &o.coordinator) = wrong;
    memset(o.coordinator_key, 4, 32);
    CHECK(fedspend_device_create(&o, &h, &none) == FEDSPEND_INVALID_ARGUMENT && none == NULL);
  }
}

static fedspend_status unwraps_to_zeros(void *user, const uint8_t *wrapped, size_t size, uint8_t seed[32]) {
  (void)user;
  (void)wrapped;
  (void)size;
  memset(seed, 0, 32);
  return FEDSPEND_OK;
}

/* A key that is tried out before it is relied on: no store is there that could never be opened. */
static void a_key_that_does_not_give_back(void) {
  fedspend_device *device = NULL;
  char other[] = "/tmp/fedspend-c-api-XXXXXX", words[256];
  fedspend_options o = options();
  fedspend_host h = host();
  CHECK(mkdtemp(other) != NULL);
  o.persistent_dir = other;
  h.unwrap = unwraps_to_zeros;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_UNAUTHORIZED && device == NULL);
  CHECK(fedspend_last_error(words, sizeof words, NULL) == FEDSPEND_OK && strstr(words, "unwrapped to something else") != NULL && strstr(words, "no store was made") != NULL);
  CHECK(rmdir(other) == 0); /* it is empty */
}

static void one_owner(fedspend_device *device) {
  fedspend_device *second = NULL;
  fedspend_options o = options();
  fedspend_host h = host();
  CHECK(fedspend_device_create(&o, &h, &second) == FEDSPEND_CONFLICT && second == NULL);
  const pid_t child = fork();
  if (child == 0) _exit(fedspend_device_create(&o, &h, &second) == FEDSPEND_CONFLICT ? 0 : 1);
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(fedspend_device_id(device, NULL, 0, NULL) == FEDSPEND_INVALID_ARGUMENT);
}

/* Runs that begin while the handle is being freed: each finds it there, or is told that it is gone. */
static void *runs_until_freed(void *handle) {
  fedspend_run_report report;
  fedspend_status status = FEDSPEND_OK;
  memset(&report, 0, sizeof report);
  report.struct_size = sizeof report;
  while (status == FEDSPEND_OK || status == FEDSPEND_CONFLICT) status = fedspend_run_once(handle, &report);
  return status == FEDSPEND_INVALID_ARGUMENT ? NULL : handle;
}

static void freed_while_runs_begin(void) {
  for (int i = 0; i < 20; ++i) {
    fedspend_device *device = NULL;
    fedspend_options o = options();
    fedspend_host h = host();
    pthread_t threads[4];
    const struct timespec a_moment = {0, 200000 * i};
    CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_OK);
    for (int t = 0; t < 4; ++t) CHECK(pthread_create(&threads[t], NULL, runs_until_freed, device) == 0);
    nanosleep(&a_moment, NULL);
    fedspend_device_free(device);
    for (int t = 0; t < 4; ++t) {
      void *wrong = device;
      CHECK(pthread_join(threads[t], &wrong) == 0 && wrong == NULL);
    }
    CHECK(fedspend_cancel(device) == FEDSPEND_INVALID_ARGUMENT);
    fedspend_device_free(device); /* not there any more: nothing happens */
  }
}

static void remembered_and_wiped(void) {
  fedspend_device *device = NULL;
  fedspend_options o = options();
  fedspend_host h = host();
  char before[65] = "", after[65] = "";
  uint8_t given = 0;
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_OK);
  CHECK(fedspend_device_id(device, before, 65, NULL) == FEDSPEND_OK && fedspend_consent_give(device, "next_category", "1", NULL, NULL) == FEDSPEND_OK);
  fedspend_device_free(device);
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_OK);
  CHECK(fedspend_device_id(device, after, 65, NULL) == FEDSPEND_OK && strcmp(before, after) == 0);
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 1);
  CHECK(fedspend_wipe(device) == FEDSPEND_OK);
  fedspend_run_report report;
  memset(&report, 0, sizeof report);
  report.struct_size = sizeof report;
  const fedspend_transaction t = transaction("z", it.wall_s);
  size_t needed = 0;
  CHECK(fedspend_run_once(device, &report) == FEDSPEND_NOT_FOUND && fedspend_ingest(device, &t, 1, NULL) == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_consent_give(device, "next_category", "1", NULL, NULL) == FEDSPEND_NOT_FOUND && fedspend_history(device, 0, NULL, 0, &needed) == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_statement(device, 1, NULL, 0, &needed) == FEDSPEND_NOT_FOUND && fedspend_install_certificate(device, "x") == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_consent_records(device, "Bank", "customer", NULL, 0, &needed) == FEDSPEND_NOT_FOUND);
  CHECK(fedspend_consent_is_given(device, "next_category", &given) == FEDSPEND_OK && given == 0);
  CHECK(fedspend_wipe(device) == FEDSPEND_OK && fedspend_wipe(NULL) == FEDSPEND_INVALID_ARGUMENT);
  fedspend_device_free(device);
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_OK && fedspend_device_id(device, after, 65, NULL) == FEDSPEND_OK);
  CHECK(strcmp(before, after) != 0);
  fedspend_device_free(device);
}

int main(void) {
  if (mkdtemp(folder) == NULL) return 1;
  names();
  creation_that_fails();
  fedspend_device *device = NULL;
  const fedspend_options o = options();
  const fedspend_host h = host();
  CHECK(fedspend_device_create(&o, &h, &device) == FEDSPEND_OK);
  if (device == NULL) return 1;
  texts(device);
  transactions(device);
  consent_and_runs(device);
  sizes_of_filled(device);
  texts_that_are_not_utf8(device);
  one_owner(device);
  fedspend_device_free(device);
  a_key_that_does_not_give_back();
  freed_while_runs_begin();
  remembered_and_wiped();
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  if (system(command) != 0) ++failures;
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
