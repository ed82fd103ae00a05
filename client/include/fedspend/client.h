#pragma once
/* fedspend: federated learning of spending models on a customer's device. The C ABI of the client.
 *
 * Conventions
 *  1. Ownership. What a function makes (fedspend_device) the caller frees with its _free function. Everything else belongs to the caller:
 *     strings and arrays that are handed in are copied or used up before the function returns, and texts come back in the caller's own
 *     buffers. Callbacks, their `user` pointer and what it points to must live until fedspend_device_free has returned.
 *  2. Texts are UTF-8, and what is not is FEDSPEND_INVALID_ARGUMENT. In: ended by a NUL. Out: (char *buffer, size_t capacity, size_t *needed): `needed` becomes the size with the NUL; if
 *     capacity is less, the result is FEDSPEND_BUFFER_TOO_SMALL and the buffer holds an empty text (or nothing, where capacity is 0). A NULL
 *     buffer with capacity 0 asks for the size.
 *  3. Structs begin with `struct_size`, which the caller sets to sizeof the struct: a library that knows more fields takes the missing ones
 *     as zero, one that knows fewer refuses a struct whose surplus is not zero, also one that it fills. A struct has at most 4,096 bytes more than this
 *     header says, and no size that no version can have.
 *     Zero is the safe value of every field.
 *  4. Errors. Every function that can fail returns a fedspend_status; out parameters are untouched on an error but for convention 2. Words
 *     for the last error of the calling thread: fedspend_last_error. No error text holds a secret or a spending value. Nothing is thrown:
 *     where there is no memory a call is FEDSPEND_INTERNAL, and if every later one is, open the device anew. fedspend_ingest alone is FEDSPEND_OK
 *     where there was memory for the transactions and none for what is to be said of them: `insight` is then not called for those that
 *     were still to come. A text is given whole or not at all.
 *  5. Threads. Any function may be called from any thread. fedspend_run_once blocks its caller, one at a time; fedspend_cancel never
 *     waits. Callbacks come from the thread that called the library, but `examples`, `train` and `exchange`, which come from threads of the library.
 *     No callback is called under a lock of the library, but wrap, unwrap and destroy_key, during which its folder cannot be opened or wiped (after five
 *     seconds FEDSPEND_CONFLICT): any other may call functions of its device (a withdrawal counts at once), but not
 *     fedspend_device_free, which would wait for it, and of the two that go one at a time the other is FEDSPEND_CONFLICT. Two callbacks may come
 *     at the same time from two threads, `sign` too. A callback must not unwind (longjmp, exceptions).
 *  6. Fail closed. A callback that is missing, fails, or does not know means no: nothing is sent.
 *  7. Versions. FEDSPEND_CLIENT_VERSION is MAJOR * 10000 + MINOR * 100 + PATCH. Within a major version nothing is taken away or changes its
 *     meaning; values are added at the end. What is to go is marked FEDSPEND_DEPRECATED for at least two minor versions before
 *     the major version that takes it away.
 *  8. Constants. Every value of an enum keeps its number for ever, and is also to be had by name (fedspend_..._name) for languages that do not
 *     read headers; limits have functions beside them.
 *  9. An enum travels as int32_t, a truth as uint8_t (0 or 1), sizes in bytes, times in the unit that the name says.
 */
#ifndef FEDSPEND_CLIENT_H
#define FEDSPEND_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FEDSPEND_API __attribute__((visibility("default")))
#define FEDSPEND_DEPRECATED __attribute__((deprecated))
#else
#define FEDSPEND_API
#define FEDSPEND_DEPRECATED
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define FEDSPEND_CLIENT_VERSION 100 /* 0.1.0 */
#define FEDSPEND_KEY_BYTES 32
#define FEDSPEND_SIGNATURE_BYTES 64
#define FEDSPEND_MAX_WRAPPED_SEED_BYTES 4096

typedef int32_t fedspend_status;
enum {
  FEDSPEND_OK = 0,
  FEDSPEND_INVALID_ARGUMENT = 1, /* a wrong call or a wrong value; the words name it */
  FEDSPEND_MALFORMED = 2,        /* bytes or a file without the form it must have, or damaged */
  FEDSPEND_NOT_FOUND = 3,        /* also: the device was wiped */
  FEDSPEND_IO = 4,
  FEDSPEND_UNAVAILABLE = 5,      /* no connection; a key store that is locked */
  FEDSPEND_UNAUTHORIZED = 6,     /* a signature or a key that is not accepted */
  FEDSPEND_REFUSED = 7,          /* a policy of this side says no */
  FEDSPEND_TIMEOUT = 8,
  FEDSPEND_LIMIT = 9,            /* a cap was exceeded */
  FEDSPEND_CONFLICT = 10,        /* in use, or a run is under way */
  FEDSPEND_INTERNAL = 11,        /* a bug, or no memory */
  FEDSPEND_BUFFER_TOO_SMALL = 12
};

/* What a run came to. */
enum {
  FEDSPEND_RUN_CONTRIBUTED = 1,
  FEDSPEND_RUN_NOT_ACCEPTED = 2,      /* late, or not needed any more */
  FEDSPEND_RUN_NOT_SELECTED = 3,
  FEDSPEND_RUN_REFUSED = 4,           /* this device refused what it was asked */
  FEDSPEND_RUN_NO_CONSENT = 5,
  FEDSPEND_RUN_NOT_ENROLLED = 6,
  FEDSPEND_RUN_CONDITIONS = 7,        /* they do not hold, or no longer */
  FEDSPEND_RUN_TOO_EARLY = 8,
  FEDSPEND_RUN_WITHDRAWN = 9,
  FEDSPEND_RUN_CANCELLED = 10,
  FEDSPEND_RUN_UNREACHABLE = 11,
  FEDSPEND_RUN_NOT_ACCEPTED_HERE = 12, /* the coordinator does not take this device's keys */
  FEDSPEND_RUN_FINISHED = 13,          /* the federation is finished */
  FEDSPEND_RUN_FAILED = 14,
  FEDSPEND_RUN_TURNED_AWAY = 15        /* the coordinator does not take this device: not enrolled there, of another population or version */
};

enum {
  FEDSPEND_PHASE_IDLE = 0,
  FEDSPEND_PHASE_CHECKED_IN = 1,
  FEDSPEND_PHASE_TRAINING = 2,
  FEDSPEND_PHASE_AGGREGATING = 3,
  FEDSPEND_PHASE_REPORTING = 4
};

/* What the host knows; zero: it does not. */
enum { FEDSPEND_UNKNOWN = 0, FEDSPEND_NO = 1, FEDSPEND_YES = 2 };

/* What can be said to the customer, each by a model of its own (the plan's model.name), which the device must hold. */
enum {
  FEDSPEND_INSIGHT_NEXT = 1,     /* next_category: what is likely to come */
  FEDSPEND_INSIGHT_CATEGORY = 2, /* categoriser: what a transaction was for */
  FEDSPEND_INSIGHT_FORECAST = 3, /* spend_forecast */
  FEDSPEND_INSIGHT_UNUSUAL = 4,  /* unusual_activity */
  FEDSPEND_INSIGHT_OFFERS = 5    /* offers; also needs the purpose "offer_suggestions" */
};

/* Whether a person should answer rather than a screen, and why: "hand_over" in an insight's JSON, by its name. */
enum {
  FEDSPEND_HAND_OVER_NONE = 0,
  FEDSPEND_HAND_OVER_LOW_CONFIDENCE = 1,
  FEDSPEND_HAND_OVER_HARDSHIP = 2,
  FEDSPEND_HAND_OVER_DISPUTE = 3
};

enum { FEDSPEND_FORMAT_TEXT = 0, FEDSPEND_FORMAT_JSON = 1 };
enum { FEDSPEND_DEBIT = 0, FEDSPEND_CREDIT = 1 };
enum { FEDSPEND_LOG_INFO = 0, FEDSPEND_LOG_WARNING = 1 };

/* Flags of fedspend_options. */
enum {
  FEDSPEND_KEY_IN_FILE = 1,        /* without wrap and unwrap: the vault's key lies in a file of mode 0600 beside it */
  FEDSPEND_WITHOUT_IDLE = 2,       /* conditions that are not asked for; all others are */
  FEDSPEND_WITHOUT_CHARGING = 4,
  FEDSPEND_WITHOUT_UNMETERED = 8,
  FEDSPEND_WITHOUT_BATTERY = 16,
  FEDSPEND_WITHOUT_STORAGE = 32,
  FEDSPEND_WITHOUT_THERMALS = 64,
  FEDSPEND_FORGET_PAUSE = 128      /* the pause that an earlier process was asked for does not count: for an operator who starts it by hand */
};

typedef struct fedspend_device fedspend_device;
typedef struct fedspend_body fedspend_body; /* where `exchange` puts a response: fedspend_body_add */
typedef struct fedspend_sink fedspend_sink; /* where a callback puts transactions: fedspend_sink_add */

typedef struct fedspend_conditions {
  uint32_t struct_size;
  uint8_t idle, charging, unmetered, thermals_ok; /* FEDSPEND_UNKNOWN, FEDSPEND_NO or FEDSPEND_YES */
  double battery_level;                           /* 0 to 1; below 0 or not a number: unknown */
  uint64_t free_storage_bytes;
} fedspend_conditions;

typedef struct fedspend_transaction {
  uint32_t struct_size;
  int32_t direction;      /* FEDSPEND_DEBIT or FEDSPEND_CREDIT */
  const char *id;         /* the host's own, 1 to 64 bytes: the same again replaces the first. Not used by fedspend_sink_add */
  int64_t time_s;         /* since 1970-01-01 UTC */
  int64_t amount_minor;   /* hundredths, at least 0 */
  const char *category;   /* NULL: none given; as are the next two */
  const char *merchant;
  const char *currency;
} fedspend_transaction;

/* A transaction as a model sees it: the category as an index into the plan's list, or its length for all that the plan does not name. */
typedef struct fedspend_row {
  int64_t time_s;
  int64_t amount_minor;
  uint64_t merchant_hash; /* 0: none given */
  uint32_t category;
  int32_t direction;
} fedspend_row;

/* What a trainer of the host's is asked; the library's, and valid until `train` returns. */
typedef struct fedspend_training {
  uint32_t struct_size;
  uint32_t epochs, batch_size;
  uint32_t category_count;
  const char *const *categories;
  const char *model;             /* the plan's name of it */
  const char *sizes_json;        /* the plan's sizes of the model, {"hidden": 32, ...} */
  double learning_rate;          /* of this round */
  double momentum, proximal_mu, gradient_clip_l2;
  uint64_t seed;                 /* of the order of the examples; the same on every device */
  const float *weights;
  size_t weight_count;
  const fedspend_row *rows;      /* oldest first: those that may be trained on */
  size_t row_count;
  const void *stop;              /* for fedspend_training_is_stopped */
} fedspend_training;

/* What only the host knows. `user` comes first in every callback. Callbacks that return a fedspend_status return FEDSPEND_OK or why not. */
typedef struct fedspend_host {
  uint32_t struct_size;
  uint32_t reserved;
  void *user;
  /* Required: without it nothing is ever sent. `now` is all unknown before. */
  void (*conditions)(void *user, fedspend_conditions *now);
  /* Optional: the system's clocks where they are NULL. monotonic_ms is at least 0 and never goes back (a run that sees it do so ends as
   * FEDSPEND_RUN_FAILED), and goes on while the device sleeps, if it can. */
  int64_t (*monotonic_ms)(void *user);
  int64_t (*unix_time_s)(void *user);
  /* Optional. */
  void (*log)(void *user, int32_t level, const char *text);
  void (*phase)(void *user, int32_t phase);
  /* The key that keeps the vault, in the device's hardware: both, or neither and FEDSPEND_KEY_IN_FILE. `wrapped` has room for
   * FEDSPEND_MAX_WRAPPED_SEED_BYTES. When a store is made they are tried out: FEDSPEND_UNAUTHORIZED where unwrap does not give back what
   * wrap was given. destroy_key is optional: part of a wipe. */
  fedspend_status (*wrap)(void *user, const uint8_t seed[32], uint8_t *wrapped, size_t *wrapped_size);
  fedspend_status (*unwrap)(void *user, const uint8_t *wrapped, size_t wrapped_size, uint8_t seed[32]);
  fedspend_status (*destroy_key)(void *user);
  /* Optional: the device's identity in hardware, Ed25519 (RFC 8032); identity_key is in the options then. */
  fedspend_status (*sign)(void *user, const uint8_t *message, size_t message_size, uint8_t signature[64]);
  /* Optional: the host's own transactions in place of the ingested ones, oldest first, put into `sink`. From a thread of the library for
   * a training, and from the caller's for predict, insight, personalise and evaluate: two may come at the same time. Return
   * when fedspend_sink_add gives an error: FEDSPEND_REFUSED when the run has ended, which waits for this function. */
  fedspend_status (*examples)(void *user, fedspend_sink *sink);
  /* Optional: a trainer of the host's own. Reads task->weights, trains on task->rows and writes the trained weights, task->weight_count of
   * them, to `trained`. Whatever it returns must not depend on the rows but by the weights: a failure is seen by the coordinator as a device
   * that declined. Weights that are not finite count as no change. From a thread of the library; asks fedspend_training_is_stopped often. */
  fedspend_status (*train)(void *user, const fedspend_training *task, float *trained);
  /* The host's transport, in place of `coordinator`: POST the request as it is to https://GATEWAY/v1/exchange by the app's own pinned TLS
   * (content type application/octet-stream), and put the body of a response of status 200 into `response` (fedspend_body_add), in pieces as they come.
   * Blocks for timeout_ms at most. From a thread of the library, one at a time; not after fedspend_run_once has returned.
   * Any other status, and no connection: FEDSPEND_UNAVAILABLE; too long: FEDSPEND_TIMEOUT; a certificate that is not the pinned one:
   * FEDSPEND_UNAUTHORIZED. All are tried again with the same bytes, which is safe: never change or keep them. */
  fedspend_status (*exchange)(void *user, const uint8_t *request, size_t request_size, fedspend_body *response, uint32_t timeout_ms);
  /* Optional: end the `exchange` under way soon, the run is over. From the thread that called fedspend_run_once, at once and then every 100 ms until the
   * exchange has returned; never for one that did not begin. Without it the end of a run waits for the exchange. */
  void (*give_up_exchange)(void *user);
  /* Optional: what is to be said about transactions that were just ingested, from the thread in fedspend_ingest, before that returns: for the newest 16 of those
   * that are new, in the order of time, a category where there is none, and an alert where it is unusual; then a suggestion, where they made another one the first. `transaction_id` is the host's, or NULL where the insight is not about one; `json` as fedspend_insight gives it, and
   * valid until the callback returns. Only under the purpose "personal_insights", and of models that the device holds. Nothing acts: show it, or ask. */
  void (*insight)(void *user, int32_t kind, const char *transaction_id, const char *json);
} fedspend_host;

typedef struct fedspend_options {
  uint32_t struct_size;
  uint32_t flags;
  const char *persistent_dir;     /* a folder that is there, for this device alone; keep it out of backups */
  const char *cache_dir;          /* may be emptied at any time; NULL: nothing is kept between processes */
  const char *population;
  const char *policy_toml;        /* client/README.md, "The policy"; NULL: everything is refused */
  uint8_t release_key[32];        /* pinned: whose plans count; zero: nobody's, and this device does not run */
  uint8_t authority_key[32];      /* pinned: whose certificates count; zero: nobody's */
  const char *coordinator;        /* tcp://HOST:PORT: the built-in connection. NULL: the host's `exchange`; without both this device does not run */
  uint8_t coordinator_key[32];    /* pinned */
  uint8_t identity_key[32];       /* public half of the key behind `sign`; zero without it */
  uint32_t retention_days;        /* 0: the default, 730 */
  uint32_t reserved;
  uint64_t max_transactions;      /* 0: the default, 50,000 */
  uint32_t connect_timeout_ms;    /* 0: the default, 15 s */
  uint32_t transient_backoff_ms;  /* 0: the default, 15 minutes */
  uint32_t permanent_backoff_ms;  /* 0: the default, 4 hours */
  uint32_t reserved_2;
} fedspend_options;

typedef struct fedspend_ingest_report {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t added, replaced, unchanged, too_old, pushed_out;
} fedspend_ingest_report;

typedef struct fedspend_run_report {
  uint32_t struct_size;
  int32_t outcome;             /* FEDSPEND_RUN_... */
  uint64_t come_back_in_ms;    /* when to run again */
  uint64_t bytes_sent;
  char words[256];             /* why, for a log; cut to fit, between two characters */
} fedspend_run_report;

/* What the customer means to spend in 30 days. */
typedef struct fedspend_budget {
  uint32_t struct_size;
  uint32_t reserved;
  const char *category;        /* of the plan; NULL: all spending */
  int64_t amount_minor;        /* at least 0 */
} fedspend_budget;

typedef struct fedspend_predict_options {
  uint32_t struct_size;
  uint32_t most_categories;    /* 0: the default, 3 */
  double min_confidence;       /* 0 to 1, below which the prediction abstains; 0: the default, .4 (of FEDSPEND_INSIGHT_OFFERS .05) */
  const fedspend_budget *budgets; /* of FEDSPEND_INSIGHT_FORECAST alone, each category at most once; elements of one struct_size */
  uint64_t budget_count;       /* at most 1,024 */
  double false_alarms_per_month; /* of FEDSPEND_INSIGHT_UNUSUAL alone, above 0, at most 1,000: so many the customer will bear; 0: as fedspend_set_false_alarms, else 1 */
} fedspend_predict_options;

typedef struct fedspend_category_chance {
  uint32_t category;           /* index into the plan's list */
  uint32_t reserved;
  double probability;
  char name[72];               /* the plan's; a longer one is cut */
} fedspend_category_chance;

typedef struct fedspend_prediction {
  uint32_t struct_size;
  uint32_t count;              /* of `next` */
  uint8_t abstains;            /* 1: show nothing, or that it is not known: the likeliest is below min_confidence, or there is no history */
  uint8_t is_personal;         /* 1: of a model adapted to this customer */
  uint16_t reserved;
  uint32_t reserved_2;
  uint64_t transactions;       /* that it was made from */
  fedspend_category_chance next[8]; /* the likeliest first */
} fedspend_prediction;

/* Nats a prediction on the rows that the personal model was chosen by, the newest of those that it may be trained on: so chosen_loss is the least of many and
 * flatters. fedspend_evaluate is of rows that had no say. */
typedef struct fedspend_personal_report {
  uint32_t struct_size;
  uint8_t is_personal;         /* 0: the shared model stays, nothing was better */
  uint8_t reserved[3];
  uint64_t predictions;        /* 0: too few transactions, nothing was compared */
  double shared_loss, chosen_loss;
  double head_loss;            /* of each way by itself: the last layer fine-tuned; shared_loss where its training diverged or there is none */
  double proximal_loss;        /* all weights trained with a pull to the shared ones (Ditto); the same */
  double own_counts_loss;      /* the customer's own counts alone */
} fedspend_personal_report;

/* On the customer's newest fifth (as the plan says), which no training on this device looks at. */
typedef struct fedspend_evaluation {
  uint32_t struct_size;
  uint8_t has_personal;        /* 1: the figures of the personal model are there */
  uint8_t reserved[3];
  uint64_t predictions;
  uint64_t shared_correct, shared_correct_in_3;
  double shared_loss;          /* nats, in all */
  uint64_t personal_correct, personal_correct_in_3;
  double personal_loss;
} fedspend_evaluation;

/* The version of the library, and the names of its numbers ("ok", "contributed", "checked-in"; "unknown" for another number). */
FEDSPEND_API uint32_t fedspend_version(void);
FEDSPEND_API const char *fedspend_version_text(void);
FEDSPEND_API const char *fedspend_status_name(fedspend_status status);
FEDSPEND_API const char *fedspend_run_name(int32_t outcome);
FEDSPEND_API const char *fedspend_phase_name(int32_t phase);
FEDSPEND_API const char *fedspend_insight_name(int32_t kind);
FEDSPEND_API const char *fedspend_hand_over_name(int32_t hand_over);
FEDSPEND_API size_t fedspend_key_bytes(void);
FEDSPEND_API size_t fedspend_signature_bytes(void);
FEDSPEND_API size_t fedspend_max_wrapped_seed_bytes(void);

/* Of the calling thread; an empty text if its last call went well. */
FEDSPEND_API fedspend_status fedspend_last_error(char *buffer, size_t capacity, size_t *needed);

/* For the whole process, before anything is trained: the instruction set ("best", or one that this processor has, "AVX2" ...). On one the same
 * rows give the same update to the bit. */
FEDSPEND_API fedspend_status fedspend_pin_instruction_set(const char *name);

/* Of a policy file's text, before it is given to a device. is_demonstration (may be NULL): 1 if it allows an open sum or a plan without noise. */
FEDSPEND_API fedspend_status fedspend_check_policy(const char *policy_toml, uint8_t *is_demonstration);

/* 64 hexadecimal digits, or a line of a .pub file of fedspend-admin, to 32 bytes. */
FEDSPEND_API fedspend_status fedspend_parse_key(const char *text, uint8_t key[32]);

/* Opens the device in persistent_dir, or makes it. conflict: another process, or another handle, has it. */
FEDSPEND_API fedspend_status fedspend_device_create(const fedspend_options *options, const fedspend_host *host, fedspend_device **device);
/* Ends a run that is under way, waits for it and for every other call, and frees. NULL is fine. A call that comes later, also one of
 * fedspend_run_once that was about to begin, is FEDSPEND_INVALID_ARGUMENT. Once, and not from a callback. */
FEDSPEND_API void fedspend_device_free(fedspend_device *device);
/* Hexadecimal, 64 digits. */
FEDSPEND_API fedspend_status fedspend_device_id(fedspend_device *device, char *buffer, size_t capacity, size_t *needed);

/* Enrolment: the request goes to the bank's authority (fedspend-admin enrol), its answer comes back. The token is a secret until it is
 * used. `label` may be NULL. In the history from when the text was handed out; to ask for its size is not. */
FEDSPEND_API fedspend_status fedspend_enrolment_request(fedspend_device *device, const char *token, const char *label, char *buffer, size_t capacity, size_t *needed);
FEDSPEND_API fedspend_status fedspend_install_certificate(fedspend_device *device, const char *certificates);
FEDSPEND_API fedspend_status fedspend_is_enrolled(fedspend_device *device, uint8_t *enrolled);

/* All of them or none. `report` may be NULL. */
FEDSPEND_API fedspend_status fedspend_ingest(fedspend_device *device, const fedspend_transaction *transactions, size_t count, fedspend_ingest_report *report);
/* The customer's own word for a transaction's category: counts from now on, in insights and in trainings, also where the host hands the transaction in
 * again. not-found: no transaction of this id. */
FEDSPEND_API fedspend_status fedspend_correct_category(fedspend_device *device, const char *transaction_id, const char *category);
/* Inside `examples` alone: copies the transaction. */
FEDSPEND_API fedspend_status fedspend_sink_add(fedspend_sink *sink, const fedspend_transaction *transaction);

/* Inside `exchange` alone: copies the next bytes of the response. limit: more than any response may have; end the exchange then. */
FEDSPEND_API fedspend_status fedspend_body_add(fedspend_body *body, const uint8_t *bytes, size_t size);

/* Consent, by purpose; default none. notice_version: of what the customer was shown. language (BCP 47) and method may be NULL. Both ways
 * at once: a withdrawal ends a run that is under way before its next message. */
FEDSPEND_API fedspend_status fedspend_consent_give(fedspend_device *device, const char *purpose, const char *notice_version, const char *language, const char *method);
FEDSPEND_API fedspend_status fedspend_consent_withdraw(fedspend_device *device, const char *purpose);
FEDSPEND_API fedspend_status fedspend_consent_withdraw_all(fedspend_device *device);
FEDSPEND_API fedspend_status fedspend_consent_is_given(fedspend_device *device, const char *purpose, uint8_t *given);
/* Records with the fields of ISO/IEC TS 27560, JSON. */
FEDSPEND_API fedspend_status fedspend_consent_records(fedspend_device *device, const char *controller, const char *principal, char *buffer, size_t capacity, size_t *needed);

/* How long transactions may be used for a purpose, in days: 1 to 36,500, or 0 for retention_days of the options. Kept across restarts. What no
 * purpose may use any more is erased: at once, whenever the device is opened, and before each training. */
FEDSPEND_API fedspend_status fedspend_set_retention(fedspend_device *device, const char *purpose, uint32_t days);
/* How many false alarms a month the customer will bear: above 0, at most 1,000, or 0 for the default (1). Of alerts as transactions are ingested, and of
 * fedspend_insight where its options do not say. Kept across restarts. */
FEDSPEND_API fedspend_status fedspend_set_false_alarms(fedspend_device *device, double per_month);

/* Takes part in one round at most. FEDSPEND_OK: see the report. conflict: a run is under way. */
FEDSPEND_API fedspend_status fedspend_run_once(fedspend_device *device, fedspend_run_report *report);
/* Ends the run that is under way before its next message, and a personalise or evaluate; without one it does nothing, and the next run does not hear of it. A run is under way
 * from the moment that fedspend_run_once is entered: a host that cannot tell calls this until fedspend_run_once has returned. */
FEDSPEND_API fedspend_status fedspend_cancel(fedspend_device *device);

/* Everything that left this device, and everything that it refused; what it has spent. */
FEDSPEND_API fedspend_status fedspend_history(fedspend_device *device, int32_t format, char *buffer, size_t capacity, size_t *needed);
FEDSPEND_API fedspend_status fedspend_statement(fedspend_device *device, int32_t format, char *buffer, size_t capacity, size_t *needed);

/* For the customer, under the purpose "personal_insights"; nothing of it leaves the device, and nothing of it acts by itself. Of each kind of model the
 * device holds the newest: of the last round, or one that the app brought: install_model takes the plan's bytes, its signature (the text of
 * fedspend-admin's .sig file) and the model file that a coordinator publishes. not-found: no such model yet. refused: no consent. `options` may be NULL.
 * Odd histories: an empty one abstains; unknown categories are "other", which is never predicted; a prediction is never NaN. */
FEDSPEND_API fedspend_status fedspend_install_model(fedspend_device *device, const uint8_t *plan, size_t plan_size, const char *plan_signature, const uint8_t *model, size_t model_size);
/* FEDSPEND_INSIGHT_NEXT as a struct. */
FEDSPEND_API fedspend_status fedspend_predict(fedspend_device *device, const fedspend_predict_options *options, fedspend_prediction *prediction);
/* What a model says, with its confidence and its reasons, in words and (JSON) in numbers that add up: where a category is given, baseline_log_odds and all
 * reasons are log_odds (Shapley values, computed exactly). FEDSPEND_INSIGHT_NEXT: with each category when it usually comes ("in_days") and how much it is
 * ("amount_minor"), by the customer's own transactions of it; null where they are too few. "abstains": show nothing, or that it is not known. "hand_over": whether a person should answer.
 * FEDSPEND_INSIGHT_FORECAST: of all spending and by category the next 30 days as low, middle and high (10, 50 and 90%), what was spent so far this month, the
 * outlook of each budget ("within", "may-run-over", "likely-to-run-over" and by how much), what a month at the low would save, and reasons in minor units that add up to the middle.
 * `transaction_id`: of the kinds that are about one; NULL: the newest. */
FEDSPEND_API fedspend_status fedspend_insight(fedspend_device *device, int32_t kind, const char *transaction_id, const fedspend_predict_options *options, int32_t format, char *buffer, size_t capacity, size_t *needed);
/* Adapts a model (its plan's model.name; NULL: that of the last round, or installed last) to this customer, in place of an earlier adaptation; kept in the vault,
 * and used for insights from then on, until there is a newer shared model. Takes as long as a training, and keeps nobody waiting; refused: cancelled, or
 * withdrawn meanwhile, and then nothing is kept; conflict: a newer shared model came meanwhile. `report` may be NULL. */
FEDSPEND_API fedspend_status fedspend_personalise(fedspend_device *device, const char *model, fedspend_personal_report *report);
/* Of a model, as for fedspend_personalise. Under the purpose "evaluation"; refused: cancelled, or withdrawn meanwhile. */
FEDSPEND_API fedspend_status fedspend_evaluate(fedspend_device *device, const char *model, fedspend_evaluation *evaluation);
/* Inside `train` alone: 1 once it is to stop, and to return FEDSPEND_REFUSED. */
FEDSPEND_API uint8_t fedspend_training_is_stopped(const fedspend_training *task);

/* Everything that the device keeps is gone for good. conflict: a run is under way. Any other error: the words say what is left on the disk, and the
 * handle answers not-found to everything all the same; wipe again. Afterwards free the handle. */
FEDSPEND_API fedspend_status fedspend_wipe(fedspend_device *device);
/* The same of a folder whose store cannot be opened (damaged, or its key is gone): persistent_dir, cache_dir, FEDSPEND_KEY_IN_FILE and
 * destroy_key count. conflict: a handle or another process has it open. */
FEDSPEND_API fedspend_status fedspend_wipe_directory(const fedspend_options *options, const fedspend_host *host);

#ifdef __cplusplus
}
#endif
#endif
