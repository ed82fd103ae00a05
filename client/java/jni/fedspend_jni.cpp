// The natives of org.fedspend.client.Native on the C ABI. Device.java sees to it that nothing is called on a freed peer.

#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "client/java/jni/jni_host.h"

namespace {

using namespace fedspend_jni;

jclass exception_class = nullptr;  // FedspendException, a global reference for the life of the library
jmethodID exception_init = nullptr;

Peer* peer_of(jlong handle) { return reinterpret_cast<Peer*>(static_cast<std::intptr_t>(handle)); }

// The words of this thread's last error as a FedspendException, pending.
void raise(JNIEnv* env, fedspend_status status) {
  if (env->ExceptionCheck()) return;
  char words[1024];
  if (fedspend_last_error(words, sizeof words, nullptr) != FEDSPEND_OK) words[0] = '\0';
  const auto size = static_cast<jsize>(std::strlen(words));
  const jbyteArray text = env->NewByteArray(size);
  if (text == nullptr) return;
  env->SetByteArrayRegion(text, 0, size, reinterpret_cast<const jbyte*>(words));
  const auto error = static_cast<jthrowable>(env->NewObject(exception_class, exception_init, static_cast<jint>(status), text));
  if (error != nullptr) env->Throw(error);
}
bool well(JNIEnv* env, fedspend_status status) {
  if (status == FEDSPEND_OK) return true;
  raise(env, status);
  return false;
}

// A text of Java's for the time of a call; wiped afterwards, for it may be a token.
class Text {
 public:
  Text(JNIEnv* env, jbyteArray given) {
    if (given == nullptr) return;
    size_ = static_cast<std::size_t>(env->GetArrayLength(given));
    bytes_.reset(new char[size_ + 1]);
    env->GetByteArrayRegion(given, 0, static_cast<jsize>(size_), reinterpret_cast<jbyte*>(bytes_.get()));
    bytes_[size_] = '\0';
  }
  ~Text() {
    if (bytes_ != nullptr) wipe(bytes_.get(), size_);
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  const char* get() const { return bytes_.get(); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

jbyteArray bytes_of(JNIEnv* env, const char* text) {
  const auto size = static_cast<jsize>(std::strlen(text));
  const jbyteArray array = env->NewByteArray(size);
  if (array != nullptr) env->SetByteArrayRegion(array, 0, size, reinterpret_cast<const jbyte*>(text));
  return array;
}

// Nothing is thrown into Java but Java's own.
template <class Result, class Work>
Result guarded(JNIEnv* env, Result otherwise, const Work& work) {
  try {
    return work();
  } catch (...) {
    if (!env->ExceptionCheck()) {
      const jclass no_memory = env->FindClass("java/lang/OutOfMemoryError");
      if (no_memory != nullptr) env->ThrowNew(no_memory, "fedspend");
    }
    return otherwise;
  }
}

jbyteArray version(JNIEnv* env, jclass) { return bytes_of(env, fedspend_version_text()); }

jbyteArray name(JNIEnv* env, jclass, jint kind, jint code) {
  switch (kind) {
    case 0: return bytes_of(env, fedspend_status_name(code));
    case 1: return bytes_of(env, fedspend_run_name(code));
    case 2: return bytes_of(env, fedspend_phase_name(code));
    case 3: return bytes_of(env, fedspend_insight_name(code));
    default: return bytes_of(env, fedspend_hand_over_name(code));
  }
}

jbyteArray parse_key(JNIEnv* env, jclass, jbyteArray given) {
  return guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const Text text(env, given);
    std::uint8_t key[FEDSPEND_KEY_BYTES];
    if (!well(env, fedspend_parse_key(text.get(), key))) return nullptr;
    const jbyteArray array = env->NewByteArray(FEDSPEND_KEY_BYTES);
    if (array != nullptr) env->SetByteArrayRegion(array, 0, FEDSPEND_KEY_BYTES, reinterpret_cast<const jbyte*>(key));
    return array;
  });
}

// Options.java for the time of a call.
struct GivenOptions {
  std::unique_ptr<Text> given[5];
  fedspend_options options{};

  // false: an exception is pending.
  bool read(JNIEnv* env, jobjectArray texts, jbyteArray keys, jlongArray numbers) {
    for (jsize i = 0; i < 5; ++i) {
      const auto text = static_cast<jbyteArray>(env->GetObjectArrayElement(texts, i));
      if (env->ExceptionCheck()) return false;
      given[i] = std::make_unique<Text>(env, text);
      if (text != nullptr) env->DeleteLocalRef(text);
    }
    options.struct_size = sizeof options;
    options.persistent_dir = given[0]->get();
    options.cache_dir = given[1]->get();
    options.population = given[2]->get();
    options.policy_toml = given[3]->get();
    options.coordinator = given[4]->get();
    std::uint8_t* const to[] = {options.release_key, options.authority_key, options.coordinator_key, options.identity_key};
    for (jsize i = 0; i < 4; ++i) env->GetByteArrayRegion(keys, 32 * i, 32, reinterpret_cast<jbyte*>(to[i]));
    jlong values[6] = {};
    env->GetLongArrayRegion(numbers, 0, 6, values);
    if (env->ExceptionCheck()) return false;
    options.flags = static_cast<std::uint32_t>(values[0]);
    options.retention_days = static_cast<std::uint32_t>(values[1]);
    options.max_transactions = static_cast<std::uint64_t>(values[2]);
    options.connect_timeout_ms = static_cast<std::uint32_t>(values[3]);
    options.transient_backoff_ms = static_cast<std::uint32_t>(values[4]);
    options.permanent_backoff_ms = static_cast<std::uint32_t>(values[5]);
    return true;
  }
};

jlong open(JNIEnv* env, jclass, jobjectArray texts, jbyteArray keys, jlongArray numbers, jobject bridge, jint parts) {
  return guarded<jlong>(env, 0, [&]() -> jlong {
    GivenOptions given;
    if (!given.read(env, texts, keys, numbers)) return 0;
    auto peer = std::make_unique<Peer>();
    peer->bridge = env->NewGlobalRef(bridge);
    if (peer->bridge == nullptr) return 0;
    const fedspend_host host = host_of(peer.get(), parts);
    if (const fedspend_status status = fedspend_device_create(&given.options, &host, &peer->device); status != FEDSPEND_OK) {
      env->DeleteGlobalRef(peer->bridge);
      raise(env, status);
      return 0;
    }
    return static_cast<jlong>(reinterpret_cast<std::intptr_t>(peer.release()));
  });
}

void wipe_folder(JNIEnv* env, jclass, jobjectArray texts, jbyteArray keys, jlongArray numbers, jobject bridge, jint parts) {
  guarded(env, false, [&] {
    GivenOptions given;
    if (!given.read(env, texts, keys, numbers)) return false;
    Peer peer{.device = nullptr, .bridge = bridge};  // a local reference: callbacks come on this thread
    const fedspend_host host = host_of(&peer, parts);
    return well(env, fedspend_wipe_directory(&given.options, &host));
  });
}

void free_peer(JNIEnv* env, jclass, jlong handle) {
  const std::unique_ptr<Peer> peer(peer_of(handle));
  fedspend_device_free(peer->device);
  env->DeleteGlobalRef(peer->bridge);
}

fedspend_status text_of(fedspend_device* device, jint what, const char* first, const char* second, char* buffer, std::size_t capacity, std::size_t* needed) {
  switch (what) {
    case 0: return fedspend_device_id(device, buffer, capacity, needed);
    case 1: return fedspend_history(device, FEDSPEND_FORMAT_TEXT, buffer, capacity, needed);
    case 2: return fedspend_history(device, FEDSPEND_FORMAT_JSON, buffer, capacity, needed);
    case 3: return fedspend_statement(device, FEDSPEND_FORMAT_TEXT, buffer, capacity, needed);
    case 4: return fedspend_statement(device, FEDSPEND_FORMAT_JSON, buffer, capacity, needed);
    case 5: return fedspend_enrolment_request(device, first, second, buffer, capacity, needed);
    case 6: return fedspend_consent_records(device, first, second, buffer, capacity, needed);
    default: return FEDSPEND_INVALID_ARGUMENT;
  }
}

// Of a function that fills a buffer: first what fits, then again with the size that it asked for; it may have grown meanwhile.
template <class Fill>
jbyteArray text_answer(JNIEnv* env, const Fill& fill) {
  std::vector<char> buffer(8192);
  std::size_t needed = 0;
  fedspend_status status = FEDSPEND_BUFFER_TOO_SMALL;
  for (int attempt = 0; attempt < 8 && status == FEDSPEND_BUFFER_TOO_SMALL; ++attempt) {
    if (needed > buffer.size()) {
      wipe(buffer.data(), buffer.size());
      buffer = std::vector<char>(needed);
    }
    status = fill(buffer.data(), buffer.size(), &needed);
  }
  const jbyteArray answer = well(env, status) ? bytes_of(env, buffer.data()) : nullptr;
  wipe(buffer.data(), buffer.size());
  return answer;
}

jbyteArray text(JNIEnv* env, jclass, jlong handle, jint what, jbyteArray first_given, jbyteArray second_given) {
  return guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const Text first(env, first_given);
    const Text second(env, second_given);
    return text_answer(env, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
      return text_of(peer_of(handle)->device, what, first.get(), second.get(), buffer, capacity, needed);
    });
  });
}

void install_certificate(JNIEnv* env, jclass, jlong handle, jbyteArray certificates) {
  guarded(env, false, [&] { return well(env, fedspend_install_certificate(peer_of(handle)->device, Text(env, certificates).get())); });
}

jboolean is_enrolled(JNIEnv* env, jclass, jlong handle) {
  std::uint8_t enrolled = 0;
  return well(env, fedspend_is_enrolled(peer_of(handle)->device, &enrolled)) && enrolled == 1 ? JNI_TRUE : JNI_FALSE;
}

jlongArray longs_of(JNIEnv* env, const std::vector<jlong>& values) {
  const jlongArray array = env->NewLongArray(static_cast<jsize>(values.size()));
  if (array != nullptr) env->SetLongArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return array;
}

jlongArray ingest(JNIEnv* env, jclass, jlong handle, jbyteArray pool, jintArray offsets, jlongArray numbers) {
  return guarded<jlongArray>(env, nullptr, [&]() -> jlongArray {
    Packed packed;
    if (!packed.read(env, pool, offsets, numbers)) {
      raise(env, FEDSPEND_INVALID_ARGUMENT);
      return nullptr;
    }
    fedspend_ingest_report report{};
    report.struct_size = sizeof report;
    const fedspend_status status = fedspend_ingest(peer_of(handle)->device, packed.transactions.data(), packed.transactions.size(), &report);
    if (!well(env, status)) return nullptr;
    return longs_of(env, {static_cast<jlong>(report.added), static_cast<jlong>(report.replaced), static_cast<jlong>(report.unchanged), static_cast<jlong>(report.too_old),
                          static_cast<jlong>(report.pushed_out)});
  });
}

void set_retention(JNIEnv* env, jclass, jlong handle, jbyteArray purpose, jint days) {
  guarded(env, false, [&] { return well(env, fedspend_set_retention(peer_of(handle)->device, Text(env, purpose).get(), static_cast<std::uint32_t>(days))); });
}

void set_false_alarms(JNIEnv* env, jclass, jlong handle, jdouble per_month) {
  guarded(env, false, [&] { return well(env, fedspend_set_false_alarms(peer_of(handle)->device, per_month)); });
}

void give_consent(JNIEnv* env, jclass, jlong handle, jbyteArray purpose, jbyteArray notice, jbyteArray language, jbyteArray method) {
  guarded(env, false, [&] {
    return well(env, fedspend_consent_give(peer_of(handle)->device, Text(env, purpose).get(), Text(env, notice).get(), Text(env, language).get(), Text(env, method).get()));
  });
}

void withdraw_consent(JNIEnv* env, jclass, jlong handle, jbyteArray purpose) {
  guarded(env, false, [&] {
    fedspend_device* const device = peer_of(handle)->device;
    return well(env, purpose == nullptr ? fedspend_consent_withdraw_all(device) : fedspend_consent_withdraw(device, Text(env, purpose).get()));
  });
}

jboolean has_consent(JNIEnv* env, jclass, jlong handle, jbyteArray purpose) {
  return guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    std::uint8_t given = 0;
    return well(env, fedspend_consent_is_given(peer_of(handle)->device, Text(env, purpose).get(), &given)) && given == 1 ? JNI_TRUE : JNI_FALSE;
  });
}

jlongArray run_once(JNIEnv* env, jclass, jlong handle, jobjectArray words) {
  return guarded<jlongArray>(env, nullptr, [&]() -> jlongArray {
    fedspend_run_report report{};
    report.struct_size = sizeof report;
    if (!well(env, fedspend_run_once(peer_of(handle)->device, &report))) return nullptr;
    const jbyteArray why = bytes_of(env, report.words);
    if (why == nullptr) return nullptr;
    env->SetObjectArrayElement(words, 0, why);
    return longs_of(env, {report.outcome, static_cast<jlong>(report.come_back_in_ms), static_cast<jlong>(report.bytes_sent)});
  });
}

std::vector<std::uint8_t> data_of(JNIEnv* env, jbyteArray given) {
  std::vector<std::uint8_t> data(given == nullptr ? 0 : static_cast<std::size_t>(env->GetArrayLength(given)));
  if (!data.empty()) env->GetByteArrayRegion(given, 0, static_cast<jsize>(data.size()), reinterpret_cast<jbyte*>(data.data()));
  return data;
}

void install_model(JNIEnv* env, jclass, jlong handle, jbyteArray plan_given, jbyteArray signature, jbyteArray model_given) {
  guarded(env, false, [&] {
    const std::vector<std::uint8_t> plan = data_of(env, plan_given), model = data_of(env, model_given);
    return well(env, fedspend_install_model(peer_of(handle)->device, plan.data(), plan.size(), Text(env, signature).get(), model.data(), model.size()));
  });
}

// PackedInsightOptions.java for the time of a call; wiped when it goes.
struct GivenInsightOptions {
  fedspend_predict_options options{};

  GivenInsightOptions() = default;
  ~GivenInsightOptions() { wipe(budgets_.data(), budgets_.size() * sizeof(fedspend_budget)); }
  GivenInsightOptions(const GivenInsightOptions&) = delete;
  GivenInsightOptions& operator=(const GivenInsightOptions&) = delete;

  // false: an exception is pending.
  bool read(JNIEnv* env, jdoubleArray given, jobjectArray categories, jlongArray amounts) {
    options.struct_size = sizeof options;
    jdouble numbers[3] = {};
    if (given != nullptr) env->GetDoubleArrayRegion(given, 0, static_cast<jsize>(std::size(numbers)), numbers);
    options.most_categories = static_cast<std::uint32_t>(numbers[0]);
    options.min_confidence = numbers[1];
    options.false_alarms_per_month = numbers[2];
    budgets_.resize(static_cast<std::size_t>(env->GetArrayLength(amounts)));
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
      const auto category = static_cast<jbyteArray>(env->GetObjectArrayElement(categories, static_cast<jsize>(i)));
      jlong amount = 0;
      env->GetLongArrayRegion(amounts, static_cast<jsize>(i), 1, &amount);
      if (env->ExceptionCheck()) return false;
      texts_.push_back(std::make_unique<Text>(env, category));
      if (category != nullptr) env->DeleteLocalRef(category);
      budgets_[i] = {.struct_size = sizeof(fedspend_budget), .reserved = 0, .category = texts_.back()->get(), .amount_minor = amount};
    }
    options.budgets = budgets_.data();
    options.budget_count = budgets_.size();
    return true;
  }

 private:
  std::vector<std::unique_ptr<Text>> texts_;
  std::vector<fedspend_budget> budgets_;
};

jlong bits_of(double value) {
  jlong bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

jlongArray predict(JNIEnv* env, jclass, jlong handle, jdoubleArray options, jobjectArray budget_categories, jlongArray budget_amounts, jobjectArray names) {
  return guarded<jlongArray>(env, nullptr, [&]() -> jlongArray {
    GivenInsightOptions given;
    if (!given.read(env, options, budget_categories, budget_amounts)) return nullptr;
    fedspend_prediction prediction{};
    prediction.struct_size = sizeof prediction;
    if (!well(env, fedspend_predict(peer_of(handle)->device, &given.options, &prediction))) return nullptr;
    std::vector<jlong> numbers{prediction.abstains, prediction.is_personal, static_cast<jlong>(prediction.transactions)};
    for (std::uint32_t i = 0; i < prediction.count; ++i) {
      numbers.push_back(bits_of(prediction.next[i].probability));
      const jbyteArray category = bytes_of(env, prediction.next[i].name);
      if (category == nullptr) return nullptr;
      env->SetObjectArrayElement(names, static_cast<jsize>(i), category);
      env->DeleteLocalRef(category);
    }
    return longs_of(env, numbers);
  });
}

jbyteArray insight(JNIEnv* env, jclass, jlong handle, jint kind, jbyteArray transaction_given, jdoubleArray options, jobjectArray budget_categories, jlongArray budget_amounts, jint format) {
  return guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const Text transaction(env, transaction_given);
    GivenInsightOptions given;
    if (!given.read(env, options, budget_categories, budget_amounts)) return nullptr;
    return text_answer(env, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
      return fedspend_insight(peer_of(handle)->device, kind, transaction.get(), &given.options, format, buffer, capacity, needed);
    });
  });
}

void correct_category(JNIEnv* env, jclass, jlong handle, jbyteArray transaction, jbyteArray category) {
  guarded(env, false, [&] { return well(env, fedspend_correct_category(peer_of(handle)->device, Text(env, transaction).get(), Text(env, category).get())); });
}

jdoubleArray doubles_of(JNIEnv* env, const std::vector<jdouble>& values) {
  const jdoubleArray array = env->NewDoubleArray(static_cast<jsize>(values.size()));
  if (array != nullptr) env->SetDoubleArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return array;
}

jdoubleArray personalise(JNIEnv* env, jclass, jlong handle, jbyteArray model) {
  return guarded<jdoubleArray>(env, nullptr, [&]() -> jdoubleArray {
    fedspend_personal_report report{};
    report.struct_size = sizeof report;
    if (!well(env, fedspend_personalise(peer_of(handle)->device, Text(env, model).get(), &report))) return nullptr;
    return doubles_of(env, {static_cast<double>(report.is_personal), static_cast<double>(report.predictions), report.shared_loss, report.chosen_loss, report.head_loss,
                            report.proximal_loss, report.own_counts_loss});
  });
}

jdoubleArray evaluate(JNIEnv* env, jclass, jlong handle, jbyteArray model) {
  return guarded<jdoubleArray>(env, nullptr, [&]() -> jdoubleArray {
    fedspend_evaluation found{};
    found.struct_size = sizeof found;
    if (!well(env, fedspend_evaluate(peer_of(handle)->device, Text(env, model).get(), &found))) return nullptr;
    const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
    return doubles_of(env, {number(found.has_personal), number(found.predictions), number(found.shared_correct), number(found.shared_correct_in_3), found.shared_loss,
                            number(found.personal_correct), number(found.personal_correct_in_3), found.personal_loss});
  });
}

jboolean check_policy(JNIEnv* env, jclass, jbyteArray policy) {
  return guarded<jboolean>(env, JNI_FALSE, [&]() -> jboolean {
    std::uint8_t is_demonstration = 0;
    return well(env, fedspend_check_policy(Text(env, policy).get(), &is_demonstration)) && is_demonstration == 1 ? JNI_TRUE : JNI_FALSE;
  });
}

void pin_instruction_set(JNIEnv* env, jclass, jbyteArray name_given) {
  guarded(env, false, [&] { return well(env, fedspend_pin_instruction_set(Text(env, name_given).get())); });
}

jboolean training_is_stopped(JNIEnv*, jclass, jlong task) {
  return fedspend_training_is_stopped(reinterpret_cast<const fedspend_training*>(static_cast<std::intptr_t>(task))) == 1 ? JNI_TRUE : JNI_FALSE;
}

void cancel(JNIEnv* env, jclass, jlong handle) { well(env, fedspend_cancel(peer_of(handle)->device)); }

void wipe_device(JNIEnv* env, jclass, jlong handle) { well(env, fedspend_wipe(peer_of(handle)->device)); }

#define NATIVE(name, signature, function) {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)}
const JNINativeMethod kNatives[] = {
    NATIVE("version", "()[B", version),
    NATIVE("name", "(II)[B", name),
    NATIVE("parseKey", "([B)[B", parse_key),
    NATIVE("open", "([[B[B[JLorg/fedspend/client/Bridge;I)J", open),
    NATIVE("wipeFolder", "([[B[B[JLorg/fedspend/client/Bridge;I)V", wipe_folder),
    NATIVE("pinInstructionSet", "([B)V", pin_instruction_set),
    NATIVE("trainingIsStopped", "(J)Z", training_is_stopped),
    NATIVE("free", "(J)V", free_peer),
    NATIVE("text", "(JI[B[B)[B", text),
    NATIVE("installCertificate", "(J[B)V", install_certificate),
    NATIVE("isEnrolled", "(J)Z", is_enrolled),
    NATIVE("ingest", "(J[B[I[J)[J", ingest),
    NATIVE("setRetention", "(J[BI)V", set_retention),
    NATIVE("setFalseAlarms", "(JD)V", set_false_alarms),
    NATIVE("giveConsent", "(J[B[B[B[B)V", give_consent),
    NATIVE("withdrawConsent", "(J[B)V", withdraw_consent),
    NATIVE("hasConsent", "(J[B)Z", has_consent),
    NATIVE("runOnce", "(J[[B)[J", run_once),
    NATIVE("installModel", "(J[B[B[B)V", install_model),
    NATIVE("predict", "(J[D[[B[J[[B)[J", predict),
    NATIVE("insight", "(JI[B[D[[B[JI)[B", insight),
    NATIVE("correctCategory", "(J[B[B)V", correct_category),
    NATIVE("personalise", "(J[B)[D", personalise),
    NATIVE("evaluate", "(J[B)[D", evaluate),
    NATIVE("checkPolicy", "([B)Z", check_policy),
    NATIVE("cancel", "(J)V", cancel),
    NATIVE("wipe", "(J)V", wipe_device),
};
#undef NATIVE

bool find_all(JavaVM* vm, JNIEnv* env) {
  if (!find_host_methods(vm, env)) return false;
  exception_class = global_class(env, "org/fedspend/client/FedspendException");
  const jclass natives = env->FindClass("org/fedspend/client/Native");
  if (exception_class == nullptr || natives == nullptr) return false;
  exception_init = env->GetMethodID(exception_class, "<init>", "(I[B)V");
  if (exception_init == nullptr || env->RegisterNatives(natives, kNatives, sizeof kNatives / sizeof kNatives[0]) != JNI_OK) return false;
  env->DeleteLocalRef(natives);
  return true;
}

}  // namespace

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* loaded, void*) {
  void* env = nullptr;
  if (loaded->GetEnv(&env, JNI_VERSION_1_6) != JNI_OK || !find_all(loaded, static_cast<JNIEnv*>(env))) return JNI_ERR;
  return JNI_VERSION_1_6;
}

extern "C" JNIEXPORT void JNICALL JNI_OnUnload(JavaVM* loaded, void*) {
  void* found = nullptr;
  if (loaded->GetEnv(&found, JNI_VERSION_1_6) != JNI_OK) return;
  auto* const env = static_cast<JNIEnv*>(found);
  env->DeleteGlobalRef(exception_class);
  forget_host_methods(env);
}
