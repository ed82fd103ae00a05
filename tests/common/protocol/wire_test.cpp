// Every byte layout of WIRE.md against vectors.txt, which another implementation wrote.
#include <doctest/doctest.h>

#include "common/numeric/ring_vector.h"
#include "common/protocol/codec.h"
#include "common/protocol/model_file.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

RingVector ring_of(const std::vector<std::uint32_t>& values, unsigned bits) {
  RingVector vector(values.size(), bits);
  std::copy(values.begin(), values.end(), vector.mutable_values().begin());
  return vector;
}

TEST_CASE("the session id and the client id are the hashes that WIRE.md describes") {
  CHECK(to_hex(sample_session().bytes) == to_hex(vector_of("session_id")));
  CHECK(to_hex(client_id_of(sample_key().public_key()).bytes) == to_hex(vector_of("client_id")));
}

TEST_CASE("every message has the body that the second implementation gives it") {
  for (const Message& message : sample_messages()) {
    CAPTURE(to_string(type_of(message)));
    CHECK(to_hex(encode_body(message)) == to_hex(body_of(message)));
  }
}

TEST_CASE("every message has the frame that the second implementation gives it, signature included") {
  const IdentityKey key = sample_key();
  for (const Message& message : sample_messages()) {
    const MessageType type = type_of(message);
    CAPTURE(to_string(type));
    const SessionId session = type == MessageType::check_in ? SessionId{} : sample_session();
    const Bytes frame = is_from_device(type) ? seal_from_device(message, session, client_id_of(key.public_key()), key)
                                             : seal_from_coordinator(message, session);
    CHECK(to_hex(frame) == to_hex(frame_of(message)));
  }
}

TEST_CASE("a packed ring vector has the bits that the second implementation gives it") {
  CHECK(to_hex(ring_of({1, 2, 3, 0xabcdef}, 24).pack()) == to_hex(vector_of("packed/24")));
  CHECK(to_hex(ring_of({1, 2, 3, 31, 16, 7}, 5).pack()) == to_hex(vector_of("packed/5")));
}

TEST_CASE("a model file has the bytes that the second implementation gives it") {
  const ModelFile model{.model_name = "next_category",
                        .plan_hash = hash_of_plan(sample_signed_plan().bytes),
                        .round = 7,
                        .demonstration = true,
                        .weights = kSampleWeights};
  CHECK(to_hex(encode_model_file(model)) == to_hex(vector_of("model_file")));
}

}  // namespace
}  // namespace fedspend::testing
