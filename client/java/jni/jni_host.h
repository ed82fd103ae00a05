#pragma once
// What the files of the Java face share: a device with its Bridge, and the host's callbacks into it. Internal to client/java/jni.
//
// What a callback throws is caught in Bridge.java, and null comes here: no. What is thrown none the less (no memory, a stack that is full)
// is cleared and is no as well.

#include <jni.h>

#include <cstdint>
#include <vector>

#include <fedspend/client.h>

namespace fedspend_jni {

struct Peer {
  fedspend_device* device = nullptr;
  jobject bridge = nullptr;  // a global reference
};

// Of the parts that Device.java names (bits: 1 keys, 2 signer, 4 clock, 8 examples, 16 trainer, 32 transport, 64 insights); `peer` outlives the device.
fedspend_host host_of(Peer* peer, jint parts);

// The classes and methods that callbacks need, once; false: an exception is pending.
bool find_host_methods(JavaVM* vm, JNIEnv* env);
void forget_host_methods(JNIEnv* env);
jclass global_class(JNIEnv* env, const char* name);

// Of memory that held a secret or a spending value: not left out by the compiler.
void wipe(void* memory, std::size_t size);
// A Java array of any element: zeros in its place.
void wipe_array(JNIEnv* env, jbyteArray array);
void wipe_array(JNIEnv* env, jlongArray array);
void wipe_array(JNIEnv* env, jfloatArray array);

// PackedTransactions.java. Wiped when it goes.
struct Packed {
  Packed() = default;
  ~Packed();
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;

  std::vector<char> pool;
  std::vector<jint> offsets;
  std::vector<jlong> numbers;
  std::vector<fedspend_transaction> transactions;

  // Wipes the Java arrays of texts and numbers. false: an exception is pending, or the arrays do not fit together.
  bool read(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array);

 private:
  bool copy(JNIEnv* env, jbyteArray pool_array, jintArray offset_array, jlongArray number_array);
};

}  // namespace fedspend_jni
