// The Java face on the C ABI: natives of org.fedspend.client.Native, and the host's callbacks into org.fedspend.client.Bridge.
//
// What a callback throws is caught in Bridge, and null comes here: no. What is thrown none the less (no memory, a stack that is full) is
// cleared here and is no as well. Local references of a callback go with its frame, for a run is one long native call. Threads of the
// library are attached for the time of a callback. Device.java sees to it that nothing is called on a freed peer.

#include <jni.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <fedspend/client.h>

namespace {

JavaVM* vm = nullptr;
jclass exception_class = nullptr;  // FedspendException, a global reference for the life of the library, as is the next
jclass packed_class = nullptr;
jmethodID exception_init, bridge_conditions, bridge_clocks, bridge_log, bridge_phase, bridge_wrap, bridge_unwrap, bridge_destroy_key, bridge_sign, bridge_examples;
jfieldID packed_pool, packed_offsets, packed_numbers;

struct Peer {
  fedspend_device* device = nullptr;
  jobject bridge = nullptr;  // a global reference
};

Peer* peer_of(jlong handle) { return reinterpret_cast<Peer*>(static_cast<std::intptr_t>(handle)); }

void wipe(void* memory, std::size_t size) {
  volatile auto* bytes = static_cast<volatile std::uint8_t*>(memory);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = 0;
}

// The time of one callback: this thread attached, a frame for its local references, and no exception left behind.
class Callback {
 public:
  explicit Callback(void* user) : bridge_(static_cast<Peer*>(user)->bridge) {
    void* env = nullptr;
    if (vm->GetEnv(&env, JNI_VERSION_1_6) == JNI_EDETACHED) {
      JavaVMAttachArgs as{JNI_VERSION_1_6, const_cast<char*>("fedspend"), nullptr};
#ifdef __ANDROID__
      JNIEnv* attached = nullptr;
      if (vm->AttachCurrentThread(&attached, &as) != JNI_OK) return;
      env = attached;
#else
      if (vm->AttachCurrentThread(&env, &as) != JNI_OK) return;
#endif
      attached_ = true;
    }
    env_ = static_cast<JNIEnv*>(env);
    framed_ = env_ != nullptr && env_->PushLocalFrame(16) == 0;
    if (env_ != nullptr && !framed_) env_->ExceptionClear();
  }
  ~Callback() {
    if (env_ != nullptr && env_->ExceptionCheck()) env_->ExceptionClear();
    if (framed_) env_->PopLocalFrame(nullptr);
    if (attached_) vm->DetachCurrentThread();
  }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  explicit operator bool() const { return framed_; }
  JNIEnv* operator->() const { return env_; }
  JNIEnv* env() const { return env_; }
  jobject bridge() const { return bridge_; }
  // null: the answer is no.
  template <class... Arguments>
  jobject ask(jmethodID method, Arguments... arguments) {
    if (!framed_) return nullptr;
    const jobject answer = env_->CallObjectMethod(bridge_, method, arguments...);
    return env_->ExceptionCheck() ? nullptr : answer;
  }
  jbyteArray bytes(const void* data, std::size_t size) {
    if (!framed_) return nullptr;
    const jbyteArray array = env_->NewByteArray(static_cast<jsize>(size));
    if (array != nullptr) env_->SetByteArrayRegion(array, 0, static_cast<jsize>(size), static_cast<const jbyte*>(data));
    return array;
  }
  // Of exactly `size` bytes, into `to`; afterwards the Java array is wiped.
  bool take_secret(jobject answer, std::uint8_t* to, jsize size) {
    if (answer == nullptr) return false;
    const auto array = static_cast<jbyteArray>(answer);
    const jsize given = env_->GetArrayLength(array);
    const bool right = given == size;
    if (right) env_->GetByteArrayRegion(array, 0, size, reinterpret_cast<jbyte*>(to));
    const std::vector<jbyte> zeros(static_cast<std::size_t>(given));
    env_->SetByteArrayRegion(array, 0, given, zeros.data());
    return right;
  }

 private:
  jobject bridge_;
  JNIEnv* env_ = nullptr;
  bool attached_ = false;
  bool framed_ = false;
};

void on_conditions(void* user, fedspend_conditions* now) {
  Callback call(user);
  const jobject answer = call.ask(bridge_conditions);
  if (answer == nullptr) return;
  jlong known[6];
  call->GetLongArrayRegion(static_cast<jlongArray>(answer), 0, 6, known);
  if (call->ExceptionCheck()) return;
  now->idle = static_cast<std::uint8_t>(known[0]);
  now->charging = static_cast<std::uint8_t>(known[1]);
  now->unmetered = static_cast<std::uint8_t>(known[2]);
  now->thermals_ok = static_cast<std::uint8_t>(known[3]);
  std::memcpy(&now->battery_level, &known[4], sizeof now->battery_level);
  now->free_storage_bytes = static_cast<std::uint64_t>(known[5]);
}

// A clock that does not answer stands at 0, and ends the run: nothing would ever be due.
std::int64_t clock_at(void* user, jsize index) {
  Callback call(user);
  jlong value = 0;
  const jobject answer = call.ask(bridge_clocks);
  if (answer != nullptr)
    call->GetLongArrayRegion(static_cast<jlongArray>(answer), index, 1, &value);
  else if (fedspend_device* const device = static_cast<Peer*>(user)->device; device != nullptr)
    fedspend_cancel(device);
  return value;
}
std::int64_t on_monotonic(void* user) { return clock_at(user, 0); }
std::int64_t on_unix_time(void* user) { return clock_at(user, 1); }

void on_log(void* user, std::int32_t level, const char* text) {
  Callback call(user);
  const jbyteArray words = call.bytes(text, std::strlen(text));
  if (words != nullptr) call->CallVoidMethod(call.bridge(), bridge_log, static_cast<jint>(level), words);
}

void on_phase(void* user, std::int32_t phase) {
  Callback call(user);
  if (call) call->CallVoidMethod(call.bridge(), bridge_phase, static_cast<jint>(phase));
}

fedspend_status on_wrap(void* user, const std::uint8_t seed[32], std::uint8_t* wrapped, std::size_t* wrapped_size) {
  Callback call(user);
  const jbyteArray given = call.bytes(seed, 32);  // Bridge wipes it
  const jobject answer = given == nullptr ? nullptr : call.ask(bridge_wrap, given);
  if (answer == nullptr) return FEDSPEND_UNAVAILABLE;
  const jsize size = call->GetArrayLength(static_cast<jbyteArray>(answer));
  if (size < 1 || static_cast<std::size_t>(size) > *wrapped_size) return FEDSPEND_LIMIT;
  call->GetByteArrayRegion(static_cast<jbyteArray>(answer), 0, size, reinterpret_cast<jbyte*>(wrapped));
  *wrapped_size = static_cast<std::size_t>(size);
  return FEDSPEND_OK;
}

fedspend_status on_unwrap(void* user, const std::uint8_t* wrapped, std::size_t wrapped_size, std::uint8_t seed[32]) {
  Callback call(user);
  const jbyteArray given = call.bytes(wrapped, wrapped_size);
  const jobject answer = given == nullptr ? nullptr : call.ask(bridge_unwrap, given);
  if (answer == nullptr) return FEDSPEND_UNAVAILABLE;
  return call.take_secret(answer, seed, 32) ? FEDSPEND_OK : FEDSPEND_MALFORMED;
}

fedspend_status on_destroy_key(void* user) {
  Callback call(user);
  if (!call) return FEDSPEND_UNAVAILABLE;
  const jboolean done = call->CallBooleanMethod(call.bridge(), bridge_destroy_key);
  return !call->ExceptionCheck() && done == JNI_TRUE ? FEDSPEND_OK : FEDSPEND_UNAVAILABLE;
}

fedspend_status on_sign(void* user, const std::uint8_t* message, std::size_t message_size, std::uint8_t signature[64]) {
  Callback call(user);
  const jbyteArray given = call.bytes(message, message_size);
  const jobject answer = given == nullptr ? nullptr : call.ask(bridge_sign, given);
  if (answer == nullptr) return FEDSPEND_UNAVAILABLE;
  if (call->GetArrayLength(static_cast<jbyteArray>(answer)) != 64) return FEDSPEND_MALFORMED;
  call->GetByteArrayRegion(static_cast<jbyteArray>(answer), 0, 64, reinterpret_cast<jbyte*>(signature));
  return FEDSPEND_OK;
}

// PackedTransactions.java.
struct Packed {
  std::vector<char> pool;
  std::vector<jint> offsets;
  std::vector<jlong> numbers;
  std::vector<fedspend_transaction> transactions;

  // false: an exception is pending, or the arrays do not fit together.
  bool read(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array) {
    if (pool_array == nullptr || offset_array == nullptr || number_array == nullptr) return false;
    pool.resize(static_cast<std::size_t>(env->GetArrayLength(pool_array)) + 1, '\0');
    offsets.resize(static_cast<std::size_t>(env->GetArrayLength(offset_array)));
    numbers.resize(static_cast<std::size_t>(env->GetArrayLength(number_array)));
    env->GetByteArrayRegion(pool_array, 0, static_cast<jsize>(pool.size() - 1), reinterpret_cast<jbyte*>(pool.data()));
    env->GetIntArrayRegion(offset_array, 0, static_cast<jsize>(offsets.size()), offsets.data());
    env->GetLongArrayRegion(number_array, 0, static_cast<jsize>(numbers.size()), numbers.data());
    if (env->ExceptionCheck() || offsets.size() % 4 != 0 || numbers.size() != offsets.size() / 4 * 3) return false;
    for (const jint offset : offsets)
      if (offset < -1 || offset >= static_cast<jint>(pool.size())) return false;
    const auto text = [this](jint offset) { return offset < 0 ? nullptr : pool.data() + offset; };
    for (std::size_t i = 0; i < offsets.size() / 4; ++i) {
      fedspend_transaction one{};
      one.struct_size = sizeof one;
      one.id = text(offsets[4 * i]);
      one.category = text(offsets[4 * i + 1]);
      one.merchant = text(offsets[4 * i + 2]);
      one.currency = text(offsets[4 * i + 3]);
      one.time_s = numbers[3 * i];
      one.amount_minor = numbers[3 * i + 1];
      one.direction = numbers[3 * i + 2] == 1 ? FEDSPEND_CREDIT : FEDSPEND_DEBIT;
      transactions.push_back(one);
    }
    return true;
  }
};

fedspend_status on_examples(void* user, fedspend_sink* sink) {
  try {
    Callback call(user);
    const jobject answer = call.ask(bridge_examples);
    if (answer == nullptr) return FEDSPEND_UNAVAILABLE;
    Packed packed;
    if (!packed.read(call.env(), static_cast<jbyteArray>(call->GetObjectField(answer, packed_pool)), static_cast<jintArray>(call->GetObjectField(answer, packed_offsets)),
                     static_cast<jlongArray>(call->GetObjectField(answer, packed_numbers))))
      return FEDSPEND_INTERNAL;
    for (const fedspend_transaction& one : packed.transactions)
      if (const fedspend_status status = fedspend_sink_add(sink, &one); status != FEDSPEND_OK) return status;
    return FEDSPEND_OK;
  } catch (...) {
    return FEDSPEND_INTERNAL;  // no memory
  }
}

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
  return bytes_of(env, kind == 0 ? fedspend_status_name(code) : kind == 1 ? fedspend_run_name(code) : fedspend_phase_name(code));
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

fedspend_host host_of(Peer* peer, jint parts) {
  fedspend_host host{};
  host.struct_size = sizeof host;
  host.user = peer;
  host.conditions = on_conditions;
  host.log = on_log;
  host.phase = on_phase;
  if ((parts & 1) != 0) {
    host.wrap = on_wrap;
    host.unwrap = on_unwrap;
    host.destroy_key = on_destroy_key;
  }
  if ((parts & 2) != 0) host.sign = on_sign;
  if ((parts & 4) != 0) {
    host.monotonic_ms = on_monotonic;
    host.unix_time_s = on_unix_time;
  }
  if ((parts & 8) != 0) host.examples = on_examples;
  return host;
}

jlong open(JNIEnv* env, jclass, jobjectArray texts, jbyteArray keys, jlongArray numbers, jobject bridge, jint parts) {
  return guarded<jlong>(env, 0, [&]() -> jlong {
    std::unique_ptr<Text> given[5];
    for (jsize i = 0; i < 5; ++i) {
      const auto text = static_cast<jbyteArray>(env->GetObjectArrayElement(texts, i));
      if (env->ExceptionCheck()) return 0;
      given[i] = std::make_unique<Text>(env, text);
      if (text != nullptr) env->DeleteLocalRef(text);
    }
    fedspend_options options{};
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
    if (env->ExceptionCheck()) return 0;
    options.flags = static_cast<std::uint32_t>(values[0]);
    options.retention_days = static_cast<std::uint32_t>(values[1]);
    options.max_transactions = static_cast<std::uint64_t>(values[2]);
    options.connect_timeout_ms = static_cast<std::uint32_t>(values[3]);
    options.transient_backoff_ms = static_cast<std::uint32_t>(values[4]);
    options.permanent_backoff_ms = static_cast<std::uint32_t>(values[5]);
    auto peer = std::make_unique<Peer>();
    peer->bridge = env->NewGlobalRef(bridge);
    if (peer->bridge == nullptr) return 0;
    const fedspend_host host = host_of(peer.get(), parts);
    if (const fedspend_status status = fedspend_device_create(&options, &host, &peer->device); status != FEDSPEND_OK) {
      env->DeleteGlobalRef(peer->bridge);
      raise(env, status);
      return 0;
    }
    return static_cast<jlong>(reinterpret_cast<std::intptr_t>(peer.release()));
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

jbyteArray text(JNIEnv* env, jclass, jlong handle, jint what, jbyteArray first_given, jbyteArray second_given) {
  return guarded<jbyteArray>(env, nullptr, [&]() -> jbyteArray {
    const Text first(env, first_given);
    const Text second(env, second_given);
    std::vector<char> buffer(8192);
    std::size_t needed = 0;
    fedspend_status status = FEDSPEND_BUFFER_TOO_SMALL;
    // It may have grown between the question and the next.
    for (int attempt = 0; attempt < 8 && status == FEDSPEND_BUFFER_TOO_SMALL; ++attempt) {
      if (needed > buffer.size()) buffer.resize(needed);
      status = text_of(peer_of(handle)->device, what, first.get(), second.get(), buffer.data(), buffer.size(), &needed);
    }
    const jbyteArray answer = well(env, status) ? bytes_of(env, buffer.data()) : nullptr;
    wipe(buffer.data(), buffer.size());
    return answer;
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
    wipe(packed.pool.data(), packed.pool.size());
    if (!well(env, status)) return nullptr;
    return longs_of(env, {static_cast<jlong>(report.added), static_cast<jlong>(report.replaced), static_cast<jlong>(report.unchanged), static_cast<jlong>(report.too_old),
                          static_cast<jlong>(report.pushed_out)});
  });
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

void cancel(JNIEnv* env, jclass, jlong handle) { well(env, fedspend_cancel(peer_of(handle)->device)); }

void wipe_device(JNIEnv* env, jclass, jlong handle) { well(env, fedspend_wipe(peer_of(handle)->device)); }

#define NATIVE(name, signature, function) {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)}
const JNINativeMethod kNatives[] = {
    NATIVE("version", "()[B", version),
    NATIVE("name", "(II)[B", name),
    NATIVE("parseKey", "([B)[B", parse_key),
    NATIVE("open", "([[B[B[JLorg/fedspend/client/Bridge;I)J", open),
    NATIVE("free", "(J)V", free_peer),
    NATIVE("text", "(JI[B[B)[B", text),
    NATIVE("installCertificate", "(J[B)V", install_certificate),
    NATIVE("isEnrolled", "(J)Z", is_enrolled),
    NATIVE("ingest", "(J[B[I[J)[J", ingest),
    NATIVE("giveConsent", "(J[B[B[B[B)V", give_consent),
    NATIVE("withdrawConsent", "(J[B)V", withdraw_consent),
    NATIVE("hasConsent", "(J[B)Z", has_consent),
    NATIVE("runOnce", "(J[[B)[J", run_once),
    NATIVE("cancel", "(J)V", cancel),
    NATIVE("wipe", "(J)V", wipe_device),
};
#undef NATIVE

jclass global_class(JNIEnv* env, const char* class_name) {
  const jclass local = env->FindClass(class_name);
  if (local == nullptr) return nullptr;
  const auto global = static_cast<jclass>(env->NewGlobalRef(local));
  env->DeleteLocalRef(local);
  return global;
}

bool find_all(JNIEnv* env) {
  exception_class = global_class(env, "org/fedspend/client/FedspendException");
  packed_class = global_class(env, "org/fedspend/client/PackedTransactions");
  const jclass natives = env->FindClass("org/fedspend/client/Native");
  const jclass bridge = env->FindClass("org/fedspend/client/Bridge");
  if (exception_class == nullptr || packed_class == nullptr || natives == nullptr || bridge == nullptr) return false;
  exception_init = env->GetMethodID(exception_class, "<init>", "(I[B)V");
  packed_pool = env->GetFieldID(packed_class, "pool", "[B");
  packed_offsets = env->GetFieldID(packed_class, "offsets", "[I");
  packed_numbers = env->GetFieldID(packed_class, "numbers", "[J");
  const struct {
    jmethodID* to;
    const char* name;
    const char* signature;
  } methods[] = {
      {&bridge_conditions, "conditions", "()[J"}, {&bridge_clocks, "clocks", "()[J"},         {&bridge_log, "log", "(I[B)V"},
      {&bridge_phase, "phase", "(I)V"},           {&bridge_wrap, "wrap", "([B)[B"},           {&bridge_unwrap, "unwrap", "([B)[B"},
      {&bridge_destroy_key, "destroyKey", "()Z"}, {&bridge_sign, "sign", "([B)[B"},           {&bridge_examples, "examples", "()Lorg/fedspend/client/PackedTransactions;"},
  };
  for (const auto& method : methods) {
    if (env->ExceptionCheck()) return false;
    *method.to = env->GetMethodID(bridge, method.name, method.signature);
  }
  if (env->ExceptionCheck() || env->RegisterNatives(natives, kNatives, sizeof kNatives / sizeof kNatives[0]) != JNI_OK) return false;
  env->DeleteLocalRef(natives);
  env->DeleteLocalRef(bridge);
  return true;
}

}  // namespace

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* loaded, void*) {
  vm = loaded;
  void* env = nullptr;
  if (vm->GetEnv(&env, JNI_VERSION_1_6) != JNI_OK || !find_all(static_cast<JNIEnv*>(env))) return JNI_ERR;
  return JNI_VERSION_1_6;
}

extern "C" JNIEXPORT void JNICALL JNI_OnUnload(JavaVM*, void*) {
  void* found = nullptr;
  if (vm->GetEnv(&found, JNI_VERSION_1_6) != JNI_OK) return;
  auto* const env = static_cast<JNIEnv*>(found);
  env->DeleteGlobalRef(exception_class);
  env->DeleteGlobalRef(packed_class);
}
