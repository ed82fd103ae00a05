#pragma once
// Identifiers as types of their own, so that none can be passed for another. All are public values.
// ClientId = H("id", identity key); TaskId: 16 random bytes of the plan; the hashes are BLAKE2b-256 (common/crypto/hash.h).

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "common/bytes.h"

namespace fedspend {

template <class Tag, std::size_t Size>
struct FixedId {
  static constexpr std::size_t kSize = Size;
  std::array<std::uint8_t, Size> bytes{};

  auto operator<=>(const FixedId&) const = default;
  bool is_zero() const { return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; }); }
  std::string hex() const { return to_hex(bytes); }
  static Result<FixedId> parse(std::string_view hex_text) {
    FixedId id;
    FEDSPEND_TRY(from_hex(hex_text, id.bytes));
    return id;
  }
};

using ClientId = FixedId<struct ClientIdTag, 32>;
using TaskId = FixedId<struct TaskIdTag, 16>;
using SessionId = FixedId<struct SessionIdTag, 32>;
using PlanHash = FixedId<struct PlanHashTag, 32>;
using ModelHash = FixedId<struct ModelHashTag, 32>;
using ModelFileHash = FixedId<struct ModelFileHashTag, 32>;

struct RoundId {
  std::uint64_t value = 0;
  auto operator<=>(const RoundId&) const = default;
};

}  // namespace fedspend

template <class Tag, std::size_t Size>
struct std::hash<fedspend::FixedId<Tag, Size>> {
  // Ids are hashes or random bytes already: their first eight bytes are as good as any hash of them.
  std::size_t operator()(const fedspend::FixedId<Tag, Size>& id) const noexcept {
    return static_cast<std::size_t>(fedspend::load_u64(id.bytes));
  }
};
