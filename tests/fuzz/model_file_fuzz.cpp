// A model file. Its hash would stop every guess of the fuzzer, so each input is tried as it is and, as the contents of a file,
// with the right hash behind it.
#include "common/crypto/hash.h"
#include "common/protocol/model_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace fedspend {
namespace {

void check_file(ByteSpan file) {
  const auto model = decode_model_file(file);
  if (!model) return;
  FEDSPEND_CHECK(std::ranges::equal(encode_model_file(*model), file), "a model file has one form");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedspend;
  check_file(ByteSpan(data, size));
  Bytes file(data, data + size);
  Hasher hasher("model-file");
  const Hash256 hash = hasher.field(file).finish();
  file.resize(size + hash.size());
  std::ranges::copy(hash, file.begin() + static_cast<std::ptrdiff_t>(size));
  check_file(file);
  return 0;
}
