// The host's callbacks into org.fedspend.client.Bridge. Local references of a callback go with its frame, for a run is one long native
// call; threads of the library are attached for the time of a callback.

#include "client/java/jni/jni_host.h"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace fedspend_jni {
namespace {

JavaVM* vm = nullptr;
jclass packed_class = nullptr, bytes_class = nullptr;  // global references for the life of the library
jmethodID bridge_conditions, bridge_clocks, bridge_log, bridge_phase, bridge_wrap, bridge_unwrap, bridge_destroy_key, bridge_sign, bridge_examples, bridge_train, bridge_exchange, bridge_give_up, bridge_insight;
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
    wipe_array(env_, array);
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

// `otherwise` of a clock that does not answer, which also ends the run under way.
std::int64_t clock_at(void* user, jsize index, std::int64_t otherwise) {
  Callback call(user);
  jlong value = 0;
  const jobject answer = call.ask(bridge_clocks);
  if (answer != nullptr) {
    call->GetLongArrayRegion(static_cast<jlongArray>(answer), index, 1, &value);
    if (!call->ExceptionCheck()) return value;
  }
  if (fedspend_device* const device = static_cast<Peer*>(user)->device; device != nullptr) fedspend_cancel(device);
  return otherwise;
}
// Below 0, which no clock says: the run fails (fedspend_host.monotonic_ms).
std::int64_t on_monotonic(void* user) { return clock_at(user, 0, -1); }
// There is no such value of a date. Any invented one would do harm (in 1970 no certificate has ended): it is the system's, as without this callback.
std::int64_t on_unix_time(void* user) { return clock_at(user, 1, static_cast<std::int64_t>(std::time(nullptr))); }

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
  const jbyteArray given = call.bytes(seed, 32);
  if (given == nullptr) return FEDSPEND_UNAVAILABLE;
  const jobject answer = call.ask(bridge_wrap, given);
  call->ExceptionClear();
  wipe_array(call.env(), given);
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

// Which a callback of training has: the texts, numbers and rows of TrainingTask.java.
jobjectArray texts_of(Callback& call, const fedspend_training& task) {
  const jobjectArray texts = call->NewObjectArray(static_cast<jsize>(2 + task.category_count), bytes_class, nullptr);
  if (texts == nullptr) return nullptr;
  for (std::uint32_t i = 0; i < 2 + task.category_count; ++i) {
    const char* const text = i == 0 ? task.model : i == 1 ? task.sizes_json : task.categories[i - 2];
    const jbyteArray bytes = call.bytes(text, std::strlen(text));
    if (bytes == nullptr) return nullptr;
    call->SetObjectArrayElement(texts, static_cast<jsize>(i), bytes);
    call->DeleteLocalRef(bytes);
  }
  return texts;
}

constexpr std::size_t kNumbersOfARow = 5;

jlongArray rows_of(Callback& call, const fedspend_training& task) {
  const jlongArray rows = call->NewLongArray(static_cast<jsize>(kNumbersOfARow * task.row_count));
  for (std::size_t i = 0; rows != nullptr && i < task.row_count; ++i) {
    const fedspend_row& row = task.rows[i];
    jlong numbers[kNumbersOfARow] = {row.time_s, row.amount_minor, static_cast<jlong>(row.merchant_hash), row.category, row.direction == FEDSPEND_CREDIT ? 1 : 0};
    call->SetLongArrayRegion(rows, static_cast<jsize>(kNumbersOfARow * i), kNumbersOfARow, numbers);
    wipe(numbers, sizeof numbers);
  }
  return rows;
}

fedspend_status on_train(void* user, const fedspend_training* task, float* trained) {
  Callback call(user);
  constexpr std::size_t kMost = std::size_t{1} << 28;  // of what a Java array holds
  if (!call || task->weight_count > kMost || task->row_count > kMost || task->category_count > kMost) return FEDSPEND_UNAVAILABLE;
  const jlong numbers[] = {task->epochs, task->batch_size, static_cast<jlong>(task->seed)};
  const jdouble rates[] = {task->learning_rate, task->momentum, task->proximal_mu, task->gradient_clip_l2};
  const jobjectArray texts = texts_of(call, *task);
  const jlongArray given_numbers = texts == nullptr ? nullptr : call->NewLongArray(3);
  const jdoubleArray given_rates = given_numbers == nullptr ? nullptr : call->NewDoubleArray(4);
  const jfloatArray weights = given_rates == nullptr ? nullptr : call->NewFloatArray(static_cast<jsize>(task->weight_count));
  const jlongArray rows = weights == nullptr ? nullptr : rows_of(call, *task);
  if (rows == nullptr) return FEDSPEND_UNAVAILABLE;
  call->SetLongArrayRegion(given_numbers, 0, 3, numbers);
  call->SetDoubleArrayRegion(given_rates, 0, 4, rates);
  call->SetFloatArrayRegion(weights, 0, static_cast<jsize>(task->weight_count), task->weights);
  const auto answer = static_cast<jfloatArray>(
      call.ask(bridge_train, static_cast<jlong>(reinterpret_cast<std::intptr_t>(task)), texts, given_numbers, given_rates, weights, rows));
  call->ExceptionClear();
  wipe_array(call.env(), rows);
  const bool is_whole = answer != nullptr && static_cast<std::size_t>(call->GetArrayLength(answer)) == task->weight_count;
  if (is_whole) call->GetFloatArrayRegion(answer, 0, static_cast<jsize>(task->weight_count), trained);
  if (answer != nullptr) wipe_array(call.env(), answer);
  wipe_array(call.env(), weights);  // it may have been trained in place
  if (is_whole) return FEDSPEND_OK;
  if (fedspend_training_is_stopped(task) == 1) return FEDSPEND_REFUSED;
  return answer == nullptr ? FEDSPEND_UNAVAILABLE : FEDSPEND_MALFORMED;
}

fedspend_status on_exchange(void* user, const std::uint8_t* request, std::size_t request_size, fedspend_body* response, std::uint32_t timeout_ms) {
  Callback call(user);
  const jbyteArray given = call.bytes(request, request_size);
  const jintArray why = given == nullptr ? nullptr : call->NewIntArray(1);
  if (why == nullptr) return FEDSPEND_UNAVAILABLE;
  const auto answer = static_cast<jbyteArray>(call.ask(bridge_exchange, given, static_cast<jint>(std::min<std::uint32_t>(timeout_ms, INT32_MAX)), why));
  if (answer == nullptr) {
    call->ExceptionClear();
    jint status = FEDSPEND_UNAVAILABLE;
    call->GetIntArrayRegion(why, 0, 1, &status);
    return status == FEDSPEND_OK ? FEDSPEND_UNAVAILABLE : status;
  }
  const jsize size = call->GetArrayLength(answer);
  jbyte piece[16'384];
  for (jsize at = 0; at < size; at += static_cast<jsize>(sizeof piece)) {
    const jsize part = std::min<jsize>(size - at, static_cast<jsize>(sizeof piece));
    call->GetByteArrayRegion(answer, at, part, piece);
    if (const fedspend_status status = fedspend_body_add(response, reinterpret_cast<const std::uint8_t*>(piece), static_cast<std::size_t>(part)); status != FEDSPEND_OK) return status;
  }
  return FEDSPEND_OK;
}

void on_give_up_exchange(void* user) {
  Callback call(user);
  if (call) call->CallVoidMethod(call.bridge(), bridge_give_up);
}

void on_insight(void* user, std::int32_t kind, const char* transaction_id, const char* json) {
  Callback call(user);
  const jbyteArray id = transaction_id == nullptr ? nullptr : call.bytes(transaction_id, std::strlen(transaction_id));
  if (transaction_id != nullptr && id == nullptr) return;
  const jbyteArray text = call.bytes(json, std::strlen(json));
  if (text != nullptr) call->CallVoidMethod(call.bridge(), bridge_insight, static_cast<jint>(kind), id, text);
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

void wipe(void* memory, std::size_t size) {
  volatile auto* bytes = static_cast<volatile std::uint8_t*>(memory);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = 0;
}

namespace {
// In pieces: what it needs does not grow with the array.
template <class Element, class Array>
void fill_with_zeros(JNIEnv* env, Array array, void (JNIEnv::*set)(Array, jsize, jsize, const Element*)) {
  constexpr jsize kPiece = 1024;
  const Element zeros[kPiece] = {};
  const jsize size = env->GetArrayLength(array);
  for (jsize at = 0; at < size; at += kPiece) (env->*set)(array, at, std::min<jsize>(kPiece, size - at), zeros);
}
}  // namespace
void wipe_array(JNIEnv* env, jbyteArray array) { fill_with_zeros<jbyte>(env, array, &JNIEnv::SetByteArrayRegion); }
void wipe_array(JNIEnv* env, jlongArray array) { fill_with_zeros<jlong>(env, array, &JNIEnv::SetLongArrayRegion); }
void wipe_array(JNIEnv* env, jfloatArray array) { fill_with_zeros<jfloat>(env, array, &JNIEnv::SetFloatArrayRegion); }

Packed::~Packed() {
  wipe(pool.data(), pool.size());
  wipe(numbers.data(), numbers.size() * sizeof(jlong));
  wipe(transactions.data(), transactions.size() * sizeof(fedspend_transaction));
}

bool Packed::read(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array) {
  if (pool_array == nullptr || offset_array == nullptr || number_array == nullptr) return false;
  const bool is_read = copy(env, pool_array, offset_array, number_array);
  if (env->ExceptionCheck()) return false;
  wipe_array(env, pool_array);
  wipe_array(env, number_array);
  return is_read;
}

bool Packed::copy(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array) {
  pool.resize(static_cast<std::size_t>(env->GetArrayLength(pool_array)) + 1, '\0');
  offsets.resize(static_cast<std::size_t>(env->GetArrayLength(offset_array)));
  numbers.resize(static_cast<std::size_t>(env->GetArrayLength(number_array)));
  env->GetByteArrayRegion(pool_array, 0, static_cast<jsize>(pool.size() - 1), reinterpret_cast<jbyte*>(pool.data()));
  env->GetIntArrayRegion(offset_array, 0, static_cast<jsize>(offsets.size()), offsets.data());
  env->GetLongArrayRegion(number_array, 0, static_cast<jsize>(numbers.size()), numbers.data());
  if (env->ExceptionCheck() || offsets.size() % 4 != 0 || numbers.size() != offsets.size() / 4 * 3) return false;
  for (const jint offset : offsets)
    if (offset < -1 || offset >= static_cast<jint>(pool.size())) return false;
  transactions.reserve(offsets.size() / 4);  // no copy is left behind by growing
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
  if ((parts & 16) != 0) host.train = on_train;
  if ((parts & 32) != 0) {
    host.exchange = on_exchange;
    host.give_up_exchange = on_give_up_exchange;
  }
  if ((parts & 64) != 0) host.insight = on_insight;
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
  bytes_class = global_class(env, "[B");
  const jclass bridge = env->FindClass("org/fedspend/client/Bridge");
  if (packed_class == nullptr || bytes_class == nullptr || bridge == nullptr) return false;
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
      {&bridge_train, "train", "(J[[B[J[D[F[J)[F"}, {&bridge_exchange, "exchange", "([BI[I)[B"}, {&bridge_give_up, "giveUpExchange", "()V"},
      {&bridge_insight, "insight", "(I[B[B)V"},
  };
  for (const auto& method : methods) {
    if (env->ExceptionCheck()) return false;
    *method.to = env->GetMethodID(bridge, method.name, method.signature);
  }
  env->DeleteLocalRef(bridge);
  return !env->ExceptionCheck();
}

void forget_host_methods(JNIEnv* env) {
  env->DeleteGlobalRef(packed_class);
  env->DeleteGlobalRef(bytes_class);
}

}  // namespace fedspend_jni
