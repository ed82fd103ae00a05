// The host's callbacks into org.fedspend.client.Bridge. Local references of a callback go with its frame, for a run is one long native
// call; threads of the library are attached for the time of a callback.

#include "client/java/jni/jni_host.h"

#include <cstring>

namespace fedspend_jni {
namespace {

JavaVM* vm = nullptr;
jclass packed_class = nullptr;  // a global reference for the life of the library
jmethodID bridge_conditions, bridge_clocks, bridge_log, bridge_phase, bridge_wrap, bridge_unwrap, bridge_destroy_key, bridge_sign, bridge_examples;
jfieldID packed_pool, packed_offsets, packed_numbers;

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

}  // namespace

bool Packed::read(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array) {
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

jclass global_class(JNIEnv* env, const char* class_name) {
  const jclass local = env->FindClass(class_name);
  if (local == nullptr) return nullptr;
  const auto global = static_cast<jclass>(env->NewGlobalRef(local));
  env->DeleteLocalRef(local);
  return global;
}

bool find_host_methods(JavaVM* of, JNIEnv* env) {
  vm = of;
  packed_class = global_class(env, "org/fedspend/client/PackedTransactions");
  const jclass bridge = env->FindClass("org/fedspend/client/Bridge");
  if (packed_class == nullptr || bridge == nullptr) return false;
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
  env->DeleteLocalRef(bridge);
  return !env->ExceptionCheck();
}

void forget_host_methods(JNIEnv* env) { env->DeleteGlobalRef(packed_class); }

}  // namespace fedspend_jni
