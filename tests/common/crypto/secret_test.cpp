#include "common/crypto/secret.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <new>
#include <ostream>
#include <type_traits>
#include <utility>

namespace fedspend {
namespace {

using Secret = SecretBytes<32>;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
template <class T>
concept Comparable = requires(const T& a, const T& b) { a == b; };

static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!Printable<Secret>, "a secret is not printed by accident");
static_assert(!Comparable<Secret>, "a secret is not compared in variable time by accident");
static_assert(!std::is_convertible_v<Secret, ByteSpan>, "the bytes open through expose() alone");

void set(Secret& secret, std::uint8_t value) { std::ranges::fill(secret.expose_mutable(), value); }
bool all_equal(std::span<const std::uint8_t> bytes, std::uint8_t value) {
  return std::ranges::all_of(bytes, [value](std::uint8_t byte) { return byte == value; });
}

TEST_CASE("a secret begins as zeros") { CHECK(all_equal(Secret().expose(), 0)); }

TEST_CASE("a destroyed secret leaves only zeros in its memory") {
  alignas(Secret) std::array<std::uint8_t, sizeof(Secret)> memory;
  memory.fill(0x55);
  auto* secret = new (memory.data()) Secret;
  set(*secret, 0xa7);
  CHECK(all_equal(memory, 0xa7));
  std::destroy_at(secret);
  CHECK(all_equal(memory, 0));
}

TEST_CASE("a secret that was moved from is zeros") {
  Secret first;
  set(first, 0xa7);
  Secret second(std::move(first));
  CHECK(all_equal(first.expose(), 0));  // NOLINT(bugprone-use-after-move): this is what is tested
  CHECK(all_equal(second.expose(), 0xa7));
  Secret third;
  set(third, 0x11);
  third = std::move(second);
  CHECK(all_equal(second.expose(), 0));
  CHECK(all_equal(third.expose(), 0xa7));
}

TEST_CASE("a secret that is moved onto itself keeps its bytes") {
  Secret secret;
  set(secret, 0xa7);
  Secret& same = secret;
  secret = std::move(same);
  CHECK(all_equal(secret.expose(), 0xa7));
}

TEST_CASE("wipe zeroes what it is given and nothing else") {
  std::array<std::uint8_t, 5> bytes{1, 2, 3, 4, 5};
  wipe(MutableByteSpan(bytes).subspan(1, 3));
  CHECK(bytes == std::array<std::uint8_t, 5>{1, 0, 0, 0, 5});
  wipe({});
}

}  // namespace
}  // namespace fedspend
